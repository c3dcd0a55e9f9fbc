/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/chaos/fate.h"

#include <stdio.h>
#include <string.h>

const char *fate_way(enum fate fate)
{
	static const char *const ways[FATES] = {
		[FATE_GOOD] = "none",
		[FATE_LOUD] = "flood-stdout",
		[FATE_TASK_ERROR] = "task-error",
		[FATE_FLAKY] = "flaky",
		[FATE_CRASH] = "segv",
		[FATE_VIOLATION] = "ptrace",
		[FATE_BOMB] = "fork-bomb",
		[FATE_EXIT] = "exit",
		[FATE_BATCH_ERROR] = "batch-error",
		[FATE_GARBAGE] = "garbage",
		[FATE_FLOOD] = "flood-results",
		[FATE_HANG] = "hang-ignoring-term",
	};

	return ways[fate];
}

/* One run of the handler. */
struct run {
	enum bh_kind kind;
	size_t running; /* MOST_TASKS for none */
	enum standing made[MOST_TASKS];
};

/* Returns false where the handler goes on to the next task. */
static bool meet(enum fate fate, const struct subject *subject, uint32_t attempt, size_t task,
                 struct run *run)
{
	static const enum bh_kind ends[FATES] = {
		[FATE_FLAKY] = BH_KIND_EXIT,          [FATE_CRASH] = BH_KIND_SIGNAL,
		[FATE_VIOLATION] = BH_KIND_VIOLATION, [FATE_BOMB] = BH_KIND_PROCESS_LIMIT,
		[FATE_EXIT] = BH_KIND_EXIT,           [FATE_BATCH_ERROR] = BH_KIND_HANDLER,
		[FATE_GARBAGE] = BH_KIND_PROTOCOL,    [FATE_FLOOD] = BH_KIND_OUTPUT_LIMIT,
		[FATE_HANG] = BH_KIND_CANCELLED,
	};

	if (fate == FATE_TASK_ERROR)
		run->made[task] = HAS_ERROR;
	else if (ends[fate] == BH_KIND_NONE || fate == FATE_FLOOD ||
	         (fate == FATE_FLAKY && attempt >= subject->passes_at))
		run->made[task] = HAS_VALUE;
	if (ends[fate] == BH_KIND_NONE || (fate == FATE_FLAKY && run->made[task] == HAS_VALUE))
		return false;
	run->kind = ends[fate];
	if (run->made[task] == NO_RECORD && fate != FATE_BATCH_ERROR)
		run->running = task;
	return true;
}

static struct run run_handler(const struct subject *subject, const bool *round, uint32_t attempt)
{
	struct run run = { .kind = BH_KIND_NONE, .running = MOST_TASKS };
	bool over = false;

	for (size_t i = 0; i < subject->batch.n_tasks && !over; i++)
		if (round[i])
			over = meet(subject->fates[i], subject, attempt, i, &run);
	return run;
}

static bool is_death(enum bh_kind kind)
{
	return kind == BH_KIND_SIGNAL || kind == BH_KIND_VIOLATION ||
	       kind == BH_KIND_PROCESS_LIMIT || kind == BH_KIND_OUTPUT_LIMIT;
}

/* Keeps what a run made; its tasks are not run again. Returns how many are left. */
static size_t keep(struct forecast *forecast, bool *round, const struct run *run, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		if (run->made[i] != NO_RECORD)
			forecast->tasks[i] = run->made[i];
		round[i] &= run->made[i] == NO_RECORD;
		left += round[i];
	}
	return left;
}

/* After a death: true where another round follows. */
static bool go_on(struct forecast *forecast, bool *round, const struct run *run, size_t left)
{
	if (run->running == MOST_TASKS)
		return false;
	forecast->tasks[run->running] = HAS_DEATH;
	round[run->running] = false;
	if (left > 1)
		return true;
	forecast->kind = BH_KIND_NONE; /* nothing is left, and all deaths have their tasks */
	return false;
}

