/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/store.h"
#include "generator.h"
#include "ipc/codec/context.h"
#include "ipc/wire/base.h"
#include "supervisor/lease.h"
#include "tests/check.h"

static struct bh_store *store;

static void make_store(void)
{
	store = bh_store_new();
	ck_assert_ptr_nonnull(store);
}

static void free_store(void)
{
	bh_store_free(store);
}

static struct bh_span text(const char *string)
{
	return (struct bh_span){ string, strlen(string) };
}

static struct bh_entry entry_with(const char *id, const char *content, const char *summary)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	entry.id = id;
	entry.source = "source";
	entry.content = content ? text(content) : BH_SPAN_NONE;
	entry.summary = summary;
	return entry;
}

static void add(const char *id, const char *content, const char *summary)
{
	struct bh_entry entry = entry_with(id, content, summary);

	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
}

static void add_with_ttl(const char *id, int64_t ttl)
{
	struct bh_entry entry = entry_with(id, "c", NULL);

	entry.ttl = ttl;
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
}

static struct bh_entry_view get(const char *id)
{
	struct bh_entry_view view;

	ck_assert_int_eq(bh_store_get(store, id, &view), 0);
	return view;
}

static void assert_span(struct bh_span span, const char *want)
{
	if (!want) {
		ck_assert_ptr_null(span.data);
		return;
	}
	ck_assert_ptr_nonnull(span.data);
	ck_assert_uint_eq(span.size, strlen(want));
	ck_assert_mem_eq(span.data, want, span.size);
}

/* The ids in the order of iteration, each followed by a space. */
static const char *order(void)
{
	static char ids[256];
	struct bh_store_cursor cursor = { 0 };
	struct bh_entry_view view;

	ids[0] = '\0';
	while (bh_store_next(store, &cursor, &view)) {
		strcat(ids, view.id);
		strcat(ids, " ");
	}
	return ids;
}

/* Adding. */

#define NOT_UTF8 "\xc3("

static const char *const wrong_ids[] = { "ok", NOT_UTF8 };
static const char *const null_ids[] = { "ok", NULL };
#define VALID .id = "i", .source = "s", .summary = "x", .ttl = BH_TTL_NONE

/* clang-format off */
static const struct {
	const char *why;
	struct bh_entry entry;
} refused[] = {
	{ "no id", { .source = "s", .summary = "x" } },
	{ "empty id", { .id = "", .source = "s", .summary = "x" } },
	{ "blank id", { .id = " \t\n", .source = "s", .summary = "x" } },
	{ "id not UTF-8", { .id = NOT_UTF8, .source = "s", .summary = "x" } },
	{ "no source", { .id = "i", .summary = "x" } },
	{ "blank source", { .id = "i", .source = " ", .summary = "x" } },
	{ "source not UTF-8", { .id = "i", .source = NOT_UTF8, .summary = "x" } },
	{ "summary not UTF-8", { .id = "i", .source = "s", .summary = NOT_UTF8 } },
	{ "parent not UTF-8", { VALID, .parent_id = NOT_UTF8 } },
	{ "reference not UTF-8", { VALID, .references = wrong_ids, .n_references = 2 } },
	{ "derived_from not UTF-8", { VALID, .derived_from = wrong_ids, .n_derived_from = 2 } },
	{ "reference NULL", { VALID, .references = null_ids, .n_references = 2 } },
	{ "references NULL", { VALID, .n_references = 1 } },
	{ "derived_from NULL", { VALID, .n_derived_from = 1 } },
	{ "type above", { VALID, .type = (enum bh_entry_type)BH_ENTRY_TYPES } },
	{ "type below", { VALID, .type = (enum bh_entry_type)-1 } },
	{ "no content, no summary", { .id = "i", .source = "s" } },
	{ "compressed without a summary",
	  { .id = "i", .source = "s", .content = { "c", 1 }, .compressed = true } },
	{ "ttl -2", { .id = "i", .source = "s", .summary = "x", .ttl = -2 } },
	{ "ttl least", { .id = "i", .source = "s", .summary = "x", .ttl = INT64_MIN } },
};
/* clang-format on */

