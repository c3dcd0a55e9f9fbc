/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/wire/base.h"
#include "supervisor/quote.h"
#include "supervisor/store_internal.h"
#include "supervisor/stored_entry.h"

struct bh_store *bh_store_new(void)
{
	return calloc(1, sizeof(struct bh_store));
}

void bh_store_free(struct bh_store *store)
{
	if (!store)
		return;
	bh_store_clear(store);
	bh_idmap_done(&store->lease_queue.places);
	free(store);
}

struct bh_stored_entry *bh_store_find(const struct bh_store *store, const char *id)
{
	union bh_idmap_value *found = bh_idmap_find(&store->by_id, bh_idmap_key(id));

	return found ? found->pointer : NULL;
}

/* Adding: first the checks, in the order of the fields, then the copy. */

static int refuse(const struct bh_entry *entry, const char *why, struct bh_error *err)
{
	return bh_fail_plain(err, EINVAL, "entry '%.*s': %s", bh_quote_size(entry->id), entry->id,
	                     why);
}

static bool is_utf8(const char *text)
{
	return bh_utf8_valid(text, strlen(text));
}

static bool are_utf8(const char *const *texts, size_t n_texts)
{
	if (n_texts > 0 && !texts)
		return false;
	for (size_t i = 0; i < n_texts; i++)
		if (!texts[i] || !is_utf8(texts[i]))
			return false;
	return true;
}

static int check_id(const struct bh_entry *entry, struct bh_error *err)
{
	if (!entry->id || bh_text_is_blank(entry->id))
		return bh_fail_plain(err, EINVAL, "an entry's id is blank");
	if (!is_utf8(entry->id))
		return bh_fail_plain(err, EINVAL, "an entry's id is not valid UTF-8");
	return 0;
}

static const char *wrong_text(const struct bh_entry *entry)
{
	if (!entry->source || bh_text_is_blank(entry->source))
		return "source is blank";
	if (!is_utf8(entry->source))
		return "source is not valid UTF-8";
	if (entry->summary && !is_utf8(entry->summary))
		return "summary is not valid UTF-8";
	if (!are_utf8(entry->references, entry->n_references))
		return "a reference is not valid UTF-8";
	if (!are_utf8(entry->derived_from, entry->n_derived_from))
		return "an id in derived_from is not valid UTF-8";
	if (entry->parent_id && !is_utf8(entry->parent_id))
		return "parent_id is not valid UTF-8";
	return NULL;
}

static const char *wrong_rule(const struct bh_entry *entry)
{
	if (!bh_entry_type_name(entry->type))
		return "unknown type";
	if (!entry->content.data && !entry->summary)
		return "neither content nor summary";
	if (entry->compressed && !entry->summary)
		return "compressed without a summary";
	if (entry->ttl < 0 && entry->ttl != BH_TTL_NONE)
		return "ttl is negative";
	return NULL;
}

static int check_entry(const struct bh_entry *entry, struct bh_error *err)
{
	int r = check_id(entry, err);
	if (r < 0)
		return r;

	const char *wrong = wrong_rule(entry);
	if (!wrong)
		wrong = wrong_text(entry);
	return wrong ? refuse(entry, wrong, err) : 0;
}

static void append(struct bh_store *store, struct bh_stored_entry *entry)
{
	entry->previous = store->last;
	*(store->last ? &store->last->next : &store->first) = entry;
	store->last = entry;
}

int bh_store_add(struct bh_store *store, const struct bh_entry *entry, struct bh_error *err)
{
	struct bh_stored_entry *stored;

	int r = check_entry(entry, err);
	if (r < 0)
		return r;
	if (bh_store_contains(store, entry->id))
		return bh_fail_plain(err, EEXIST, "entry '%.*s' is there already",
		                     bh_quote_size(entry->id), entry->id);
	r = bh_idmap_reserve(&store->by_id, store->by_id.count + 1);
	if (r < 0)
		return bh_fail(err, -r, "make room for an entry");
	r = bh_stored_entry_new(entry, &stored, err);
	if (r < 0)
		return r;
	r = bh_idmap_insert(&store->by_id, bh_stored_entry_id(stored),
	                    (union bh_idmap_value){ .pointer = stored });
	if (r < 0) {
		bh_stored_entry_unhold(stored);
		return bh_fail(err, -r, "index an entry");
	}

	append(store, stored);
	return 0;
}

int bh_store_get(const struct bh_store *store, const char *id, struct bh_entry_view *ret)
{
	const struct bh_stored_entry *entry = bh_store_find(store, id);

	if (!entry)
		return -ENOENT;
	bh_stored_entry_view(entry, ret);
	return 0;
}

bool bh_store_contains(const struct bh_store *store, const char *id)
{
	return bh_store_find(store, id) != NULL;
}

size_t bh_store_count(const struct bh_store *store)
{
	return store->by_id.count;
}

