/* SPDX-License-Identifier: Apache-2.0 */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/limits.h"
#include "ipc/codec/context.h"
#include "ipc/wire/base.h"
#include "tests/check.h"
#include "values.h"

#define PROPERTY_ROUNDS 1000
#define MAX_TEXTS       5

#define BYTES(literal) literal, sizeof(literal) - 1

static struct bh_encoded encode_entry(const struct bh_entry *entry, bool *ret_is_text)
{
	struct bh_encoded encoded = BH_ENCODED_UNSET;
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_entry_encode(entry, &encoded, ret_is_text, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	return encoded;
}

static struct bh_span span_of(const struct bh_encoded *encoded)
{
	return (struct bh_span){ encoded->data, encoded->size };
}

/* The one value that the bytes are, as msgpack-c reads it. */
static void unpack_all(struct bh_span bytes, msgpack_unpacked *ret)
{
	size_t offset = 0;

	msgpack_unpacked_init(ret);
	ck_assert_int_eq(msgpack_unpack_next(ret, bytes.data, bytes.size, &offset),
	                 MSGPACK_UNPACK_SUCCESS);
	ck_assert_uint_eq(offset, bytes.size);
}

/* The `index`-th pair of the map has to have this key. */
static const msgpack_object *value_at(const msgpack_object *map, uint32_t index, const char *key)
{
	ck_assert_int_eq(map->type, MSGPACK_OBJECT_MAP);
	ck_assert_uint_lt(index, map->via.map.size);
	const msgpack_object_kv *pair = &map->via.map.ptr[index];
	ck_assert_int_eq(pair->key.type, MSGPACK_OBJECT_STR);
	ck_assert_msg(pair->key.via.str.size == strlen(key) &&
	                      memcmp(pair->key.via.str.ptr, key, strlen(key)) == 0,
	              "%.*s instead of %s", (int)pair->key.via.str.size, pair->key.via.str.ptr,
	              key);
	return &pair->val;
}

static void check_text(const msgpack_object *object, const char *want)
{
	if (!want) {
		ck_assert_int_eq(object->type, MSGPACK_OBJECT_NIL);
		return;
	}
	ck_assert_int_eq(object->type, MSGPACK_OBJECT_STR);
	ck_assert_uint_eq(object->via.str.size, strlen(want));
	ck_assert_int_eq(memcmp(object->via.str.ptr, want, strlen(want)), 0);
}

static void check_texts(const msgpack_object *object, const char *const *want, size_t n)
{
	ck_assert_int_eq(object->type, MSGPACK_OBJECT_ARRAY);
	ck_assert_uint_eq(object->via.array.size, n);
	for (size_t i = 0; i < n; i++)
		check_text(&object->via.array.ptr[i], want[i]);
}

static void check_uint(const msgpack_object *object, uint64_t want)
{
	ck_assert_int_eq(object->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
	ck_assert_uint_eq(object->via.u64, want);
}

static void check_int(const msgpack_object *object, int64_t want)
{
	ck_assert(object->type == MSGPACK_OBJECT_POSITIVE_INTEGER ||
	          object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER);
	ck_assert_int_eq(object->via.i64, want);
}

static void check_content(const msgpack_object *object, const struct bh_entry *entry, bool is_text)
{
	if (entry->compressed || !entry->content.data) {
		ck_assert_int_eq(object->type, MSGPACK_OBJECT_NIL);
		return;
	}
	ck_assert_int_eq(object->type, is_text ? MSGPACK_OBJECT_STR : MSGPACK_OBJECT_BIN);
	ck_assert_uint_eq(object->via.bin.size, entry->content.size);
	ck_assert_int_eq(memcmp(object->via.bin.ptr, entry->content.data, entry->content.size), 0);
}

static void check_entry(const msgpack_object *map, const struct bh_entry *entry, bool is_text)
{
	ck_assert_uint_eq(map->via.map.size, 9);
	check_text(value_at(map, 0, "id"), entry->id);
	check_text(value_at(map, 1, "type"), bh_entry_type_name(entry->type));
	check_text(value_at(map, 2, "source"), entry->source);
	check_content(value_at(map, 3, "content"), entry, is_text);
	check_text(value_at(map, 4, "summary"), entry->summary);
	check_texts(value_at(map, 5, "references"), entry->references, entry->n_references);
	check_text(value_at(map, 6, "parent_id"), entry->parent_id);
	check_int(value_at(map, 7, "priority"), entry->priority);
	const msgpack_object *compressed = value_at(map, 8, "compressed");
	ck_assert_int_eq(compressed->type, MSGPACK_OBJECT_BOOLEAN);
	ck_assert(compressed->via.boolean == entry->compressed);
}

static void check_span(struct bh_span span, const char *want)
{
	if (!want) {
		ck_assert_ptr_null(span.data);
		return;
	}
	ck_assert_ptr_nonnull(span.data);
	ck_assert_uint_eq(span.size, strlen(want));
	ck_assert_int_eq(memcmp(span.data, want, span.size), 0);
}

static void check_view(struct bh_span encoded, const struct bh_entry *entry, bool is_text)
{
	struct bh_entry_view view = { .tokens = 7, .ttl = 8, .n_derived_from = 9 };
	bool has_content = entry->content.data && !entry->compressed;

	bh_entry_decode(encoded, &view);
	ck_assert_int_eq(view.type, entry->type);
	check_span(view.source, entry->source);
	ck_assert((view.content.data != NULL) == has_content);
	ck_assert(view.content_is_text == (has_content && is_text));
	if (has_content) {
		ck_assert_uint_eq(view.content.size, entry->content.size);
		ck_assert_int_eq(
		        memcmp(view.content.data, entry->content.data, entry->content.size), 0);
	}
	check_span(view.summary, entry->summary);
	check_span(view.parent_id, entry->parent_id);
	ck_assert_int_eq(view.priority, entry->priority);
	ck_assert(view.compressed == entry->compressed);
	ck_assert_uint_eq(view.n_references, entry->n_references);
	for (size_t i = 0; i < entry->n_references; i++)
		check_span(bh_entry_encoded_reference(encoded, i), entry->references[i]);
	ck_assert_ptr_null(bh_entry_encoded_reference(encoded, entry->n_references).data);
	ck_assert_ptr_null(bh_entry_encoded_reference(encoded, SIZE_MAX).data);
	/* not the encoding's to tell */
	ck_assert(view.tokens == 7 && view.ttl == 8 && view.n_derived_from == 9);
}

START_TEST(an_entry_is_encoded_byte_for_byte_as_written_down)
{
	static const char *const references[] = { "r" };
	static const char want[] = "\x89\xa2id\xa1i\xa4type\xa7"
	                           "command\xa6source\xa1s\xa7"
	                           "content"
	                           "\xa3"
	                           "abc\xa7summary\xc0\xaareferences\x91\xa1r\xa9parent_id\xc0"
	                           "\xa8priority\xfe\xaa"
	                           "compressed\xc2";
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	bool is_text;

	entry.id = "i";
	entry.source = "s";
	entry.type = BH_ENTRY_COMMAND;
	entry.content = (struct bh_span){ BYTES("abc") };
	entry.references = references;
	entry.n_references = 1;
	entry.priority = -2;
	struct bh_encoded encoded = encode_entry(&entry, &is_text);

	ck_assert(is_text);
	ck_assert_uint_eq(encoded.size, sizeof(want) - 1);
	ck_assert_mem_eq(encoded.data, want, sizeof(want) - 1);
	bh_encoded_done(&encoded);
	ck_assert_ptr_null(encoded.data);
	bh_encoded_done(&encoded); /* twice is safe */
}
END_TEST

static const struct {
	const char *why;
	struct bh_span content;
	bool compressed;
	bool is_text;
} contents[] = {
	{ "absent", { NULL, 0 }, false, false },
	{ "empty", { BYTES("") }, false, true },
	{ "a NUL byte", { BYTES("a\0b") }, false, true },
	{ "UTF-8", { BYTES("\xc3\xa9t\xc3\xa9") }, false, true },
	{ "not UTF-8", { BYTES("\xff\xfe") }, false, false },
	{ "UTF-8 cut short", { BYTES("ok \xe4\xb8") }, false, false },
	{ "dropped by compressing", { BYTES("gone") }, true, true },
};

START_TEST(content_is_a_str_where_it_is_text_and_else_a_bin)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	msgpack_unpacked unpacked;
	bool is_text;

	entry.id = "i";
	entry.source = "s";
	entry.summary = "short";
	entry.content = contents[_i].content;
	entry.compressed = contents[_i].compressed;
	struct bh_encoded encoded = encode_entry(&entry, &is_text);

	ck_assert_msg(is_text == contents[_i].is_text, "%s", contents[_i].why);
	unpack_all(span_of(&encoded), &unpacked);
	check_entry(&unpacked.data, &entry, is_text);
	check_view(span_of(&encoded), &entry, is_text);
	msgpack_unpacked_destroy(&unpacked);
	bh_encoded_done(&encoded);
}
END_TEST

START_TEST(large_content_is_encoded_whole)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	size_t size = (size_t)64 << 20;
	char *content = malloc(size);
	bool is_text;

