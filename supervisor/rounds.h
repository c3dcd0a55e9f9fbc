/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_ROUNDS_H
#define BH_SUPERVISOR_ROUNDS_H

/* rounds.h: a batch whose handler died, run on in rounds over the tasks that are
 * left. poison.h says which, merge.h puts the results together.
 * Source: docs/semantics.md, "Poison". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/result.h"
#include "bulkhead/retry.h"
#include "supervisor/merge.h"
#include "supervisor/poison.h"

struct bh_rounds {
	enum bh_poison mode;
	uint64_t max_output; /* bytes kept of what all rounds print */
	struct bh_poison_plan plan;
	struct bh_merge merge;
	struct bh_batch batch;        /* what the next round runs: some of the tasks */
	const struct bh_task **tasks; /* owned: its tasks */
	size_t *places;               /* owned: and where they are in the whole */
	struct bh_outcome death;      /* the last one */
	uint32_t attempt;             /* that it came in */
	size_t blamed;                /* by the last round that was added; BH_NO_TASK for none */
};

/* How a round ended. */
enum bh_round_end {
	BH_ROUND_PASSED,
	BH_ROUND_DIED,
	BH_ROUND_AGAIN,   /* a failure that says nothing about its tasks: run them again */
	BH_ROUND_STOPPED, /* any other failure: there is no further round */
};

/* For a batch whose first round, over all of its tasks, came to `first`, which is
 * taken on success. NULL when out of memory. */
struct bh_rounds *bh_rounds_new(const struct bh_batch *batch, enum bh_poison mode,
                                uint64_t max_output, struct bh_result *first);
/* NULL is a no-op. */
void bh_rounds_free(struct bh_rounds *rounds);

/* Adds the result of another round, which is taken on success. -ENOMEM. */
BH_MUST_CHECK
int bh_rounds_add(struct bh_rounds *rounds, struct bh_result *round);

/* Draws the conclusion of the round that was added last, the `attempt`-th of the
 * batch. True where another round follows, of `batch`. */
bool bh_rounds_conclude(struct bh_rounds *rounds, enum bh_round_end end, uint32_t attempt);

/* Hands over the result of the whole. */
struct bh_result *bh_rounds_take(struct bh_rounds *rounds);

#endif
