/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/batches.h"
#include "cli/complaint.h"
#include "cli/entries.h"
#include "cli/entry_line.h"
#include "cli/json_writer.h"
#include "cli/jsonl.h"
#include "cli/sink.h"
#include "cli/tasks.h"
#include "ipc/wire/base.h"
#include "tests/check.h"

static struct bh_complaint complaint;
static struct bh_arena arena;
static struct bh_entries entries;
static struct bh_tasks tasks;
static struct bh_batches batches;

static void set_up(void)
{
	complaint = BH_COMPLAINT_UNSET;
	arena = BH_ARENA_UNSET;
	tasks = BH_TASKS_UNSET;
	batches = BH_BATCHES_UNSET;
	ck_assert_int_eq(bh_entries_init(&entries, &complaint), BH_STATUS_OK);
	entries.sources = calloc(1, sizeof(*entries.sources));
	entries.sources[0].path = "in";
	entries.n_sources = entries.sources_capacity = 1;
}

static void tear_down(void)
{
	bh_batches_done(&batches);
	bh_tasks_done(&tasks);
	bh_entries_done(&entries);
	bh_arena_done(&arena);
	bh_complaint_done(&complaint);
}

enum reader { ENTRIES, TASKS, BATCHES };

static int load(enum reader reader, const char *text, size_t size)
{
	BH_CLEANUP(bh_jsonl_done) struct bh_jsonl jsonl = BH_JSONL_UNSET;

	bh_jsonl_take(fmemopen((void *)text, size, "r"), "in", &jsonl);
	switch (reader) {
	case ENTRIES:
		return bh_entry_lines_load(&jsonl, "in", &entries, &complaint);
	case TASKS:
		return bh_tasks_load(&jsonl, &arena, &tasks, &complaint);
	case BATCHES:
		return bh_batches_load(&jsonl, 2, &arena, &batches, &complaint);
	}
	return -1;
}

static void load_good(enum reader reader, const char *text)
{
	int r = load(reader, text, strlen(text));

	ck_assert_msg(r == BH_STATUS_OK, "refused: %s", complaint.text);
}

#define GOOD_ENTRY "{\"id\":\"g\",\"source\":\"s\",\"content\":\"x\"}\n"

