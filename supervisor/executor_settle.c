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

/* An attempt that failed: its result may be part of another one by the time that
 * it is told. */
struct failure {
	bool failed;
	struct bh_outcome outcome;
	bool again;
	uint64_t delay_us;
	bool keeps_records;
};

static void tell_failed(const struct bh_executor *executor, const struct bh_job *job,
                        uint32_t attempt, const struct failure *failure)
{
	struct bh_subject subject = bh_executor_subject(executor, job, attempt);

	if (!failure->failed)
		return;
	bh_subject_tell(&subject, (struct bh_event){ .type = BH_EVENT_ATTEMPT_FAILED,
	                                             .outcome = &failure->outcome,
	                                             .again = failure->again,
	                                             .delay_us = failure->delay_us,
	                                             .keeps_records = failure->keeps_records });
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

/* NULL when out of memory. */
static struct bh_course *need_course(struct bh_job *job)
{
	if (!job->course)
		job->course = bh_course_new(job->batch->n_tasks);
	return job->course;
}

/* A course that took nothing is none. */
static void drop_empty_course(struct bh_job *job)
{
	if (job->course && bh_course_attempts(job->course) == 0) {
		bh_course_free(job->course);
		job->course = NULL;
	}
}

static int wait_for_retry(struct bh_executor *executor, struct bh_job *job,
                          struct bh_result *result, struct bh_lease *lease, uint64_t delay_us)
{
	uint64_t due_us = bh_add_saturated(bh_now_us(), delay_us);

	if (!need_course(job))
		return -ENOMEM;
	int r = bh_backoff_add(&executor->backoff, job, due_us);
	if (r < 0)
		return r;
	r = bh_course_retry(job->course, result, lease, delay_us);
	if (r < 0)
		bh_backoff_remove(&executor->backoff, job);
	else
		job->state = BH_JOB_BACKOFF;
	return r;
}

/* True where the job waits for another attempt, and `*result` was taken for it.
 * Where there is no memory for that, this one was the last; as below. */
static bool try_again(struct bh_executor *executor, struct bh_job *job, struct bh_result **result,
                      struct bh_lease *lease, uint64_t *ret_delay_us)
{
	uint32_t tries = job->course ? job->course->n_retries + 1 : 1;

	if (job->cancelled || !bh_retry_wants(&executor->retry, &(*result)->outcome, tries))
		return false;
	uint64_t random = bh_retry_random(&executor->random);
	uint64_t delay_us = bh_retry_delay_us(&executor->retry, tries, random);
	if (wait_for_retry(executor, job, *result, lease, delay_us) < 0)
		return false;
	*result = NULL;
	*ret_delay_us = delay_us;
	return true;
}

static bool wants_round(const struct bh_executor *executor, const struct bh_job *job,
                        const struct bh_result *result)
{
	if (executor->poison == BH_POISON_OFF || job->cancelled || job->batch->n_tasks == 0)
		return false;
	return (job->course && job->course->rounds) || bh_poison_is_death(result->outcome.kind);
}

/* True where the job goes on with another round; `*result` was then taken, and
 * where it was the last round of several, too. */
static bool run_next_round(struct bh_executor *executor, struct bh_job *job,
                           struct bh_result **result)
{
	uint64_t max_output = executor->rules.limits.output_bytes;

	if (!wants_round(executor, job, *result) || !need_course(job))
		return false;
	int r = bh_course_round(job->course, job->batch, executor->poison, max_output, *result);
	if (r < 0)
		return false;
	*result = NULL;
	if (r == 0)
		return false;
	job->state = BH_JOB_QUEUED;
	bh_job_list_prepend(&executor->queue, job);
	return true;
}

/* The task that a round found to blame ends with it. */
static void tell_blamed(const struct bh_executor *executor, const struct bh_job *job,
                        uint32_t attempt)
{
	const struct bh_rounds *rounds = job->course ? job->course->rounds : NULL;
	struct bh_subject subject = bh_executor_subject(executor, job, attempt);

	if (!rounds || rounds->blamed == BH_NO_TASK)
		return;
	struct bh_span task_id = bh_idmap_key(job->batch->tasks[rounds->blamed]->id);
	bh_subject_tell(&subject, (struct bh_event){ .type = BH_EVENT_TASK_ENDED,
	                                             .task_id = task_id,
	                                             .failed = true });
}

/* Where an attempt has ended, the batch waits to be tried again, goes on with a
 * round over some of its tasks, or has its result. */
void bh_executor_settle(struct bh_executor *executor, struct bh_slot *slot)
{
	BH_CLEANUP(bh_lease_release) struct bh_lease lease = BH_LEASE_UNSET;
	bool keep = executor->retry.keep_lease;
	struct bh_result *result = bh_attempt_finish(&slot->attempt, keep ? &lease : NULL);
	struct bh_job *job = BH_TAKE(slot->job, NULL);
	uint32_t attempt = attempts_of(job, result);
	struct failure failure; /* too large to be cleared for every batch that succeeds */

	executor->n_running--;
	failure.failed = !result->success && result->attempts > 0;
	failure.delay_us = 0;
	if (failure.failed)
		failure.outcome = result->outcome;
	failure.again = try_again(executor, job, &result, &lease, &failure.delay_us) ||
	                run_next_round(executor, job, &result);
	failure.keeps_records = failure.again && job->course->rounds;
	drop_empty_course(job);
	bh_lease_release(&lease);
	tell_failed(executor, job, attempt, &failure);
	tell_blamed(executor, job, attempt);
	if (failure.again)
		return;
	deliver(executor, job, job->course ? bh_course_end(job->course, result) : result);
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
