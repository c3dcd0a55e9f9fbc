/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/stored_entry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/codec/context.h"
#include "ipc/codec/cursor.h"
#include "ipc/wire/base.h"

/* Bytes of the struct with its texts. */
static int measure(const struct bh_entry *entry, size_t *ret)
{
	size_t size = sizeof(struct bh_stored_entry);

	if (__builtin_add_overflow(size, strlen(entry->id) + 1, &size))
		return -EOVERFLOW;
	for (size_t i = 0; i < entry->n_derived_from; i++)
		if (__builtin_add_overflow(size, strlen(entry->derived_from[i]) + 1, &size))
			return -EOVERFLOW;
	*ret = size;
	return 0;
}

static void copy_texts(const struct bh_entry *entry, struct bh_stored_entry *stored)
{
	char *at = stored->text;

	stored->id_size = strlen(entry->id);
	at = mempcpy(at, entry->id, stored->id_size + 1);
	stored->n_derived_from = entry->n_derived_from;
	for (size_t i = 0; i < entry->n_derived_from; i++)
		at = mempcpy(at, entry->derived_from[i], strlen(entry->derived_from[i]) + 1);
}

static void copy_flags(const struct bh_entry *entry, struct bh_stored_entry *stored)
{
	stored->ttl = entry->ttl;
	stored->type = (uint8_t)entry->type;
	stored->searchable = entry->searchable;
	stored->compressed = entry->compressed;
}

int bh_stored_entry_new(const struct bh_entry *entry, struct bh_stored_entry **ret,
                        struct bh_error *err)
{
	BH_CLEANUP(bh_encoded_done) struct bh_encoded encoded = BH_ENCODED_UNSET;
	struct bh_entry kept = *entry;
	bool is_text;
	size_t size;

	if (kept.compressed)
		kept.content = BH_SPAN_NONE;
	int r = bh_entry_encode(&kept, &encoded, &is_text, err);
	if (r < 0)
		return r;
	r = measure(&kept, &size);
	if (r < 0)
		return bh_fail(err, -r, "add up the ids of an entry");
	struct bh_stored_entry *stored = calloc(1, size);
	if (!stored)
		return bh_fail(err, ENOMEM, "store an entry");

	copy_texts(&kept, stored);
	copy_flags(&kept, stored);
	stored->tokens = bh_entry_tokens(&kept, is_text);
	stored->counter = stored;
	stored->holds = 1;
	stored->size = encoded.size;
	stored->data = BH_TAKE(encoded.data, NULL);
	*ret = stored;
	return 0;
}

/* An entry taken apart again, with the NULs that the encoding lacks. */
struct restored {
	struct bh_entry entry;
	const char **ids; /* owned; references, then derived_from */
	char *text;       /* owned */
	char *free_text;  /* inside `text` */
};

static void restored_done(struct restored *restored)
{
	free(restored->ids);
	free(restored->text);
}

static const char *restore_text(struct restored *restored, struct bh_span span)
{
	char *text = restored->free_text;

	if (!span.data)
		return NULL;
	memcpy(text, span.data, span.size);
	text[span.size] = '\0';
	restored->free_text = text + span.size + 1;
	return text;
}

/* References are read one behind the other: finding each from the start would
 * be quadratic. */
static void restore_references(struct restored *restored, const struct bh_stored_entry *stored)
{
	struct bh_span item = bh_entry_encoded_reference(bh_stored_entry_encoded(stored), 0);

	for (size_t i = 0; i < restored->entry.n_references; i++) {
		restored->ids[i] = restore_text(restored, item);

		const uint8_t *behind = (const uint8_t *)item.data + item.size;
		struct bh_cursor cursor = bh_cursor_over((struct bh_span){
		        .data = behind, .size = (size_t)(stored->data + stored->size - behind) });
		if (!bh_cursor_read_str(&cursor, &item))
			break; /* behind the last one stands a key, which is a str */
	}
	restored->entry.references = restored->ids;
}

