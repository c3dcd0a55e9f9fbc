/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inputs.h"

#include <errno.h>
#include <inttypes.h>

#include "cli/complaint.h"
#include "cli/jsonl.h"
#include "cli/settings.h"
#include "ipc/wire/base.h"

void bh_inputs_done(struct bh_inputs *inputs)
{
	bh_plan_done(&inputs->plan);
	bh_batches_done(&inputs->given);
	bh_tasks_done(&inputs->tasks);
	bh_entries_done(&inputs->entries);
	bh_arena_done(&inputs->arena);
	*inputs = BH_INPUTS_UNSET;
}

static int load_entries(struct bh_inputs *inputs, const struct bh_settings *settings,
                        struct bh_complaint *complaint)
{
	int r = bh_entries_init(&inputs->entries, complaint);

	for (size_t i = 0; r == BH_STATUS_OK && i < settings->entries.n; i++)
		r = bh_entries_load(&inputs->entries, settings->entries.items[i], complaint);
	bh_bytes_done(&inputs->entries.bytes);
	return r;
}

static int load_batches(struct bh_inputs *inputs, const struct bh_settings *settings,
                        struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_jsonl_done) struct bh_jsonl jsonl = BH_JSONL_UNSET;

	int r = bh_jsonl_open(settings->batches, &jsonl, complaint);
	if (r == BH_STATUS_OK)
		r = bh_batches_load(&jsonl, settings->planner.max_entries, &inputs->arena,
		                    &inputs->given, complaint);
	inputs->batches = inputs->given.items;
	inputs->n_batches = inputs->given.n;
	return r;
}

static int load_tasks(struct bh_inputs *inputs, const struct bh_settings *settings,
                      struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_jsonl_done) struct bh_jsonl jsonl = BH_JSONL_UNSET;

	if (!settings->tasks)
		return bh_tasks_for_store(inputs->entries.store, &inputs->tasks, complaint);
	int r = bh_jsonl_open(settings->tasks, &jsonl, complaint);
	if (r == BH_STATUS_OK)
		r = bh_tasks_load(&jsonl, &inputs->arena, &inputs->tasks, complaint);
	return r;
}

/* The planner has refused the tasks: it knows ids, we know lines. */
static int refuse_tasks(const struct bh_inputs *inputs, const struct bh_settings *settings,
                        const char *why, struct bh_complaint *complaint)
{
	const struct bh_tasks *tasks = &inputs->tasks;
	size_t first, second;

	if (!tasks->lines || bh_tasks_find_repeat(tasks->items, tasks->n, &first, &second) != 1)
		return bh_complain(complaint, BH_STATUS_INPUT, "%s", why);
	return bh_complain(complaint, BH_STATUS_INPUT,
	                   "%s:%" PRIu64 ": task id '%s' is taken by line %" PRIu64
	                   ", expected ids that differ",
	                   settings->tasks, tasks->lines[second], tasks->items[second].id,
	                   tasks->lines[first]);
}

static void free_planner(struct bh_planner **planner)
{
	bh_planner_free(*planner);
}

static int plan(struct bh_inputs *inputs, const struct bh_settings *settings,
                struct bh_complaint *complaint)
{
	BH_CLEANUP(free_planner) struct bh_planner *planner = NULL;
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_planner_new(&settings->planner, &planner, &err);
	if (r == 0)
		r = bh_planner_plan(planner, inputs->entries.store, inputs->tasks.items,
		                    inputs->tasks.n, &inputs->plan, &err);
	if (r == -EINVAL)
		return refuse_tasks(inputs, settings, err.text, complaint);
	if (r < 0)
		return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "%s", err.text);
	inputs->batches = inputs->plan.batches;
	inputs->n_batches = inputs->plan.n_batches;
	return BH_STATUS_OK;
}

/* With --strict, every required entry must be there. */

static int check_ids(const struct bh_inputs *inputs, const char *what, const char *name,
                     const char *const *ids, size_t n_ids, struct bh_complaint *complaint)
{
	for (size_t i = 0; i < n_ids; i++)
		if (!bh_store_contains(inputs->entries.store, ids[i]))
			return bh_complain(complaint, BH_STATUS_INPUT,
			                   "--strict: %s '%s' requires entry '%s', which is not "
			                   "among the entries",
			                   what, name, ids[i]);
	return BH_STATUS_OK;
}

static int check_batch(const struct bh_inputs *inputs, const struct bh_batch *batch,
                       struct bh_complaint *complaint)
{
	int r = BH_STATUS_OK;

	for (size_t i = 0; r == BH_STATUS_OK && i < batch->n_tasks; i++) {
		const struct bh_task *task = batch->tasks[i];

		r = check_ids(inputs, "task", task->id, task->required_entry_ids,
		              task->n_required_entry_ids, complaint);
	}
	if (r == BH_STATUS_OK)
		r = check_ids(inputs, "batch", batch->batch_id, batch->entry_ids,
		              batch->n_entry_ids, complaint);
	return r;
}

static int check_strict(const struct bh_inputs *inputs, struct bh_complaint *complaint)
{
	int r = BH_STATUS_OK;

	for (size_t i = 0; r == BH_STATUS_OK && i < inputs->n_batches; i++)
		r = check_batch(inputs, &inputs->batches[i], complaint);
	return r;
}

int bh_inputs_load(struct bh_inputs *ret, const struct bh_settings *settings,
                   struct bh_complaint *complaint)
{
	int r = load_entries(ret, settings, complaint);

	if (r == BH_STATUS_OK && settings->batches)
		r = load_batches(ret, settings, complaint);
	else if (r == BH_STATUS_OK) {
		r = load_tasks(ret, settings, complaint);
		if (r == BH_STATUS_OK)
			r = plan(ret, settings, complaint);
	}
	if (r == BH_STATUS_OK && settings->strict)
		r = check_strict(ret, complaint);
	return r;
}
