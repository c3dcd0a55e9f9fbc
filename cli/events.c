/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events.h"

#include "cli/complaint.h"
#include "cli/target.h"
#include "ipc/wire/base.h"

void bh_events_init(struct bh_events *events)
{
	events->fd = -1;
	events->error = 0;
}

void bh_events_done(struct bh_events *events)
{
	bh_fd_done(&events->fd);
}

int bh_events_open(struct bh_events *events, const char *path, struct bh_complaint *complaint)
{
	int r = bh_target_open(path, &events->fd, complaint);

	if (r != BH_STATUS_OK)
		return r;
	bh_sink_init(&events->sink, events->fd);
	bh_json_init(&events->json, &events->sink);
	events->started_us = bh_now_us();
	return BH_STATUS_OK;
}

static void write_kind(struct bh_json *json, const struct bh_outcome *outcome)
{
	bh_json_key(json, "kind");
	bh_json_string(json, outcome->kind == BH_KIND_NONE ? NULL : bh_kind_name(outcome->kind));
}

static void write_failure(struct bh_json *json, const struct bh_event *event)
{
	write_kind(json, event->outcome);
	bh_json_key(json, "message");
	bh_json_string(json, event->outcome->message);
	bh_json_key(json, "task_id");
	bh_json_string(json, event->outcome->task_id);
	bh_json_member_bool(json, "again", event->again);
	bh_json_member_ms(json, "delay_ms", event->delay_us);
	bh_json_member_bool(json, "keeps_records", event->keeps_records);
}

static void write_pid(struct bh_json *json, int64_t pid)
{
	bh_json_key(json, "pid");
	if (pid > 0)
		bh_json_uint(json, (uint64_t)pid);
	else
		bh_json_null(json);
}

static void write_end(struct bh_json *json, const struct bh_result *result)
{
	bh_json_member_bool(json, "success", result->success);
	write_kind(json, &result->outcome);
	bh_json_member_uint(json, "attempts", result->attempts);
	bh_json_member_ms(json, "duration_ms", result->duration_us);
}

/* What belongs to the type alone. */
static void write_details(struct bh_json *json, const struct bh_event *event)
{
	switch (event->type) {
	case BH_EVENT_QUEUED:
		bh_json_member_uint(json, "tasks", event->n_tasks);
		break;
	case BH_EVENT_LEASED:
	case BH_EVENT_TIMED_OUT:
		break;
	case BH_EVENT_STARTED:
		write_pid(json, event->pid);
		break;
	case BH_EVENT_TASK_STARTED:
		bh_json_key(json, "task_id");
		bh_json_string_span(json, event->task_id);
		break;
	case BH_EVENT_TASK_ENDED:
		bh_json_key(json, "task_id");
		bh_json_string_span(json, event->task_id);
		bh_json_member_bool(json, "success", !event->failed);
		break;
	case BH_EVENT_RECORDS:
		bh_json_member_uint(json, "record_bytes", event->record_bytes);
		break;
	case BH_EVENT_ATTEMPT_FAILED:
		write_failure(json, event);
		break;
	case BH_EVENT_BATCH_ENDED:
		write_end(json, event->result);
		break;
	}
}

void bh_events_write(struct bh_events *events, const struct bh_event *event)
{
	struct bh_json *json = &events->json;

	if (events->fd < 0 || events->error < 0)
		return;
	bh_json_begin_object(json);
	bh_json_key(json, "event");
	bh_json_string(json, bh_event_name(event->type));
	bh_json_member_ms(json, "time_ms", event->time_us - events->started_us);
	bh_json_key(json, "batch_id");
	bh_json_string(json, event->batch_id);
	bh_json_member_uint(json, "index", event->index);
	if (event->attempt > 0)
		bh_json_member_uint(json, "attempt", event->attempt);
	write_details(json, event);
	bh_json_end_object(json);
	events->error = bh_sink_end_line(&events->sink);
	json->need_comma = false;
}
