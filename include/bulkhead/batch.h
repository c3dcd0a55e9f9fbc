/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_BATCH_H
#define BULKHEAD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/span.h"

/* batch.h: tasks and the batches that they are run in.
 * Source of the rules: docs/semantics.md, "Tasks and batches". */

/* Everything is borrowed: strings, lists and params stay the caller's and must
 * outlive every plan, batch and result that was made with the task. */
struct bh_task {
	const char *id;          /* NUL-terminated UTF-8, not blank */
	const char *description; /* NULL stands for "" */
	const char *const *required_entry_ids;
	size_t n_required_entry_ids;
	int64_t priority; /* higher first, where a planner sorts */
	/* Exactly one MessagePack value; `data` NULL for nil. As everywhere in what a
	 * handler reads and writes, text is UTF-8, keys of maps are text, each once,
	 * and nothing is deeper than 32 containers: here 29, for params stand in
	 * three others of the context. */
	struct bh_span params;
	/* Its batch takes the required entries for itself alone: it waits until no other
	 * batch holds them, and others wait for it. See docs/semantics.md, "Leases". */
	bool exclusive;
};

/* One run of a handler. A planner makes these; a caller may also fill one in.
 * The context holds the union of `entry_ids` and of what the tasks require. */
struct bh_batch {
	const char *batch_id;
	const struct bh_task *const *tasks; /* in order */
	size_t n_tasks;
	const char *const *entry_ids;
	size_t n_entry_ids;
	bool exceeds_limit; /* the planner found one task above its entry limit */
};

#endif
