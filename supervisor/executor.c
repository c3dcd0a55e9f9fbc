/* SPDX-License-Identifier: Apache-2.0 */

/* executor.c: what a caller asks of an executor. */

#include "supervisor/executor.h"

#include <stdlib.h>

#include "bulkhead/executor.h"
#include "ipc/wire/base.h"
#include "supervisor/batch.h"
#include "supervisor/executor_internal.h"

int bh_executor_fd(const struct bh_executor *executor)
{
	return executor->loop.epoll;
}

size_t bh_executor_waiting(const struct bh_executor *executor)
{
	return executor->queue.n + executor->n_leasing + executor->backoff.n + executor->ended.n;
}

size_t bh_executor_pending(const struct bh_executor *executor)
{
	return executor->n_running + bh_executor_waiting(executor);
}

size_t bh_executor_busy(const struct bh_executor *executor)
{
	return executor->n_running + executor->queue.n;
}

size_t bh_executor_jobs(const struct bh_executor *executor)
{
	return executor->n_slots;
}

void bh_executor_will_step(struct bh_executor *executor, bool will_step)
{
	executor->will_step = will_step;
}

size_t bh_executor_next_index(const struct bh_executor *executor)
{
	return executor->next_index;
}

void bh_executor_wake(struct bh_executor *executor)
{
	struct bh_error error = BH_ERROR_UNSET;

	/* a step sets the timer itself before it ends */
	if (!executor->stepping && bh_loop_arm(&executor->loop, 0, &error) < 0)
		bh_executor_give_up_sandbox(executor, &error);
}

/* ---- submitting ---- */

size_t bh_executor_room(const struct bh_executor *executor)
{
	size_t waiting = bh_executor_waiting(executor);

	if (executor->closed)
		return 0;
	if (executor->max_queued == SIZE_MAX)
		return SIZE_MAX;
	return waiting < executor->max_queued ? executor->max_queued - waiting : 0;
}

static int check_room(struct bh_executor *executor, struct bh_error *err)
{
	if (executor->closed)
		return bh_fail_plain(err, ESHUTDOWN, "the executor was closed");
	if (bh_executor_room(executor) > 0)
		return 0;
	executor->was_full = true;
	return bh_fail_plain(err, EAGAIN, "%zu batches wait already", executor->max_queued);
}

/* Only its first submission is news to an executor with a free slot. */
static int announce(struct bh_executor *executor, struct bh_error *err)
{
	if (executor->stepping || executor->will_step || executor->n_running == executor->n_slots)
		return 0;
	return bh_loop_arm(&executor->loop, 0, err);
}

static int add_job(struct bh_executor *executor, struct bh_job *job, struct bh_error *err)
{
	int r = announce(executor, err);

	if (r < 0)
		return r;
	if (bh_job_table_add(&executor->jobs, job) < 0)
		return bh_fail(err, ENOMEM, "queue batch %s", job->batch->batch_id);
	executor->next_index++;
	if (executor->past_deadline) {
		job->cancelled = job->past_deadline = true;
		job->state = BH_JOB_ENDED;
	}
	bh_job_list_append(job->cancelled ? &executor->ended : &executor->queue, job);
	return 0;
}

int bh_executor_submit(struct bh_executor *executor, const struct bh_batch *batch,
                       void (*on_result)(struct bh_result *result, void *userdata), void *userdata,
                       size_t *ret_index, struct bh_error *err)
{
	int r = check_room(executor, err);

	if (r == 0)
		r = bh_batch_check(batch, err);
	if (r < 0)
		return r;
	struct bh_job *job = malloc(sizeof(*job));
	if (!job)
		return bh_fail(err, ENOMEM, "queue batch %s", batch->batch_id);
	*job = (struct bh_job){ .batch = batch,
		                .on_result = on_result,
		                .userdata = userdata,
		                .index = executor->next_index };
	r = add_job(executor, job, err);
	if (r < 0) {
		free(job);
		return r;
	}
	if (ret_index)
		*ret_index = job->index;
	struct bh_subject subject = bh_executor_subject(executor, job, 0);
	bh_subject_tell(&subject, (struct bh_event){ .type = BH_EVENT_QUEUED });
	return 0;
}