	memset(content, 'x', size);
	entry.id = "i";
	entry.source = "s";
	entry.content = (struct bh_span){ content, size };
	struct bh_encoded encoded = encode_entry(&entry, &is_text);

	ck_assert(is_text);
	check_view(span_of(&encoded), &entry, true);
	bh_encoded_done(&encoded);
	free(content);
}
END_TEST

/* A text of each kind of length that MessagePack writes in a way of its own. */
START_TEST(texts_of_every_length_survive)
{
	static const size_t sizes[] = { 0, 1, 31, 32, 255, 256, 65535, 65536 };
	size_t size = sizes[_i];
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	char *text = malloc(size + 1);
	bool is_text;

	memset(text, 'y', size);
	text[size] = '\0';
	entry.id = text;
	entry.source = text;
	entry.summary = text;
	entry.parent_id = text;
	entry.content = (struct bh_span){ text, size };
	struct bh_encoded encoded = encode_entry(&entry, &is_text);

	check_view(span_of(&encoded), &entry, true);
	bh_encoded_done(&encoded);
	free(text);
}
END_TEST

static char **random_texts(uint64_t *state, size_t n)
{
	char **texts = calloc(n + 1, sizeof(*texts));

	for (size_t i = 0; i < n; i++)
		texts[i] = test_random_text(state, 40);
	return texts;
}