START_TEST(an_entry_that_breaks_a_rule_is_refused_and_changes_nothing)
{
	struct bh_error err = BH_ERROR_UNSET;

	add("before", "c", NULL);
	int r = bh_store_add(store, &refused[_i].entry, &err);

	ck_assert_msg(r == -EINVAL, "%s: got %d", refused[_i].why, r);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert(bh_utf8_valid(err.text, strlen(err.text)));
	ck_assert_uint_eq(bh_store_count(store), 1);
	ck_assert_str_eq(order(), "before ");
	ck_assert(!bh_store_contains(store, "i"));
}
END_TEST

START_TEST(a_content_too_long_for_messagepack_is_refused)
{
	struct bh_entry entry = entry_with("a", "", NULL);

	entry.content.size = (size_t)UINT32_MAX + 1; /* refused before a byte is read */
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), -EOVERFLOW);
	ck_assert_uint_eq(bh_store_count(store), 0);
}
END_TEST

START_TEST(a_duplicate_id_is_refused_and_the_first_stays)
{
	struct bh_entry again = entry_with("a", "second", NULL);
	struct bh_error err;

	add("a", "first", NULL);
	add("b", "b", NULL);
	ck_assert_int_eq(bh_store_add(store, &again, &err), -EEXIST);
	ck_assert_ptr_nonnull(strstr(err.text, "'a'"));
	ck_assert_uint_eq(bh_store_count(store), 2);
	assert_span(get("a").content, "first");
	ck_assert_str_eq(order(), "a b ");
}
END_TEST

START_TEST(a_message_stays_utf8_when_it_cuts_a_long_id)
{
	char id[301];
	struct bh_error err;

	for (size_t i = 0; i < 100; i++)
		memcpy(id + 3 * i, "\xe2\x82\xac", 3); /* the euro sign */
	id[300] = '\0';
	struct bh_entry entry = entry_with(id, NULL, NULL);

	ck_assert_int_eq(bh_store_add(store, &entry, &err), -EINVAL);
	ck_assert(bh_utf8_valid(err.text, strlen(err.text)));
	ck_assert_ptr_nonnull(strstr(err.text, "neither content nor summary"));
}
END_TEST

START_TEST(a_view_shows_everything_as_it_was_given)
{
	static const char *const ids[] = { "x", "y" };
	struct bh_entry entry = {
		.id = "a",
		.source = "dir/a.c",
		.type = BH_ENTRY_SEARCH_RESULT,
		.content = text("content \xc3\xa4"),
		.summary = "summary",
		.references = ids,
		.n_references = 2,
		.derived_from = ids,
		.n_derived_from = 1,
		.parent_id = "parent",
		.priority = INT64_MIN,
		.ttl = 5,
	};

	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	struct bh_entry_view view = get("a");
	ck_assert_str_eq(view.id, "a");
	ck_assert_int_eq(view.type, BH_ENTRY_SEARCH_RESULT);
	assert_span(view.source, "dir/a.c");
	assert_span(view.content, "content \xc3\xa4");
	ck_assert(view.content_is_text);
	assert_span(view.summary, "summary");
	assert_span(view.parent_id, "parent");
	ck_assert_uint_eq(view.n_references, 2);
	ck_assert_uint_eq(view.n_derived_from, 1);
	ck_assert_int_eq(view.priority, INT64_MIN);
	ck_assert_int_eq(view.ttl, 5);
	ck_assert(!view.searchable);
	ck_assert(!view.compressed);
	ck_assert(!view.in_use);
}
END_TEST

START_TEST(what_is_absent_is_told_apart_from_what_is_empty)
{
	add("content", "", NULL);
	add("summary", NULL, "");

	assert_span(get("content").content, "");
	assert_span(get("content").summary, NULL);
	assert_span(get("summary").content, NULL);
	assert_span(get("summary").summary, "");
	assert_span(get("summary").parent_id, NULL);
}
END_TEST

START_TEST(an_entry_is_copied)
{
	char id[] = "id", source[] = "source", content[] = "content", reference[] = "ref";
	const char *references[] = { reference };
	struct bh_entry entry = entry_with(id, content, NULL);

	entry.source = source;
	entry.references = references;
	entry.derived_from = references;
	entry.n_references = entry.n_derived_from = 1;
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	id[0] = source[0] = content[0] = reference[0] = '?';

	struct bh_entry_view view = get("id");
	ck_assert_str_eq(view.id, "id");
	assert_span(view.source, "source");
	assert_span(view.content, "content");
	assert_span(bh_entry_view_reference(&view, 0), "ref");
	assert_span(bh_entry_view_derived_from(&view, 0), "ref");
}
END_TEST

