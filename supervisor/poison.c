/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/poison.h"

#include <stdlib.h>

#include "ipc/wire/base.h"

enum standing {
	RESTING,
	SUSPECTED,
	SETTLED,
};
#define STANDING 3u
#define IN_ROUND 4u

int bh_poison_plan_init(struct bh_poison_plan *plan, size_t n_tasks)
{
	plan->tasks = malloc(n_tasks);
	if (!plan->tasks)
		return -ENOMEM;
	plan->n = n_tasks;
	plan->last = BH_NO_TASK;
	plan->leaves_records = false;
	for (size_t i = 0; i < n_tasks; i++)
		plan->tasks[i] = RESTING | IN_ROUND;
	return 0;
}

void bh_poison_plan_done(struct bh_poison_plan *plan)
{
	free(plan->tasks);
	*plan = BH_POISON_PLAN_UNSET;
}

bool bh_poison_is_death(enum bh_kind kind)
{
	static const bool deaths[BH_KINDS] = {
		[BH_KIND_SIGNAL] = true,        [BH_KIND_TIMEOUT] = true,
		[BH_KIND_CPU_LIMIT] = true,     [BH_KIND_MEMORY_LIMIT] = true,
		[BH_KIND_OUTPUT_LIMIT] = true,  [BH_KIND_FILE_LIMIT] = true,
		[BH_KIND_PROCESS_LIMIT] = true, [BH_KIND_VIOLATION] = true,
	};

	return deaths[kind];
}

static enum standing standing_of(const struct bh_poison_plan *plan, size_t task)
{
	return (enum standing)(plan->tasks[task] & STANDING);
}

static bool is_in_round(const struct bh_poison_plan *plan, size_t task)
{
	return (plan->tasks[task] & IN_ROUND) != 0;
}

static void set_standing(struct bh_poison_plan *plan, size_t task, enum standing standing)
{
	plan->tasks[task] = (uint8_t)((plan->tasks[task] & IN_ROUND) | standing);
}

void bh_poison_settle(struct bh_poison_plan *plan, size_t task)
{
	set_standing(plan, task, SETTLED);
}

static void change_all(struct bh_poison_plan *plan, enum standing from, enum standing to)
{
	for (size_t i = 0; i < plan->n; i++)
		if (standing_of(plan, i) == from)
			set_standing(plan, i, to);
}

/* The only suspect that there is; else BH_NO_TASK. */
static size_t only_suspect(const struct bh_poison_plan *plan)
{
	size_t found = BH_NO_TASK;

	for (size_t i = 0; i < plan->n; i++) {
		if (standing_of(plan, i) != SUSPECTED)
			continue;
		if (found != BH_NO_TASK)
			return BH_NO_TASK;
		found = i;
	}
	return found;
}

/* Blames the only suspect, or where that is not certain lets it prove itself in the
 * next round, as the last of all. */
static size_t judge_only_suspect(struct bh_poison_plan *plan, bool is_certain)
{
	size_t found = only_suspect(plan);

	if (found == BH_NO_TASK)
		return BH_NO_TASK;
	if (is_certain) {
		bh_poison_settle(plan, found);
		return found;
	}
	set_standing(plan, found, RESTING);
	plan->last = found;
	return BH_NO_TASK;
}

/* What had its turn and left no record will leave none. The suspects that are
 * left did not have theirs. */
size_t bh_poison_passed(struct bh_poison_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (is_in_round(plan, i))
			bh_poison_settle(plan, i);
	plan->last = BH_NO_TASK;
	return judge_only_suspect(plan, !plan->leaves_records);
}

static bool may_be_blamed(const struct bh_poison_plan *plan, size_t task)
{
	return task != BH_NO_TASK && is_in_round(plan, task) && standing_of(plan, task) != SETTLED;
}

static bool left_records(const struct bh_poison_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (is_in_round(plan, i) && standing_of(plan, i) == SETTLED)
			return true;
	return false;
}

static void suspect_round(struct bh_poison_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (is_in_round(plan, i) && standing_of(plan, i) == RESTING)
			set_standing(plan, i, SUSPECTED);
}

size_t bh_poison_died(struct bh_poison_plan *plan, size_t running)
{
	size_t last = BH_TAKE(plan->last, BH_NO_TASK);
	size_t known = may_be_blamed(plan, running) ? running : last;
	bool has_records = left_records(plan);

	change_all(plan, SUSPECTED, RESTING);
	plan->leaves_records |= has_records;
	if (may_be_blamed(plan, known)) {
		bh_poison_settle(plan, known);
		return known;
	}
	suspect_round(plan);
	return judge_only_suspect(plan, !has_records);
}

static size_t count(const struct bh_poison_plan *plan, enum standing standing)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++)
		n += standing_of(plan, i) == standing;
	return n;
}

size_t bh_poison_next(struct bh_poison_plan *plan, size_t *ret)
{
	size_t n_suspects = count(plan, SUSPECTED);
	enum standing wanted = n_suspects > 0 ? SUSPECTED : RESTING;
	size_t most = n_suspects > 0 ? n_suspects / 2 : plan->n;
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++) {
		bool in_round = standing_of(plan, i) == wanted && n < most;
		plan->tasks[i] = (uint8_t)((plan->tasks[i] & STANDING) | (in_round ? IN_ROUND : 0));
		if (in_round && i != plan->last)
			ret[n++] = i;
	}
	if (plan->last != BH_NO_TASK && is_in_round(plan, plan->last))
		ret[n++] = plan->last;
	return n;
}
