/* SPDX-License-Identifier: Apache-2.0 */

/* test_examples.c: the example handlers as programs, each with a context and a
 * result region and without a sandbox. */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bulkhead/handler.h"
#include "rig.h"

#define HANDLERS BH_BUILD_DIR "/handlers/"
#define CAPACITY (1 << 20)

static const char *const ids[] = { "poem", "gone", "bytes", "summed up", "empty", "poem" };
static const char *const one_id[] = { "poem" };

static const struct bh_entry entries[] = {
	{ .id = "poem",
	  .source = "p",
	  .content = SPAN("Rose is a rose\nis  a röse\n\nend"),
	  .ttl = -1 },
	{ .id = "bytes", .source = "b", .content = SPAN("rose\xff\n\0 rose\n"), .ttl = -1 },
	{ .id = "summed up", .source = "s", .summary = "a Rose", .compressed = true, .ttl = -1 },
	{ .id = "empty", .source = "e", .content = SPAN(""), .ttl = -1 },
};

static struct bh_task first, second;
static const struct bh_task *const tasks[] = { &first, &second };
static const struct bh_batch batch = { .batch_id = "batch_0001", .tasks = tasks, .n_tasks = 2 };

static struct bh_region context = BH_REGION_UNSET;
static struct run run;
static msgpack_unpacked unpacked;

static void set_up(void)
{
	first = (struct bh_task){ .id = "first",
		                  .required_entry_ids = ids,
		                  .n_required_entry_ids = 6 };
	second = (struct bh_task){ .id = "second",
		                   .required_entry_ids = one_id,
		                   .n_required_entry_ids = 1 };
	msgpack_unpacked_init(&unpacked);
}

static void tear_down(void)
{
	msgpack_unpacked_destroy(&unpacked);
	bh_region_done(&context);
	run_done(&run);
}

static int become(void *argv)
{
	static char *const environment[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL };
	char path[4096];

	snprintf(path, sizeof(path), HANDLERS "%s", ((char **)argv)[0]);
	execve(path, argv, environment);
	return 98;
}

/* Runs the example with these arguments, the first of which is its name. */
#define RUN(...) run_program((const char *[]){ __VA_ARGS__, NULL })
static void run_program(const char **argv)
{
	rig_context(&batch, entries, BH_COUNT_OF(entries), &context);
	rig_run(&context, &batch, CAPACITY, become, (void *)argv, &run);
}

static void assert_done(void)
{
	ck_assert_int_eq(run.signal, 0);
	ck_assert_int_eq(run.exit_status, 0);
	ck_assert_msg(run.records.end == BH_RECORDS_DONE, "%s", run.records.reason);
}

static uint64_t number(const msgpack_object *map, const char *key)
{
	ck_assert_int_eq(member(map, key)->type, MSGPACK_OBJECT_POSITIVE_INTEGER);
	return member(map, key)->via.u64;
}

/* Params of one str member. The task borrows `room`. */
static void set_params(struct bh_task *task, const char *key, const char *text, char room[256])
{
	int size = snprintf(room, 256, "\x81%c%s%c%s", 0xa0 + (int)strlen(key), key,
	                    0xa0 + (int)strlen(text), text);

	ck_assert(strlen(key) < 32 && strlen(text) < 32);
	task->params = (struct bh_span){ room, (size_t)size };
}

START_TEST(noop_says_done_and_nothing_else)
{
	RUN("noop");
	assert_done();
	ck_assert_uint_eq(run.records.n_task_results, 0);
	ck_assert_uint_eq(run.records.n_missing_task_ids, 2);
}
END_TEST

static void assert_counts(const char *entry, uint64_t lines, uint64_t words, uint64_t bytes,
                          const char *digest)
{
	const msgpack_object *counts = member(&unpacked.data, entry);

	ck_assert_uint_eq(number(counts, "lines"), lines);
	ck_assert_uint_eq(number(counts, "words"), words);
	ck_assert_uint_eq(number(counts, "bytes"), bytes);
	assert_str(member(counts, "fnv1a64"), digest);
}

