/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/roster.h"

#include <stdlib.h>
#include <string.h>

#include "cli/array.h"
#include "cli/text.h"
#include "ipc/wire/base.h"

int bh_roster_init(struct bh_roster *roster, size_t n_batches, uint64_t n_tasks,
                   uint64_t started_us)
{
	*roster = BH_ROSTER_UNSET;
	roster->places = calloc(n_batches > 0 ? n_batches : 1, sizeof(*roster->places));
	if (!roster->places)
		return -ENOMEM;
	roster->n_batches = n_batches;
	roster->n_tasks = n_tasks;
	roster->started_us = started_us;
	return 0;
}

void bh_roster_done(struct bh_roster *roster)
{
	free(roster->batches);
	free(roster->places);
	*roster = BH_ROSTER_UNSET;
}

/* ---- those under way ---- */

static struct bh_roster_batch *find(struct bh_roster *roster, size_t index)
{
	size_t place = index < roster->n_batches ? roster->places[index] : 0;

	return place > 0 ? &roster->batches[place - 1] : NULL;
}

/* NULL where there is no room for it. */
static struct bh_roster_batch *add(struct bh_roster *roster, const struct bh_event *event)
{
	if (event->index >= roster->n_batches)
		return NULL;
	if (!bh_array_grow(&roster->batches, &roster->capacity, roster->n,
	                   sizeof(*roster->batches)))
		return NULL;
	struct bh_roster_batch *batch = &roster->batches[roster->n++];
	roster->places[event->index] = roster->n;
	*batch = (struct bh_roster_batch){ .index = event->index,
		                           .batch_id = event->batch_id,
		                           .begun_us = event->time_us,
		                           .n_tasks = event->n_tasks };
	return batch;
}

/* The last one takes its place. */
static void remove_batch(struct bh_roster *roster, struct bh_roster_batch *batch)
{
	roster->places[batch->index] = 0;
	roster->n_running_tasks_done -= batch->n_done;
	*batch = roster->batches[--roster->n];
	if (batch != &roster->batches[roster->n])
		roster->places[batch->index] = (size_t)(batch - roster->batches) + 1;
}

/* ---- events ---- */

static void lease(struct bh_roster *roster, const struct bh_event *event)
{
	struct bh_roster_batch *batch = find(roster, event->index);

	if (!batch)
		batch = add(roster, event);
	if (!batch)
		return;
	batch->state = BH_ROSTER_LEASED;
	batch->attempt = event->attempt;
	batch->since_us = event->time_us;
	batch->pid = 0;
	batch->task_size = 0;
}

static void begin_task(struct bh_roster_batch *batch, struct bh_span id)
{
	batch->task_size = id.size;
	batch->task_kept = 0;
	if (id.size == 0)
		return;
	batch->task_kept = bh_utf8_cut(id.data, id.size, sizeof(batch->task));
	memcpy(batch->task, id.data, batch->task_kept);
}

static bool is_at(const struct bh_roster_batch *batch, struct bh_span id)
{
	return id.size > 0 && id.size == batch->task_size &&
	       memcmp(batch->task, id.data, batch->task_kept) == 0;
}

static void end_task(struct bh_roster *roster, struct bh_roster_batch *batch, struct bh_span id)
{
	if (is_at(batch, id))
		batch->task_size = 0;
	if (batch->n_done == batch->n_tasks)
		return; /* a record too many */
	batch->n_done++;
	roster->n_running_tasks_done++;
}

static void fail(struct bh_roster *roster, struct bh_roster_batch *batch,
                 const struct bh_event *event)
{
	batch->state = BH_ROSTER_WAITS;
	batch->attempt = event->attempt;
	batch->since_us = event->time_us;
	batch->due_us = bh_add_saturated(event->time_us, event->delay_us);
	batch->kind = event->outcome->kind;
	batch->pid = 0;
	batch->task_size = 0;
	if (event->keeps_records)
		return;
	roster->n_running_tasks_done -= batch->n_done;
	batch->n_done = 0;
}

/* One that was cancelled before it began has no result that counts. */
static void end(struct bh_roster *roster, const struct bh_event *event)
{
	struct bh_roster_batch *batch = find(roster, event->index);
	const struct bh_result *result = event->result;

	if (batch)
		remove_batch(roster, batch);
	if (result->outcome.kind == BH_KIND_CANCELLED && result->attempts == 0) {
		roster->n_absent++;
		return;
	}
	roster->n_ended++;
	roster->n_ended_tasks += event->n_tasks;
	roster->kinds[result->success ? BH_KIND_NONE : result->outcome.kind]++;
	for (size_t i = 0; i < result->n_task_results; i++)
		roster->n_task_errors += result->task_results[i].is_error;
}

static void change(struct bh_roster *roster, struct bh_roster_batch *batch,
                   const struct bh_event *event)
{
	switch (event->type) {
	case BH_EVENT_STARTED:
		batch->state = BH_ROSTER_STARTED;
		batch->since_us = event->time_us;
		batch->pid = event->pid;
		break;
	case BH_EVENT_TASK_STARTED:
		begin_task(batch, event->task_id);
		break;
	case BH_EVENT_TASK_ENDED:
		end_task(roster, batch, event->task_id);
		break;
	case BH_EVENT_TIMED_OUT:
		batch->state = BH_ROSTER_GRACE;
		batch->since_us = event->time_us;
		break;
	case BH_EVENT_ATTEMPT_FAILED:
		fail(roster, batch, event);
		break;
	case BH_EVENT_QUEUED:
	case BH_EVENT_LEASED:
	case BH_EVENT_RECORDS:
	case BH_EVENT_BATCH_ENDED:
		break;
	}
}

void bh_roster_event(struct bh_roster *roster, const struct bh_event *event)
{
	struct bh_roster_batch *batch;

	roster->n_events++;
	if (event->type == BH_EVENT_LEASED)
		lease(roster, event);
	else if (event->type == BH_EVENT_BATCH_ENDED)
		end(roster, event);
	else if ((batch = find(roster, event->index)) != NULL)
		change(roster, batch, event);
}

/* ---- what it comes to ---- */

uint64_t bh_roster_waiting(const struct bh_roster *roster)
{
	return roster->n_batches - roster->n_ended - roster->n_absent - roster->n;
}

uint64_t bh_roster_tasks_done(const struct bh_roster *roster)
{
	return roster->n_ended_tasks + roster->n_running_tasks_done;
}

const struct bh_roster_batch *bh_roster_slowest(const struct bh_roster *roster)
{
	const struct bh_roster_batch *slowest = NULL;

	for (size_t i = 0; i < roster->n; i++) {
		const struct bh_roster_batch *batch = &roster->batches[i];

		if (batch->state == BH_ROSTER_WAITS)
			continue;
		if (!slowest || batch->begun_us < slowest->begun_us ||
		    (batch->begun_us == slowest->begun_us && batch->index < slowest->index))
			slowest = batch;
	}
	return slowest;
}

static int compare(const void *a, const void *b)
{
	const struct bh_roster_batch *first = a;
	const struct bh_roster_batch *second = b;

	if (first->begun_us != second->begun_us)
		return first->begun_us < second->begun_us ? -1 : 1;
	return first->index < second->index ? -1 : first->index > second->index;
}

void bh_roster_sort(struct bh_roster *roster)
{
	if (roster->n == 0)
		return;
	qsort(roster->batches, roster->n, sizeof(*roster->batches), compare);
	for (size_t i = 0; i < roster->n; i++)
		roster->places[roster->batches[i].index] = i + 1;
}