static void restore_derived_from(struct restored *restored, const struct bh_stored_entry *stored)
{
	const char *id = bh_stored_entry_derived_from(stored);
	const char **ids = restored->ids + restored->entry.n_references;

	restored->entry.derived_from = ids;
	for (size_t i = 0; i < stored->n_derived_from; i++, id += strlen(id) + 1)
		ids[i] = id;
}

/* Needs no more text than the encoding without the content: each string has a
 * head of a byte or more there, which makes the place for its NUL. */
static int restore(const struct bh_stored_entry *stored, struct restored *ret)
{
	struct bh_entry_view view;

	bh_stored_entry_view(stored, &view);
	size_t n_ids = view.n_references + view.n_derived_from;
	*ret = (struct restored){ .ids = reallocarray(NULL, n_ids + 1, sizeof(*ret->ids)),
		                  .text = malloc(stored->size - view.content.size) };
	if (!ret->ids || !ret->text)
		return -ENOMEM;

	ret->free_text = ret->text;
	ret->entry = (struct bh_entry){
		.id = stored->text,
		.source = restore_text(ret, view.source),
		.type = view.type,
		.summary = restore_text(ret, view.summary),
		.n_references = view.n_references,
		.n_derived_from = view.n_derived_from,
		.parent_id = restore_text(ret, view.parent_id),
		.priority = view.priority,
		.ttl = view.ttl,
		.searchable = view.searchable,
		.compressed = view.compressed,
	};
	restore_references(ret, stored);
	restore_derived_from(ret, stored);
	return 0;
}

int bh_stored_entry_new_compressed(struct bh_stored_entry *first, struct bh_stored_entry **ret,
                                   struct bh_error *err)
{
	BH_CLEANUP(restored_done) struct restored restored = { .ids = NULL };
	struct bh_stored_entry *second = NULL;

	int r = restore(first, &restored);
	if (r < 0)
		return bh_fail(err, -r, "compress an entry");
	restored.entry.compressed = true;
	r = bh_stored_entry_new(&restored.entry, &second, err);
	if (r < 0)
		return r;

	if (first->leases > 0) {
		second->counter = first;
		first->counts_second = true;
	}
	*ret = second;
	return 0;
}

void bh_stored_entry_hold(struct bh_stored_entry *entry)
{
	entry->holds++;
}

void bh_stored_entry_unhold(struct bh_stored_entry *entry)
{
	struct bh_stored_entry *counter = entry->counter;

	assert(entry->holds > 0);
	if (--entry->holds > 0)
		return;
	free(entry->data);
	entry->data = NULL;
	if (entry->counts_second)
		return;

	free(entry);
	if (counter == entry)
		return;
	counter->counts_second = false;
	if (counter->holds == 0)
		free(counter);
}

struct bh_span bh_stored_entry_id(const struct bh_stored_entry *entry)
{
	return (struct bh_span){ .data = entry->text, .size = entry->id_size };
}

struct bh_span bh_stored_entry_encoded(const struct bh_stored_entry *entry)
{
	return (struct bh_span){ .data = entry->data, .size = entry->size };
}

const char *bh_stored_entry_derived_from(const struct bh_stored_entry *entry)
{
	return entry->text + entry->id_size + 1;
}

void bh_stored_entry_view(const struct bh_stored_entry *entry, struct bh_entry_view *ret)
{
	*ret = (struct bh_entry_view){ .id = entry->text };
	bh_entry_decode(bh_stored_entry_encoded(entry), ret);
	ret->type = (enum bh_entry_type)entry->type;
	ret->n_derived_from = entry->n_derived_from;
	ret->ttl = entry->ttl;
	ret->tokens = entry->tokens;
	ret->searchable = entry->searchable;
	ret->compressed = entry->compressed;
	ret->in_use = entry->counter->leases > 0;
	ret->stored = entry;
}