static void free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

/* An entry of random parts; `texts` has room for its MAX_TEXTS. */
static struct bh_entry random_entry(uint64_t *state, char **texts, size_t n_references)
{
	return (struct bh_entry){
		.id = texts[0],
		.source = texts[1],
		.type = (enum bh_entry_type)test_random_below(state, BH_ENTRY_TYPES),
		.content = { test_random_below(state, 4) ? texts[2] : NULL, strlen(texts[2]) },
		.summary = test_random_below(state, 2) ? texts[3] : NULL,
		.references = (const char *const *)texts,
		.n_references = n_references,
		.parent_id = test_random_below(state, 2) ? texts[4] : NULL,
		.priority = (int64_t)(test_random(state) >> test_random_below(state, 64)),
		.compressed = test_random_below(state, 4) == 0,
	};
}

START_TEST(generated_entries_survive_encoding)
{
	uint64_t seed = test_seed(), state = seed;

	printf("BH_TEST_SEED=%ju\n", (uintmax_t)seed);
	for (int round = 0; round < PROPERTY_ROUNDS; round++) {
		char **texts = random_texts(&state, MAX_TEXTS);
		struct bh_entry entry =
		        random_entry(&state, texts, test_random_below(&state, MAX_TEXTS + 1));
		size_t size = strlen(texts[2]);
		msgpack_unpacked unpacked;
		bool is_text;

		/* now and then content that is no text */
		if (size > 0 && test_random_below(&state, 3) == 0)
			texts[2][test_random_below(&state, size)] = (char)0xff;
		bool want_text = entry.content.data && bh_utf8_valid(texts[2], size);
		entry.n_references = entry.n_references > 2 ? 2 : entry.n_references;
		struct bh_encoded encoded = encode_entry(&entry, &is_text);
		ck_assert(is_text == want_text);
		unpack_all(span_of(&encoded), &unpacked);
		check_entry(&unpacked.data, &entry, is_text);
		check_view(span_of(&encoded), &entry, is_text);

		msgpack_unpacked_destroy(&unpacked);
		bh_encoded_done(&encoded);
		free_texts(texts, MAX_TEXTS);
	}
}
END_TEST

