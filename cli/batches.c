/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/batches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/array.h"
#include "cli/complaint.h"
#include "cli/json_writer.h"
#include "cli/jsonl.h"
#include "cli/tasks.h"
#include "cli/value.h"
#include "ipc/wire/base.h"

static const char *const batch_keys[] = {
	"batch_id", "tasks", "entry_ids", "exceeds_limit", NULL,
};

void bh_batches_done(struct bh_batches *batches)
{
	free(batches->items);
	*batches = BH_BATCHES_UNSET;
}

/* Reading. */

static int refuse_repeat(struct bh_task_reader *reader, const struct bh_node *list, size_t first,
                         size_t second)
{
	struct bh_node task, id;

	if (!bh_node_item(list, second, &task) || !bh_node_member(&task, "id", &id))
		return BH_STATUS_INPUT;
	return bh_node_complain(&id, reader->complaint,
	                        "'%s' is the id of tasks[%zu] too, expected ids that differ",
	                        json_string_value(id.value), first);
}

static int read_tasks(struct bh_task_reader *reader, const struct bh_node *list,
                      struct bh_batch *batch)
{
	size_t n = json_array_size(list->value);
	struct bh_task *tasks = bh_arena_take(reader->arena, n, sizeof(*tasks));
	const struct bh_task **pointers = bh_arena_take(reader->arena, n, sizeof(*pointers));
	struct bh_node node;
	size_t first, second;

	if (!tasks || !pointers)
		return bh_complain_memory(reader->complaint);
	for (size_t i = 0; bh_node_item(list, i, &node); i++) {
		int r = bh_task_read(reader, &node, &tasks[i]);
		if (r != BH_STATUS_OK)
			return r;
		pointers[i] = &tasks[i];
	}
	int found = bh_tasks_find_repeat(tasks, n, &first, &second);
	if (found < 0)
		return bh_complain_memory(reader->complaint);
	if (found > 0)
		return refuse_repeat(reader, list, first, second);
	batch->tasks = pointers;
	batch->n_tasks = n;
	return BH_STATUS_OK;
}

static int read_task_list(struct bh_task_reader *reader, const struct bh_node *line,
                          struct bh_batch *batch)
{
	struct bh_node list;

	if (!bh_node_member(line, "tasks", &list))
		return bh_node_complain(line, reader->complaint,
		                        "tasks is missing, expected an array of tasks");
	if (!json_is_array(list.value))
		return bh_node_refuse(&list, "an array of tasks", reader->complaint);
	return read_tasks(reader, &list, batch);
}

static int read_batch_id(struct bh_task_reader *reader, const struct bh_node *line,
                         struct bh_batch *batch)
{
	const char *id;

	int r = bh_node_read_id(line, "batch_id", &id, reader->complaint);
	if (r != BH_STATUS_OK)
		return r;
	batch->batch_id = bh_arena_text(reader->arena, id, strlen(id));
	return batch->batch_id ? BH_STATUS_OK : bh_complain_memory(reader->complaint);
}

static int work_out_limit(struct bh_task_reader *reader, uint64_t max_entries,
                          struct bh_batch *batch)
{
	const char **ids;
	size_t n;

	if (bh_batch_union(batch, &ids, &n) < 0)
		return bh_complain_memory(reader->complaint);
	free(ids);
	batch->exceeds_limit = n > max_entries;
	return BH_STATUS_OK;
}

static int read_batch(struct bh_task_reader *reader, const struct bh_node *line,
                      uint64_t max_entries, struct bh_batch *ret)
{
	struct bh_batch batch = { .batch_id = NULL };

	int r = bh_node_check_keys(line, batch_keys, reader->complaint);
	if (r == BH_STATUS_OK)
		r = read_batch_id(reader, line, &batch);
	if (r == BH_STATUS_OK)
		r = read_task_list(reader, line, &batch);
	if (r == BH_STATUS_OK)
		r = bh_node_read_ids(line, "entry_ids", reader->arena, &batch.entry_ids,
		                     &batch.n_entry_ids, reader->complaint);
	if (r == BH_STATUS_OK)
		r = bh_node_read_bool(line, "exceeds_limit", &batch.exceeds_limit,
		                      reader->complaint);
	if (r == BH_STATUS_OK)
		r = work_out_limit(reader, max_entries, &batch);
	if (r != BH_STATUS_OK)
		return r;
	*ret = batch;
	return BH_STATUS_OK;
}