START_TEST(wordcount_counts_as_wc_does)
{
	RUN("wordcount");
	assert_done();
	run_result(&run, "first", &unpacked);
	ck_assert_uint_eq(unpacked.data.via.map.size, 4);
	assert_counts("poem", 3, 8, 31, "6698954dbee03563");
	assert_counts("bytes", 2, 3, 13, "e6fd02fa5fdcaab6");
	assert_counts("summed up", 0, 2, 6, "85ac0ef385fff8cb");
	assert_counts("empty", 0, 0, 0, "cbf29ce484222325");
}
END_TEST

static void assert_match(size_t index, const char *entry, uint64_t line, const char *text)
{
	const msgpack_object *match = &unpacked.data.via.array.ptr[index];

	assert_str(member(match, "entry"), entry);
	ck_assert_uint_eq(number(match, "line"), line);
	if (text)
		assert_str(member(match, "text"), text);
	else
		ck_assert_int_eq(member(match, "text")->type, MSGPACK_OBJECT_BIN);
}

START_TEST(search_finds_lines_that_match)
{
	char room[256];

	set_params(&first, "pattern", "^(a )?rose", room);
	set_params(&second, "pattern", "r.+se$", (char[256]){ 0 });
	RUN("search");
	assert_done();
	run_result(&run, "first", &unpacked);
	ck_assert_uint_eq(unpacked.data.via.array.size, 1);
	assert_match(0, "bytes", 1, NULL);
	msgpack_unpacked_destroy(&unpacked);
	run_result(&run, "second", &unpacked);
	ck_assert_uint_eq(unpacked.data.via.array.size, 2);
	assert_match(0, "poem", 1, "Rose is a rose");
	assert_match(1, "poem", 2, "is  a röse");
}
END_TEST

START_TEST(search_ignores_case_and_stops_when_asked)
{
	first.params = SPAN("\x83\xa7"
	                    "pattern\xa4"
	                    "ROSE\xab"
	                    "ignore_case\xc3\xab"
	                    "max_matches\x02");
	RUN("search");
	assert_done();
	run_result(&run, "first", &unpacked);
	ck_assert_uint_eq(unpacked.data.via.array.size, 2);
	assert_match(0, "poem", 1, "Rose is a rose");
	assert_match(1, "bytes", 1, NULL);
}
END_TEST

START_TEST(search_fails_a_task_whose_pattern_is_none)
{
	char room[256];

	set_params(&first, "pattern", "(", room);
	RUN("search");
	assert_done();
	run_error(&run, "first", &unpacked);
	assert_str(member(&unpacked.data, "type"), "pattern");
	msgpack_unpacked_destroy(&unpacked);
	run_error(&run, "second", &unpacked);
	assert_str(member(&unpacked.data, "type"), "params");
}
END_TEST

START_TEST(wrap_gives_each_entry_to_the_tool_and_returns_what_it_prints)
{
	RUN("wrap", "sh", "-c", "cat; exit 3");
	assert_done();
	run_result(&run, "first", &unpacked);
	ck_assert_uint_eq(unpacked.data.via.map.size, 4);
	ck_assert_uint_eq(number(member(&unpacked.data, "poem"), "exit"), 3);
	assert_str(member(member(&unpacked.data, "summed up"), "stdout"), "a Rose");
	assert_str(member(member(&unpacked.data, "empty"), "stdout"), "");
	const msgpack_object *bytes = member(member(&unpacked.data, "bytes"), "stdout");
	ck_assert_int_eq(bytes->type, MSGPACK_OBJECT_BIN);
	ck_assert_uint_eq(bytes->via.bin.size, 13);
	ck_assert_mem_eq(bytes->via.bin.ptr, "rose\xff\n\0 rose\n", 13);
}
END_TEST

START_TEST(wrap_fails_a_task_whose_tool_can_not_run_or_is_killed)
{
	if (_i == 0)
		RUN("wrap", "no-such-tool");
	else
		RUN("wrap", "sh", "-c", "kill -SEGV $$");
	assert_done();
	run_error(&run, "first", &unpacked);
	assert_str(member(&unpacked.data, "type"), "tool");
}
END_TEST

