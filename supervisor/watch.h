/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_WATCH_H
#define BH_SUPERVISOR_WATCH_H

/* watch.h: what a handler publishes while it runs, told as events.
 *
 * A look copies a bounded number of newly committed bytes and tells the whole
 * records among them. The copy is private, so nothing can change under the
 * reader; what it says is news and has no part in the result, which is read anew
 * when every process is gone. Each attempt tells a bounded number of events, by
 * the tasks that it was given, whatever it writes.
 * Source: bulkhead/event.h; docs/architecture.md, "Decisions that hold everywhere". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/span.h"
#include "ipc/wire/region.h"
#include "supervisor/notice.h"

struct bh_watch {
	size_t told;      /* bytes of records that were told, from the first on */
	size_t committed; /* bytes in the last RECORDS event */
	uint64_t n_told;  /* events of tasks */
	bool blind;       /* the next record is larger than a look: it is told at the end */
	bool over;        /* nothing that could be told comes any more */
};
#define BH_WATCH_UNSET ((struct bh_watch){ .told = 0 })

/* Looks at the records of a handler that runs. */
void bh_watch_look(struct bh_watch *watch, const struct bh_region *results,
                   const struct bh_subject *subject);

/* Tells the rest, of all bytes that it left. */
void bh_watch_end(struct bh_watch *watch, struct bh_span bytes, const struct bh_subject *subject);

#endif