int bh_batches_load(struct bh_jsonl *jsonl, uint64_t max_entries, struct bh_arena *arena,
                    struct bh_batches *ret, struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_task_reader_done)
	struct bh_task_reader reader = { .arena = arena, .complaint = complaint };
	struct bh_node line;

	for (;;) {
		int r = bh_jsonl_next(jsonl, &line, complaint);
		if (r != BH_STATUS_OK || !line.value)
			return r;
		if (!bh_array_grow(&ret->items, &ret->capacity, ret->n, sizeof(*ret->items)))
			return bh_complain_memory(complaint);
		r = read_batch(&reader, &line, max_entries, &ret->items[ret->n]);
		if (r != BH_STATUS_OK)
			return r;
		ret->n++;
	}
}

/* The union: sorted to find what is there twice, then brought back into order. */

struct required {
	const char *id;
	size_t place;
};

static int compare_ids(const void *left, const void *right)
{
	const struct required *a = left;
	const struct required *b = right;
	int order = strcmp(a->id, b->id);

	return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static int compare_places(const void *left, const void *right)
{
	const struct required *a = left;
	const struct required *b = right;

	return (a->place > b->place) - (a->place < b->place);
}

static size_t count_required(const struct bh_batch *batch)
{
	size_t n = batch->n_entry_ids;

	for (size_t i = 0; i < batch->n_tasks; i++)
		n += batch->tasks[i]->n_required_entry_ids;
	return n;
}

static void list_required(const struct bh_batch *batch, struct required *list)
{
	size_t n = 0;

	for (size_t i = 0; i < batch->n_tasks; i++) {
		const struct bh_task *task = batch->tasks[i];

		for (size_t j = 0; j < task->n_required_entry_ids; j++, n++)
			list[n] = (struct required){ task->required_entry_ids[j], n };
	}
	for (size_t i = 0; i < batch->n_entry_ids; i++, n++)
		list[n] = (struct required){ batch->entry_ids[i], n };
}

/* Keeps the first of each id. Returns how many are left. */
static size_t drop_repeats(struct required *list, size_t n)
{
	size_t kept = 0;

	qsort(list, n, sizeof(*list), compare_ids);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || strcmp(list[kept - 1].id, list[i].id) != 0)
			list[kept++] = list[i];
	qsort(list, kept, sizeof(*list), compare_places);
	return kept;
}

int bh_batch_union(const struct bh_batch *batch, const char ***ret, size_t *ret_n)
{
	size_t n = count_required(batch);
	BH_CLEANUP(bh_free_done) struct required *list = reallocarray(NULL, n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list_required(batch, list);
	n = drop_repeats(list, n);
	const char **ids = reallocarray(NULL, n + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		ids[i] = list[i].id;
	*ret = ids;
	*ret_n = n;
	return 0;
}

/* Writing. */

static void write_ids(struct bh_json *json, const char *key, const char *const *ids, size_t n)
{
	bh_json_key(json, key);
	bh_json_begin_array(json);
	for (size_t i = 0; i < n; i++)
		bh_json_string(json, ids[i]);
	bh_json_end_array(json);
}

static int write_task(struct bh_json *json, const struct bh_task *task)
{
	bh_json_begin_object(json);
	bh_json_key(json, "id");
	bh_json_string(json, task->id);
	bh_json_key(json, "description");
	bh_json_string(json, task->description ? task->description : "");
	write_ids(json, "required_entry_ids", task->required_entry_ids, task->n_required_entry_ids);
	bh_json_key(json, "priority");
	bh_json_int(json, task->priority);
	bh_json_key(json, "params");
	if (!task->params.data)
		bh_json_null(json);
	else if (!bh_value_write(json, task->params))
		return -ENOMEM;
	if (task->exclusive) {
		bh_json_key(json, "lease");
		bh_json_string(json, "exclusive");
	}
	bh_json_end_object(json);
	return 0;
}

int bh_batch_write(struct bh_json *json, const struct bh_batch *batch)
{
	BH_CLEANUP(bh_free_done) const char **ids = NULL;
	size_t n;
	int r = bh_batch_union(batch, &ids, &n);

	bh_json_begin_object(json);
	bh_json_key(json, "batch_id");
	bh_json_string(json, batch->batch_id);
	bh_json_key(json, "tasks");
	bh_json_begin_array(json);
	for (size_t i = 0; r == 0 && i < batch->n_tasks; i++)
		r = write_task(json, batch->tasks[i]);
	bh_json_end_array(json);
	if (r < 0)
		return r;
	write_ids(json, "entry_ids", ids, n);
	bh_json_key(json, "exceeds_limit");
	bh_json_bool(json, batch->exceeds_limit);
	bh_json_end_object(json);
	return 0;
}