START_TEST(linecount_needs_no_library)
{
	RUN("linecount.py");
	assert_done();
	run_result(&run, "first", &unpacked);
	ck_assert_uint_eq(unpacked.data.via.map.size, 4);
	ck_assert_uint_eq(number(&unpacked.data, "poem"), 4);
	ck_assert_uint_eq(number(&unpacked.data, "bytes"), 2);
	ck_assert_uint_eq(number(&unpacked.data, "summed up"), 1);
	ck_assert_uint_eq(number(&unpacked.data, "empty"), 0);
}
END_TEST

START_TEST(linecount_reads_every_kind_of_value)
{
	first.params = SPAN(
	        "\xdc\x00\x10\x01\xff\xcc\x80\xcd\x01\x00\xce\0\1\0\0\xcf\0\0\0\1\0\0\0\0\xd0\x80"
	        "\xd1\x80\0\xd2\x80\0\0\0\xd3\x80\0\0\0\0\0\0\0\xca\0\0\0\0\xcb\0\0\0\0\0\0\0\0"
	        "\xd4\x01x\xc7\x02\x01xx\xc4\x01x\x81\x01\xd9\x01x");
	RUN("linecount.py");
	assert_done();
	ck_assert_uint_eq(run.records.n_task_results, 2);
}
END_TEST

START_TEST(summary_msgpack_takes_the_first_and_the_longest_line)
{
	RUN("summary_msgpack.py");
	assert_done();
	run_result(&run, "first", &unpacked);
	assert_str(member(member(&unpacked.data, "poem"), "first"), "Rose is a rose");
	assert_str(member(member(&unpacked.data, "poem"), "longest"), "Rose is a rose");
	assert_str(member(member(&unpacked.data, "bytes"), "first"), "rose\xef\xbf\xbd");
	assert_str(member(member(&unpacked.data, "empty"), "longest"), "");
}
END_TEST

/* ---- faulty ---- */

START_TEST(faulty_fails_only_where_it_is_told_to)
{
	RUN("faulty", "segv", "sec");
	ck_assert_int_eq(run.signal, SIGSEGV);
	run_result(&run, "first", &unpacked);
	ck_assert_uint_eq(number(&unpacked.data, "bytes"), 31 + 13 + 31);
	ck_assert_mem_eq(run.records.running.data, "second", 6);
}
END_TEST

START_TEST(faulty_echoes_its_context)
{
	first.params = SPAN("\x82\xa4"
	                    "fail\xa4"
	                    "echo\xa3"
	                    "any\x93\xc0\x2a\xa1x");
	RUN("faulty");
	assert_done();
	run_result(&run, "first", &unpacked);
	assert_str(member(&unpacked.data, "id"), "first");
	ck_assert_uint_eq(member(member(&unpacked.data, "params"), "any")->via.array.size, 3);
	const msgpack_object *seen = member(&unpacked.data, "entries");
	ck_assert_uint_eq(seen->via.array.size, 5);
	const msgpack_object *bytes = member(&seen->via.array.ptr[1], "content");
	ck_assert_uint_eq(bytes->via.bin.size, 13);
	ck_assert_mem_eq(bytes->via.bin.ptr, "rose\xff\n\0 rose\n", 13);
	ck_assert_uint_eq(number(member(&unpacked.data, "batch"), "attempt"), 2);
}
END_TEST

START_TEST(faulty_tells_what_it_sees)
{
	RUN("faulty", "secrets");
	assert_done();
	run_result(&run, "first", &unpacked);
	assert_str(&member(&unpacked.data, "argv")->via.array.ptr[1], "secrets");
	assert_str(&member(&unpacked.data, "env")->via.array.ptr[1], "LANG=C.UTF-8");
	ck_assert_uint_eq(number(&unpacked.data, "uid"), getuid());
	member(member(&unpacked.data, "status"), "NoNewPrivs");
	member(member(&unpacked.data, "fds"), "4");
	member(member(&unpacked.data, "folders"), "/root");
}
END_TEST

