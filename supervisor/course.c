/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/course.h"

#include <stdlib.h>

#include "ipc/wire/base.h"
#include "supervisor/growth.h"
#include "supervisor/outcome.h"

struct bh_course *bh_course_new(size_t n_tasks)
{
	struct bh_course *made = calloc(1, sizeof(*made));

	if (made)
		made->n_tasks = n_tasks;
	return made;
}

void bh_course_free(struct bh_course *course)
{
	if (!course)
		return;
	bh_lease_release(&course->lease);
	bh_result_free(course->result);
	bh_rounds_free(course->rounds);
	free(course->log);
	free(course);
}

uint32_t bh_course_attempts(const struct bh_course *course)
{
	return (uint32_t)course->n_log;
}

const struct bh_batch *bh_course_batch(const struct bh_course *course, const struct bh_batch *batch)
{
	return course->rounds ? &course->rounds->batch : batch;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static struct bh_usage add_usage(const struct bh_usage *a, const struct bh_usage *b)
{
	return (struct bh_usage){
		.user_us = bh_add_saturated(a->user_us, b->user_us),
		.system_us = bh_add_saturated(a->system_us, b->system_us),
		.memory_peak_bytes = larger(a->memory_peak_bytes, b->memory_peak_bytes),
		.max_rss_bytes = larger(a->max_rss_bytes, b->max_rss_bytes),
		.minor_faults = bh_add_saturated(a->minor_faults, b->minor_faults),
		.major_faults = bh_add_saturated(a->major_faults, b->major_faults),
		.voluntary_switches =
		        bh_add_saturated(a->voluntary_switches, b->voluntary_switches),
		.involuntary_switches =
		        bh_add_saturated(a->involuntary_switches, b->involuntary_switches),
	};
}

/* Room for one more than the attempts so far: the last one can't fail for it. */
static int reserve_log(struct bh_course *course)
{
	struct bh_attempt_note *grown =
	        bh_grown(course->log, &course->capacity, course->n_log + 2, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	course->log = grown;
	return 0;
}

static void note(struct bh_course *course, const struct bh_result *result)
{
	course->log[course->n_log++] = (struct bh_attempt_note){
		.kind = result->outcome.kind,
		.n_tasks = course->n_tasks,
		.duration_us = result->duration_us,
		.delay_us = course->delay_us,
		.task_id = result->outcome.task_id,
	};
	course->held_us += result->duration_us;
	course->usage = add_usage(&course->usage, &result->usage);
	course->delay_us = 0;
}

/* A round that failed for nothing of its own: its tasks without a record go on
 * being what they were. */
static int retry_round(struct bh_course *course, struct bh_result *result)
{
	const struct bh_result noted = *result;

	int r = bh_rounds_add(course->rounds, result);
	if (r < 0)
		return r;
	note(course, &noted);
	if (bh_rounds_conclude(course->rounds, BH_ROUND_AGAIN, bh_course_attempts(course)))
		course->n_tasks = course->rounds->batch.n_tasks;
	return 0;
}

int bh_course_retry(struct bh_course *course, struct bh_result *result, struct bh_lease *lease,
                    uint64_t delay_us)
{
	int r = reserve_log(course);

	if (r == 0 && course->rounds)
		r = retry_round(course, result);
	if (r < 0)
		return r;
	if (!course->rounds) {
		note(course, result);
		bh_result_free(course->result);
		course->result = result;
		course->lease = BH_TAKE(*lease, BH_LEASE_UNSET);
	}
	course->n_retries++;
	course->delay_us = delay_us;
	course->since_us = bh_now_us();
	return 0;
}

static enum bh_round_end end_of(const struct bh_result *result)
{
	if (result->success)
		return BH_ROUND_PASSED;
	return bh_poison_is_death(result->outcome.kind) ? BH_ROUND_DIED : BH_ROUND_STOPPED;
}

int bh_course_round(struct bh_course *course, const struct bh_batch *batch, enum bh_poison mode,
                    uint64_t max_output, struct bh_result *result)
{
	const struct bh_result noted = *result;

	int r = reserve_log(course);
	if (r == 0 && course->rounds)
		r = bh_rounds_add(course->rounds, result);
	else if (r == 0)
		course->rounds = bh_rounds_new(batch, mode, max_output, result);
	if (r < 0 || !course->rounds)
		return -ENOMEM;
	note(course, &noted);
	if (!bh_rounds_conclude(course->rounds, end_of(&noted), bh_course_attempts(course)))
		return 0;
	course->n_tasks = course->rounds->batch.n_tasks;
	return 1;
}

struct bh_lease bh_course_go_on(struct bh_course *course)
{
	if (course->lease.store)
		course->held_us += bh_now_us() - course->since_us;
	return BH_TAKE(course->lease, BH_LEASE_UNSET);
}

static void fill_in(struct bh_course *course, struct bh_result *result)
{
	result->attempts = bh_course_attempts(course);
	result->duration_us = course->held_us;
	result->usage = course->usage;
	result->flaky = result->success && course->n_retries > 0 && !course->rounds;
	result->n_attempt_log = course->n_log;
	result->attempt_log = BH_TAKE(course->log, NULL);
}

static struct bh_result *take_result(struct bh_course *course)
{
	return course->rounds ? bh_rounds_take(course->rounds) : BH_TAKE(course->result, NULL);
}

/* In rounds, a last one whose records could not be added: they are lost, and that
 * is no success. */
static void lose_round(struct bh_course *course, struct bh_result *last)
{
	const struct bh_evidence evidence = {
		.gave_up = true,
		.error = { .code = ENOMEM, .text = "no memory to put results together" },
	};

	bh_outcome_decide(&evidence, &course->rounds->merge.result->outcome);
	course->rounds->merge.result->success = false;
	bh_result_free(last);
}

struct bh_result *bh_course_end(struct bh_course *course, struct bh_result *last)
{
	if (last && last->attempts > 0)
		note(course, last);
	if (last && course->rounds && bh_rounds_add(course->rounds, last) < 0)
		lose_round(course, last);
	struct bh_result *result = last && !course->rounds ? last : take_result(course);
	fill_in(course, result);
	return result;
}

struct bh_result *bh_course_stop(struct bh_course *course, const struct bh_outcome *outcome)
{
	struct bh_result *result = take_result(course);

	bh_lease_release(&course->lease);
	result->success = false;
	result->partial = result->n_task_results > 0;
	result->outcome = *outcome;
	fill_in(course, result);
	return result;
}
