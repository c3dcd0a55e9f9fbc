/* SPDX-License-Identifier: Apache-2.0 */

/* executor_start.c: batches on their way from the queue into a slot. */

#include "ipc/wire/base.h"
#include "sandbox/client.h"
#include "supervisor/executor_internal.h"

static struct bh_slot *find_free_slot(struct bh_executor *executor)
{
	if (executor->n_running == executor->n_slots)
		return NULL;
	for (size_t i = 0; i < executor->n_slots; i++)
		if (!executor->slots[i].job)
			return &executor->slots[i];
	return NULL;
}

/* One try. An error where the launcher turned out to be lost: another may do. */
static int try_spawn(struct bh_executor *executor, struct bh_slot *slot)
{
	char stage[BH_STAGE_TEXT_SIZE] = "";
	struct bh_error error = BH_ERROR_UNSET;

	if (slot->job->cancelled) { /* by a listener, since it was leased */
		bh_attempt_refuse(&slot->attempt, BH_NOT_STARTED_CANCELLED, NULL, NULL);
		return 0;
	}
	if (!executor->sandbox && bh_executor_start_sandbox(executor, stage, &error) < 0) {
		bh_attempt_refuse(&slot->attempt, BH_NOT_STARTED_SANDBOX, &error, stage);
		return 0;
	}
	executor->sent = true;
	int r = bh_attempt_spawn(&slot->attempt, &executor->rules, executor->sandbox, &error);
	if (r == 0)
		return 0;
	if (bh_is_shortage(-r)) {
		bh_attempt_refuse(&slot->attempt, BH_NOT_STARTED_INTERNAL, &error, NULL);
		return 0;
	}
	bh_executor_give_up_sandbox(executor, &error);
	bh_executor_lose_sandbox(executor);
	return r;
}

static void spawn(struct bh_executor *executor, struct bh_slot *slot)
{
	static const struct bh_error lost_twice = { .code = EPIPE,
		                                    .text = "two launchers in a row were lost" };

	if (try_spawn(executor, slot) < 0 && try_spawn(executor, slot) < 0)
		bh_attempt_refuse(&slot->attempt, BH_NOT_STARTED_INTERNAL, &lost_twice, NULL);
}

static void take_slot(struct bh_executor *executor, struct bh_slot *slot, struct bh_job *job)
{
	slot->job = job;
	job->state = BH_JOB_RUNNING;
	job->slot = (size_t)(slot - executor->slots);
	executor->n_running++;
	slot->attempt.number = 1;
	if (job->course) {
		slot->attempt.number += bh_course_attempts(job->course);
		if (!slot->attempt.lease.store)
			slot->attempt.lease = bh_course_go_on(job->course);
	}
	slot->attempt.subject = bh_executor_subject(executor, job, slot->attempt.number);
}

static struct bh_job *leave_slot(struct bh_executor *executor, struct bh_slot *slot)
{
	executor->n_running--;
	return BH_TAKE(slot->job, NULL);
}

/* Back to the queue: not even a result could be made. A lease that it was granted
 * is asked for again. */
static void put_back(struct bh_executor *executor, struct bh_slot *slot)
{
	struct bh_job *job = leave_slot(executor, slot);

	bh_lease_release(&slot->attempt.lease);
	job->state = BH_JOB_QUEUED;
	bh_job_list_prepend(&executor->queue, job);
}

/* Others hold what it needs: it waits for that without a slot. */
static void wait_for_lease(struct bh_executor *executor, struct bh_slot *slot,
                           struct bh_lease_request *request)
{
	struct bh_job *job = leave_slot(executor, slot);

	job->state = BH_JOB_LEASING;
	job->request = request;
	executor->n_leasing++;
}

/* The job is in its slot before a listener hears of it. */
static int start(struct bh_executor *executor, struct bh_slot *slot, struct bh_job *job,
                 struct bh_error *err)
{
	const struct bh_batch *batch = job->course ? bh_course_batch(job->course, job->batch)
	                                           : job->batch;
	struct bh_lease_request *request;

	take_slot(executor, slot, job);
	int r = bh_attempt_begin(&slot->attempt, &executor->rules, batch, job, &request, err);
	if (r < 0) {
		put_back(executor, slot);
		return r;
	}
	if (r == 1) {
		wait_for_lease(executor, slot, request);
		return 0;
	}
	if (slot->attempt.state == BH_ATTEMPT_PREPARED)
		spawn(executor, slot);
	if (slot->attempt.state == BH_ATTEMPT_ENDED)
		bh_executor_settle(executor, slot);
	return 0;
}

/* Those that waited for their lease and have it go before those in the queue. */
static int start_granted(struct bh_executor *executor, struct bh_slot *slot,
                         struct bh_lease_request *request, struct bh_error *err)
{
	struct bh_job *job = bh_lease_request_userdata(request);

	bh_lease_request_claim(request, &slot->attempt.lease);
	executor->n_leasing--;
	return start(executor, slot, job, err);
}

static int start_next(struct bh_executor *executor, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_lease_request *request = bh_lease_asker_granted(&executor->asker);

	if (request)
		return start_granted(executor, slot, request, err);
	return start(executor, slot, bh_job_list_pop(&executor->queue), err);
}

static bool can_start(const struct bh_executor *executor)
{
	return executor->queue.first || bh_lease_asker_granted(&executor->asker);
}

static int end_first(struct bh_executor *executor, struct bh_error *err)
{
	return bh_executor_end_cancelled(executor, executor->ended.first, err);
}

/* Those whose wait is over go on where they were: in front. */
static void queue_due(struct bh_executor *executor)
{
	uint64_t due_us = bh_backoff_due_us(&executor->backoff);

	for (uint64_t now_us = due_us == UINT64_MAX ? 0 : bh_now_us(); due_us <= now_us;
	     due_us = bh_backoff_due_us(&executor->backoff)) {
		struct bh_job *job = bh_backoff_first(&executor->backoff);
		bh_backoff_remove(&executor->backoff, job);
		job->state = BH_JOB_QUEUED;
		bh_job_list_prepend(&executor->queue, job);
	}
}

int bh_executor_start_queued(struct bh_executor *executor, struct bh_error *err)
{
	size_t left = executor->n_slots + BH_EXTRA_STARTS;
	int r = 0;

	queue_due(executor);
	for (size_t i = left; r == 0 && executor->ended.first && i > 0; i--)
		r = end_first(executor, err);
	while (r == 0 && can_start(executor) && left-- > 0) {
		struct bh_slot *slot = find_free_slot(executor);
		if (!slot)
			return 0;
		r = start_next(executor, slot, err);
	}
	return r;
}
