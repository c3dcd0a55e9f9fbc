/* SPDX-License-Identifier: Apache-2.0 */

/* entries.c: entries by place and by id. One pass notes where each starts, and
 * checks it; ids are hashed when one is first looked for. */

#include <errno.h>
#include <string.h>

#include "handler_state.h"
#include "pages.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool read_id(struct bh_reader *reader, void *into)
{
	return bh_reader_str(reader, &((struct bh_handler_entry *)into)->id);
}

static bool read_type(struct bh_reader *reader, void *into)
{
	return bh_reader_str(reader, &((struct bh_handler_entry *)into)->type);
}

static bool read_source(struct bh_reader *reader, void *into)
{
	return bh_reader_str(reader, &((struct bh_handler_entry *)into)->source);
}

static bool read_content(struct bh_reader *reader, void *into)
{
	struct bh_handler_entry *entry = into;

	return bh_reader_bytes(reader, &entry->content, &entry->content_is_text) ||
	       bh_reader_nil(reader);
}

static bool read_summary(struct bh_reader *reader, void *into)
{
	return bh_reader_str_or_nil(reader, &((struct bh_handler_entry *)into)->summary);
}

static bool read_references(struct bh_reader *reader, void *into)
{
	struct bh_handler_entry *entry = into;

	return bh_reader_ids(reader, &entry->n_references, &entry->references_,
	                     &entry->references_end_);
}

static bool read_parent_id(struct bh_reader *reader, void *into)
{
	return bh_reader_str_or_nil(reader, &((struct bh_handler_entry *)into)->parent_id);
}

static bool read_priority(struct bh_reader *reader, void *into)
{
	return bh_reader_int(reader, &((struct bh_handler_entry *)into)->priority);
}

static bool read_compressed(struct bh_reader *reader, void *into)
{
	return bh_reader_bool(reader, &((struct bh_handler_entry *)into)->compressed);
}

static const struct bh_reader_field fields[] = {
	{ "id", read_id },
	{ "type", read_type },
	{ "source", read_source },
	{ "content", read_content },
	{ "summary", read_summary },
	{ "references", read_references },
	{ "parent_id", read_parent_id },
	{ "priority", read_priority },
	{ "compressed", read_compressed },
};

static bool read_entry(struct bh_reader *reader, struct bh_handler_entry *ret)
{
	*ret = (struct bh_handler_entry){ .index = 0 };
	return bh_reader_fields(reader, fields, COUNT_OF(fields), ret) && ret->id.data;
}

/* Notes where each entry starts. 0, -ENOMEM or -EPROTO. */
static int read_starts(const struct bh_handler *handler)
{
	struct bh_entry_index *index = handler->index;
	struct bh_reader reader = { .at = handler->entries, .end = handler->context.end };
	struct bh_handler_entry entry;

	index->starts = bh_pages_new(handler->batch.n_entries * sizeof(*index->starts));
	if (!index->starts)
		return -ENOMEM;
	for (uint32_t i = 0; i < handler->batch.n_entries; i++) {
		index->starts[i] = reader.at;
		if (!read_entry(&reader, &entry))
			return -EPROTO;
	}
	return handler->entries_are_last && reader.at != reader.end ? -EPROTO : 0;
}

static bool is_readable(const struct bh_handler *handler)
{
	struct bh_entry_index *index = handler->index;

	if (index->state == BH_INDEX_UNREAD) {
		int r = read_starts(handler);
		if (r < 0)
			bh_builder_fail(handler->builder, r);
		index->state = r < 0 ? BH_INDEX_BROKEN : BH_INDEX_READ;
	}
	return index->state == BH_INDEX_READ;
}

bool bh_handler_entry_at(const struct bh_handler *handler, uint32_t index,
                         struct bh_handler_entry *ret)
{
	if (index >= handler->batch.n_entries || !is_readable(handler))
		return false;
	struct bh_reader reader = { .at = handler->index->starts[index],
		                    .end = handler->context.end };
	if (!read_entry(&reader, ret))
		return false;
	ret->index = index;
	return true;
}

/* FNV-1a, 64 bits. */
static uint64_t hash(struct bh_text text)
{
	uint64_t state = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.size; i++)
		state = (state ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
	return state ^ state >> 32;
}

static bool same(struct bh_text a, struct bh_text b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static bool make_slots(const struct bh_handler *handler, struct bh_entry_index *index)
{
	struct bh_handler_entry entry;
	uint64_t n_slots = 16;

	while (n_slots < 2 * (uint64_t)handler->batch.n_entries)
		n_slots *= 2;
	index->slots = bh_pages_new(n_slots * sizeof(*index->slots));
	if (!index->slots)
		return false;
	index->n_slots = n_slots;
	for (uint32_t i = 0; bh_handler_entry_at(handler, i, &entry); i++) {
		uint64_t slot = hash(entry.id) & (n_slots - 1);
		while (index->slots[slot])
			slot = (slot + 1) & (n_slots - 1);
		index->slots[slot] = i + 1;
	}
	return true;
}

bool bh_handler_entry_find(const struct bh_handler *handler, struct bh_text id,
                           struct bh_handler_entry *ret)
{
	struct bh_entry_index *index = handler->index;
	struct bh_handler_entry entry;

	if (!id.data || handler->batch.n_entries == 0 || !is_readable(handler))
		return false;
	if (!index->slots && !make_slots(handler, index)) {
		bh_builder_fail(handler->builder, -ENOMEM);
		return false;
	}
	uint64_t slot = hash(id) & (index->n_slots - 1);
	for (; index->slots[slot]; slot = (slot + 1) & (index->n_slots - 1)) {
		if (bh_handler_entry_at(handler, index->slots[slot] - 1, &entry) &&
		    same(entry.id, id)) {
			*ret = entry;
			return true;
		}
	}
	return false;
}

/* The `wanted`-th id of a task, looked for from the last one found. */
static struct bh_text next_id(struct bh_entry_index *index, const struct bh_handler_task *task,
                              uint32_t wanted)
{
	struct bh_text id = { .data = NULL };

	if (wanted >= task->n_required_entry_ids)
		return id;
	if (index->ids != task->required_ || wanted < index->id_index) {
		index->ids = task->required_;
		index->id_index = 0;
		index->id_at = task->required_;
	}
	struct bh_reader reader = { .at = index->id_at, .end = task->required_end_ };
	do {
		index->id_at = reader.at;
		if (!bh_reader_str(&reader, &id))
			return (struct bh_text){ .data = NULL };
	} while (index->id_index < wanted && ++index->id_index);
	return id;
}

bool bh_handler_task_entry(const struct bh_handler *handler, const struct bh_handler_task *task,
                           uint32_t index, struct bh_handler_entry *ret)
{
	return bh_handler_entry_find(handler, next_id(handler->index, task, index), ret);
}

struct bh_text bh_handler_entry_reference(const struct bh_handler_entry *entry, uint32_t index)
{
	return bh_ids_at(entry->references_, entry->references_end_, entry->n_references, index);
}

void bh_entry_index_done(struct bh_entry_index *index, uint32_t n_entries)
{
	bh_pages_free(index->starts, n_entries * sizeof(*index->starts));
	bh_pages_free(index->slots, index->n_slots * sizeof(*index->slots));
}
