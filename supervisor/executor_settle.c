/* SPDX-License-Identifier: Apache-2.0 */

/* executor_settle.c: from the end of an attempt to what becomes of its batch. */

#include <stdlib.h>

#include "ipc/wire/base.h"
#include "supervisor/executor_internal.h"

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
	free(job);
}

static void tell_ended(const struct bh_executor *executor, const struct bh_job *job,
                       const struct bh_result *result)
{
	struct bh_subject attempt = bh_executor_subject(executor, job, result->attempts);
	struct bh_subject batch = bh_executor_subject(executor, job, 0);

	if (!result->success && result->attempts > 0)
		bh_subject_tell(&attempt, (struct bh_event){ .type = BH_EVENT_ATTEMPT_FAILED,
		                                             .outcome = &result->outcome });
	bh_subject_tell(&batch,
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

void bh_executor_settle(struct bh_executor *executor, struct bh_slot *slot)
{
	struct bh_result *result = bh_attempt_finish(&slot->attempt);
	struct bh_job *job = BH_TAKE(slot->job, NULL);

	executor->n_running--;
	deliver(executor, job, result);
}

int bh_executor_end_cancelled(struct bh_executor *executor, struct bh_job *job,
                              struct bh_error *err)
{
	struct bh_attempt attempt = BH_ATTEMPT_UNSET; /* that never was */

	attempt.loop = &executor->loop;
	int r = bh_attempt_begin_cancelled(&attempt, &executor->rules, job->batch, err);
	if (r < 0)
		return r;
	attempt.evidence.past_deadline = job->past_deadline;
	bh_job_list_remove(&executor->ended, job);
	deliver(executor, job, bh_attempt_finish(&attempt));
	return 0;
}