/* Lets the neighbours of `entry` point to what takes its place. */
static void relink(struct bh_store *store, struct bh_stored_entry *entry,
                   struct bh_stored_entry *as_next, struct bh_stored_entry *as_previous)
{
	*(entry->previous ? &entry->previous->next : &store->first) = as_next;
	*(entry->next ? &entry->next->previous : &store->last) = as_previous;
}

static void take_out(struct bh_store *store, struct bh_stored_entry *entry)
{
	relink(store, entry, entry->next, entry->previous);
	bh_idmap_remove(&store->by_id, bh_stored_entry_id(entry));
	bh_stored_entry_unhold(entry);
}

int bh_store_remove(struct bh_store *store, const char *id)
{
	struct bh_stored_entry *entry = bh_store_find(store, id);

	if (!entry)
		return -ENOENT;
	take_out(store, entry);
	return 0;
}

void bh_store_clear(struct bh_store *store)
{
	struct bh_stored_entry *next;

	bh_idmap_done(&store->by_id);
	for (struct bh_stored_entry *entry = store->first; entry; entry = next) {
		next = entry->next;
		bh_stored_entry_unhold(entry);
	}
	store->first = NULL;
	store->last = NULL;
}

static void put_in_place(struct bh_store *store, struct bh_stored_entry *old,
                         struct bh_stored_entry *replacement)
{
	replacement->previous = old->previous;
	replacement->next = old->next;
	relink(store, old, replacement, replacement);
	bh_idmap_replace(&store->by_id, bh_stored_entry_id(replacement),
	                 (union bh_idmap_value){ .pointer = replacement });
	bh_stored_entry_unhold(old);
}

static int fail_unknown(const char *id, struct bh_error *err)
{
	if (!is_utf8(id))
		return bh_fail_plain(err, ENOENT, "no such entry");
	return bh_fail_plain(err, ENOENT, "no entry '%.*s'", bh_quote_size(id), id);
}

int bh_store_compress(struct bh_store *store, const char *id, struct bh_error *err)
{
	struct bh_stored_entry *entry = bh_store_find(store, id);
	struct bh_stored_entry *compressed;
	struct bh_entry_view view;

	if (!entry)
		return fail_unknown(id, err);
	if (entry->compressed)
		return 0;
	bh_stored_entry_view(entry, &view);
	if (!view.summary.data)
		return bh_fail_plain(err, EINVAL, "entry '%.*s' has no summary to keep",
		                     bh_quote_size(id), id);
	int r = bh_stored_entry_new_compressed(entry, &compressed, err);
	if (r < 0)
		return r;

	put_in_place(store, entry, compressed);
	return 0;
}

size_t bh_store_process_turn(struct bh_store *store)
{
	struct bh_stored_entry *next;
	size_t n_removed = 0;

	for (struct bh_stored_entry *entry = store->first; entry; entry = next) {
		next = entry->next;
		if (entry->ttl > 0)
			entry->ttl--;
		if (entry->ttl == 0) {
			take_out(store, entry);
			n_removed++;
		}
	}
	return n_removed;
}

int bh_store_extend_ttl(struct bh_store *store, const char *id, int64_t turns, struct bh_error *err)
{
	struct bh_stored_entry *entry = bh_store_find(store, id);
	int64_t extended;

	if (!entry)
		return fail_unknown(id, err);
	if (entry->ttl == BH_TTL_NONE)
		return bh_fail_plain(err, EINVAL, "entry '%.*s' has no ttl", bh_quote_size(id), id);
	if (turns < 0)
		return bh_fail_plain(err, EINVAL, "a ttl can't be extended by %lld turns",
		                     (long long)turns);
	if (__builtin_add_overflow(entry->ttl, turns, &extended))
		return bh_fail(err, EOVERFLOW, "extend the ttl of '%.*s'", bh_quote_size(id), id);

	entry->ttl = extended;
	return 0;
}

static const struct bh_stored_entry *advance(const struct bh_store *store,
                                             struct bh_store_cursor *cursor)
{
	const struct bh_stored_entry *entry = cursor->started ? cursor->next : store->first;

	cursor->started = true;
	cursor->next = entry ? entry->next : NULL;
	return entry;
}

bool bh_store_next(const struct bh_store *store, struct bh_store_cursor *cursor,
                   struct bh_entry_view *ret)
{
	const struct bh_stored_entry *entry = advance(store, cursor);

	if (!entry)
		return false;
	bh_stored_entry_view(entry, ret);
	return true;
}

bool bh_store_next_of_type(const struct bh_store *store, struct bh_store_cursor *cursor,
                           enum bh_entry_type type, struct bh_entry_view *ret)
{
	const struct bh_stored_entry *entry;

	do {
		entry = advance(store, cursor);
	} while (entry && (enum bh_entry_type)entry->type != type);
	if (!entry)
		return false;
	bh_stored_entry_view(entry, ret);
	return true;
}

struct bh_lease_stats bh_store_lease_stats(const struct bh_store *store)
{
	return store->leases;
}
