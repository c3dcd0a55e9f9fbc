/* SPDX-License-Identifier: Apache-2.0 */

/* executor_settle.c: from the end of an attempt to what becomes of its batch. */

#include <stdlib.h>

#include "ipc/wire/base.h"
#include "supervisor/executor_internal.h"
#include "supervisor/retry.h"

struct bh_subject bh_executor_subject(const struct bh_executor *executor, const struct bh_job *job,
                                      uint32_t attempt)
{
	if (!executor->audience.on_event)
		return (struct bh_subject){ .audience = NULL };
	return (struct bh_subject){ .audience = &executor->audience,
		                    .batch = job->batch,
		                    .index = job->index,
		                    .attempt = attempt };
}

void bh_executor_forget(struct bh_executor *executor, struct bh_job *job)
{
	bh_job_table_remove(&executor->jobs, job);
	if (job->state == BH_JOB_DONE)
		bh_result_free(job->result);
	bh_course_free(job->course);
	free(job);
}

static void tell_failed(const struct bh_executor *executor, const struct bh_job *job,
                        const struct bh_result *result, uint32_t attempt, bool again,
                        uint64_t delay_us)
{
	struct bh_subject subject = bh_executor_subject(executor, job, attempt);

	bh_subject_tell(&subject, (struct bh_event){ .type = BH_EVENT_ATTEMPT_FAILED,
	                                             .outcome = &result->outcome,
	                                             .again = again,
	                                             .delay_us = delay_us });
}

static void tell_ended(const struct bh_executor *executor, const struct bh_job *job,
                       const struct bh_result *result)
{
	struct bh_subject subject = bh_executor_subject(executor, job, 0);

	bh_subject_tell(&subject,
	                (struct bh_event){ .type = BH_EVENT_BATCH_ENDED, .result = result });
}

/* The job is in no list and no slot; here it ends. */
static void deliver(struct bh_executor *executor, struct bh_job *job, struct bh_result *result)
{
	result->index = job->index;
	tell_ended(executor, job, result);
	if (!job->on_result) {
		job->state = BH_JOB_DONE;
		job->result = result;
		bh_job_list_append(&executor->done, job);
		return;
	}
	struct bh_job ended = *job;
	bh_executor_forget(executor, job);
	ended.on_result(result, ended.userdata);
}

/* Attempts up to now, the one in the slot included where it came to be one. */
static uint32_t attempts_of(const struct bh_job *job, const struct bh_result *result)
{
	return result->attempts + (job->course ? bh_course_attempts(job->course) : 0);
}

static int wait_for_retry(struct bh_executor *executor, struct bh_job *job,
                          struct bh_result *result, struct bh_lease *lease, uint64_t delay_us)
{
	if (!job->course)
		job->course = bh_course_new();
	if (!job->course)
		return -ENOMEM;
	uint64_t due_us = bh_add_saturated(bh_now_us(), delay_us);
	int r = bh_backoff_add(&executor->backoff, job, due_us);
	if (r < 0)
		return r;
	r = bh_course_take(job->course, result, lease, delay_us);
	if (r < 0)
		bh_backoff_remove(&executor->backoff, job);
	else
		job->state = BH_JOB_BACKOFF;
	return r;
}

/* A course that took nothing is none. */
static void drop_empty_course(struct bh_job *job)
{
	if (job->course && bh_course_attempts(job->course) == 0) {
		bh_course_free(job->course);
		job->course = NULL;
	}
}

/* True where the job waits for another attempt. Where there is no memory for that,
 * this one was the last. */
static bool try_again(struct bh_executor *executor, struct bh_job *job, struct bh_result *result,
                      struct bh_lease *lease)
{
	uint32_t attempts = attempts_of(job, result);

	if (job->cancelled || !bh_retry_wants(&executor->retry, &result->outcome, attempts))
		return false;
	uint64_t delay_us =
	        bh_retry_delay_us(&executor->retry, attempts, bh_retry_random(&executor->random));
	if (wait_for_retry(executor, job, result, lease, delay_us) < 0) {
		drop_empty_course(job);
		return false;
	}
	tell_failed(executor, job, result, attempts, true, delay_us);
	return true;
}

void bh_executor_settle(struct bh_executor *executor, struct bh_slot *slot)
{
	BH_CLEANUP(bh_lease_release) struct bh_lease lease = BH_LEASE_UNSET;
	bool keep = executor->retry.keep_lease;
	struct bh_result *result = bh_attempt_finish(&slot->attempt, keep ? &lease : NULL);
	struct bh_job *job = BH_TAKE(slot->job, NULL);

	executor->n_running--;
	if (try_again(executor, job, result, &lease))
		return;
	bh_lease_release(&lease);
	if (!result->success && result->attempts > 0)
		tell_failed(executor, job, result, attempts_of(job, result), false, 0);
	if (job->course)
		bh_course_end(job->course, result);
	deliver(executor, job, result);
}

/* A batch that never was in a slot. */
static struct bh_result *make_cancelled(struct bh_executor *executor, const struct bh_job *job,
                                        struct bh_error *err)
{
	struct bh_attempt attempt = BH_ATTEMPT_UNSET;

	attempt.loop = &executor->loop;
	attempt.number = 1;
	if (bh_attempt_begin_cancelled(&attempt, &executor->rules, job->batch, err) < 0)
		return NULL;
	attempt.evidence.past_deadline = job->past_deadline;
	return bh_attempt_finish(&attempt, NULL);
}

/* One that waited for another attempt keeps what the last one came to. */
static struct bh_result *stop_course(const struct bh_job *job)
{
	const struct bh_evidence evidence = { .not_started = BH_NOT_STARTED_CANCELLED,
		                              .attempts = bh_course_attempts(job->course),
		                              .past_deadline = job->past_deadline };
	struct bh_outcome outcome;

	bh_outcome_decide(&evidence, &outcome);
	return bh_course_stop(job->course, &outcome);
}

int bh_executor_end_cancelled(struct bh_executor *executor, struct bh_job *job,
                              struct bh_error *err)
{
	struct bh_result *result = job->course ? stop_course(job)
	                                       : make_cancelled(executor, job, err);

	if (!result)
		return -ENOMEM;
	bh_job_list_remove(&executor->ended, job);
	deliver(executor, job, result);
	return 0;
}
