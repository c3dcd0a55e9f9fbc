/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/planner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/wire/base.h"
#include "supervisor/growth.h"
#include "supervisor/idmap.h"
#include "supervisor/store_internal.h"
#include "supervisor/stored_entry.h"
#include "supervisor/task.h"

/* Batches follow one another in the order of the tasks, so the tasks of all of
 * them are one array, and so are their entry ids and their names. While a plan
 * grows, a batch only has its counts; the pointers are set at the end, when the
 * arrays don't move any more. */

struct bh_planner {
	struct bh_planner_options options;
	uint64_t n_planned; /* batches so far: the number of the last one */
};

/* What bh_plan.memory points to. */
struct plan_memory {
	const struct bh_task **tasks;
	const char **entry_ids;
	char *names;
};

struct planning {
	const struct bh_planner_options *options;
	const struct bh_store *store;
	struct plan_memory *memory; /* owned, with its arrays */
	size_t n_entry_ids;
	size_t entry_ids_capacity;
	struct bh_batch *batches; /* owned; the last one is open */
	size_t n_batches;
	size_t batches_capacity;
	struct bh_idmap open_ids; /* entry ids of the open batch */
	uint64_t open_tokens;
};

static void plan_memory_free(struct plan_memory *memory)
{
	if (!memory)
		return;
	free(memory->tasks);
	free(memory->entry_ids);
	free(memory->names);
	free(memory);
}

static void planning_done(struct planning *planning)
{
	plan_memory_free(planning->memory);
	free(planning->batches);
	bh_idmap_done(&planning->open_ids);
}

int bh_planner_new(const struct bh_planner_options *options, struct bh_planner **ret,
                   struct bh_error *err)
{
	if (options->max_entries == 0 || options->max_tasks == 0 || options->max_tokens == 0)
		return bh_fail_plain(err, EINVAL, "a limit of a batch is 0");

	struct bh_planner *planner = calloc(1, sizeof(*planner));
	if (!planner)
		return bh_fail(err, ENOMEM, "make a planner");
	planner->options = *options;
	*ret = planner;
	return 0;
}

void bh_planner_free(struct bh_planner *planner)
{
	free(planner);
}

/* The order of the tasks. */

struct sortable {
	int64_t priority;
	const struct bh_task *task;
};

/* Tasks of one priority stand in one array, so their places tell their order:
 * that makes the sort stable. */
static int compare_sortable(const void *left, const void *right)
{
	const struct sortable *a = left;
	const struct sortable *b = right;

	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	return (a->task > b->task) - (a->task < b->task);
}

static int sort_by_priority(const struct bh_task **tasks, size_t n_tasks)
{
	struct sortable *sortables = reallocarray(NULL, n_tasks, sizeof(*sortables));

	if (!sortables)
		return -ENOMEM;
	for (size_t i = 0; i < n_tasks; i++)
		sortables[i] = (struct sortable){ tasks[i]->priority, tasks[i] };
	qsort(sortables, n_tasks, sizeof(*sortables), compare_sortable);
	for (size_t i = 0; i < n_tasks; i++)
		tasks[i] = sortables[i].task;
	free(sortables);
	return 0;
}

static int check_tasks(const struct bh_task *const *tasks, size_t n_tasks, struct bh_error *err)
{
	for (size_t i = 0; i < n_tasks; i++) {
		int r = bh_task_check(tasks[i], err);
		if (r < 0)
			return r;
	}
	return bh_tasks_check_ids(tasks, n_tasks, err);
}

static int list_tasks(struct planning *planning, const struct bh_task *tasks, size_t n_tasks,
                      struct bh_error *err)
{
	planning->memory = calloc(1, sizeof(*planning->memory));
	if (!planning->memory)
		return bh_fail(err, ENOMEM, "plan %zu tasks", n_tasks);
	const struct bh_task **listed = reallocarray(NULL, n_tasks, sizeof(*listed));
	planning->memory->tasks = listed;
	if (!listed)
		return bh_fail(err, ENOMEM, "plan %zu tasks", n_tasks);
	for (size_t i = 0; i < n_tasks; i++)
		listed[i] = &tasks[i];

	int r = check_tasks(listed, n_tasks, err);
	if (r < 0)
		return r;
	if (planning->options->sort_priority && sort_by_priority(listed, n_tasks) < 0)
		return bh_fail(err, ENOMEM, "sort %zu tasks", n_tasks);
	return 0;
}

/* Filling batches. */

static uint64_t tokens_of(const struct planning *planning, const char *id)
{
	if (planning->options->max_tokens == BH_UNLIMITED || !planning->store)
		return 0;

	const struct bh_stored_entry *entry = bh_store_find(planning->store, id);
	return entry ? entry->tokens : 0;
}

