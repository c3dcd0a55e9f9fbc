/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/rounds.h"

#include <stdlib.h>

#include "ipc/wire/base.h"
#include "supervisor/outcome.h"

void bh_rounds_free(struct bh_rounds *rounds)
{
	if (!rounds)
		return;
	bh_poison_plan_done(&rounds->plan);
	bh_merge_done(&rounds->merge);
	free(rounds->tasks);
	free(rounds->places);
	free(rounds);
}

static void settle_recorded(struct bh_rounds *rounds, const struct bh_result *round)
{
	for (size_t i = 0; i < round->n_task_results; i++) {
		const struct bh_task_result *record = &round->task_results[i];
		size_t task = record->is_unknown ? SIZE_MAX
		                                 : bh_merge_find(&rounds->merge, record->task_id);
		if (task != SIZE_MAX)
			bh_poison_settle(&rounds->plan, task);
	}
}

static int set_up(struct bh_rounds *rounds, const struct bh_batch *batch, struct bh_result *first)
{
	rounds->tasks = reallocarray(NULL, batch->n_tasks, sizeof(*rounds->tasks));
	rounds->places = reallocarray(NULL, batch->n_tasks, sizeof(*rounds->places));
	if (!rounds->tasks || !rounds->places)
		return -ENOMEM;
	int r = bh_poison_plan_init(&rounds->plan, batch->n_tasks);
	return r < 0 ? r : bh_merge_init(&rounds->merge, batch, first);
}

struct bh_rounds *bh_rounds_new(const struct bh_batch *batch, enum bh_poison mode,
                                uint64_t max_output, struct bh_result *first)
{
	struct bh_rounds *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	*made = (struct bh_rounds){
		.mode = mode, .max_output = max_output, .batch = *batch, .blamed = BH_NO_TASK
	};
	if (set_up(made, batch, first) < 0) {
		bh_rounds_free(made);
		return NULL;
	}
	settle_recorded(made, first);
	made->batch.tasks = made->tasks;
	return made;
}

int bh_rounds_add(struct bh_rounds *rounds, struct bh_result *round)
{
	rounds->blamed = BH_NO_TASK;
	settle_recorded(rounds, round);
	return bh_merge_add(&rounds->merge, round, rounds->max_output);
}

/* The running task by its id, which is the whole batch's own. */
static size_t running_task(const struct bh_rounds *rounds)
{
	const char *id = rounds->merge.result->outcome.task_id;

	return id ? bh_merge_find(&rounds->merge, bh_idmap_key(id)) : BH_NO_TASK;
}

/* False where nobody can be named and nothing can be learned. */
static bool judge_death(struct bh_rounds *rounds, uint32_t attempt)
{
	size_t running = running_task(rounds);

	rounds->death = rounds->merge.result->outcome;
	rounds->attempt = attempt;
	if (running == BH_NO_TASK && rounds->mode == BH_POISON_SKIP)
		return false;
	rounds->blamed = bh_poison_died(&rounds->plan, running);
	return true;
}

static bool judge(struct bh_rounds *rounds, enum bh_round_end end, uint32_t attempt)
{
	rounds->blamed = BH_NO_TASK;
	switch (end) {
	case BH_ROUND_PASSED:
		rounds->blamed = bh_poison_passed(&rounds->plan);
		return true;
	case BH_ROUND_DIED:
		return judge_death(rounds, attempt);
	case BH_ROUND_AGAIN:
		return true;
	case BH_ROUND_STOPPED:
		return false;
	}
	return false;
}

/* Without memory for the error of a task, the death stays that of the batch. */
static bool blame(struct bh_rounds *rounds)
{
	return rounds->blamed == BH_NO_TASK ||
	       bh_merge_blame(&rounds->merge, rounds->blamed, &rounds->death, rounds->attempt) == 0;
}

static size_t choose_tasks(struct bh_rounds *rounds)
{
	size_t n = bh_poison_next(&rounds->plan, rounds->places);

	for (size_t i = 0; i < n; i++)
		rounds->tasks[i] = rounds->merge.batch->tasks[rounds->places[i]];
	rounds->batch.n_tasks = n;
	return n;
}

bool bh_rounds_conclude(struct bh_rounds *rounds, enum bh_round_end end, uint32_t attempt)
{
	struct bh_result *result = rounds->merge.result;

	if (!judge(rounds, end, attempt) || !blame(rounds))
		return false;
	if (choose_tasks(rounds) > 0)
		return true;
	if (rounds->blamed != BH_NO_TASK) { /* the last death was that of a task */
		bh_outcome_clear(&result->outcome);
		result->success = true;
	}
	return false;
}

struct bh_result *bh_rounds_take(struct bh_rounds *rounds)
{
	return bh_merge_take(&rounds->merge);
}