struct forecast fate_forecast(const struct subject *subject, const struct rules *rules)
{
	struct forecast forecast = { .kind = BH_KIND_BOUNDS };
	size_t n = subject->batch.n_tasks;
	bool round[MOST_TASKS] = { true, true, true, true, true, true };
	bool in_rounds = false;
	uint32_t retries = 0;

	while (!subject->too_large) {
		struct run run = run_handler(subject, round, ++forecast.attempts);
		bool again = run.kind != BH_KIND_NONE && retries < rules->retries &&
		             (rules->kinds & BH_KIND_BIT(run.kind)) != 0;
		retries += again;
		if (again && !in_rounds)
			continue;
		size_t left = keep(&forecast, round, &run, n);
		forecast.kind = run.kind;
		if (again)
			continue;
		if (rules->poison == BH_POISON_OFF || !is_death(run.kind))
			break;
		in_rounds = true;
		if (!go_on(&forecast, round, &run, left))
			break;
	}
	forecast.flaky = forecast.kind == BH_KIND_NONE && retries > 0 && !in_rounds;
	return forecast;
}

/* ---- comparing ---- */

static enum standing standing_of(const struct bh_result *result, const char *id)
{
	for (size_t i = 0; i < result->n_task_results; i++) {
		const struct bh_task_result *record = &result->task_results[i];
		if (record->task_id.size != strlen(id) ||
		    memcmp(record->task_id.data, id, strlen(id)) != 0)
			continue;
		if (record->death != BH_KIND_NONE)
			return HAS_DEATH;
		return record->is_error ? HAS_ERROR : HAS_VALUE;
	}
	return NO_RECORD;
}

static bool tasks_match(const struct subject *subject, const struct forecast *forecast,
                        const struct bh_result *result, char *why, size_t why_size)
{
	size_t n_records = 0;

	for (size_t i = 0; i < subject->batch.n_tasks; i++) {
		enum standing is = standing_of(result, subject->task_ids[i]);
		n_records += is != NO_RECORD;
		if (is == forecast->tasks[i])
			continue;
		snprintf(why, why_size, "task %s (%s): standing %d, forecast %d",
		         subject->task_ids[i], fate_way(subject->fates[i]), (int)is,
		         (int)forecast->tasks[i]);
		return false;
	}
	if (n_records == result->n_task_results &&
	    result->n_missing_task_ids == subject->batch.n_tasks - n_records)
		return true;
	snprintf(why, why_size, "%zu records of %zu tasks, %zu missing", result->n_task_results,
	         subject->batch.n_tasks, result->n_missing_task_ids);
	return false;
}

void fate_describe(const struct subject *subject, const struct bh_result *result, FILE *to)
{
	fprintf(to, "chaos: %s: tasks", subject->id);
	for (size_t i = 0; i < subject->batch.n_tasks; i++)
		fprintf(to, " %s", fate_way(subject->fates[i]));
	fprintf(to, "; flaky ones pass at %u; attempts", subject->passes_at);
	for (size_t i = 0; i < result->n_attempt_log; i++)
		fprintf(to, " %s of %zu", bh_kind_name(result->attempt_log[i].kind),
		        result->attempt_log[i].n_tasks);
	fprintf(to, "\nchaos: standard error: %.*s\n", (int)result->err.size,
	        result->err.size > 0 ? result->err.data : "");
}

bool fate_matches(const struct subject *subject, const struct forecast *forecast,
                  const struct bh_result *result, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s after %u attempts (flaky %d), forecast %s after %u (%d): %s",
	         bh_kind_name(result->outcome.kind), result->attempts, result->flaky,
	         bh_kind_name(forecast->kind), forecast->attempts, forecast->flaky,
	         result->outcome.message);
	if (result->outcome.kind != forecast->kind || result->attempts != forecast->attempts ||
	    result->flaky != forecast->flaky)
		return false;
	return tasks_match(subject, forecast, result, why, why_size);
}
