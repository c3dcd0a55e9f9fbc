/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_EVENTS_H
#define BH_CLI_EVENTS_H

/* events.h: --events, a line of JSON for each event of a run.
 * Source: docs/cli.md, "Events". */

#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/event.h"
#include "cli/json_writer.h"
#include "cli/sink.h"

struct bh_complaint;

struct bh_events {
	int fd; /* owned; -1 where no events are written */
	struct bh_sink sink;
	struct bh_json json;
	uint64_t started_us; /* that times count from */
	int error;           /* the first -errno value of writing; 0 while all is well */
};

/* No file: nothing is written. */
void bh_events_init(struct bh_events *events);
void bh_events_done(struct bh_events *events);

/* Opens and empties `path`, "-" for standard output. */
BH_MUST_CHECK
int bh_events_open(struct bh_events *events, const char *path, struct bh_complaint *complaint);

/* Writes one line. A failure sticks, and nothing more is written. */
void bh_events_write(struct bh_events *events, const struct bh_event *event);

#endif