START_TEST(an_entry_too_long_for_32_bits_is_refused)
{
	static const size_t too_many = (size_t)UINT32_MAX + 1;
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	struct bh_encoded encoded = BH_ENCODED_UNSET;
	struct bh_error err = BH_ERROR_UNSET;
	bool is_text = true;

	entry.id = "i";
	entry.source = "s";
	entry.content = (struct bh_span){ "x", too_many };
	ck_assert_int_eq(bh_entry_encode(&entry, &encoded, &is_text, &err), -EOVERFLOW);
	ck_assert_int_eq(err.code, EOVERFLOW);
	entry.content.size = 1;
	entry.n_references = too_many;
	ck_assert_int_eq(bh_entry_encode(&entry, &encoded, &is_text, &err), -EOVERFLOW);
	ck_assert_ptr_null(encoded.data);
	ck_assert(is_text);
}
END_TEST

static const struct {
	const char *why;
	struct bh_span content;
	const char *summary;
	bool compressed;
	bool is_text;
	uint64_t want;
} estimates[] = {
	{ "nothing", { NULL, 0 }, NULL, false, false, 0 },
	{ "three characters", { BYTES("abc") }, NULL, false, true, 0 },
	{ "four characters", { BYTES("abcd") }, NULL, false, true, 1 },
	{ "seven characters", { BYTES("abcdefg") }, NULL, false, true, 1 },
	{ "content before summary", { BYTES("abcd") }, "a longer summary", false, true, 1 },
	{ "summary where content is absent", { NULL, 0 }, "12345678", false, false, 2 },
	{ "summary where content is empty", { BYTES("") }, "12345678", false, true, 2 },
	{ "summary where content is dropped", { BYTES("abcd") }, "12345678", true, true, 2 },
	{ "code points, not bytes",
	  { BYTES("\xe4\xb8\xad\xf0\x9f\x98\x80\xc3\xa9z") },
	  NULL,
	  false,
	  true,
	  1 },
	{ "code points of a summary",
	  { NULL, 0 },
	  "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
	  false,
	  false,
	  1 },
	{ "bytes that are not UTF-8", { BYTES("\x80\x80\x80\x80\xff") }, NULL, false, false, 1 },
};

START_TEST(tokens_are_a_quarter_of_the_code_points)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	entry.content = estimates[_i].content;
	entry.summary = estimates[_i].summary;
	entry.compressed = estimates[_i].compressed;
	uint64_t tokens = bh_entry_tokens(&entry, estimates[_i].is_text);
	ck_assert_msg(tokens == estimates[_i].want, "%s: %ju", estimates[_i].why,
	              (uintmax_t)tokens);
}
END_TEST

