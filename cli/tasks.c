/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/array.h"
#include "cli/complaint.h"
#include "cli/jsonl.h"
#include "cli/value.h"
#include "ipc/wire/base.h"

static const char *const task_keys[] = {
	"id", "description", "required_entry_ids", "priority", "params", "lease", NULL,
};

void bh_task_reader_done(struct bh_task_reader *reader)
{
	msgpack_sbuffer_destroy(&reader->packed);
}

static int read_params(struct bh_task_reader *reader, const struct bh_node *task,
                       struct bh_span *ret)
{
	struct bh_node node;

	if (!bh_node_member(task, "params", &node) || json_is_null(node.value))
		return BH_STATUS_OK;
	if (!bh_value_within_depth(node.value, BH_VALUE_MAX_DEPTH))
		return bh_node_complain(&node, reader->complaint,
		                        "nested too deep, expected at most %d arrays and objects "
		                        "inside one another",
		                        BH_VALUE_MAX_DEPTH);
	msgpack_sbuffer_clear(&reader->packed);
	if (!bh_value_pack(node.value, &reader->packed))
		return bh_complain_memory(reader->complaint);
	char *copy = bh_arena_text(reader->arena, reader->packed.data, reader->packed.size);
	if (!copy)
		return bh_complain_memory(reader->complaint);
	*ret = (struct bh_span){ copy, reader->packed.size };
	return BH_STATUS_OK;
}

static int read_lease(struct bh_task_reader *reader, const struct bh_node *task, bool *exclusive)
{
	struct bh_node node;

	if (!bh_node_member(task, "lease", &node))
		return BH_STATUS_OK;
	const char *value = json_string_value(node.value); /* NULL where it is none */
	*exclusive = value && strcmp(value, "exclusive") == 0;
	if (*exclusive || (value && strcmp(value, "shared") == 0))
		return BH_STATUS_OK;
	return bh_node_refuse(&node, "\"shared\" or \"exclusive\"", reader->complaint);
}

/* Moves a text of jansson's into the arena. */
static int keep(struct bh_task_reader *reader, const char **text)
{
	*text = bh_arena_text(reader->arena, *text, strlen(*text));
	return *text ? BH_STATUS_OK : bh_complain_memory(reader->complaint);
}

int bh_task_read(struct bh_task_reader *reader, const struct bh_node *node, struct bh_task *ret)
{
	struct bh_task task = { .description = "" };

	int r = bh_node_check_keys(node, task_keys, reader->complaint);
	if (r == BH_STATUS_OK)
		r = bh_node_read_id(node, "id", &task.id, reader->complaint);
	if (r == BH_STATUS_OK)
		r = keep(reader, &task.id);
	if (r == BH_STATUS_OK)
		r = bh_node_read_text(node, "description", false, &task.description,
		                      reader->complaint);
	if (r == BH_STATUS_OK)
		r = keep(reader, &task.description);
	if (r == BH_STATUS_OK)
		r = bh_node_read_int(node, "priority", false, INT64_MIN, &task.priority,
		                     reader->complaint);
	if (r == BH_STATUS_OK)
		r = bh_node_read_ids(node, "required_entry_ids", reader->arena,
		                     &task.required_entry_ids, &task.n_required_entry_ids,
		                     reader->complaint);
	if (r == BH_STATUS_OK)
		r = read_params(reader, node, &task.params);
	if (r == BH_STATUS_OK)
		r = read_lease(reader, node, &task.exclusive);
	if (r != BH_STATUS_OK)
		return r;
	*ret = task;
	return BH_STATUS_OK;
}

void bh_tasks_done(struct bh_tasks *tasks)
{
	free(tasks->items);
	free(tasks->lines);
	free(tasks->entry_ids);
	*tasks = BH_TASKS_UNSET;
}

static int load_line(struct bh_task_reader *reader, const struct bh_node *line,
                     struct bh_tasks *tasks)
{
	if (!bh_array_grow(&tasks->items, &tasks->capacity, tasks->n, sizeof(*tasks->items)) ||
	    !bh_array_grow(&tasks->lines, &tasks->lines_capacity, tasks->n, sizeof(*tasks->lines)))
		return bh_complain_memory(reader->complaint);
	int r = bh_task_read(reader, line, &tasks->items[tasks->n]);
	if (r != BH_STATUS_OK)
		return r;
	tasks->lines[tasks->n++] = line->jsonl->number;
	return BH_STATUS_OK;
}

int bh_tasks_load(struct bh_jsonl *jsonl, struct bh_arena *arena, struct bh_tasks *ret,
                  struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_task_reader_done)
	struct bh_task_reader reader = { .arena = arena, .complaint = complaint };
	struct bh_node line;

	for (;;) {
		int r = bh_jsonl_next(jsonl, &line, complaint);
		if (r != BH_STATUS_OK || !line.value)
			return r;
		r = load_line(&reader, &line, ret);
		if (r != BH_STATUS_OK)
			return r;
	}
}

int bh_tasks_for_store(const struct bh_store *store, struct bh_tasks *ret,
                       struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_tasks_done) struct bh_tasks made = BH_TASKS_UNSET;
	struct bh_store_cursor cursor = { 0 };
	struct bh_entry_view view;
	size_t n = bh_store_count(store);

	made.items = calloc(n + 1, sizeof(*made.items));
	made.entry_ids = calloc(n + 1, sizeof(*made.entry_ids));
	if (!made.items || !made.entry_ids)
		return bh_complain_memory(complaint);
	while (made.n < n && bh_store_next(store, &cursor, &view)) {
		made.entry_ids[made.n] = view.id;
		made.items[made.n] = (struct bh_task){
			.id = view.id,
			.description = "",
			.required_entry_ids = &made.entry_ids[made.n],
			.n_required_entry_ids = 1,
		};
		made.n++;
	}
	*ret = BH_TAKE(made, BH_TASKS_UNSET);
	return BH_STATUS_OK;
}

/* By id; the order of the tasks is that of their addresses. */
static int compare_tasks(const void *left, const void *right)
{
	const struct bh_task *a = *(const struct bh_task *const *)left;
	const struct bh_task *b = *(const struct bh_task *const *)right;
	int order = strcmp(a->id, b->id);

	return order != 0 ? order : (a > b) - (a < b);
}

int bh_tasks_find_repeat(const struct bh_task *tasks, size_t n_tasks, size_t *ret_first,
                         size_t *ret_second)
{
	BH_CLEANUP(bh_free_done) const struct bh_task **sorted = NULL;

	if (n_tasks < 2)
		return 0;
	sorted = reallocarray(NULL, n_tasks, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n_tasks; i++)
		sorted[i] = &tasks[i];
	qsort(sorted, n_tasks, sizeof(*sorted), compare_tasks);
	for (size_t i = 1; i < n_tasks; i++) {
		if (strcmp(sorted[i - 1]->id, sorted[i]->id) != 0)
			continue;
		*ret_first = (size_t)(sorted[i - 1] - tasks);
		*ret_second = (size_t)(sorted[i] - tasks);
		return 1;
	}
	return 0;
}
