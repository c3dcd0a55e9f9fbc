/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/merge.h"

#include <stdlib.h>
#include <string.h>

#include "ipc/codec/task_error.h"
#include "ipc/wire/base.h"
#include "supervisor/growth.h"

void bh_merge_done(struct bh_merge *merge)
{
	bh_idmap_done(&merge->ids);
	free(merge->records);
	bh_result_free(merge->result);
	*merge = BH_MERGE_UNSET;
}

static int map_tasks(struct bh_merge *merge)
{
	size_t n = merge->batch->n_tasks;

	merge->records = reallocarray(NULL, n, sizeof(*merge->records));
	if (!merge->records)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		merge->records[i] = BH_NO_RECORD;
		int r = bh_idmap_insert(&merge->ids, bh_idmap_key(merge->batch->tasks[i]->id),
		                        (union bh_idmap_value){ .number = i });
		if (r < 0)
			return r;
	}
	return 0;
}

size_t bh_merge_find(const struct bh_merge *merge, struct bh_span task_id)
{
	const union bh_idmap_value *found = bh_idmap_find(&merge->ids, task_id);

	return found && found->number < merge->batch->n_tasks ? found->number : SIZE_MAX;
}

/* Where the record of this id is; BH_NO_RECORD where there is none. */
static size_t find_record(const struct bh_merge *merge, struct bh_span task_id)
{
	const union bh_idmap_value *found = bh_idmap_find(&merge->ids, task_id);

	if (!found)
		return BH_NO_RECORD;
	return found->number < merge->batch->n_tasks ? merge->records[found->number]
	                                             : found->number - merge->batch->n_tasks;
}

/* Remembers that the record of this id is at `place`. There is room for its key. */
static void set_record(struct bh_merge *merge, struct bh_span task_id, size_t place)
{
	size_t task = bh_merge_find(merge, task_id);
	const union bh_idmap_value behind = { .number = merge->batch->n_tasks + place };

	if (task != SIZE_MAX)
		merge->records[task] = place;
	else if (bh_idmap_insert(&merge->ids, task_id, behind) < 0)
		return; /* not with the room that there is */
}

int bh_merge_init(struct bh_merge *merge, const struct bh_batch *batch, struct bh_result *first)
{
	struct bh_merge made = { .batch = batch, .capacity = first->n_task_results };

	int r = map_tasks(&made);
	if (r == 0)
		r = bh_idmap_reserve(&made.ids, made.ids.count + first->n_task_results);
	if (r < 0) {
		bh_merge_done(&made);
		return r;
	}
	for (size_t i = 0; i < first->n_task_results; i++)
		set_record(&made, first->task_results[i].task_id, i);
	made.result = first;
	*merge = made;
	return 0;
}

/* Room for everything that a round can bring, so that adding it can't fail midway. */
static int reserve(struct bh_merge *merge, size_t n_records)
{
	struct bh_result *result = merge->result;
	size_t needed;

	if (__builtin_add_overflow(result->n_task_results, n_records, &needed))
		return -ENOMEM;
	struct bh_task_result *records =
	        bh_grown(result->task_results, &merge->capacity, needed, sizeof(*records));
	if (!records)
		return -ENOMEM;
	result->task_results = records;
	void **memory = bh_grown(result->more_memory, &merge->memory_capacity,
	                         result->n_more_memory + 1, sizeof(*memory));
	if (!memory)
		return -ENOMEM;
	result->more_memory = memory;
	return bh_idmap_reserve(&merge->ids, merge->ids.count + n_records);
}

static void keep_memory(struct bh_result *result, void *memory)
{
	if (memory)
		result->more_memory[result->n_more_memory++] = memory;
}

static void add_record(struct bh_merge *merge, const struct bh_task_result *record)
{
	struct bh_result *result = merge->result;
	size_t place = find_record(merge, record->task_id);

	if (record->is_unknown && bh_merge_find(merge, record->task_id) != SIZE_MAX) {
		result->duplicate_results++; /* of a task that another round settles */
		return;
	}
	if (place == BH_NO_RECORD) {
		place = result->n_task_results++;
		result->task_results[place] = *record;
		set_record(merge, record->task_id, place);
		return;
	}
	/* the id that the map has as its key lies in the older record's bytes, which
	 * are kept */
	result->duplicate_results++;
	result->task_results[place] = *record;
}

/* What was printed, one round behind the other, up to the cap of one. */
static void append_output(struct bh_output *to, const struct bh_output *more, uint64_t max)
{
	size_t room = to->size < max ? (size_t)(max - to->size) : 0;
	size_t n = more->size < room ? more->size : room;
	char *grown = n > 0 ? realloc(to->data, to->size + n) : NULL;

	if (grown)
		to->data = grown;
	else
		n = 0;
	if (n > 0)
		memcpy(to->data + to->size, more->data, n);
	to->size += n;
	to->dropped += more->dropped + (more->size - n);
}

int bh_merge_add(struct bh_merge *merge, struct bh_result *round, uint64_t max_output)
{
	struct bh_result *result = merge->result;

	int r = reserve(merge, round->n_task_results);
	if (r < 0)
		return r;
	for (size_t i = 0; i < round->n_task_results; i++)
		add_record(merge, &round->task_results[i]);
	keep_memory(result, BH_TAKE(round->memory, NULL));
	result->outcome = round->outcome;
	result->success = round->success;
	result->duplicate_results += round->duplicate_results;
	result->trailing_bytes += round->trailing_bytes;
	append_output(&result->out, &round->out, max_output);
	append_output(&result->err, &round->err, max_output);
	bh_result_free(round);
	return 0;
}

int bh_merge_blame(struct bh_merge *merge, size_t task, const struct bh_outcome *death,
                   uint32_t attempt)
{
	BH_CLEANUP(bh_encoded_done) struct bh_encoded error = BH_ENCODED_UNSET;
	const struct bh_batch *batch = merge->batch;

	int r = bh_task_error_encode(bh_kind_name(death->kind), death->message, attempt, &error);
	if (r == 0)
		r = reserve(merge, 1);
	if (r < 0)
		return r;
	const struct bh_task_result record = {
		.task_id = bh_idmap_key(batch->tasks[task]->id),
		.value = { error.data, error.size },
		.is_error = true,
		.death = death->kind,
	};
	keep_memory(merge->result, BH_TAKE(error.data, NULL));
	add_record(merge, &record);
	return 0;
}

static void list_missing(struct bh_merge *merge)
{
	struct bh_result *result = merge->result;
	size_t n = merge->batch->n_tasks;

	free(result->missing_task_ids);
	result->n_missing_task_ids = 0;
	result->missing_task_ids = reallocarray(NULL, n, sizeof(*result->missing_task_ids));
	for (size_t i = 0; result->missing_task_ids && i < n; i++)
		if (merge->records[i] == BH_NO_RECORD)
			result->missing_task_ids[result->n_missing_task_ids++] =
			        merge->batch->tasks[i]->id;
}

struct bh_result *bh_merge_take(struct bh_merge *merge)
{
	list_missing(merge);
	merge->result->partial = !merge->result->success && merge->result->n_task_results > 0;
	return BH_TAKE(merge->result, NULL);
}