static struct bh_encoded encode_header(const struct bh_context_header *header)
{
	struct bh_encoded encoded = BH_ENCODED_UNSET;
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_context_header_encode(header, &encoded, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	return encoded;
}

static void check_task(const msgpack_object *map, const struct bh_task *task)
{
	msgpack_unpacked params;

	ck_assert_uint_eq(map->via.map.size, 5);
	check_text(value_at(map, 0, "id"), task->id);
	check_text(value_at(map, 1, "description"), task->description ? task->description : "");
	check_texts(value_at(map, 2, "required_entry_ids"), task->required_entry_ids,
	            task->n_required_entry_ids);
	check_int(value_at(map, 3, "priority"), task->priority);
	const msgpack_object *value = value_at(map, 4, "params");
	if (!task->params.data) {
		ck_assert_int_eq(value->type, MSGPACK_OBJECT_NIL);
		return;
	}
	unpack_all(task->params, &params);
	ck_assert(msgpack_object_equal(*value, params.data));
	msgpack_unpacked_destroy(&params);
}

static void check_header(const msgpack_object *map, const struct bh_context_header *header)
{
	ck_assert_uint_eq(map->via.map.size, 9);
	check_uint(value_at(map, 0, "abi"), 1);
	check_text(value_at(map, 1, "batch_id"), header->batch_id);
	check_uint(value_at(map, 2, "attempt"), header->attempt);
	const msgpack_object *timeout = value_at(map, 3, "timeout_ms");
	if (header->timeout_us == BH_UNLIMITED)
		ck_assert_int_eq(timeout->type, MSGPACK_OBJECT_NIL);
	else
		check_uint(timeout, header->timeout_us / 1000 + (header->timeout_us % 1000 > 0));
	check_uint(value_at(map, 4, "entry_count"), header->entry_count);
	check_uint(value_at(map, 5, "total_tokens"), header->total_tokens);
	check_texts(value_at(map, 6, "missing_ids"), header->missing_ids, header->n_missing_ids);
	const msgpack_object *tasks = value_at(map, 7, "tasks");
	ck_assert_int_eq(tasks->type, MSGPACK_OBJECT_ARRAY);
	ck_assert_uint_eq(tasks->via.array.size, header->n_tasks);
	for (size_t i = 0; i < header->n_tasks; i++)
		check_task(&tasks->via.array.ptr[i], header->tasks[i]);
}

START_TEST(a_header_and_encoded_entries_make_one_map)
{
	static const char *const missing[] = { "gone", "away" };
	static const struct bh_task plain = { .id = "plain" };
	static const struct bh_task full = {
		.id = "full",
		.description = "do it",
		.required_entry_ids = missing,
		.n_required_entry_ids = 2,
		.priority = INT64_MIN,
		.params = { BYTES("\x81\xa1k\x92\x01\xc3") },
	};
	static const struct bh_task *const tasks[] = { &plain, &full };
	static const struct bh_context_header header = {
		.batch_id = "batch_0001",
		.attempt = 3,
		.timeout_us = 1500001,
		.entry_count = 4,
		.total_tokens = UINT64_MAX,
		.missing_ids = missing,
		.n_missing_ids = 2,
		.tasks = tasks,
		.n_tasks = 2,
		.n_entries = 2,
	};
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	msgpack_unpacked unpacked;
	bool is_text;

	entry.id = "i";
	entry.source = "s";
	entry.content = (struct bh_span){ BYTES("text") };
	struct bh_encoded head = encode_header(&header);
	struct bh_encoded body = encode_entry(&entry, &is_text);
	size_t size = head.size + 2 * body.size;
	char *context = malloc(size);
	memcpy(context, head.data, head.size);
	memcpy(context + head.size, body.data, body.size);
	memcpy(context + head.size + body.size, body.data, body.size);

	unpack_all((struct bh_span){ context, size }, &unpacked);
	check_header(&unpacked.data, &header);
	const msgpack_object *entries = value_at(&unpacked.data, 8, "entries");
	ck_assert_uint_eq(entries->via.array.size, 2);
	for (size_t i = 0; i < 2; i++)
		check_entry(&entries->via.array.ptr[i], &entry, is_text);
	msgpack_unpacked_destroy(&unpacked);
	free(context);
	bh_encoded_done(&head);
	bh_encoded_done(&body);
}
END_TEST

static const struct {
	uint64_t timeout_us;
	bool is_nil;
	uint64_t want_ms;
} timeouts[] = {
	{ BH_UNLIMITED, true, 0 },
	{ 0, false, 0 },
	{ 1, false, 1 },
	{ 999, false, 1 },
	{ 1000, false, 1 },
	{ 1001, false, 2 },
	{ UINT64_MAX - 1, false, UINT64_MAX / 1000 + 1 },
};

START_TEST(a_timeout_is_told_in_milliseconds_rounded_up)
{
	struct bh_context_header header = { .batch_id = "b",
		                            .timeout_us = timeouts[_i].timeout_us };
	msgpack_unpacked unpacked;

	struct bh_encoded encoded = encode_header(&header);
	unpack_all(span_of(&encoded), &unpacked);
	const msgpack_object *timeout = value_at(&unpacked.data, 3, "timeout_ms");
	if (timeouts[_i].is_nil)
		ck_assert_int_eq(timeout->type, MSGPACK_OBJECT_NIL);
	else
		check_uint(timeout, timeouts[_i].want_ms);
	msgpack_unpacked_destroy(&unpacked);
	bh_encoded_done(&encoded);
}
END_TEST

START_TEST(generated_headers_survive_encoding)
{
	uint64_t seed = test_seed(), state = seed;

	printf("BH_TEST_SEED=%ju\n", (uintmax_t)seed);
	for (int round = 0; round < PROPERTY_ROUNDS; round++) {
		char **texts = random_texts(&state, MAX_TEXTS);
		struct bh_task task = {
			.id = texts[0],
			.description = test_random_below(&state, 2) ? texts[1] : NULL,
			.required_entry_ids = (const char *const *)texts,
			.n_required_entry_ids = test_random_below(&state, MAX_TEXTS),
			.priority = (int64_t)test_random(&state),
		};
		const struct bh_task *const tasks[] = { &task, &task, &task };
		struct bh_context_header header = {
			.batch_id = texts[2],
			.attempt = (uint32_t)test_random(&state),
			.timeout_us = test_random(&state),
			.entry_count = test_random(&state),
			.total_tokens = test_random(&state),
			.missing_ids = (const char *const *)texts,
			.n_missing_ids = test_random_below(&state, MAX_TEXTS),
			.tasks = tasks,
			.n_tasks = test_random_below(&state, 4),
		};
		msgpack_sbuffer params;
		msgpack_packer packer;
		msgpack_unpacked unpacked;

		msgpack_sbuffer_init(&params);
		msgpack_packer_init(&packer, &params, msgpack_sbuffer_write);
		test_pack_random(&state, &packer, 3);
		task.params = (struct bh_span){ params.data, params.size };
		struct bh_encoded encoded = encode_header(&header);
		unpack_all(span_of(&encoded), &unpacked);
		check_header(&unpacked.data, &header);
		ck_assert_uint_eq(value_at(&unpacked.data, 8, "entries")->via.array.size, 0);

		msgpack_unpacked_destroy(&unpacked);
		bh_encoded_done(&encoded);
		msgpack_sbuffer_destroy(&params);
		free_texts(texts, MAX_TEXTS);
	}
}
END_TEST

START_TEST(a_header_with_counts_past_32_bits_is_refused)
{
	static const size_t too_many = (size_t)UINT32_MAX + 1;
	struct bh_encoded encoded = BH_ENCODED_UNSET;
	struct bh_error err = BH_ERROR_UNSET;
	const struct bh_context_header headers[] = {
		{ .batch_id = "b", .n_missing_ids = too_many },
		{ .batch_id = "b", .n_tasks = too_many },
		{ .batch_id = "b", .n_entries = too_many },
	};

	for (size_t i = 0; i < BH_COUNT_OF(headers); i++) {
		ck_assert_int_eq(bh_context_header_encode(&headers[i], &encoded, &err), -EOVERFLOW);
		ck_assert_ptr_null(encoded.data);
	}
}
END_TEST

static TCase *entry_tests(void)
{
	TCase *tests = tcase_create("entry");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, an_entry_is_encoded_byte_for_byte_as_written_down);
	tcase_add_loop_test(tests, content_is_a_str_where_it_is_text_and_else_a_bin, 0,
	                    BH_COUNT_OF(contents));
	tcase_add_test(tests, large_content_is_encoded_whole);
	tcase_add_loop_test(tests, texts_of_every_length_survive, 0, 8);
	tcase_add_test(tests, generated_entries_survive_encoding);
	tcase_add_test(tests, an_entry_too_long_for_32_bits_is_refused);
	tcase_add_loop_test(tests, tokens_are_a_quarter_of_the_code_points, 0,
	                    BH_COUNT_OF(estimates));
	return tests;
}

static TCase *header_tests(void)
{
	TCase *tests = tcase_create("header");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, a_header_and_encoded_entries_make_one_map);
	tcase_add_loop_test(tests, a_timeout_is_told_in_milliseconds_rounded_up, 0,
	                    BH_COUNT_OF(timeouts));
	tcase_add_test(tests, generated_headers_survive_encoding);
	tcase_add_test(tests, a_header_with_counts_past_32_bits_is_refused);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("context");

	suite_add_tcase(suite, entry_tests());
	suite_add_tcase(suite, header_tests());

	return run_suite(suite);
}
