/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/codec/texttable.h"

#include <stdlib.h>
#include <string.h>

#include "ipc/wire/base.h"

/* Open addressing with linear probing. A third of the slots stays free, so that
 * probes are short and always end. */

/* The slot that holds the text, or the free one where it belongs. */
static struct bh_text_slot *find_slot(const struct bh_text_table *table, const void *data,
                                      size_t size)
{
	uint64_t spread = bh_hash(&table->key, (struct bh_span){ data, size });
	/* scales the hash to the slots: n_slots needs not be a power of two */
	size_t i = (size_t)(((unsigned __int128)spread * table->n_slots) >> 64);

	for (;;) {
		struct bh_text_slot *slot = &table->slots[i];
		if (!slot->data)
			return slot;
		if (slot->size == size && memcmp(slot->data, data, size) == 0)
			return slot;
		if (++i == table->n_slots)
			i = 0;
	}
}

static int alloc_slots(struct bh_text_table *table, size_t n_texts)
{
	size_t n_slots;

	if (__builtin_add_overflow(n_texts, n_texts / 2 + 2, &n_slots))
		return -EOVERFLOW;
	table->slots = calloc(n_slots, sizeof(*table->slots));
	if (!table->slots)
		return -ENOMEM;
	table->n_slots = n_slots;
	return 0;
}

int bh_text_table_init(struct bh_text_table *ret, size_t n_texts)
{
	struct bh_text_table made = BH_TEXT_TABLE_UNSET;

	int r = bh_hash_key_init(&made.key);
	if (r == 0)
		r = alloc_slots(&made, n_texts);
	if (r < 0)
		return r;

	*ret = made;
	return 0;
}

void bh_text_table_done(struct bh_text_table *table)
{
	free(table->slots);
	*table = BH_TEXT_TABLE_UNSET;
}

static bool is_full(const struct bh_text_table *table)
{
	return table->n_used >= table->n_slots - table->n_slots / 3;
}

static int grow(struct bh_text_table *table)
{
	struct bh_text_table larger = *table;

	if (table->n_slots > SIZE_MAX / 2)
		return -EOVERFLOW;
	int r = alloc_slots(&larger, table->n_slots * 2);
	if (r < 0)
		return r;
	for (size_t i = 0; i < table->n_slots; i++) {
		const struct bh_text_slot *slot = &table->slots[i];
		if (slot->data)
			*find_slot(&larger, slot->data, slot->size) = *slot;
	}
	free(table->slots);
	*table = larger;
	return 0;
}

int bh_text_table_put(struct bh_text_table *table, struct bh_span text, uint32_t value,
                      uint32_t **ret, bool *ret_is_new)
{
	if (text.size > UINT32_MAX)
		return -EOVERFLOW;

	struct bh_text_slot *slot = find_slot(table, text.data, text.size);
	bool is_new = !slot->data;
	if (is_new && is_full(table)) {
		int r = grow(table);
		if (r < 0)
			return r;
		slot = find_slot(table, text.data, text.size);
	}
	if (is_new) {
		*slot = (struct bh_text_slot){ text.data, (uint32_t)text.size, value };
		table->n_used++;
	}

	*ret = &slot->value;
	*ret_is_new = is_new;
	return 0;
}