static int add_entry_id(struct planning *planning, struct bh_batch *open, const char *id)
{
	int r = bh_idmap_insert(&planning->open_ids, bh_idmap_key(id), (union bh_idmap_value){ 0 });
	if (r == -EEXIST)
		return 0;
	if (r < 0)
		return r;

	const char **grown = bh_grown(planning->memory->entry_ids, &planning->entry_ids_capacity,
	                              planning->n_entry_ids + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	planning->memory->entry_ids = grown;
	grown[planning->n_entry_ids++] = id;
	open->n_entry_ids++;
	planning->open_tokens = bh_add_saturated(planning->open_tokens, tokens_of(planning, id));
	return 0;
}

static int add_task(struct planning *planning, struct bh_batch *open, const struct bh_task *task)
{
	for (size_t i = 0; i < task->n_required_entry_ids; i++) {
		int r = add_entry_id(planning, open, task->required_entry_ids[i]);
		if (r < 0)
			return r;
	}
	open->n_tasks++;
	return 0;
}

static int open_batch(struct planning *planning)
{
	struct bh_batch *grown = bh_grown(planning->batches, &planning->batches_capacity,
	                                  planning->n_batches + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	planning->batches = grown;
	grown[planning->n_batches++] = (struct bh_batch){ .n_tasks = 0 };
	bh_idmap_clear(&planning->open_ids);
	planning->open_tokens = 0;
	return 0;
}

static bool is_within_limits(const struct planning *planning, const struct bh_batch *open)
{
	const struct bh_planner_options *options = planning->options;

	return open->n_entry_ids <= options->max_entries && open->n_tasks <= options->max_tasks &&
	       planning->open_tokens <= options->max_tokens;
}

/* Returns 1 where the task joined the open batch, 0 where it doesn't fit. The
 * set of ids is then left with those of the task: opening a batch empties it. */
static int join_open_batch(struct planning *planning, const struct bh_task *task)
{
	if (planning->n_batches == 0)
		return 0;

	struct bh_batch *open = &planning->batches[planning->n_batches - 1];
	struct bh_batch before = *open;
	int r = add_task(planning, open, task);
	if (r < 0)
		return r;
	if (is_within_limits(planning, open))
		return 1;

	planning->n_entry_ids -= open->n_entry_ids - before.n_entry_ids;
	*open = before;
	return 0;
}

static int place_task(struct planning *planning, const struct bh_task *task)
{
	int r = join_open_batch(planning, task);
	if (r != 0)
		return r < 0 ? r : 0;
	r = open_batch(planning);
	if (r < 0)
		return r;

	struct bh_batch *open = &planning->batches[planning->n_batches - 1];
	r = add_task(planning, open, task);
	open->exceeds_limit = open->n_entry_ids > planning->options->max_entries;
	return r;
}

/* Names and pointers of batches that have their counts. */

static int name_batches(struct planning *planning, uint64_t n_before)
{
	unsigned long long number = n_before + planning->n_batches;
	size_t stride = (size_t)snprintf(NULL, 0, "batch_%04llu", number) + 1;
	char *names = reallocarray(NULL, planning->n_batches, stride);

	if (!names)
		return -ENOMEM;
	planning->memory->names = names;
	number = n_before;
	for (size_t i = 0; i < planning->n_batches; i++) {
		char *name = names + i * stride;

		snprintf(name, stride, "batch_%04llu", ++number);
		planning->batches[i].batch_id = name;
	}
	return 0;
}

static void point_batches(struct planning *planning)
{
	struct plan_memory *memory = planning->memory;
	size_t task = 0;
	size_t entry_id = 0;

	planning->batches =
	        bh_shrunk(planning->batches, planning->n_batches, sizeof(*planning->batches));
	memory->entry_ids =
	        bh_shrunk(memory->entry_ids, planning->n_entry_ids, sizeof(*memory->entry_ids));
	for (size_t i = 0; i < planning->n_batches; i++) {
		struct bh_batch *batch = &planning->batches[i];

		batch->tasks = memory->tasks + task;
		task += batch->n_tasks;
		if (batch->n_entry_ids > 0)
			batch->entry_ids = memory->entry_ids + entry_id;
		entry_id += batch->n_entry_ids;
	}
}

static int fill_batches(struct planning *planning, size_t n_tasks, uint64_t n_before)
{
	for (size_t i = 0; i < n_tasks; i++) {
		int r = place_task(planning, planning->memory->tasks[i]);
		if (r < 0)
			return r;
	}
	int r = name_batches(planning, n_before);
	if (r < 0)
		return r;
	point_batches(planning);
	return 0;
}

int bh_planner_plan(struct bh_planner *planner, const struct bh_store *store,
                    const struct bh_task *tasks, size_t n_tasks, struct bh_plan *ret,
                    struct bh_error *err)
{
	BH_CLEANUP(planning_done)
	struct planning planning = {
		.options = &planner->options,
		.store = store,
	};

	if (n_tasks == 0) {
		*ret = BH_PLAN_UNSET;
		return 0;
	}
	int r = list_tasks(&planning, tasks, n_tasks, err);
	if (r < 0)
		return r;
	r = fill_batches(&planning, n_tasks, planner->n_planned);
	if (r < 0)
		return bh_fail(err, -r, "plan %zu tasks", n_tasks);

	planner->n_planned += planning.n_batches;
	ret->n_batches = planning.n_batches;
	ret->batches = BH_TAKE(planning.batches, NULL);
	ret->memory = BH_TAKE(planning.memory, NULL);
	return 0;
}

void bh_plan_done(struct bh_plan *plan)
{
	plan_memory_free(plan->memory);
	free(plan->batches);
	*plan = BH_PLAN_UNSET;
}