START_TEST(content_of_any_bytes_is_kept)
{
	static const char bytes[] = { 0, (char)0xff, 'a', 0, (char)0xc3 };
	struct bh_entry entry = entry_with("a", NULL, NULL);

	entry.content = (struct bh_span){ bytes, sizeof(bytes) };
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	struct bh_entry_view view = get("a");
	ck_assert(!view.content_is_text);
	ck_assert_uint_eq(view.content.size, sizeof(bytes));
	ck_assert_mem_eq(view.content.data, bytes, sizeof(bytes));
}
END_TEST

START_TEST(an_entry_added_as_compressed_has_no_content)
{
	struct bh_entry entry = entry_with("a", "content of 23 characters", "12345678");

	entry.compressed = true;
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	ck_assert(get("a").compressed);
	assert_span(get("a").content, NULL);
	assert_span(get("a").summary, "12345678");
	ck_assert_uint_eq(get("a").tokens, 2);
}
END_TEST

static const struct {
	const char *content;
	const char *summary;
	uint64_t want;
} token_counts[] = {
	{ "abc", NULL, 0 },
	{ "abcd", NULL, 1 },
	{ "abcdefg", NULL, 1 },
	{ "\xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac", NULL, 1 },
	{ "\xff\xff\xff\xff\xc3\xa4\xc3\xa4", NULL, 2 },
	{ "", "12345678", 2 },
	{ NULL, "12345678", 2 },
	{ "abcd", "12345678", 1 },
};

START_TEST(tokens_are_a_quarter_of_the_code_points)
{
	add("a", token_counts[_i].content, token_counts[_i].summary);
	ck_assert_uint_eq(get("a").tokens, token_counts[_i].want);
}
END_TEST

/* Looking up, removing, iterating. */

START_TEST(an_unknown_id_is_not_found)
{
	struct bh_entry_view view = { .ttl = 77 };

	add("a", "c", NULL);
	ck_assert_int_eq(bh_store_get(store, "b", &view), -ENOENT);
	ck_assert_int_eq(view.ttl, 77);
	ck_assert(!bh_store_contains(store, "b"));
	ck_assert_int_eq(bh_store_remove(store, "b"), -ENOENT);
	ck_assert_int_eq(bh_store_compress(store, "b", NULL), -ENOENT);
	ck_assert_int_eq(bh_store_extend_ttl(store, "b", 1, NULL), -ENOENT);
	ck_assert_uint_eq(bh_store_count(store), 1);
}
END_TEST

START_TEST(entries_come_in_the_order_they_were_added)
{
	ck_assert_str_eq(order(), "");
	add("c", "c", NULL);
	add("a", "c", NULL);
	add("b", "c", NULL);
	ck_assert_str_eq(order(), "c a b ");
	ck_assert_uint_eq(bh_store_count(store), 3);
}
END_TEST

START_TEST(a_removed_entry_can_be_added_again_at_the_end)
{
	add("a", "1", NULL);
	add("b", "2", NULL);
	add("c", "3", NULL);
	ck_assert_int_eq(bh_store_remove(store, "a"), 0);
	ck_assert_int_eq(bh_store_remove(store, "a"), -ENOENT);
	ck_assert(!bh_store_contains(store, "a"));
	ck_assert_str_eq(order(), "b c ");
	add("a", "4", NULL);
	ck_assert_str_eq(order(), "b c a ");
	ck_assert_int_eq(bh_store_remove(store, "c"), 0);
	ck_assert_int_eq(bh_store_remove(store, "a"), 0);
	ck_assert_int_eq(bh_store_remove(store, "b"), 0);
	ck_assert_str_eq(order(), "");
}
END_TEST