static const struct {
	enum reader reader;
	const char *text;
	const char *place; /* what the complaint starts with */
	const char *part;  /* and what is in it */
} refused[] = {
	{ ENTRIES, "\xef\xbb\xbf{}", "in:1:1: ", "byte order mark" },
	{ ENTRIES, "[]", "in:1:1: ", "got [], expected a JSON object" },
	{ ENTRIES, GOOD_ENTRY "\n{\"id\" 1}", "in:3:", "expected" },
	{ ENTRIES, "{\"id\":\"a\",\"id\":\"b\"}", "in:1:", "duplicate" },
	{ ENTRIES, "{\"id\":\"\xff\"}", "in:1:7: ", "unable to decode byte 0xff" },
	{ ENTRIES, "{\"source\":\"s\",\"content\":\"\"}", "in:1:1: ", "id is missing" },
	{ ENTRIES, "  {\"id\":\" \\t\"}", "in:1:9: id: ", "a string that is not blank" },
	{ ENTRIES, "{\"id\":\"a\\u0000b\"}", "in:1:7: id: ", "without \\u0000" },
	{ ENTRIES, "{\"id\":7}", "in:1:7: id: got 7", "a string" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\"}",
	  "in:1:1: ", "content and summary are missing" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"content\":null}", "in:1:1: ", "are missing" },
	{ ENTRIES, "{\"id\":\"ü\",\"sauce\":\"s\"}", "in:1:11: ", "unknown key 'sauce'" },
	{ ENTRIES, "{\"id\":\"a\",\"type\":\"fil\"}", "in:1:18: type: got \"fil\"", "one of file" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"priority\":\"1\"}",
	  "in:1:35: priority: ", "an integer" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"priority\":1.5}", "in:1:35: priority: got 1.5",
	  "an integer" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"priority\":9223372036854775808}",
	  "in:1:", "too big" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"ttl\":-1}", "in:1:30: ttl: got -1",
	  "0 or more" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"searchable\":1}", "in:1:37: searchable: got 1",
	  "true or false" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"references\":[\"x\", 2]}",
	  "in:1:43: references[1]: got 2", "not blank" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"content\":\"\",\"content_base64\":\"\"}",
	  "in:1:54: content_base64: ", "a second content" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"content_base64\":\"QQ=\"}",
	  "in:1:41: content_base64: ", "base64 with padding" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"content_file\":\"/nonexistent\"}",
	  "in:1:39: content_file: /nonexistent: ", "No such file" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"content_file\":\"/dev/zero\"}",
	  "in:1:39: content_file: ", "is a character device" },
	{ ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"content\":\"\",\"compressed\":true}",
	  "in:1:1: ", "summary is missing" },
	{ ENTRIES, GOOD_ENTRY GOOD_ENTRY, "in:2: ", "taken by in:1" },
	{ TASKS, "{}", "in:1:1: ", "id is missing" },
	{ TASKS, "{\"id\":\"a\",\"desc\":1}", "in:1:11: ", "unknown key 'desc'" },
	{ TASKS, "{\"id\":\"a\",\"description\":null}", "in:1:25: description: got null",
	  "a string" },
	{ TASKS, "{\"id\":\"a\",\"required_entry_ids\":\"b\"}",
	  "in:1:32: required_entry_ids: ", "an array of strings" },
	{ TASKS, "{\"id\":\"a\",\"params\":18446744073709551615}", "in:1:", "too big" },
	{ TASKS,
	  "{\"id\":\"a\",\"params\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
	  "in:1:20: params: ", "nested too deep" },
	{ BATCHES, "{\"tasks\":[]}", "in:1:1: ", "batch_id is missing" },
	{ BATCHES, "{\"batch_id\":\"b\"}", "in:1:1: ", "tasks is missing" },
	{ BATCHES,
	  "{\"batch_id\":\"b\",\"tasks\":[{\"id\":\"a\"},{\"id\":\"c\",\"priority\":\"x\"}]}",
	  "in:1:58: tasks[1].priority: got \"x\"", "an integer" },
	{ BATCHES, "{\"batch_id\":\"b\",\"tasks\":[{\"id\":\"a\"},{ \"x\":1, \"id\":\"c\"}]}",
	  "in:1:39: tasks[1]: ", "unknown key 'x'" },
	{ BATCHES, "{\"batch_id\":\"b\",\"tasks\":[{\"id\":\"a\"},{\"\\u0069d\":\"a\"}]}",
	  "in:1:48: tasks[1].id: ", "the id of tasks[0] too" },
	{ BATCHES, "{\"batch_id\":\"b\",\"tasks\":[],\"exceeds_limit\":0}",
	  "in:1:44: exceeds_limit: got 0", "true or false" },
};

START_TEST(wrong_lines_are_refused_with_place_value_and_expectation)
{
	int r = load(refused[_i].reader, refused[_i].text, strlen(refused[_i].text));

	ck_assert_int_eq(r, BH_STATUS_INPUT);
	ck_assert_msg(strncmp(complaint.text, refused[_i].place, strlen(refused[_i].place)) == 0,
	              "%s: got %s", refused[_i].text, complaint.text);
	ck_assert_msg(strstr(complaint.text, refused[_i].part), "%s: got %s", refused[_i].text,
	              complaint.text);
}
END_TEST

