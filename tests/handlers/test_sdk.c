/* SPDX-License-Identifier: Apache-2.0 */

/* test_sdk.c: the handler SDK, in children with real descriptors. Built against
 * the static and against the shared library. */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bulkhead/handler.h"
#include "rig.h"

#define CAPACITY  65536
#define TOO_LARGE ((size_t)4 << 20) /* more than it can be rounded up to */

static const char *const first_ids[] = { "text", "gone", "binary", "summed up", "text" };
static const char *const references[] = { "binary", "elsewhere" };
static const char first_params[] = "\x84\xa4name\xa4"
                                   "bulk\xa5"
                                   "count\xd1\xff\x00\xa4"
                                   "flag\xc3\x05\x93\x01\x02\x03";
static const struct bh_task first = {
	.id = "first",
	.description = "héllo",
	.required_entry_ids = first_ids,
	.n_required_entry_ids = 5,
	.priority = -7,
	.params = { first_params, sizeof(first_params) - 1 },
};
static const struct bh_task second = { .id = "second" };
static const struct bh_task *const tasks[] = { &first, &second };
static const struct bh_batch batch = { .batch_id = "batch_0001", .tasks = tasks, .n_tasks = 2 };

static const struct bh_entry entries[] = {
	{ .id = "text",
	  .source = "a/text",
	  .content = { "one\ntwo\n", 8 },
	  .references = references,
	  .n_references = 2,
	  .parent_id = "binary",
	  .priority = 3,
	  .ttl = BH_TTL_NONE },
	{ .id = "binary",
	  .source = "b",
	  .type = BH_ENTRY_COMMAND_RESULT,
	  .content = { "\xff\x00\xfe", 3 },
	  .ttl = BH_TTL_NONE },
	{ .id = "summed up",
	  .source = "c",
	  .summary = "short",
	  .compressed = true,
	  .ttl = BH_TTL_NONE },
};

static struct bh_region context = BH_REGION_UNSET;
static struct run run;

static void set_up(void)
{
	rig_context(&batch, entries, BH_COUNT_OF(entries), &context);
}

static void tear_down(void)
{
	bh_region_done(&context);
	run_done(&run);
}

static void run_child(int (*body)(void *), void *userdata)
{
	rig_run(&context, &batch, CAPACITY, body, userdata, &run);
}

static struct bh_handler *open_handler(void)
{
	struct bh_handler *handler;

	EXPECT(bh_handler_open(&handler) == 0);
	return handler;
}

/* ---- the context ---- */

static int see_the_batch(void *unused)
{
	struct bh_handler *handler = open_handler();
	const struct bh_handler_batch *seen = bh_handler_batch(handler);

	(void)unused;
	EXPECT(bh_text_equals(seen->batch_id, "batch_0001"));
	EXPECT(seen->attempt == 2 && seen->has_timeout && seen->timeout_ms == 1500);
	EXPECT(seen->entry_count == 5 && seen->total_tokens == 75);
	EXPECT(seen->n_tasks == 2 && seen->n_entries == 3 && seen->n_missing_ids == 2);
	EXPECT(bh_text_equals(bh_handler_missing_id(seen, 1), "never was"));
	EXPECT(!bh_handler_missing_id(seen, 2).data);
	bh_handler_close(handler);
	return 0;
}

