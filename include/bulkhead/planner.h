/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_PLANNER_H
#define BULKHEAD_PLANNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/limits.h"
#include "bulkhead/store.h"

/* planner.h: cuts a list of tasks into batches, greedily and in order.
 * Source of the rules: docs/semantics.md, "Planning". */

#define BH_DEFAULT_MAX_ENTRIES 200

struct bh_planner_options {
	uint64_t max_entries; /* unique entry ids in a batch; BH_UNLIMITED for none */
	uint64_t max_tasks;   /* tasks in a batch; BH_UNLIMITED for none */
	uint64_t max_tokens;  /* token estimate of a batch's entries; BH_UNLIMITED for none */
	bool sort_priority;   /* stable, descending priority first */
};
#define BH_PLANNER_DEFAULT                                                   \
	((struct bh_planner_options){ .max_entries = BH_DEFAULT_MAX_ENTRIES, \
	                              .max_tasks = BH_UNLIMITED,             \
	                              .max_tokens = BH_UNLIMITED })

struct bh_planner;

/* The batches of one planning call, in order. Owned by the caller; they borrow
 * the tasks. */
struct bh_plan {
	struct bh_batch *batches;
	size_t n_batches;
	void *memory; /* private */
};
#define BH_PLAN_UNSET ((struct bh_plan){ .batches = NULL })

/* -EINVAL for a limit of 0; -ENOMEM. */
BH_PUBLIC BH_MUST_CHECK int bh_planner_new(const struct bh_planner_options *options,
                                           struct bh_planner **ret, struct bh_error *err);
BH_PUBLIC void bh_planner_free(struct bh_planner *planner);

/* Plans `n_tasks` tasks. Batch ids are batch_0001, batch_0002, … and go on
 * counting over the calls of one planner. `store` gives the tokens of entries
 * and may be NULL where max_tokens is BH_UNLIMITED; an id that it lacks counts
 * 0 tokens. Time and memory are linear in the tasks and their ids (plus the
 * sort where asked for). No task gives an empty plan.
 * A task that alone is above max_entries gets a batch of its own with
 * `exceeds_limit`; one that alone is above max_tokens gets a batch of its own.
 * Errors: -EINVAL for a blank or repeated task id, a blank required id, text
 * that isn't valid UTF-8 or params that aren't one MessagePack value as batch.h
 * describes it; -ENOMEM. `*ret` is then untouched and no number is used up. */
BH_PUBLIC BH_MUST_CHECK int bh_planner_plan(struct bh_planner *planner,
                                            const struct bh_store *store,
                                            const struct bh_task *tasks, size_t n_tasks,
                                            struct bh_plan *ret, struct bh_error *err);
BH_PUBLIC void bh_plan_done(struct bh_plan *plan);

#endif