START_TEST(an_entry_keeps_all_that_its_line_says)
{
	struct bh_entry_view view;

	load_good(ENTRIES, "\r\n{\"id\":\"a\",\"type\":\"summary\",\"source\":\"s\",\"content\":\"x"
	                   "\\u0000y\",\"summary\":\"z\",\"references\":[\"r1\",\"r2\"],"
	                   "\"parent_id\":\"p\",\"priority\":-3,\"searchable\":false,\"ttl\":4,"
	                   "\"derived_from\":[\"d\"]}\r\n\n");

	ck_assert_int_eq(bh_store_get(entries.store, "a", &view), 0);
	ck_assert_int_eq(view.type, BH_ENTRY_SUMMARY);
	ck_assert_uint_eq(view.content.size, 3);
	ck_assert_mem_eq(view.content.data, "x\0y", 3);
	ck_assert_uint_eq(view.n_references, 2);
	ck_assert_uint_eq(view.n_derived_from, 1);
	ck_assert_int_eq(view.priority, -3);
	ck_assert_int_eq(view.ttl, 4);
	ck_assert(!view.searchable);
}
END_TEST

START_TEST(base64_content_is_bytes)
{
	struct bh_entry_view view;

	load_good(ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"content_base64\":\"AP8=\"}");

	ck_assert_int_eq(bh_store_get(entries.store, "a", &view), 0);
	ck_assert_uint_eq(view.content.size, 2);
	ck_assert_mem_eq(view.content.data, "\x00\xff", 2);
	ck_assert(!view.content_is_text);
}
END_TEST

START_TEST(empty_base64_is_empty_content)
{
	struct bh_entry_view view;

	load_good(ENTRIES, "{\"id\":\"a\",\"source\":\"s\",\"content_base64\":\"\"}");

	ck_assert_int_eq(bh_store_get(entries.store, "a", &view), 0);
	ck_assert_ptr_nonnull(view.content.data);
	ck_assert_uint_eq(view.content.size, 0);
}
END_TEST

START_TEST(a_nul_byte_in_a_line_is_refused_and_ends_nothing_silently)
{
	const char text[] = "{\"id\":\"a\"}\0 garbage\n";

	ck_assert_int_eq(load(TASKS, text, sizeof(text) - 1), BH_STATUS_INPUT);
}
END_TEST

START_TEST(tasks_keep_their_lines_and_outlive_the_reader)
{
	load_good(TASKS, "\n{\"id\":\"a\"}\n\n{\"id\":\"b\",\"description\":\"d\",\"priority\":5,"
	                 "\"required_entry_ids\":[\"x\"],\"params\":[1]}");

	ck_assert_uint_eq(tasks.n, 2);
	ck_assert_uint_eq(tasks.lines[0], 2);
	ck_assert_uint_eq(tasks.lines[1], 4);
	ck_assert_str_eq(tasks.items[0].description, "");
	ck_assert_ptr_null(tasks.items[0].params.data);
	ck_assert_str_eq(tasks.items[1].required_entry_ids[0], "x");
	ck_assert_uint_eq(tasks.items[1].params.size, 2);
	ck_assert_mem_eq(tasks.items[1].params.data, "\x91\x01", 2);
}
END_TEST

START_TEST(repeated_task_ids_are_found_first_before_second)
{
	size_t first, second;

	load_good(TASKS, "{\"id\":\"b\"}\n{\"id\":\"a\"}\n{\"id\":\"b\"}");

	ck_assert_int_eq(bh_tasks_find_repeat(tasks.items, tasks.n, &first, &second), 1);
	ck_assert_uint_eq(first, 0);
	ck_assert_uint_eq(second, 2);
}
END_TEST

START_TEST(exceeds_limit_is_worked_out_again)
{
	load_good(BATCHES, "{\"batch_id\":\"b\",\"tasks\":[{\"id\":\"t\",\"required_entry_ids\":["
	                   "\"x\",\"y\"]}],\"entry_ids\":[\"y\",\"x\"],\"exceeds_limit\":true}\n"
	                   "{\"batch_id\":\"c\",\"tasks\":[],\"entry_ids\":[\"1\",\"2\",\"3\"]}");

	ck_assert(!batches.items[0].exceeds_limit);
	ck_assert(batches.items[1].exceeds_limit);
}
END_TEST

