/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/notice.h"

#include "ipc/wire/base.h"

const char *bh_event_name(enum bh_event_type type)
{
	static const char *const names[BH_EVENTS] = {
		[BH_EVENT_QUEUED] = "queued",
		[BH_EVENT_LEASED] = "leased",
		[BH_EVENT_STARTED] = "started",
		[BH_EVENT_TASK_STARTED] = "task_started",
		[BH_EVENT_TASK_ENDED] = "task_ended",
		[BH_EVENT_RECORDS] = "records",
		[BH_EVENT_TIMED_OUT] = "timed_out",
		[BH_EVENT_ATTEMPT_FAILED] = "attempt_failed",
		[BH_EVENT_BATCH_ENDED] = "batch_ended",
	};

	return (size_t)type < BH_EVENTS ? names[type] : NULL;
}

void bh_subject_tell(const struct bh_subject *subject, struct bh_event event)
{
	const struct bh_audience *audience = subject->audience;

	if (!audience)
		return;
	event.time_us = bh_now_us();
	event.index = subject->index;
	event.batch_id = subject->batch->batch_id;
	event.n_tasks = subject->batch->n_tasks;
	event.attempt = subject->attempt;
	audience->on_event(&event, audience->userdata);
}