START_TEST(a_cleared_store_is_empty_and_can_be_filled_again)
{
	add("a", "1", NULL);
	add("b", "2", NULL);
	bh_store_clear(store);
	ck_assert_uint_eq(bh_store_count(store), 0);
	ck_assert(!bh_store_contains(store, "a"));
	ck_assert_str_eq(order(), "");
	add("b", "3", NULL);
	ck_assert_str_eq(order(), "b ");
}
END_TEST

START_TEST(the_entry_just_returned_may_be_removed)
{
	struct bh_store_cursor cursor = { 0 };
	struct bh_entry_view view;
	size_t n_seen = 0;

	add("a", "1", NULL);
	add("b", "2", NULL);
	add("c", "3", NULL);
	while (bh_store_next(store, &cursor, &view)) {
		n_seen++;
		if (strcmp(view.id, "b") != 0)
			ck_assert_int_eq(bh_store_remove(store, view.id), 0);
	}
	ck_assert(!bh_store_next(store, &cursor, &view));
	ck_assert_uint_eq(n_seen, 3);
	ck_assert_str_eq(order(), "b ");
}
END_TEST

START_TEST(entries_of_one_type_come_in_their_order)
{
	static const enum bh_entry_type given[] = { BH_ENTRY_TASK, BH_ENTRY_FILE, BH_ENTRY_TASK,
		                                    BH_ENTRY_SUMMARY };
	static const char *const ids[] = { "a", "b", "c", "d" };
	struct bh_store_cursor cursor = { 0 };
	struct bh_store_cursor none = { 0 };
	struct bh_entry_view view;

	for (size_t i = 0; i < BH_COUNT_OF(given); i++) {
		struct bh_entry entry = entry_with(ids[i], "c", NULL);
		entry.type = given[i];
		ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	}
	ck_assert(bh_store_next_of_type(store, &cursor, BH_ENTRY_TASK, &view));
	ck_assert_str_eq(view.id, "a");
	ck_assert_int_eq(bh_store_remove(store, "a"), 0);
	ck_assert(bh_store_next_of_type(store, &cursor, BH_ENTRY_TASK, &view));
	ck_assert_str_eq(view.id, "c");
	ck_assert(!bh_store_next_of_type(store, &cursor, BH_ENTRY_TASK, &view));
	ck_assert(!bh_store_next_of_type(store, &none, BH_ENTRY_COMMAND, &view));
}
END_TEST

/* Compressing. */

START_TEST(compressing_drops_the_content_and_nothing_else)
{
	static const char *const references[] = { "r1", "", "a longer reference \xc3\xa4" };
	static const char *const derived_from[] = { "d1", "d2" };
	struct bh_entry entry = entry_with("b", "content", "12345678");

	entry.references = references;
	entry.n_references = BH_COUNT_OF(references);
	entry.derived_from = derived_from;
	entry.n_derived_from = BH_COUNT_OF(derived_from);
	entry.parent_id = "p";
	entry.priority = -3;
	entry.ttl = 9;
	entry.searchable = false;
	entry.type = BH_ENTRY_CHAIN_MAP;
	add("a", "1", NULL);
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	add("c", "3", NULL);
	ck_assert_int_eq(bh_store_compress(store, "b", NULL), 0);

	struct bh_entry_view view = get("b");
	ck_assert_str_eq(order(), "a b c ");
	ck_assert_str_eq(view.id, "b");
	ck_assert(view.compressed);
	assert_span(view.content, NULL);
	assert_span(view.summary, "12345678");
	assert_span(view.source, "source");
	assert_span(view.parent_id, "p");
	ck_assert_uint_eq(view.n_references, BH_COUNT_OF(references));
	for (size_t i = 0; i < BH_COUNT_OF(references); i++)
		assert_span(bh_entry_view_reference(&view, i), references[i]);
	ck_assert_uint_eq(view.n_derived_from, BH_COUNT_OF(derived_from));
	for (size_t i = 0; i < BH_COUNT_OF(derived_from); i++)
		assert_span(bh_entry_view_derived_from(&view, i), derived_from[i]);
	ck_assert_int_eq(view.priority, -3);
	ck_assert_int_eq(view.ttl, 9);
	ck_assert(!view.searchable);
	ck_assert_int_eq(view.type, BH_ENTRY_CHAIN_MAP);
	ck_assert_uint_eq(view.tokens, 2);
	ck_assert(!view.in_use);
}
END_TEST