struct bh_result *bh_executor_next_result(struct bh_executor *executor, void **ret_userdata)
{
	struct bh_job *job = bh_job_list_pop(&executor->done);

	if (!job)
		return NULL;
	struct bh_result *result = BH_TAKE(job->result, NULL);
	if (ret_userdata)
		*ret_userdata = job->userdata;
	bh_executor_forget(executor, job);
	return result;
}

/* ---- stopping ---- */

static void stop_leasing(struct bh_executor *executor, struct bh_job *job)
{
	bh_lease_request_withdraw(job->request);
	executor->n_leasing--;
}

static void end(struct bh_executor *executor, struct bh_job *job)
{
	job->state = BH_JOB_ENDED;
	bh_job_list_append(&executor->ended, job);
}

static void cancel_running(struct bh_executor *executor, const struct bh_job *job)
{
	struct bh_attempt *attempt = &executor->slots[job->slot].attempt;
	struct bh_error error = BH_ERROR_UNSET;

	executor->sent = true;
	attempt->evidence.past_deadline = job->past_deadline;
	if (bh_attempt_cancel(attempt, executor->sandbox, &error) < 0)
		bh_executor_give_up_sandbox(executor, &error);
}

static int cancel(struct bh_executor *executor, struct bh_job *job)
{
	if (job->state == BH_JOB_DONE)
		return -ENOENT;
	job->past_deadline |= executor->past_deadline && !job->cancelled;
	job->cancelled = true;
	switch (job->state) {
	case BH_JOB_QUEUED:
		bh_job_list_remove(&executor->queue, job);
		end(executor, job);
		break;
	case BH_JOB_LEASING:
		stop_leasing(executor, job);
		end(executor, job);
		break;
	case BH_JOB_BACKOFF:
		bh_backoff_remove(&executor->backoff, job);
		end(executor, job);
		break;
	case BH_JOB_RUNNING:
		cancel_running(executor, job);
		break;
	case BH_JOB_ENDED:
	case BH_JOB_DONE:
		break;
	}
	return 0;
}

void bh_executor_cancel_all(struct bh_executor *executor)
{
	while (executor->queue.first)
		(void)cancel(executor, executor->queue.first);
	for (struct bh_lease_request *request; (request = bh_lease_asker_first(&executor->asker));)
		(void)cancel(executor, bh_lease_request_userdata(request));
	while (executor->backoff.n > 0)
		(void)cancel(executor, bh_backoff_first(&executor->backoff));
	for (size_t i = 0; i < executor->n_slots; i++)
		if (executor->slots[i].job)
			(void)cancel(executor, executor->slots[i].job);
}

void bh_executor_cancel(struct bh_executor *executor)
{
	bh_executor_cancel_all(executor);
	bh_executor_wake(executor);
}

int bh_executor_cancel_batch(struct bh_executor *executor, size_t index)
{
	struct bh_job *job = bh_job_table_find(&executor->jobs, index);

	if (!job || cancel(executor, job) < 0)
		return -ENOENT;
	bh_executor_wake(executor);
	return 0;
}

int bh_executor_set_deadline(struct bh_executor *executor, uint64_t after_us, struct bh_error *err)
{
	executor->past_deadline = false;
	executor->deadline_us = bh_add_saturated(bh_now_us(), after_us);
	/* a step sets the timer for it */
	return executor->stepping ? 0 : bh_loop_arm(&executor->loop, 0, err);
}

void bh_executor_close(struct bh_executor *executor)
{
	executor->closed = true;
	bh_executor_wake(executor); /* a step lets the launcher go */
}