/* Ways that can be tried without a sandbox. `exit_status` -1: ended by `signal`. */
static const struct {
	const char *way;
	int exit_status;
	int signal;
	enum bh_records_end end;
	size_t n_results;
} ways[] = {
	{ "none", 0, 0, BH_RECORDS_DONE, 2 },
	{ "no such way", 0, 0, BH_RECORDS_DONE, 2 },
	{ "task-error", 0, 0, BH_RECORDS_DONE, 2 },
	{ "batch-error", 0, 0, BH_RECORDS_ERROR, 0 },
	{ "exit", 1, 0, BH_RECORDS_OPEN, 0 },
	{ "exit-zero", 0, 0, BH_RECORDS_OPEN, 0 },
	{ "segv", -1, SIGSEGV, BH_RECORDS_OPEN, 0 },
	{ "abort", -1, SIGABRT, BH_RECORDS_OPEN, 0 },
	{ "kill-self", -1, SIGKILL, BH_RECORDS_OPEN, 0 },
	{ "close-all", 0, 0, BH_RECORDS_OPEN, 0 },
	{ "sleep", 0, 0, BH_RECORDS_DONE, 2 },
	{ "flood-results", 1, 0, BH_RECORDS_CUT, 1 },
	{ "fill-results", 1, 0, BH_RECORDS_CUT, 0 },
	{ "big-file", 0, 0, BH_RECORDS_DONE, 2 },
	{ "fork", 0, 0, BH_RECORDS_DONE, 2 },
	{ "threads", 0, 0, BH_RECORDS_DONE, 2 },
	{ "socket", 0, 0, BH_RECORDS_DONE, 2 },
	{ "unshare", 0, 0, BH_RECORDS_DONE, 2 },
	{ "garbage", 0, 0, BH_RECORDS_PROTOCOL, 0 },
	{ "truncated", 0, 0, BH_RECORDS_CUT, 0 },
	{ "deep", 0, 0, BH_RECORDS_PROTOCOL, 0 },
	{ "bad-utf8", 0, 0, BH_RECORDS_PROTOCOL, 0 },
	{ "bad-key", 0, 0, BH_RECORDS_PROTOCOL, 0 },
	{ "lie-length", 0, 0, BH_RECORDS_CUT, 0 },
	{ "seek-far", 0, 0, BH_RECORDS_PROTOCOL, 0 },
	{ "trailing", 0, 0, BH_RECORDS_DONE, 1 },
	{ "duplicate", 0, 0, BH_RECORDS_DONE, 2 },
	{ "unknown-task", 0, 0, BH_RECORDS_DONE, 3 },
	{ "missing-task", 0, 0, BH_RECORDS_DONE, 0 },
};

START_TEST(faulty_fails_in_the_way_that_it_is_told)
{
	RUN("faulty", ways[_i].way);
	ck_assert_msg(run.exit_status == ways[_i].exit_status && run.signal == ways[_i].signal,
	              "%s: exit %d, signal %d", ways[_i].way, run.exit_status, run.signal);
	ck_assert_msg(run.records.end == ways[_i].end &&
	                      run.records.n_task_results == ways[_i].n_results,
	              "%s: end %d, %zu results, %s", ways[_i].way, run.records.end,
	              run.records.n_task_results, run.records.reason);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("example handlers");
	TCase *tcase = tcase_create("programs");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, noop_says_done_and_nothing_else);
	tcase_add_test(tcase, wordcount_counts_as_wc_does);
	tcase_add_test(tcase, search_finds_lines_that_match);
	tcase_add_test(tcase, search_ignores_case_and_stops_when_asked);
	tcase_add_test(tcase, search_fails_a_task_whose_pattern_is_none);
	tcase_add_test(tcase, wrap_gives_each_entry_to_the_tool_and_returns_what_it_prints);
	tcase_add_loop_test(tcase, wrap_fails_a_task_whose_tool_can_not_run_or_is_killed, 0, 2);
	tcase_add_test(tcase, linecount_needs_no_library);
	tcase_add_test(tcase, linecount_reads_every_kind_of_value);
	tcase_add_test(tcase, summary_msgpack_takes_the_first_and_the_longest_line);
	tcase_add_test(tcase, faulty_fails_only_where_it_is_told_to);
	tcase_add_test(tcase, faulty_echoes_its_context);
	tcase_add_test(tcase, faulty_tells_what_it_sees);
	tcase_add_loop_test(tcase, faulty_fails_in_the_way_that_it_is_told, 0, BH_COUNT_OF(ways));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