START_TEST(a_store_of_one_entry_can_compress_it)
{
	add("a", "content", "s");
	ck_assert_int_eq(bh_store_compress(store, "a", NULL), 0);
	ck_assert_str_eq(order(), "a ");
	ck_assert_int_eq(bh_store_remove(store, "a"), 0);
	ck_assert_str_eq(order(), "");
}
END_TEST

START_TEST(compressing_twice_changes_nothing)
{
	add("a", "content", "summary");
	ck_assert_int_eq(bh_store_compress(store, "a", NULL), 0);
	const void *stored = get("a").stored;
	ck_assert_int_eq(bh_store_compress(store, "a", NULL), 0);
	ck_assert_ptr_eq(get("a").stored, stored);
}
END_TEST

START_TEST(an_entry_without_a_summary_is_not_compressed)
{
	struct bh_error err;

	add("a", "content", NULL);
	ck_assert_int_eq(bh_store_compress(store, "a", &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "summary"));
	ck_assert(!get("a").compressed);
	assert_span(get("a").content, "content");
}
END_TEST

START_TEST(an_entry_with_very_many_references_is_compressed)
{
	enum { N = 100000 };
	const char **references = calloc(N, sizeof(*references));
	struct bh_entry entry = entry_with("a", "content", "summary");

	for (size_t i = 0; i < N; i++)
		references[i] = i % 2 ? "odd" : "";
	entry.references = references;
	entry.n_references = N;
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	ck_assert_int_eq(bh_store_compress(store, "a", NULL), 0);
	struct bh_entry_view view = get("a");
	ck_assert_uint_eq(view.n_references, N);
	assert_span(bh_entry_view_reference(&view, N - 1), "odd");
	assert_span(bh_entry_view_reference(&view, N - 2), "");
	free(references);
}
END_TEST

/* Turns. */

START_TEST(a_turn_counts_every_ttl_down_and_removes_what_is_at_zero)
{
	add_with_ttl("now", 0);
	add_with_ttl("next", 1);
	add_with_ttl("later", 2);
	add_with_ttl("never", BH_TTL_NONE);

	ck_assert_uint_eq(bh_store_process_turn(store), 2);
	ck_assert_str_eq(order(), "later never ");
	ck_assert_int_eq(get("later").ttl, 1);
	ck_assert_int_eq(get("never").ttl, BH_TTL_NONE);
	ck_assert_uint_eq(bh_store_process_turn(store), 1);
	ck_assert_uint_eq(bh_store_process_turn(store), 0);
	ck_assert_str_eq(order(), "never ");
}
END_TEST

START_TEST(a_ttl_is_extended_by_turns)
{
	add_with_ttl("a", 0);
	ck_assert_int_eq(bh_store_extend_ttl(store, "a", 0, NULL), 0);
	ck_assert_int_eq(get("a").ttl, 0);
	ck_assert_int_eq(bh_store_extend_ttl(store, "a", 2, NULL), 0);
	ck_assert_int_eq(get("a").ttl, 2);
	ck_assert_uint_eq(bh_store_process_turn(store), 0);
	ck_assert_uint_eq(bh_store_process_turn(store), 1);
}
END_TEST

static const struct {
	int64_t ttl, turns;
	int want;
} refused_turns[] = {
	{ BH_TTL_NONE, 1, -EINVAL },  { 1, -1, -EINVAL },           { 1, INT64_MIN, -EINVAL },
	{ 1, INT64_MAX, -EOVERFLOW }, { INT64_MAX, 1, -EOVERFLOW },
};

START_TEST(a_ttl_that_cannot_be_extended_stays)
{
	add_with_ttl("a", refused_turns[_i].ttl);
	ck_assert_int_eq(bh_store_extend_ttl(store, "a", refused_turns[_i].turns, NULL),
	                 refused_turns[_i].want);
	ck_assert_int_eq(get("a").ttl, refused_turns[_i].ttl);
}
END_TEST

START_TEST(freeing_no_store_does_nothing)
{
	bh_store_free(NULL);
}
END_TEST

/* A store against a model: an array of entries in order, and for each lease a
 * list of which entry it holds in which version. */

#define MODEL_IDS    12
#define MODEL_STEPS  4000
#define MODEL_LEASES 4