START_TEST(a_handler_sees_its_batch)
{
	run_child(see_the_batch, NULL);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

static int see_the_tasks(void *unused)
{
	struct bh_handler *handler = open_handler();
	struct bh_handler_task task;

	(void)unused;
	EXPECT(bh_handler_task_at(handler, 1, &task));
	EXPECT(bh_text_equals(task.id, "second") && bh_text_equals(task.description, ""));
	EXPECT(task.n_required_entry_ids == 0 && !bh_handler_task_entry_id(&task, 0).data);
	EXPECT(bh_text_equals(task.params, "\xc0"));
	EXPECT(bh_handler_task_at(handler, 0, &task));
	EXPECT(bh_text_equals(task.id, "first") && bh_text_equals(task.description, "héllo"));
	EXPECT(task.priority == -7 && task.n_required_entry_ids == 5);
	EXPECT(bh_text_equals(bh_handler_task_entry_id(&task, 2), "binary"));
	EXPECT(!bh_handler_task_at(handler, 2, &task));
	return 0;
}

START_TEST(a_handler_sees_its_tasks)
{
	run_child(see_the_tasks, NULL);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

static int see_the_entries(void *unused)
{
	struct bh_handler *handler = open_handler();
	struct bh_handler_entry entry;

	(void)unused;
	EXPECT(bh_handler_entry_at(handler, 0, &entry) && entry.index == 0);
	EXPECT(bh_text_equals(entry.id, "text") && bh_text_equals(entry.type, "file"));
	EXPECT(bh_text_equals(entry.source, "a/text") &&
	       bh_text_equals(entry.content, "one\ntwo\n"));
	EXPECT(entry.content_is_text && !entry.summary.data && !entry.compressed);
	EXPECT(bh_text_equals(entry.parent_id, "binary") && entry.priority == 3);
	EXPECT(entry.n_references == 2);
	EXPECT(bh_text_equals(bh_handler_entry_reference(&entry, 1), "elsewhere"));
	EXPECT(!bh_handler_entry_reference(&entry, 2).data);
	EXPECT(bh_handler_entry_at(handler, 1, &entry) && entry.index == 1);
	EXPECT(!entry.content_is_text && entry.content.size == 3);
	EXPECT(memcmp(entry.content.data, "\xff\x00\xfe", 3) == 0);
	EXPECT(bh_text_equals(entry.type, "command_result") && !entry.parent_id.data);
	EXPECT(bh_handler_entry_at(handler, 2, &entry));
	EXPECT(!entry.content.data && bh_text_equals(entry.summary, "short") && entry.compressed);
	EXPECT(!bh_handler_entry_at(handler, 3, &entry));
	EXPECT(!bh_handler_entry_at(handler, UINT32_MAX, &entry));
	return 0;
}

START_TEST(a_handler_sees_its_entries_byte_for_byte)
{
	run_child(see_the_entries, NULL);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

static int find_entries(void *unused)
{
	struct bh_handler *handler = open_handler();
	struct bh_handler_entry entry;
	struct bh_handler_task task;

	(void)unused;
	EXPECT(bh_handler_entry_find(handler, TEXT("summed up"), &entry) && entry.index == 2);
	EXPECT(!bh_handler_entry_find(handler, TEXT("gone"), &entry));
	EXPECT(!bh_handler_entry_find(handler, bh_text_from(NULL), &entry));
	EXPECT(bh_handler_task_at(handler, 0, &task));
	EXPECT(bh_handler_task_entry(handler, &task, 0, &entry) && entry.index == 0);
	EXPECT(!bh_handler_task_entry(handler, &task, 1, &entry));
	EXPECT(bh_handler_task_entry(handler, &task, 3, &entry) && entry.index == 2);
	EXPECT(bh_handler_task_entry(handler, &task, 2, &entry) && entry.index == 1);
	EXPECT(bh_handler_task_entry(handler, &task, 2, &entry) && entry.index == 1);
	EXPECT(bh_handler_task_entry(handler, &task, 4, &entry) && entry.index == 0);
	EXPECT(!bh_handler_task_entry(handler, &task, 5, &entry));
	return 0;
}

START_TEST(entries_are_found_by_id_in_any_order)
{
	run_child(find_entries, NULL);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

static int read_params(void *unused)
{
	struct bh_handler *handler = open_handler();
	struct bh_handler_task task;
	struct bh_text text;
	int64_t number;
	bool flag = false;

	(void)unused;
	EXPECT(bh_handler_task_at(handler, 0, &task));
	EXPECT(bh_params_text(&task, "name", &text) && bh_text_equals(text, "bulk"));
	EXPECT(bh_params_int(&task, "count", &number) && number == -256);
	EXPECT(bh_params_bool(&task, "flag", &flag) && flag);
	EXPECT(!bh_params_int(&task, "name", &number) && !bh_params_text(&task, "flag", &text));
	EXPECT(!bh_params_bool(&task, "absent", &flag));
	EXPECT(bh_handler_task_at(handler, 1, &task));
	EXPECT(!bh_params_text(&task, "name", &text));
	return 0;
}

START_TEST(params_are_read_by_name_and_type)
{
	run_child(read_params, NULL);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

#define MANY 3000

static int find_many(void *unused)
{
	struct bh_handler *handler = open_handler();
	struct bh_handler_entry entry;
	char id[32];

	(void)unused;
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "entry %u", i);
		EXPECT(bh_handler_entry_find(handler, bh_text_from(id), &entry));
		EXPECT(entry.index == i && entry.content.size == 100);
		EXPECT(bh_handler_entry_at(handler, MANY - 1 - i, &entry));
		EXPECT(entry.index == MANY - 1 - i);
	}
	EXPECT(!bh_handler_entry_find(handler, TEXT("entry 3000"), &entry));
	bh_handler_close(handler);
	return 0;
}

START_TEST(a_context_of_many_entries_is_mapped_and_indexed)
{
	struct bh_entry *many = calloc(MANY, sizeof(*many));
	char(*ids)[32] = calloc(MANY, sizeof(*ids));
	char content[100];

	memset(content, 'x', sizeof(content));
	bh_region_done(&context);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(ids[i], sizeof(ids[i]), "entry %zu", i);
		many[i] = BH_ENTRY_DEFAULT;
		many[i].id = many[i].source = ids[i];
		many[i].content = (struct bh_span){ content, sizeof(content) };
	}
	rig_context(&batch, many, MANY, &context);
	ck_assert_uint_gt(context.size, 65536);
	run_child(find_many, NULL);
	ck_assert_int_eq(run.exit_status, 0);
	free(many);
	free(ids);
}
END_TEST

static int open_nothing(void *missing)
{
	struct bh_handler *handler = NULL;

	close(*(int *)missing);
	EXPECT(bh_handler_open(&handler) == -EBADF && !handler);
	return 0;
}

START_TEST(without_its_descriptors_there_is_no_handler)
{
	int fd = 3 + _i;

	run_child(open_nothing, &fd);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

#define HEAD           \
	"\xa3"         \
	"abi\x01\xa8"  \
	"batch_id\xa1" \
	"b"
static const struct {
	const char *why;
	struct bh_span bytes;
} no_contexts[] = {
	{ "nothing in it", SPAN("") },
	{ "no map", SPAN("\x93\x01\x02\x03") },
	{ "a byte that MessagePack never uses", SPAN("\xc1") },
	{ "another ABI version", SPAN("\x82\xa3"
	                              "abi\x02\xa8"
	                              "batch_id\xa1"
	                              "b") },
	{ "no batch id", SPAN("\x81\xa3"
	                      "abi\x01") },
	{ "a key that is no str", SPAN("\x83" HEAD "\x01\x01") },
	{ "fewer members than it says", SPAN("\x84" HEAD "\xa1x\x01") },
	{ "a map longer than the bytes", SPAN("\xdf\xff\xff\xff\xff" HEAD) },
	{ "a task without id", SPAN("\x83" HEAD "\xa5"
	                            "tasks\x91\x80") },
	{ "a task that is no map", SPAN("\x83" HEAD "\xa5"
	                                "tasks\x91\x01") },
	{ "more tasks than bytes", SPAN("\x83" HEAD "\xa5"
	                                "tasks\xdd\xff\xff\xff\xff\x80") },
	{ "more entries than bytes", SPAN("\x83" HEAD "\xa7"
	                                  "entries\xdd\xff\xff\xff\xff\x80") },
	{ "entries that are no list", SPAN("\x83" HEAD "\xa7"
	                                   "entries\x01") },
	{ "two lists of entries", SPAN("\x84" HEAD "\xa7"
	                               "entries\x90\xa7"
	                               "entries\x90") },
	{ "missing ids that are no str", SPAN("\x83" HEAD "\xab"
	                                      "missing_ids\x91\x01") },
};

static int open_no_context(void *unused)
{
	struct bh_handler *handler = NULL;

	(void)unused;
	EXPECT(bh_handler_open(&handler) == -EPROTO && !handler);
	return 0;
}

START_TEST(a_context_that_is_none_is_refused)
{
	bh_region_done(&context);
	rig_context_of_bytes(no_contexts[_i].bytes.data, no_contexts[_i].bytes.size, &context);
	run_child(open_no_context, NULL);
	ck_assert_msg(run.exit_status == 0, "%s", no_contexts[_i].why);
}
END_TEST

static int ignore_the_new(void *unused)
{
	struct bh_handler *handler = open_handler();
	struct bh_handler_entry entry;

	(void)unused;
	EXPECT(bh_handler_entry_at(handler, 0, &entry) && bh_text_equals(entry.id, "e"));
	EXPECT(!bh_handler_entry_at(handler, 1, &entry));
	return bh_batch_done(handler);
}

START_TEST(keys_of_later_versions_are_ignored_wherever_they_stand)
{
	static const char bytes[] = "\x85\xa3"
	                            "new\x81\x01\x92\xc0\xc3" HEAD "\xa7"
	                            "entries\x91\x82\xa3"
	                            "new\xc7\x01\x05x\xa2"
	                            "id\xa1"
	                            "e"
	                            "\xa5"
	                            "newer\xcb\0\0\0\0\0\0\0\0";

	bh_region_done(&context);
	rig_context_of_bytes(bytes, sizeof(bytes) - 1, &context);
	run_child(ignore_the_new, NULL);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

/* Everything that can be read, of a context that may be broken. */
static void read_everything(void)
{
	struct bh_handler *handler;
	struct bh_handler_task task;
	struct bh_handler_entry entry;
	struct bh_text text;
	int64_t number;

	if (bh_handler_open(&handler) < 0)
		return;
	for (uint32_t i = 0; bh_handler_task_at(handler, i, &task); i++) {
		for (uint32_t k = 0; k < task.n_required_entry_ids && k < 100; k++)
			bh_handler_task_entry(handler, &task, k, &entry);
		bh_params_text(&task, "name", &text);
		bh_params_int(&task, "last", &number);
		if (bh_record_begin_result(handler, task.id) == 0) {
			bh_result_raw(handler, task.params);
			bh_task_error(handler, task.id, NULL, "dropped");
		}
	}
	uint64_t sum = 0;
	for (uint32_t i = 0; bh_handler_entry_at(handler, i, &entry); i++)
		for (size_t k = 0; k < entry.content.size; k++)
			sum += (uint8_t)entry.content.data[k];
	EXPECT(sum != UINT64_MAX);
	bh_handler_close(handler);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static int read_broken_contexts(void *userdata)
{
	const struct bh_region *whole = userdata;
	uint8_t bytes[1024];
	uint64_t state = 1;

	EXPECT(whole->size <= sizeof(bytes));
	EXPECT(close(3) == 0 && memfd_create("context", 0) == 3);
	for (size_t size = 1; size < whole->size; size++) {
		EXPECT(pread(whole->fd, bytes, size, 0) == (ssize_t)size);
		EXPECT(ftruncate(3, 0) == 0 && pwrite(3, bytes, size, 0) == (ssize_t)size);
		read_everything();
	}
	for (int i = 0; i < 5000; i++) {
		EXPECT(pread(whole->fd, bytes, whole->size, 0) == (ssize_t)whole->size);
		for (uint64_t k = next_random(&state) % 4 + 1; k > 0; k--)
			bytes[next_random(&state) % whole->size] = (uint8_t)next_random(&state);
		EXPECT(pwrite(3, bytes, whole->size, 0) == (ssize_t)whole->size);
		lseek(4, 0, SEEK_SET);
		read_everything();
	}
	return 0;
}

START_TEST(no_broken_context_makes_the_sdk_read_outside)
{
	run_child(read_broken_contexts, &context);
	ck_assert_int_eq(run.signal, 0);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

static int read_cut_entries(void *unused)
{
	struct bh_handler *handler = open_handler();
	struct bh_handler_entry entry;

	(void)unused;
	EXPECT(!bh_handler_entry_at(handler, 0, &entry));
	EXPECT(!bh_handler_entry_find(handler, TEXT("e"), &entry));
	EXPECT(bh_batch_done(handler) == -EPROTO);
	return 0;
}

START_TEST(entries_that_are_cut_off_keep_the_batch_from_succeeding)
{
	static const char bytes[] = "\x83" HEAD "\xa7"
	                            "entries\x91\x82\xa2"
	                            "id\xa1"
	                            "e";

	bh_region_done(&context);
	rig_context_of_bytes(bytes, sizeof(bytes) - 1, &context);
	run_child(read_cut_entries, NULL);
	ck_assert_int_eq(run.exit_status, 0);
}
END_TEST

/* ---- values ---- */

static void put_float(struct bh_handler *h)
{
	bh_result_float(h, -0.5);
}
static void put_open(struct bh_handler *h)
{
	bh_result_array_open(h);
	bh_result_int(h, 1);
	bh_result_map_open(h);
	bh_result_key(h, "a");
	bh_result_array(h, 0);
	bh_result_close(h);
	bh_result_close(h);
}
static void put_nested(struct bh_handler *h)
{
	bh_result_map(h, 2);
	bh_result_key(h, "a");
	bh_result_map(h, 0);
	bh_result_key_text(h, TEXT("b"));
	bh_result_array(h, 2);
	bh_result_bool(h, true);
	bh_result_nil(h);
}
static void put_bytes(struct bh_handler *h)
{
	bh_result_array(h, 3);
	bh_result_bytes(h, "\xc3\xa9", 2);
	bh_result_bytes(h, "\xc3", 1);
	bh_result_bytes(h, NULL, 0);
}
static void put_raw(struct bh_handler *h)
{
	bh_result_raw(h, bh_text_from("\x82\xa1"
	                              "a\x91\xca"
	                              "abcd\xa1"
	                              "b\xd6"
	                              "12345"));
}

#define NUMBER(name, function, value)          \
	static void name(struct bh_handler *h) \
	{                                      \
		function(h, value);            \
	}
NUMBER(put_127, bh_result_int, 127)
NUMBER(put_128, bh_result_int, 128)
NUMBER(put_256, bh_result_uint, 256)
NUMBER(put_65536, bh_result_uint, 65536)
NUMBER(put_max, bh_result_uint, UINT64_MAX)
NUMBER(put_minus_32, bh_result_int, -32)
NUMBER(put_minus_33, bh_result_int, -33)
NUMBER(put_minus_129, bh_result_int, -129)
NUMBER(put_minus_32769, bh_result_int, -32769)
NUMBER(put_min, bh_result_int, INT64_MIN)
NUMBER(put_str, bh_result_str, "é")

static const struct {
	void (*put)(struct bh_handler *handler);
	struct bh_span bytes;
} values[] = {
	{ put_127, SPAN("\x7f") },
	{ put_128, SPAN("\xcc\x80") },
	{ put_256, SPAN("\xcd\x01\x00") },
	{ put_65536, SPAN("\xce\x00\x01\x00\x00") },
	{ put_max, SPAN("\xcf\xff\xff\xff\xff\xff\xff\xff\xff") },
	{ put_minus_32, SPAN("\xe0") },
	{ put_minus_33, SPAN("\xd0\xdf") },
	{ put_minus_129, SPAN("\xd1\xff\x7f") },
	{ put_minus_32769, SPAN("\xd2\xff\xff\x7f\xff") },
	{ put_min, SPAN("\xd3\x80\x00\x00\x00\x00\x00\x00\x00") },
	{ put_float, SPAN("\xcb\xbf\xe0\x00\x00\x00\x00\x00\x00") },
	{ put_str, SPAN("\xa2\xc3\xa9") },
	{ put_nested, SPAN("\x82\xa1"
	                   "a\x80\xa1"
	                   "b\x92\xc3\xc0") },
	{ put_open, SPAN("\xdd\x00\x00\x00\x02\x01\xdf\x00\x00\x00\x01\xa1"
	                 "a\x90") },
	{ put_bytes, SPAN("\x93\xa2\xc3\xa9\xc4\x01\xc3\xa0") },
	{ put_raw, SPAN("\x82\xa1"
	                "a\x91\xca"
	                "abcd\xa1"
	                "b\xd6"
	                "12345") },
};

static int put_value(void *userdata)
{
	struct bh_handler *handler = open_handler();

	EXPECT(bh_record_begin_result(handler, TEXT("first")) == 0);
	values[*(int *)userdata].put(handler);
	EXPECT(bh_record_end(handler) == 0);
	return bh_batch_done(handler);
}

START_TEST(a_value_is_encoded_in_its_shortest_form)
{
	struct bh_span want = values[_i].bytes;

	run_child(put_value, &_i);
	ck_assert_int_eq(run.exit_status, 0);
	ck_assert_int_eq(run.records.end, BH_RECORDS_DONE);
	ck_assert_uint_eq(run.records.n_task_results, 1);
	ck_assert_uint_eq(run.records.task_results[0].value.size, want.size);
	ck_assert_mem_eq(run.records.task_results[0].value.data, want.data, want.size);
}
END_TEST

static const size_t sizes[] = { 0, 31, 32, 255, 256, 65535, 65536, 1000000 };

static int put_sizes(void *userdata)
{
	struct bh_handler *handler = open_handler();
	size_t size = *(const size_t *)userdata;
	char *bytes = calloc(size + 1, 1);

	EXPECT(bytes);
	bh_record_begin_result(handler, TEXT("first"));
	bh_result_array(handler, 3);
	bh_result_text(handler, (struct bh_text){ bytes, size });
	bh_result_bin(handler, bytes, size);
	bh_result_array(handler, (uint32_t)size);
	for (size_t i = 0; i < size; i++)
		bh_result_nil(handler);
	EXPECT(bh_record_end(handler) == 0);
	bh_handler_close(handler);
	free(bytes);
	return 0;
}

START_TEST(texts_and_containers_of_any_size_come_through)
{
	size_t size = sizes[_i];
	msgpack_unpacked unpacked;

	rig_run(&context, &batch, 4 << 20, put_sizes, &size, &run);
	ck_assert_int_eq(run.exit_status, 0);
	run_result(&run, "first", &unpacked);
	const msgpack_object *items = unpacked.data.via.array.ptr;
	ck_assert_uint_eq(items[0].via.str.size, size);
	ck_assert_uint_eq(items[1].via.bin.size, size);
	ck_assert_uint_eq(items[2].via.array.size, size);
	msgpack_unpacked_destroy(&unpacked);
}
END_TEST

static int nest(void *userdata)
{
	struct bh_handler *handler = open_handler();
	int depth = *(int *)userdata;
	int r = bh_record_begin_result(handler, TEXT("first"));

	for (int i = 1; i < depth; i++)
		r = bh_result_array(handler, i < depth - 1);
	EXPECT(r == (depth > 32 ? -EINVAL : 0));
	EXPECT(bh_record_end(handler) == r);
	return 0;
}

START_TEST(nesting_is_allowed_to_the_depth_that_readers_take)
{
	int depth = 32 + _i;

	run_child(nest, &depth);
	ck_assert_int_eq(run.exit_status, 0);
	ck_assert_uint_eq(run.records.n_task_results, _i == 0);
}
END_TEST

/* ---- misuse ---- */

#define MISUSE(name, ...)                      \
	static void name(struct bh_handler *h) \
	{                                      \
		__VA_ARGS__                    \
	}
MISUSE(value_outside, bh_result_nil(h);)
MISUSE(end_outside, bh_record_end(h);)
MISUSE(close_outside, bh_result_close(h);)
MISUSE(no_value, bh_record_begin_result(h, TEXT("first")); bh_record_end(h);)
MISUSE(two_values, bh_record_begin_result(h, TEXT("first")); bh_result_nil(h); bh_result_nil(h);)
MISUSE(short_array, bh_record_begin_result(h, TEXT("first")); bh_result_array(h, 2);
       bh_result_nil(h); bh_record_end(h);)
MISUSE(long_array, bh_record_begin_result(h, TEXT("first")); bh_result_array(h, 1);
       bh_result_nil(h); bh_result_nil(h);)
MISUSE(key_without_value, bh_record_begin_result(h, TEXT("first")); bh_result_map(h, 1);
       bh_result_key(h, "a"); bh_record_end(h);)
MISUSE(value_for_key, bh_record_begin_result(h, TEXT("first")); bh_result_map(h, 1);
       bh_result_int(h, 1);)
MISUSE(str_for_key, bh_record_begin_result(h, TEXT("first")); bh_result_map(h, 1);
       bh_result_str(h, "a");)
MISUSE(key_for_value, bh_record_begin_result(h, TEXT("first")); bh_result_key(h, "a");)
MISUSE(key_twice, bh_record_begin_result(h, TEXT("first")); bh_result_map(h, 1);
       bh_result_key(h, "a"); bh_result_key(h, "b");)
MISUSE(open_not_closed, bh_record_begin_result(h, TEXT("first")); bh_result_map_open(h);
       bh_record_end(h);)
MISUSE(close_of_counted, bh_record_begin_result(h, TEXT("first")); bh_result_array(h, 1);
       bh_result_close(h);)
MISUSE(close_of_half, bh_record_begin_result(h, TEXT("first")); bh_result_map_open(h);
       bh_result_key(h, "a"); bh_result_close(h);)
MISUSE(begin_twice, bh_record_begin_result(h, TEXT("first"));
       bh_record_begin_result(h, TEXT("first"));)
MISUSE(start_inside, bh_record_begin_result(h, TEXT("first")); bh_record_start(h, TEXT("second"));)
MISUSE(done_inside, bh_record_begin_result(h, TEXT("first")); bh_batch_done(h);)
MISUSE(bad_text, bh_record_begin_result(h, TEXT("first")); bh_result_text(h, TEXT("\xed\xa0\x80"));)
MISUSE(absent_text, bh_record_begin_result(h, TEXT("first")); bh_result_str(h, NULL);)
MISUSE(bad_key, bh_record_begin_result(h, TEXT("first")); bh_result_map(h, 1);
       bh_result_key(h, "\xff");)
MISUSE(bad_task_id, bh_record_start(h, TEXT("\xc0\x80"));)
MISUSE(bad_message, bh_task_error(h, TEXT("first"), NULL, "\xf5");)
MISUSE(raw_of_two, bh_record_begin_result(h, TEXT("first")); bh_result_raw(h, TEXT("\x01\x02"));)
MISUSE(raw_of_half, bh_record_begin_result(h, TEXT("first")); bh_result_raw(h, TEXT("\x92\x02"));)
MISUSE(raw_of_none, bh_record_begin_result(h, TEXT("first")); bh_result_raw(h, TEXT(""));)
MISUSE(raw_key_of_int, bh_record_begin_result(h, TEXT("first"));
       bh_result_raw(h, TEXT("\x81\x01\x02"));)
MISUSE(raw_bad_text, bh_record_begin_result(h, TEXT("first")); bh_result_raw(h, TEXT("\xa1\xff"));)

static const struct {
	const char *what;
	void (*misuse)(struct bh_handler *handler);
} misuses[] = {
#define ROW(name)           \
	{                   \
#name, name \
	}
	ROW(value_outside),   ROW(end_outside),      ROW(close_outside),  ROW(no_value),
	ROW(two_values),      ROW(short_array),      ROW(long_array),     ROW(key_without_value),
	ROW(value_for_key),   ROW(str_for_key),      ROW(key_for_value),  ROW(key_twice),
	ROW(open_not_closed), ROW(close_of_counted), ROW(close_of_half),  ROW(begin_twice),
	ROW(start_inside),    ROW(done_inside),      ROW(bad_text),       ROW(absent_text),
	ROW(bad_key),         ROW(bad_task_id),      ROW(bad_message),    ROW(raw_of_two),
	ROW(raw_of_half),     ROW(raw_of_none),      ROW(raw_key_of_int), ROW(raw_bad_text),
};

static int misuse(void *userdata)
{
	struct bh_handler *handler = open_handler();

	misuses[*(int *)userdata].misuse(handler);
	EXPECT(bh_result_nil(handler) == -EINVAL);
	EXPECT(bh_record_start(handler, TEXT("second")) == -EINVAL);
	EXPECT(bh_task_error(handler, TEXT("second"), NULL, "x") == -EINVAL);
	EXPECT(bh_batch_done(handler) == -EINVAL);
	EXPECT(bh_batch_error(handler, "sdk", "misused") == 0);
	EXPECT(bh_batch_error(handler, "sdk", "again") == -EINVAL);
	return 0;
}

START_TEST(misuse_sticks_and_leaves_nothing_but_a_batch_error)
{
	run_child(misuse, &_i);
	ck_assert_msg(run.exit_status == 0, "%s", misuses[_i].what);
	ck_assert_int_eq(run.records.end, BH_RECORDS_ERROR);
	ck_assert_uint_eq(run.records.n_task_results, 0);
	ck_assert_uint_eq(run.records.trailing_bytes, 0);
}
END_TEST

static int replace_result(void *unused)
{
	struct bh_handler *handler = open_handler();

	(void)unused;
	bh_record_begin_result(handler, TEXT("first"));
	bh_result_map(handler, 3);
	EXPECT(bh_task_error(handler, TEXT("first"), "late", "no result after all") == 0);
	return bh_batch_done(handler);
}

START_TEST(a_task_error_replaces_a_result_that_was_begun)
{
	msgpack_unpacked unpacked;

	run_child(replace_result, NULL);
	ck_assert_int_eq(run.exit_status, 0);
	ck_assert_int_eq(run.records.end, BH_RECORDS_DONE);
	run_error(&run, "first", &unpacked);
	assert_str(member(&unpacked.data, "type"), "late");
	assert_str(member(&unpacked.data, "message"), "no result after all");
	msgpack_unpacked_destroy(&unpacked);
}
END_TEST

static int fill(void *unused)
{
	struct bh_handler *handler = open_handler();
	char bytes[3000] = { 0 };
	int r = 0;

	(void)unused;
	while (r == 0) {
		bh_record_begin_result(handler, TEXT("first"));
		bh_result_bin(handler, bytes, sizeof(bytes));
		r = bh_record_end(handler);
	}
	EXPECT(r == -ENOSPC && bh_batch_error(handler, NULL, "full") == -ENOSPC);
	EXPECT(bh_batch_done(handler) == -ENOSPC && bh_result_nil(handler) == -ENOSPC);
	return 0;
}

START_TEST(a_full_region_is_told_by_its_offset_and_keeps_whole_records)
{
	run_child(fill, NULL);
	ck_assert_int_eq(run.exit_status, 0);
	ck_assert_uint_eq(run.size, run.capacity);
	ck_assert_int_eq(run.records.end, BH_RECORDS_CUT);
	ck_assert_uint_eq(run.records.duplicate_results, run.capacity / 3022 - 1);
}
END_TEST

/* ---- the per-task form ---- */

static int one_value(struct bh_handler *handler, const struct bh_handler_task *task, void *userdata)
{
	++*(int *)userdata;
	return bh_result_text(handler, task->id);
}

static int run_one_value(void *unused)
{
	int calls = 0;

	(void)unused;
	EXPECT(bh_handler_run(one_value, &calls) == 0);
	EXPECT(calls == 2);
	return 0;
}

START_TEST(a_callback_is_run_once_for_each_task_between_its_start_and_its_result)
{
	static const char want[] = "\x81\xa5"
	                           "start\xa5"
	                           "first\x82\xa4"
	                           "task\xa5"
	                           "first\xa6"
	                           "result\xa5"
	                           "first\x81\xa5"
	                           "start\xa6"
	                           "second\x82\xa4"
	                           "task\xa6"
	                           "second\xa6"
	                           "result\xa6"
	                           "second\x81\xa4"
	                           "done\xc3";

	run_child(run_one_value, NULL);
	ck_assert_int_eq(run.exit_status, 0);
	ck_assert_uint_eq(run.size, sizeof(want) - 1);
	ck_assert_mem_eq(run.bytes, want, run.size);
}
END_TEST

static int die_in_second(struct bh_handler *handler, const struct bh_handler_task *task,
                         void *userdata)
{
	(void)userdata;
	bh_result_map(handler, 7);
	if (bh_text_equals(task->id, "second"))
		_exit(5);
	return bh_fail_task(handler, NULL, "no");
}

static int run_to_death(void *unused)
{
	(void)unused;
	return bh_handler_run(die_in_second, NULL);
}

START_TEST(a_death_in_a_callback_leaves_the_start_of_its_task)
{
	run_child(run_to_death, NULL);
	ck_assert_int_eq(run.exit_status, 5);
	ck_assert_int_eq(run.records.end, BH_RECORDS_OPEN);
	ck_assert_uint_eq(run.records.n_task_results, 1);
	ck_assert_uint_eq(run.records.running.size, 6);
	ck_assert_mem_eq(run.records.running.data, "second", 6);
}
END_TEST

static int fail_both(struct bh_handler *handler, const struct bh_handler_task *task, void *userdata)
{
	char long_text[2000];

	(void)userdata;
	if (bh_text_equals(task->id, "second"))
		return 1;
	memset(long_text, 'x', sizeof(long_text));
	for (size_t i = 1; i + 2 < sizeof(long_text); i += 2)
		memcpy(long_text + i, "é", 2);
	long_text[sizeof(long_text) - 1] = '\0';
	long_text[0] = '\xff';
	return bh_fail_task(handler, "cut", "%s", long_text);
}

static int run_fail_both(void *unused)
{
	(void)unused;
	return bh_handler_run(fail_both, NULL);
}

START_TEST(a_failed_task_is_told_in_valid_text_and_the_batch_goes_on)
{
	msgpack_unpacked unpacked;

	run_child(run_fail_both, NULL);
	ck_assert_int_eq(run.exit_status, 0);
	ck_assert_int_eq(run.records.end, BH_RECORDS_DONE);
	run_error(&run, "first", &unpacked);
	assert_str(member(&unpacked.data, "type"), "cut");
	ck_assert_mem_eq(member(&unpacked.data, "message")->via.str.ptr, "?é", 3);
	ck_assert_uint_eq(member(&unpacked.data, "message")->via.str.size, 511);
	msgpack_unpacked_destroy(&unpacked);
	run_error(&run, "second", &unpacked);
	assert_str(member(&unpacked.data, "message"), "the task failed");
	msgpack_unpacked_destroy(&unpacked);
}
END_TEST

static int gives_none(struct bh_handler *handler, const struct bh_handler_task *task,
                      void *userdata)
{
	(void)handler;
	(void)task;
	(void)userdata;
	return 0;
}

static int gives_up(struct bh_handler *handler, const struct bh_handler_task *task, void *userdata)
{
	(void)task;
	(void)userdata;
	bh_result_array(handler, 3);
	return -EIO;
}

static int says_why(struct bh_handler *handler, const struct bh_handler_task *task, void *userdata)
{
	(void)task;
	(void)userdata;
	bh_batch_error(handler, "mine", "my own reason");
	return -1;
}

static const struct {
	int (*on_task)(struct bh_handler *, const struct bh_handler_task *, void *);
	const char *message;
} endings[] = {
	{ gives_none, "the handler built a result that is not one whole value" },
	{ gives_up, "the handler gave up" },
	{ says_why, "my own reason" },
};

static int run_ending(void *userdata)
{
	return bh_handler_run(endings[*(int *)userdata].on_task, NULL);
}

START_TEST(a_callback_that_gives_up_ends_the_batch_with_an_error)
{
	run_child(run_ending, &_i);
	ck_assert_int_eq(run.exit_status, 0);
	ck_assert_int_eq(run.records.end, BH_RECORDS_ERROR);
	struct bh_span message = bh_record_error_message(run.records.error);
	ck_assert_uint_eq(message.size, strlen(endings[_i].message));
	ck_assert_mem_eq(message.data, endings[_i].message, message.size);
	ck_assert_uint_eq(run.records.n_task_results, 0);
}
END_TEST

static int too_large(struct bh_handler *handler, const struct bh_handler_task *task, void *userdata)
{
	static const char bytes[TOO_LARGE];

	(void)task;
	(void)userdata;
	return bh_result_bin(handler, bytes, sizeof(bytes));
}

static int run_too_large(void *unused)
{
	(void)unused;
	return bh_handler_run(too_large, NULL);
}

START_TEST(a_result_that_does_not_fit_ends_with_status_1)
{
	run_child(run_too_large, NULL);
	ck_assert_int_eq(run.exit_status, 1);
	ck_assert_uint_eq(run.size, run.capacity);
}
END_TEST

static int run_without_context(void *unused)
{
	(void)unused;
	close(3);
	return bh_handler_run(one_value, NULL);
}

START_TEST(a_handler_that_is_started_by_hand_says_so)
{
	run_child(run_without_context, NULL);
	ck_assert_int_eq(run.exit_status, 1);
	ck_assert_uint_eq(run.size, 0);
}
END_TEST

static TCase *context_case(void)
{
	TCase *tcase = tcase_create("context");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_handler_sees_its_batch);
	tcase_add_test(tcase, a_handler_sees_its_tasks);
	tcase_add_test(tcase, a_handler_sees_its_entries_byte_for_byte);
	tcase_add_test(tcase, entries_are_found_by_id_in_any_order);
	tcase_add_test(tcase, params_are_read_by_name_and_type);
	tcase_add_test(tcase, a_context_of_many_entries_is_mapped_and_indexed);
	tcase_add_loop_test(tcase, without_its_descriptors_there_is_no_handler, 0, 2);
	tcase_add_loop_test(tcase, a_context_that_is_none_is_refused, 0, BH_COUNT_OF(no_contexts));
	tcase_add_test(tcase, keys_of_later_versions_are_ignored_wherever_they_stand);
	tcase_add_test(tcase, no_broken_context_makes_the_sdk_read_outside);
	tcase_add_test(tcase, entries_that_are_cut_off_keep_the_batch_from_succeeding);
	return tcase;
}

static TCase *record_case(void)
{
	TCase *tcase = tcase_create("records");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, a_value_is_encoded_in_its_shortest_form, 0, BH_COUNT_OF(values));
	tcase_add_loop_test(tcase, texts_and_containers_of_any_size_come_through, 0,
	                    BH_COUNT_OF(sizes));
	tcase_add_loop_test(tcase, nesting_is_allowed_to_the_depth_that_readers_take, 0, 2);
	tcase_add_loop_test(tcase, misuse_sticks_and_leaves_nothing_but_a_batch_error, 0,
	                    BH_COUNT_OF(misuses));
	tcase_add_test(tcase, a_task_error_replaces_a_result_that_was_begun);
	tcase_add_test(tcase, a_full_region_is_told_by_its_offset_and_keeps_whole_records);
	return tcase;
}

static TCase *run_case(void)
{
	TCase *tcase = tcase_create("run");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase,
	               a_callback_is_run_once_for_each_task_between_its_start_and_its_result);
	tcase_add_test(tcase, a_death_in_a_callback_leaves_the_start_of_its_task);
	tcase_add_test(tcase, a_failed_task_is_told_in_valid_text_and_the_batch_goes_on);
	tcase_add_loop_test(tcase, a_callback_that_gives_up_ends_the_batch_with_an_error, 0,
	                    BH_COUNT_OF(endings));
	tcase_add_test(tcase, a_result_that_does_not_fit_ends_with_status_1);
	tcase_add_test(tcase, a_handler_that_is_started_by_hand_says_so);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("handler SDK");

	suite_add_tcase(suite, context_case());
	suite_add_tcase(suite, record_case());
	suite_add_tcase(suite, run_case());
	return run_suite(suite);
}
