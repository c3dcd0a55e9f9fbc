/* SPDX-License-Identifier: Apache-2.0 */

/* context.c: what the context says of the batch and of its tasks. Tasks are
 * checked when the context is opened, so that reading one again can't fail. */

#include <errno.h>

#include "bulkhead/version.h"
#include "handler_state.h"
#include "pages.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

bool bh_reader_str_or_nil(struct bh_reader *reader, struct bh_text *ret)
{
	if (bh_reader_str(reader, ret))
		return true;
	*ret = bh_text_from(NULL);
	return bh_reader_nil(reader);
}

bool bh_reader_ids(struct bh_reader *reader, uint32_t *ret_count, const void **ret_ids,
                   const void **ret_end)
{
	struct bh_text id;
	uint32_t count;

	if (!bh_reader_array(reader, &count))
		return false;
	const void *ids = reader->at;
	for (uint32_t i = 0; i < count; i++)
		if (!bh_reader_str(reader, &id))
			return false;
	*ret_count = count;
	*ret_ids = ids;
	*ret_end = reader->at;
	return true;
}

struct bh_text bh_ids_at(const void *ids, const void *end, uint32_t count, uint32_t index)
{
	struct bh_reader reader = { .at = ids, .end = end };
	struct bh_text id = { .data = NULL };

	if (index >= count)
		return id;
	for (uint32_t i = 0; i <= index; i++)
		if (!bh_reader_str(&reader, &id))
			return (struct bh_text){ .data = NULL };
	return id;
}

static bool read_task_id(struct bh_reader *reader, void *into)
{
	return bh_reader_str(reader, &((struct bh_handler_task *)into)->id);
}

static bool read_task_description(struct bh_reader *reader, void *into)
{
	return bh_reader_str_or_nil(reader, &((struct bh_handler_task *)into)->description);
}

static bool read_task_required(struct bh_reader *reader, void *into)
{
	struct bh_handler_task *task = into;

	return bh_reader_ids(reader, &task->n_required_entry_ids, &task->required_,
	                     &task->required_end_);
}

static bool read_task_priority(struct bh_reader *reader, void *into)
{
	return bh_reader_int(reader, &((struct bh_handler_task *)into)->priority);
}

static bool read_task_params(struct bh_reader *reader, void *into)
{
	return bh_reader_value(reader, &((struct bh_handler_task *)into)->params);
}

static const struct bh_reader_field task_fields[] = {
	{ "id", read_task_id },
	{ "description", read_task_description },
	{ "required_entry_ids", read_task_required },
	{ "priority", read_task_priority },
	{ "params", read_task_params },
};

static bool read_task(struct bh_reader *reader, struct bh_handler_task *ret)
{
	static const char nil[] = "\xc0";

	*ret = (struct bh_handler_task){ .params = { nil, 1 } };
	return bh_reader_fields(reader, task_fields, COUNT_OF(task_fields), ret) && ret->id.data;
}

static bool read_batch_abi(struct bh_reader *reader, void *into)
{
	uint64_t abi;

	(void)into;
	return bh_reader_uint(reader, &abi) && abi == BH_ABI_VERSION;
}

static bool read_batch_id(struct bh_reader *reader, void *into)
{
	return bh_reader_str(reader, &((struct bh_handler *)into)->batch.batch_id);
}

static bool read_batch_attempt(struct bh_reader *reader, void *into)
{
	return bh_reader_uint(reader, &((struct bh_handler *)into)->batch.attempt);
}

static bool read_batch_timeout(struct bh_reader *reader, void *into)
{
	struct bh_handler_batch *batch = &((struct bh_handler *)into)->batch;

	batch->has_timeout = bh_reader_uint(reader, &batch->timeout_ms);
	return batch->has_timeout || bh_reader_nil(reader);
}

static bool read_batch_entry_count(struct bh_reader *reader, void *into)
{
	return bh_reader_uint(reader, &((struct bh_handler *)into)->batch.entry_count);
}

static bool read_batch_tokens(struct bh_reader *reader, void *into)
{
	return bh_reader_uint(reader, &((struct bh_handler *)into)->batch.total_tokens);
}

static bool read_batch_missing(struct bh_reader *reader, void *into)
{
	struct bh_handler_batch *batch = &((struct bh_handler *)into)->batch;

	return bh_reader_ids(reader, &batch->n_missing_ids, &batch->missing_, &batch->missing_end_);
}

static bool read_batch_tasks(struct bh_reader *reader, void *into)
{
	struct bh_handler *handler = into;
	struct bh_handler_task task;
	uint32_t count;

	if (handler->tasks || !bh_reader_array(reader, &count))
		return false;
	if (count == 0)
		return true;
	handler->tasks = count <= BH_FIRST_TASKS ? handler->first_tasks
	                                         : bh_pages_new(count * sizeof(*handler->tasks));
	if (!handler->tasks) {
		bh_builder_fail(handler->builder, -ENOMEM);
		return false;
	}
	handler->batch.n_tasks = count;
	for (uint32_t i = 0; i < count; i++) {
		handler->tasks[i] = reader->at;
		if (!read_task(reader, &task))
			return false;
	}
	return true;
}

/* Remembers where the entries are. They are not walked over where nothing comes
 * after them: a handler that looks at none pays for none. */
static bool read_batch_entries(struct bh_reader *reader, void *into)
{
	struct bh_handler *handler = into;
	struct bh_reader array = *reader;

	if (handler->entries || !bh_reader_array(&array, &handler->batch.n_entries))
		return false;
	handler->entries = array.at;
	handler->entries_are_last = handler->is_at_last_key;
	return handler->entries_are_last || bh_reader_skip(reader);
}

static const struct bh_reader_field batch_fields[] = {
	{ "abi", read_batch_abi },
	{ "batch_id", read_batch_id },
	{ "attempt", read_batch_attempt },
	{ "timeout_ms", read_batch_timeout },
	{ "entry_count", read_batch_entry_count },
	{ "total_tokens", read_batch_tokens },
	{ "missing_ids", read_batch_missing },
	{ "tasks", read_batch_tasks },
	{ "entries", read_batch_entries },
};

int bh_context_read(struct bh_handler *handler)
{
	struct bh_reader reader = handler->context;
	uint32_t pairs;
	size_t hint = 0;

	if (!bh_reader_map(&reader, &pairs))
		return -EPROTO;
	for (uint32_t i = 0; i < pairs; i++) {
		handler->is_at_last_key = i == pairs - 1;
		if (!bh_reader_member(&reader, batch_fields, COUNT_OF(batch_fields), &hint,
		                      handler))
			return bh_builder_fail(handler->builder, -EPROTO);
	}
	return handler->batch.batch_id.data ? 0 : -EPROTO;
}

const struct bh_handler_batch *bh_handler_batch(const struct bh_handler *handler)
{
	return &handler->batch;
}

bool bh_handler_task_at(const struct bh_handler *handler, uint32_t index,
                        struct bh_handler_task *ret)
{
	if (index >= handler->batch.n_tasks)
		return false;
	struct bh_reader reader = { .at = handler->tasks[index], .end = handler->context.end };
	return read_task(&reader, ret);
}

struct bh_text bh_handler_task_entry_id(const struct bh_handler_task *task, uint32_t index)
{
	return bh_ids_at(task->required_, task->required_end_, task->n_required_entry_ids, index);
}

struct bh_text bh_handler_missing_id(const struct bh_handler_batch *batch, uint32_t index)
{
	return bh_ids_at(batch->missing_, batch->missing_end_, batch->n_missing_ids, index);
}