struct model_entry {
	size_t id;
	size_t serial; /* a number for each entry ever added: also its content */
	int64_t ttl;
	bool has_summary;
	bool compressed;
};

struct model_lease {
	struct bh_lease lease;
	struct model_entry entries[MODEL_IDS];
	size_t n_entries;
	size_t n_missing;
	bool is_taken;
};

struct model {
	struct model_entry entries[MODEL_IDS];
	size_t n_entries;
	struct model_lease leases[MODEL_LEASES];
	struct bh_lease_stats stats;
};

static const char *const model_ids[MODEL_IDS] = { "a", "b", "c", "d", "e", "f",
	                                          "g", "h", "i", "j", "k", "l" };

static struct model_entry *model_find(struct model *model, size_t id)
{
	for (size_t i = 0; i < model->n_entries; i++)
		if (model->entries[i].id == id)
			return &model->entries[i];
	return NULL;
}

static void model_remove(struct model *model, struct model_entry *entry)
{
	size_t behind = model->n_entries - (size_t)(entry - model->entries) - 1;

	memmove(entry, entry + 1, behind * sizeof(*entry));
	model->n_entries--;
}

static void step_add(struct model *model, struct generator *generator, size_t id, size_t serial)
{
	char content[24];
	struct model_entry added = { .id = id,
		                     .serial = serial,
		                     .ttl = (int64_t)generate_below(generator, 5) - 1,
		                     .has_summary = generate_below(generator, 4) != 0 };

	snprintf(content, sizeof(content), "content %zu", serial);
	struct bh_entry entry =
	        entry_with(model_ids[id], content, added.has_summary ? "summary" : NULL);
	entry.ttl = added.ttl;
	int r = bh_store_add(store, &entry, NULL);
	ck_assert_int_eq(r, model_find(model, id) ? -EEXIST : 0);
	if (r == 0)
		model->entries[model->n_entries++] = added;
}

static void step_remove(struct model *model, size_t id)
{
	struct model_entry *found = model_find(model, id);

	ck_assert_int_eq(bh_store_remove(store, model_ids[id]), found ? 0 : -ENOENT);
	if (found)
		model_remove(model, found);
}

static void step_compress(struct model *model, size_t id)
{
	struct model_entry *found = model_find(model, id);
	int want = !found ? -ENOENT : found->has_summary ? 0 : -EINVAL;

	ck_assert_int_eq(bh_store_compress(store, model_ids[id], NULL), want);
	if (want == 0)
		found->compressed = true;
}

static void step_turn(struct model *model)
{
	size_t n_removed = 0;

	for (size_t i = 0; i < model->n_entries;) {
		struct model_entry *entry = &model->entries[i];

		if (entry->ttl > 0)
			entry->ttl--;
		if (entry->ttl == 0) {
			model_remove(model, entry);
			n_removed++;
		} else
			i++;
	}
	ck_assert_uint_eq(bh_store_process_turn(store), n_removed);
}

static void step_extend(struct model *model, size_t id)
{
	struct model_entry *found = model_find(model, id);
	int want = !found ? -ENOENT : found->ttl == BH_TTL_NONE ? -EINVAL : 0;

	ck_assert_int_eq(bh_store_extend_ttl(store, model_ids[id], 2, NULL), want);
	if (want == 0)
		found->ttl += 2;
}

static void step_take(struct model *model, struct generator *generator, struct model_lease *lease)
{
	const char *ids[MODEL_IDS];
	size_t n_ids = generate_below(generator, MODEL_IDS);
	struct bh_batch batch = { .batch_id = "b", .entry_ids = ids, .n_entry_ids = n_ids };
	bool met[MODEL_IDS] = { false };

	lease->n_entries = lease->n_missing = 0;
	for (size_t i = 0; i < n_ids; i++) {
		size_t id = generate_below(generator, MODEL_IDS);
		struct model_entry *found = model_find(model, id);

		ids[i] = model_ids[id];
		if (met[id])
			continue;
		met[id] = true;
		if (found)
			lease->entries[lease->n_entries++] = *found;
		else
			lease->n_missing++;
	}
	ck_assert_int_eq(bh_lease_take(store, &batch, &lease->lease, NULL), 0);
	lease->is_taken = true;
	model->stats.leases_taken++;
	model->stats.entries_taken += lease->n_entries;
}

