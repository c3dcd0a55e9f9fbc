/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/course.h"

#include <stdlib.h>

#include "ipc/wire/base.h"
#include "supervisor/growth.h"

struct bh_course *bh_course_new(void)
{
	return calloc(1, sizeof(struct bh_course));
}

void bh_course_free(struct bh_course *course)
{
	if (!course)
		return;
	bh_lease_release(&course->lease);
	bh_result_free(course->result);
	free(course->log);
	free(course);
}

uint32_t bh_course_attempts(const struct bh_course *course)
{
	return (uint32_t)course->n_log;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static struct bh_usage add_usage(const struct bh_usage *a, const struct bh_usage *b)
{
	return (struct bh_usage){
		.user_us = a->user_us + b->user_us,
		.system_us = a->system_us + b->system_us,
		.memory_peak_bytes = larger(a->memory_peak_bytes, b->memory_peak_bytes),
		.max_rss_bytes = larger(a->max_rss_bytes, b->max_rss_bytes),
		.minor_faults = a->minor_faults + b->minor_faults,
		.major_faults = a->major_faults + b->major_faults,
		.voluntary_switches = a->voluntary_switches + b->voluntary_switches,
		.involuntary_switches = a->involuntary_switches + b->involuntary_switches,
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
		.duration_us = result->duration_us,
		.delay_us = course->delay_us,
		.task_id = result->outcome.task_id,
	};
	course->held_us += result->duration_us;
	course->usage = add_usage(&course->usage, &result->usage);
}

int bh_course_take(struct bh_course *course, struct bh_result *result, struct bh_lease *lease,
                   uint64_t delay_us)
{
	int r = reserve_log(course);

	if (r < 0)
		return r;
	note(course, result);
	bh_result_free(course->result);
	course->result = result;
	course->lease = BH_TAKE(*lease, BH_LEASE_UNSET);
	course->delay_us = delay_us;
	course->since_us = bh_now_us();
	return 0;
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
	result->flaky = result->success && course->n_log > 1;
	result->n_attempt_log = course->n_log;
	result->attempt_log = BH_TAKE(course->log, NULL);
}

void bh_course_end(struct bh_course *course, struct bh_result *result)
{
	if (result->attempts > 0)
		note(course, result);
	fill_in(course, result);
}

struct bh_result *bh_course_stop(struct bh_course *course, const struct bh_outcome *outcome)
{
	struct bh_result *result = BH_TAKE(course->result, NULL);

	bh_lease_release(&course->lease);
	result->success = false;
	result->partial = result->n_task_results > 0;
	result->outcome = *outcome;
	fill_in(course, result);
	return result;
}
