/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_POISON_H
#define BH_SUPERVISOR_POISON_H

/* poison.h: which tasks of a batch to run next when its handler has died, and
 * which one is to blame. Decisions only: nothing here runs or remembers results.
 *
 * A batch is run in rounds. Each task is settled (it has a record, is to blame, or
 * had its turn in a round that went well), suspected (the handler died over these,
 * and one of them did it) or resting. A death whose culprit is known clears the
 * other suspects. A death without one makes suspects of the tasks of its round; the
 * next rounds run half of the suspects each, until one is left. Of a handler that
 * leaves no records when it dies, that one is to blame without a run of its own.
 * Else it may have been a task that has its record: the suspect is run as the last
 * of the tasks that rested, and is to blame if the handler dies there too. So one
 * culprit among n tasks costs at most ⌈log2(n)⌉ rounds to find and one for those
 * that rested meanwhile.
 * Source: docs/semantics.md, "Poison". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/retry.h"

struct bh_poison_plan {
	uint8_t *tasks; /* owned: what is known of each, and whether it is in this round */
	size_t n;
	size_t last;         /* the only suspect, in the next round as the last; or BH_NO_TASK */
	bool leaves_records; /* the handler died with some tasks of the round recorded */
};
#define BH_POISON_PLAN_UNSET ((struct bh_poison_plan){ .n = 0 })

/* No task. */
#define BH_NO_TASK SIZE_MAX

/* The first round is of all tasks. -ENOMEM. */
BH_MUST_CHECK
int bh_poison_plan_init(struct bh_poison_plan *plan, size_t n_tasks);
void bh_poison_plan_done(struct bh_poison_plan *plan);

/* True where such an end is a death: poison handling goes on from there. */
bool bh_poison_is_death(enum bh_kind kind);

/* The task has its record: it is not run again. */
void bh_poison_settle(struct bh_poison_plan *plan, size_t task);

/* The round went well. Returns the task that is thereby to blame for the death
 * before, or BH_NO_TASK. */
size_t bh_poison_passed(struct bh_poison_plan *plan);

/* The handler died; `running` is the task that it was at, or BH_NO_TASK. Those of
 * the round that have a record were settled before. Returns the task to blame, or
 * BH_NO_TASK. */
size_t bh_poison_died(struct bh_poison_plan *plan, size_t running);

/* Which tasks to run next: their places, in order, in `ret`, which has room for
 * all. Returns how many; 0: none is left. */
size_t bh_poison_next(struct bh_poison_plan *plan, size_t *ret);

#endif