static void step_release(struct model *model, struct model_lease *lease)
{
	bh_lease_release(&lease->lease);
	lease->is_taken = false;
	model->stats.leases_released++;
	model->stats.entries_released += lease->n_entries;
}

static void step_lease(struct model *model, struct generator *generator)
{
	struct model_lease *lease = &model->leases[generate_below(generator, MODEL_LEASES)];

	if (lease->is_taken)
		step_release(model, lease);
	else
		step_take(model, generator, lease);
}

static void check_content(const struct model_entry *want, const struct bh_entry_view *view)
{
	char content[24];

	snprintf(content, sizeof(content), "content %zu", want->serial);
	assert_span(view->content, want->compressed ? NULL : content);
	assert_span(view->summary, want->has_summary ? "summary" : NULL);
	ck_assert_int_eq(view->compressed, want->compressed);
}

static void check_lease(const struct model_lease *lease, bool *in_use)
{
	ck_assert_uint_eq(lease->lease.n_entries, lease->n_entries);
	ck_assert_uint_eq(lease->lease.n_missing_ids, lease->n_missing);
	for (size_t i = 0; i < lease->n_entries; i++) {
		struct bh_entry_view view;

		bh_entry_decode(bh_lease_encoded(&lease->lease, i), &view);
		check_content(&lease->entries[i], &view);
		in_use[lease->entries[i].serial] = true;
	}
}

static void check_entries(const struct model *model, const bool *in_use)
{
	struct bh_store_cursor cursor = { 0 };
	struct bh_entry_view view;
	size_t i = 0;

	for (; bh_store_next(store, &cursor, &view); i++) {
		const struct model_entry *want = &model->entries[i];

		ck_assert_uint_lt(i, model->n_entries);
		ck_assert_str_eq(view.id, model_ids[want->id]);
		check_content(want, &view);
		ck_assert_int_eq(view.ttl, want->ttl);
		ck_assert(view.in_use == in_use[want->serial]);
	}
	ck_assert_uint_eq(i, model->n_entries);
	ck_assert_uint_eq(bh_store_count(store), i);
}

static void check_model(struct model *model)
{
	static bool in_use[MODEL_STEPS];
	struct bh_lease_stats stats = bh_store_lease_stats(store);
	struct bh_lease_stats *want = &model->stats;

	memset(in_use, 0, sizeof(in_use));
	for (size_t i = 0; i < MODEL_LEASES; i++)
		if (model->leases[i].is_taken)
			check_lease(&model->leases[i], in_use);
	check_entries(model, in_use);

	want->entries_in_use = 0;
	for (size_t i = 0; i < MODEL_STEPS; i++)
		want->entries_in_use += in_use[i];
	ck_assert_uint_eq(stats.leases_taken, want->leases_taken);
	ck_assert_uint_eq(stats.leases_released, want->leases_released);
	ck_assert_uint_eq(stats.entries_taken, want->entries_taken);
	ck_assert_uint_eq(stats.entries_released, want->entries_released);
	ck_assert_uint_eq(stats.entries_in_use, want->entries_in_use);
}

static void model_step(struct model *model, struct generator *generator, size_t serial)
{
	size_t id = generate_below(generator, MODEL_IDS);
	size_t choice = generate_below(generator, 100);

	if (choice < 35)
		step_add(model, generator, id, serial);
	else if (choice < 45)
		step_remove(model, id);
	else if (choice < 60)
		step_compress(model, id);
	else if (choice < 65)
		step_turn(model);
	else if (choice < 75)
		step_extend(model, id);
	else if (choice < 99)
		step_lease(model, generator);
	else {
		bh_store_clear(store);
		model->n_entries = 0;
	}
}

START_TEST(a_store_does_what_a_simple_model_does)
{
	struct generator generator = generator_new("store");
	static struct model model;

	for (size_t serial = 0; serial < MODEL_STEPS; serial++) {
		model_step(&model, &generator, serial);
		check_model(&model);
	}
	for (size_t i = 0; i < MODEL_LEASES; i++)
		if (model.leases[i].is_taken)
			step_release(&model, &model.leases[i]);

	check_model(&model);
	ck_assert_uint_eq(model.stats.leases_taken, model.stats.leases_released);
	ck_assert_uint_eq(model.stats.entries_taken, model.stats.entries_released);
	ck_assert_uint_eq(model.stats.entries_in_use, 0);
}
END_TEST