START_TEST(the_union_has_each_id_once_in_order_of_appearance)
{
	const char **ids;
	size_t n;

	load_good(BATCHES,
	          "{\"batch_id\":\"b\",\"tasks\":[{\"id\":\"t\",\"required_entry_ids\":["
	          "\"z\",\"a\",\"z\"]},{\"id\":\"u\",\"required_entry_ids\":[\"m\",\"a\"]}],"
	          "\"entry_ids\":[\"a\",\"b\"]}");

	ck_assert_int_eq(bh_batch_union(&batches.items[0], &ids, &n), 0);
	ck_assert_uint_eq(n, 4);
	ck_assert_str_eq(ids[0], "z");
	ck_assert_str_eq(ids[1], "a");
	ck_assert_str_eq(ids[2], "m");
	ck_assert_str_eq(ids[3], "b");
	free(ids);
}
END_TEST

START_TEST(a_batch_written_is_read_back_the_same)
{
	const char line[] = "{\"batch_id\":\"b\",\"tasks\":[{\"id\":\"t\",\"description\":\"\","
	                    "\"required_entry_"
	                    "ids\":[\"x\"],\"priority\":-9223372036854775808,\"params\":{\"a\":[1,-"
	                    "2,1.5,1e+300,"
	                    "0.1,\"\\u0000\\\"ü\",null,true,9223372036854775807,-0.0,2.0]}}],"
	                    "\"entry_ids\":[\"x\"],"
	                    "\"exceeds_limit\":false}\n";
	char read_back[sizeof(line)] = "";
	FILE *file = tmpfile();
	struct bh_sink *sink = malloc(sizeof(*sink));
	struct bh_json json;

	load_good(BATCHES, line);
	bh_sink_init(sink, fileno(file));
	bh_json_init(&json, sink);
	ck_assert_int_eq(bh_batch_write(&json, &batches.items[0]), 0);
	ck_assert_int_eq(bh_sink_end_line(sink), 0);
	rewind(file);

	ck_assert_uint_eq(fread(read_back, 1, sizeof(read_back), file), sizeof(line) - 1);
	ck_assert_str_eq(read_back, line);
	free(sink);
	fclose(file);
}
END_TEST

START_TEST(a_line_of_many_megabytes_is_read)
{
	size_t size = (size_t)40 << 20;
	char *text = malloc(size + 100);
	struct bh_entry_view view;

	size_t head = (size_t)sprintf(text, "{\"id\":\"a\",\"source\":\"s\",\"content\":\"");
	memset(text + head, 'x', size);
	strcpy(text + head + size, "\"}");
	load_good(ENTRIES, text);

	ck_assert_int_eq(bh_store_get(entries.store, "a", &view), 0);
	ck_assert_uint_eq(view.content.size, size);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli jsonl");
	TCase *tests = tcase_create("jsonl");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, wrong_lines_are_refused_with_place_value_and_expectation, 0,
	                    BH_COUNT_OF(refused));
	tcase_add_test(tests, an_entry_keeps_all_that_its_line_says);
	tcase_add_test(tests, base64_content_is_bytes);
	tcase_add_test(tests, empty_base64_is_empty_content);
	tcase_add_test(tests, a_nul_byte_in_a_line_is_refused_and_ends_nothing_silently);
	tcase_add_test(tests, tasks_keep_their_lines_and_outlive_the_reader);
	tcase_add_test(tests, repeated_task_ids_are_found_first_before_second);
	tcase_add_test(tests, exceeds_limit_is_worked_out_again);
	tcase_add_test(tests, the_union_has_each_id_once_in_order_of_appearance);
	tcase_add_test(tests, a_batch_written_is_read_back_the_same);
	tcase_add_test(tests, a_line_of_many_megabytes_is_read);
	suite_add_tcase(suite, tests);

	return run_suite(suite);
}
