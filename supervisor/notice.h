/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_NOTICE_H
#define BH_SUPERVISOR_NOTICE_H

/* notice.h: telling events, and of whom. Source: bulkhead/event.h. */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/event.h"

/* Who listens. Without a function nobody does. */
struct bh_audience {
	void (*on_event)(const struct bh_event *event, void *userdata);
	void *userdata;
};

/* Whom an event is about. Where nobody listens, `audience` is NULL. */
struct bh_subject {
	const struct bh_audience *audience; /* borrowed */
	const struct bh_batch *batch;       /* borrowed */
	size_t index;
	uint32_t attempt;
};

/* Tells `event`, with the time and the subject filled in. The listener may submit
 * and cancel, so the caller's own state has to be whole. */
void bh_subject_tell(const struct bh_subject *subject, struct bh_event event);

#endif