START_TEST(a_hundred_thousand_entries_are_found_again_and_taken_out)
{
	enum { N = 100000 };
	char id[16];

	for (size_t i = 0; i < N; i++) {
		snprintf(id, sizeof(id), "%zu", i);
		add(id, id, NULL);
	}
	ck_assert_uint_eq(bh_store_count(store), N);
	for (size_t i = 0; i < N; i += 2) {
		snprintf(id, sizeof(id), "%zu", i);
		assert_span(get(id).content, id);
		ck_assert_int_eq(bh_store_remove(store, id), 0);
	}
	ck_assert_uint_eq(bh_store_count(store), N / 2);
	for (size_t i = 0; i < N; i++) {
		snprintf(id, sizeof(id), "%zu", i);
		ck_assert(bh_store_contains(store, id) == (i % 2 == 1));
	}
}
END_TEST

static TCase *adding(void)
{
	TCase *cases = tcase_create("adding");

	tcase_add_loop_test(cases, an_entry_that_breaks_a_rule_is_refused_and_changes_nothing, 0,
	                    BH_COUNT_OF(refused));
	tcase_add_test(cases, a_content_too_long_for_messagepack_is_refused);
	tcase_add_test(cases, a_duplicate_id_is_refused_and_the_first_stays);
	tcase_add_test(cases, a_message_stays_utf8_when_it_cuts_a_long_id);
	tcase_add_test(cases, a_view_shows_everything_as_it_was_given);
	tcase_add_test(cases, what_is_absent_is_told_apart_from_what_is_empty);
	tcase_add_test(cases, an_entry_is_copied);
	tcase_add_test(cases, content_of_any_bytes_is_kept);
	tcase_add_test(cases, an_entry_added_as_compressed_has_no_content);
	tcase_add_loop_test(cases, tokens_are_a_quarter_of_the_code_points, 0,
	                    BH_COUNT_OF(token_counts));
	return cases;
}

static TCase *keeping(void)
{
	TCase *cases = tcase_create("keeping");

	tcase_add_test(cases, an_unknown_id_is_not_found);
	tcase_add_test(cases, entries_come_in_the_order_they_were_added);
	tcase_add_test(cases, a_removed_entry_can_be_added_again_at_the_end);
	tcase_add_test(cases, a_cleared_store_is_empty_and_can_be_filled_again);
	tcase_add_test(cases, the_entry_just_returned_may_be_removed);
	tcase_add_test(cases, entries_of_one_type_come_in_their_order);
	tcase_add_test(cases, freeing_no_store_does_nothing);
	tcase_add_test(cases, a_hundred_thousand_entries_are_found_again_and_taken_out);
	tcase_add_test(cases, a_store_does_what_a_simple_model_does);
	tcase_set_timeout(cases, 60);
	return cases;
}

static TCase *changing(void)
{
	TCase *cases = tcase_create("changing");

	tcase_add_test(cases, compressing_drops_the_content_and_nothing_else);
	tcase_add_test(cases, a_store_of_one_entry_can_compress_it);
	tcase_add_test(cases, compressing_twice_changes_nothing);
	tcase_add_test(cases, an_entry_without_a_summary_is_not_compressed);
	tcase_add_test(cases, an_entry_with_very_many_references_is_compressed);
	tcase_add_test(cases, a_turn_counts_every_ttl_down_and_removes_what_is_at_zero);
	tcase_add_test(cases, a_ttl_is_extended_by_turns);
	tcase_add_loop_test(cases, a_ttl_that_cannot_be_extended_stays, 0,
	                    BH_COUNT_OF(refused_turns));
	return cases;
}

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *const cases[] = { adding(), keeping(), changing() };

	for (size_t i = 0; i < BH_COUNT_OF(cases); i++) {
		tcase_add_checked_fixture(cases[i], make_store, free_store);
		suite_add_tcase(suite, cases[i]);
	}

	return run_suite(suite);
}
