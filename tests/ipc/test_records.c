/* SPDX-License-Identifier: Apache-2.0 */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/codec/records.h"
#include "ipc/wire/base.h"
#include "tests/check.h"
#include "values.h"

#define PROPERTY_ROUNDS 300

/* The batch of most tests: tasks "a", "b" and "c". */
static const struct bh_task task_a = { .id = "a" }, task_b = { .id = "b" }, task_c = { .id = "c" };
static const struct bh_task *const three_tasks[] = { &task_a, &task_b, &task_c };
static const struct bh_batch three = { .batch_id = "batch", .tasks = three_tasks, .n_tasks = 3 };

/* What a handler writes. */
struct output {
	msgpack_sbuffer buffer;
	msgpack_packer packer;
};

static void output_init(struct output *output)
{
	msgpack_sbuffer_init(&output->buffer);
	msgpack_packer_init(&output->packer, &output->buffer, msgpack_sbuffer_write);
}

static void output_done(struct output *output)
{
	msgpack_sbuffer_destroy(&output->buffer);
}

static void put_text(struct output *output, const char *text)
{
	msgpack_pack_str_with_body(&output->packer, text, strlen(text));
}

static void put_start(struct output *output, const char *id)
{
	msgpack_pack_map(&output->packer, 1);
	put_text(output, "start");
	put_text(output, id);
}

/* The result of task `id`, whose value is to follow. */
static void put_result_of(struct output *output, const char *id)
{
	msgpack_pack_map(&output->packer, 2);
	put_text(output, "task");
	put_text(output, id);
	put_text(output, "result");
}

static void put_result(struct output *output, const char *id, const char *value)
{
	put_result_of(output, id);
	put_text(output, value);
}

static void put_error(struct output *output, const char *id, const char *message)
{
	msgpack_pack_map(&output->packer, id ? 2 : 1);
	if (id) {
		put_text(output, "task");
		put_text(output, id);
	}
	put_text(output, "error");
	msgpack_pack_map(&output->packer, 3);
	put_text(output, "type");
	put_text(output, "Kind");
	put_text(output, "detail");
	msgpack_pack_array(&output->packer, 0);
	put_text(output, "message");
	put_text(output, message);
}

static void put_done(struct output *output)
{
	msgpack_pack_map(&output->packer, 1);
	put_text(output, "done");
	msgpack_pack_true(&output->packer);
}

static void read_bytes(const void *bytes, size_t size, struct bh_records *ret)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_records_read((struct bh_span){ bytes, size }, &three, ret, &err);
	ck_assert_msg(r == 0, "%s", err.text);
}

static void read_output(const struct output *output, struct bh_records *ret)
{
	read_bytes(output->buffer.data, output->buffer.size, ret);
}

static void check_span(struct bh_span span, const char *want)
{
	ck_assert_ptr_nonnull(span.data);
	ck_assert_msg(span.size == strlen(want) && memcmp(span.data, want, span.size) == 0,
	              "\"%.*s\" instead of \"%s\"", (int)span.size, (const char *)span.data, want);
}

/* The value is the one-byte-headed str `want`. */
static void check_text_value(struct bh_span value, const char *want)
{
	ck_assert_uint_eq(value.size, strlen(want) + 1);
	check_span((struct bh_span){ (const char *)value.data + 1, value.size - 1 }, want);
}

START_TEST(results_of_all_tasks_and_done_are_read)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	for (size_t i = 0; i < 3; i++) {
		put_start(&output, three_tasks[i]->id);
		put_result(&output, three_tasks[i]->id, "value");
	}
	put_done(&output);
	read_output(&output, &records);

	ck_assert_int_eq(records.end, BH_RECORDS_DONE);
	ck_assert_uint_eq(records.end_offset, output.buffer.size);
	ck_assert_uint_eq(records.n_task_results, 3);
	for (size_t i = 0; i < 3; i++) {
		check_span(records.task_results[i].task_id, three_tasks[i]->id);
		check_text_value(records.task_results[i].value, "value");
		ck_assert(!records.task_results[i].is_error);
		ck_assert(!records.task_results[i].is_unknown);
	}
	ck_assert_uint_eq(records.n_missing_task_ids, 0);
	ck_assert_ptr_null(records.running.data);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(no_bytes_are_no_records)
{
	struct bh_records records = BH_RECORDS_UNSET;

	read_bytes(NULL, 0, &records);

	ck_assert_int_eq(records.end, BH_RECORDS_OPEN);
	ck_assert_uint_eq(records.n_task_results, 0);
	ck_assert_uint_eq(records.n_missing_task_ids, 3);
	ck_assert_str_eq(records.missing_task_ids[1], "b");
	bh_records_done(&records);
	bh_records_done(&records); /* twice is safe */
}
END_TEST

START_TEST(records_without_a_final_one_stay_open)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_result(&output, "b", "value");
	read_output(&output, &records);

	ck_assert_int_eq(records.end, BH_RECORDS_OPEN);
	ck_assert_uint_eq(records.end_offset, output.buffer.size);
	ck_assert_uint_eq(records.n_missing_task_ids, 2);
	ck_assert_str_eq(records.missing_task_ids[0], "a");
	ck_assert_str_eq(records.missing_task_ids[1], "c");
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(a_task_error_is_kept_and_the_batch_goes_on)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_error(&output, "a", "no luck");
	put_result(&output, "b", "value");
	read_output(&output, &records);

	ck_assert_uint_eq(records.n_task_results, 2);
	ck_assert(records.task_results[0].is_error);
	check_span(bh_record_error_message(records.task_results[0].value), "no luck");
	ck_assert(!records.task_results[1].is_error);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(a_batch_error_is_final_and_what_follows_it_is_counted)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_error(&output, NULL, "Handler failed");
	size_t size = output.buffer.size;
	msgpack_sbuffer_write(&output.buffer, "\xc1junk", 5);
	read_output(&output, &records);

	ck_assert_int_eq(records.end, BH_RECORDS_ERROR);
	check_span(bh_record_error_message(records.error), "Handler failed");
	ck_assert_uint_eq(records.end_offset, size);
	ck_assert_uint_eq(records.trailing_bytes, 5);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(records_after_done_are_not_read)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_done(&output);
	size_t size = output.buffer.size;
	put_result(&output, "a", "value");
	read_output(&output, &records);

	ck_assert_int_eq(records.end, BH_RECORDS_DONE);
	ck_assert_uint_eq(records.n_task_results, 0);
	ck_assert_uint_eq(records.trailing_bytes, output.buffer.size - size);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(the_last_record_of_a_task_wins_in_the_place_of_the_first)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_result(&output, "a", "first");
	put_result(&output, "b", "other");
	put_error(&output, "a", "second");
	put_result(&output, "b", "third");
	put_error(&output, "b", "fourth");
	put_result(&output, "b", "fifth");
	read_output(&output, &records);

	ck_assert_uint_eq(records.n_task_results, 2);
	ck_assert_uint_eq(records.duplicate_results, 4);
	check_span(records.task_results[0].task_id, "a");
	ck_assert(records.task_results[0].is_error);
	check_span(bh_record_error_message(records.task_results[0].value), "second");
	check_span(records.task_results[1].task_id, "b");
	ck_assert(!records.task_results[1].is_error);
	check_text_value(records.task_results[1].value, "fifth");
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(a_task_that_the_batch_lacks_is_kept_as_unknown)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_result(&output, "x", "first");
	put_result(&output, "a", "value");
	put_result(&output, "y", "value");
	put_result(&output, "x", "second");
	read_output(&output, &records);

	ck_assert_uint_eq(records.n_task_results, 3);
	ck_assert(records.task_results[0].is_unknown);
	check_text_value(records.task_results[0].value, "second");
	ck_assert(!records.task_results[1].is_unknown);
	ck_assert(records.task_results[2].is_unknown);
	ck_assert_uint_eq(records.duplicate_results, 1);
	ck_assert_uint_eq(records.n_missing_task_ids, 2);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(tasks_in_any_order_find_their_place)
{
	static const char *const orders[][3] = {
		{ "a", "b", "c" }, { "a", "c", "b" }, { "b", "a", "c" },
		{ "b", "c", "a" }, { "c", "a", "b" }, { "c", "b", "a" },
	};
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	for (size_t i = 0; i < 3; i++)
		put_result(&output, orders[_i][i], orders[_i][i]);
	read_output(&output, &records);

	ck_assert_uint_eq(records.n_task_results, 3);
	ck_assert_uint_eq(records.duplicate_results, 0);
	ck_assert_uint_eq(records.n_missing_task_ids, 0);
	for (size_t i = 0; i < 3; i++) {
		check_span(records.task_results[i].task_id, orders[_i][i]);
		check_text_value(records.task_results[i].value, orders[_i][i]);
		ck_assert(!records.task_results[i].is_unknown);
	}
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(the_last_task_started_and_not_ended_is_running)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_start(&output, "a");
	put_start(&output, "b");
	read_output(&output, &records);
	check_span(records.running, "b");
	bh_records_done(&records);

	put_result(&output, "a", "value"); /* of another task: b runs on */
	read_output(&output, &records);
	check_span(records.running, "b");
	bh_records_done(&records);

	put_error(&output, "b", "no luck");
	read_output(&output, &records);
	ck_assert_ptr_null(records.running.data);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(keys_of_a_record_stand_in_any_order)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	msgpack_pack_map(&output.packer, 2);
	put_text(&output, "result");
	put_text(&output, "value");
	put_text(&output, "task");
	put_text(&output, "a");
	read_output(&output, &records);

	ck_assert_int_eq(records.end, BH_RECORDS_OPEN);
	ck_assert_uint_eq(records.n_task_results, 1);
	check_span(records.task_results[0].task_id, "a");
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

#define BYTES(literal) literal, sizeof(literal) - 1
#define TASK_A             \
	"\x82\xa4task\xa1" \
	"a" /* a map of two with its first pair: 8 bytes */
#define ERROR      \
	"\x81\xa5" \
	"error" /* a map of one with its key: 7 bytes */

/* Each is refused at the byte, with these words. */
static const struct {
	const char *why;
	const char *bytes;
	size_t size;
	enum bh_records_end end;
	size_t offset;
	const char *reason;
} refused[] = {
	{ "zeros, as of a hole", BYTES("\0\0\0\0"), BH_RECORDS_PROTOCOL, 0, "not a map" },
	{ "a str", BYTES("\xa1x"), BH_RECORDS_PROTOCOL, 0, "not a map" },
	{ "an array", BYTES("\x91\xc0"), BH_RECORDS_PROTOCOL, 0, "not a map" },
	{ "text", BYTES("hello\n"), BH_RECORDS_PROTOCOL, 0, "not a map" },
	{ "0xc1", BYTES("\xc1"), BH_RECORDS_PROTOCOL, 0, "0xc1" },
	{ "an empty map", BYTES("\x80"), BH_RECORDS_PROTOCOL, 0, "not a map of one or two" },
	{ "three keys",
	  BYTES("\x83\xa4task\xa1"
	        "a\xa6result\xc0\xa4"
	        "done\xc3"),
	  BH_RECORDS_PROTOCOL, 0, "one or two" },
	{ "an unknown key",
	  BYTES("\x81\xa3"
	        "foo\x01"),
	  BH_RECORDS_PROTOCOL, 1, "no place" },
	{ "an unknown second key",
	  BYTES(TASK_A "\xa3"
	               "foo\x01"),
	  BH_RECORDS_PROTOCOL, 8, "no place" },
	{ "a key that is an int", BYTES("\x81\x01\x01"), BH_RECORDS_PROTOCOL, 1, "not a str" },
	{ "a key that is a bin",
	  BYTES("\x81\xc4\x04"
	        "done\xc3"),
	  BH_RECORDS_PROTOCOL, 1, "not a str" },
	{ "a key that is 0xc1", BYTES("\x81\xc1\x01"), BH_RECORDS_PROTOCOL, 1, "0xc1" },
	{ "a key that is not UTF-8", BYTES("\x81\xa1\xff\x01"), BH_RECORDS_PROTOCOL, 1,
	  "not UTF-8" },
	{ "a key twice",
	  BYTES(TASK_A "\xa4task\xa1"
	               "a"),
	  BH_RECORDS_PROTOCOL, 8, "a key that its map has already" },
	{ "a task alone",
	  BYTES("\x81\xa4task\xa1"
	        "a"),
	  BH_RECORDS_PROTOCOL, 0, "no record" },
	{ "a result alone", BYTES("\x81\xa6result\xc0"), BH_RECORDS_PROTOCOL, 0, "no record" },
	{ "start and done",
	  BYTES("\x82\xa5start\xa1"
	        "a\xa4"
	        "done\xc3"),
	  BH_RECORDS_PROTOCOL, 0, "no record" },
	{ "start and result",
	  BYTES("\x82\xa5start\xa1"
	        "a\xa6result\xc0"),
	  BH_RECORDS_PROTOCOL, 0, "no record" },
	{ "result and error",
	  BYTES("\x82\xa6result\xc0\xa5"
	        "error\x81\xa7message\xa0"),
	  BH_RECORDS_PROTOCOL, 0, "no record" },
	{ "a start that is an int", BYTES("\x81\xa5start\x01"), BH_RECORDS_PROTOCOL, 7,
	  "a task id that is not a str" },
	{ "a task that is a bin",
	  BYTES("\x82\xa4task\xc4\x01"
	        "a\xa6result\xc0"),
	  BH_RECORDS_PROTOCOL, 6, "a task id that is not a str" },
	{ "a task that is not UTF-8", BYTES("\x82\xa4task\xa1\x80\xa6result\xc0"),
	  BH_RECORDS_PROTOCOL, 6, "not UTF-8" },
	{ "a done that is false",
	  BYTES("\x81\xa4"
	        "done\xc2"),
	  BH_RECORDS_PROTOCOL, 6, "a done that is not true" },
	{ "a done that is 1",
	  BYTES("\x81\xa4"
	        "done\x01"),
	  BH_RECORDS_PROTOCOL, 6, "a done that is not true" },
	{ "an error that is a str", BYTES(ERROR "\xa1x"), BH_RECORDS_PROTOCOL, 7,
	  "an error that is not a map" },
	{ "an error that is empty", BYTES(ERROR "\x80"), BH_RECORDS_PROTOCOL, 7,
	  "an error that is not a map" },
	{ "an error without message", BYTES(ERROR "\x81\xa4type\xa1x"), BH_RECORDS_PROTOCOL, 7,
	  "an error without a message" },
	{ "an error message that is nil", BYTES(ERROR "\x81\xa7message\xc0"), BH_RECORDS_PROTOCOL,
	  16, "an error message that is not a str" },
	{ "an error type that is nil", BYTES(ERROR "\x82\xa7message\xa0\xa4type\xc0"),
	  BH_RECORDS_PROTOCOL, 22, "an error type that is not a str" },
	{ "an error with another key", BYTES(ERROR "\x82\xa7message\xa0\xa1x\xc0"),
	  BH_RECORDS_PROTOCOL, 17, "no place" },
	{ "an error with two messages", BYTES(ERROR "\x82\xa7message\xa0\xa7message\xa0"),
	  BH_RECORDS_PROTOCOL, 17, "already" },
	{ "a detail with bad UTF-8",
	  BYTES(ERROR "\x82\xa7message\xa0\xa6"
	              "detail\x91\xa1\xff"),
	  BH_RECORDS_PROTOCOL, 25, "not UTF-8" },
	{ "a result with bad UTF-8", BYTES(TASK_A "\xa6result\x92\x01\xa2\xc3("),
	  BH_RECORDS_PROTOCOL, 17, "not UTF-8" },
	{ "a result with 0xc1", BYTES(TASK_A "\xa6result\x91\xc1"), BH_RECORDS_PROTOCOL, 16,
	  "0xc1" },
	{ "a result with an int as key", BYTES(TASK_A "\xa6result\x81\x01\x01"),
	  BH_RECORDS_PROTOCOL, 16, "not a str" },
	{ "a result with a key twice", BYTES(TASK_A "\xa6result\x82\xa1k\x01\xa1k\x01"),
	  BH_RECORDS_PROTOCOL, 19, "already" },
	{ "a map of 2^32-1", BYTES("\xdf\xff\xff\xff\xff"), BH_RECORDS_CUT, 0, "runs past" },
	{ "a map head cut short", BYTES("\xdf\xff"), BH_RECORDS_CUT, 0, "runs past" },
	{ "a record cut behind its head", BYTES("\x82"), BH_RECORDS_CUT, 0, "runs past" },
	{ "a record cut in a key", BYTES("\x81\xa4ta"), BH_RECORDS_CUT, 1, "runs past" },
	{ "a record cut before a value", BYTES("\x82\xa4task"), BH_RECORDS_CUT, 6, "runs past" },
	{ "a record cut before its second key", BYTES(TASK_A), BH_RECORDS_CUT, 8, "runs past" },
	{ "a record cut in its result", BYTES(TASK_A "\xa6result\xa5xy"), BH_RECORDS_CUT, 15,
	  "runs past" },
	{ "a str of 2^32-1", BYTES(TASK_A "\xa6result\xdb\xff\xff\xff\xff"), BH_RECORDS_CUT, 15,
	  "runs past" },
	{ "a bin of 2^32-1", BYTES(TASK_A "\xa6result\xc6\xff\xff\xff\xff"), BH_RECORDS_CUT, 15,
	  "runs past" },
	{ "an ext of 2^32-1", BYTES(TASK_A "\xa6result\xc9\xff\xff\xff\xff\x01"), BH_RECORDS_CUT,
	  15, "runs past" },
	{ "an array of 2^32-1", BYTES(TASK_A "\xa6result\xdd\xff\xff\xff\xff"), BH_RECORDS_CUT, 15,
	  "runs past" },
	{ "an error map of 2^32-1", BYTES(ERROR "\xdf\xff\xff\xff\xff"), BH_RECORDS_CUT, 7,
	  "runs past" },
	{ "a key of 2^32-1 bytes", BYTES("\x81\xdb\xff\xff\xff\xff"), BH_RECORDS_CUT, 1,
	  "runs past" },
};

static void check_refused(int i, const struct bh_records *records, size_t shift)
{
	char where[32];

	ck_assert_msg(records->end == refused[i].end, "%s: end %d", refused[i].why, records->end);
	ck_assert_msg(records->end_offset == refused[i].offset + shift, "%s: at %zu",
	              refused[i].why, records->end_offset);
	ck_assert_msg(strstr(records->reason, refused[i].reason) != NULL, "%s: %s", refused[i].why,
	              records->reason);
	snprintf(where, sizeof(where), "byte %zu: ", refused[i].offset + shift);
	ck_assert_msg(strncmp(records->reason, where, strlen(where)) == 0, "%s: %s", refused[i].why,
	              records->reason);
}

START_TEST(a_record_that_breaks_a_rule_is_refused_where_it_does)
{
	struct bh_records records = BH_RECORDS_UNSET;
	uint8_t *copy = malloc(refused[_i].size);

	memcpy(copy, refused[_i].bytes, refused[_i].size);
	read_bytes(copy, refused[_i].size, &records);

	check_refused(_i, &records, 0);
	ck_assert_uint_eq(records.n_task_results, 0);
	bh_records_done(&records);
	free(copy);
}
END_TEST

START_TEST(records_before_the_one_that_breaks_a_rule_are_kept)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_result(&output, "a", "value");
	put_start(&output, "b");
	size_t good = output.buffer.size;
	msgpack_sbuffer_write(&output.buffer, refused[_i].bytes, refused[_i].size);
	read_output(&output, &records);

	check_refused(_i, &records, good);
	ck_assert_uint_eq(records.n_task_results, 1);
	check_text_value(records.task_results[0].value, "value");
	check_span(records.running, "b");
	ck_assert_uint_eq(records.n_missing_task_ids, 2);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

static const struct {
	size_t nested; /* arrays in the result, or in the detail of an error */
	bool is_detail;
	bool is_accepted;
} depths[] = {
	{ 31, false, true }, { 32, false, false }, { 1000000, false, false },
	{ 30, true, true },  { 31, true, false },  { 1000000, true, false },
};

START_TEST(nesting_counts_from_the_record_as_1)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	if (depths[_i].is_detail)
		msgpack_sbuffer_write(&output.buffer, BYTES(ERROR "\x82\xa7message\xa1m\xa6"
		                                                  "detail"));
	else
		put_result_of(&output, "a");
	size_t at = output.buffer.size;
	for (size_t i = 1; i < depths[_i].nested; i++)
		msgpack_pack_array(&output.packer, 1);
	msgpack_pack_array(&output.packer, 0);
	read_output(&output, &records);

	if (depths[_i].is_accepted) {
		ck_assert_msg(records.reason[0] == '\0', "%s", records.reason);
	} else {
		ck_assert_int_eq(records.end, BH_RECORDS_PROTOCOL);
		ck_assert_uint_eq(records.end_offset, at + (depths[_i].is_detail ? 30 : 31));
		ck_assert_ptr_nonnull(strstr(records.reason, "deeper than 32"));
	}
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(a_million_tiny_records_are_read)
{
	static const char *const ids[] = { "a", "b", "nobody" };
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;
	size_t n = 1000000;

	output_init(&output);
	for (size_t i = 0; i < n; i++) {
		put_result_of(&output, ids[i % 3]);
		msgpack_pack_nil(&output.packer);
	}
	read_output(&output, &records);

	ck_assert_uint_eq(records.n_task_results, 3);
	ck_assert_uint_eq(records.duplicate_results, n - 3);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(a_million_tasks_that_nobody_asked_for_are_kept)
{
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;
	size_t n = 1000000;
	char id[32];

	output_init(&output);
	for (size_t i = 0; i < n; i++) {
		snprintf(id, sizeof(id), "%zu", i);
		put_result_of(&output, id);
		msgpack_pack_nil(&output.packer);
	}
	read_output(&output, &records);

	ck_assert_uint_eq(records.n_task_results, n);
	for (size_t i = 0; i < n; i++)
		ck_assert(records.task_results[i].is_unknown);
	check_span(records.task_results[n - 1].task_id, "999999");
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(a_batch_without_tasks_has_records_all_the_same)
{
	static const struct bh_batch empty = { .batch_id = "empty" };
	struct bh_records records = BH_RECORDS_UNSET;
	struct output output;

	output_init(&output);
	put_result(&output, "a", "value");
	put_done(&output);
	ck_assert_int_eq(bh_records_read((struct bh_span){ output.buffer.data, output.buffer.size },
	                                 &empty, &records, NULL),
	                 0);

	ck_assert_int_eq(records.end, BH_RECORDS_DONE);
	ck_assert(records.task_results[0].is_unknown);
	ck_assert_uint_eq(records.n_missing_task_ids, 0);
	bh_records_done(&records);
	output_done(&output);
}
END_TEST

START_TEST(an_error_map_gives_its_message)
{
	static const struct {
		struct bh_span map;
		const char *want;
	} maps[] = {
		{ { BYTES("\x81\xa7message\xa2hi") }, "hi" },
		{ { BYTES("\x82\xa4type\xa1x\xa7message\xd9\x02hi") }, "hi" },
		{ { BYTES("\x82\xa6"
		          "detail\x81\xa7message\xa1x\xa7message\xa2hi") },
		  "hi" },
		{ { BYTES("\x81\xa7message\xa0") }, "" },
		{ { BYTES("\x81\xa4type\xa1x") }, NULL },
		{ { BYTES("\x81\xa7message\xc0") }, NULL },
		{ { BYTES("\xc0") }, NULL },
	};

	for (size_t i = 0; i < BH_COUNT_OF(maps); i++) {
		struct bh_span message = bh_record_error_message(maps[i].map);
		if (maps[i].want)
			check_span(message, maps[i].want);
		else
			ck_assert_ptr_null(message.data);
	}
}
END_TEST

START_TEST(a_record_by_itself_says_what_it_is_and_where_it_ends)
{
	static const struct {
		enum bh_record_type type;
		const char *task_id;
	} wanted[] = { { BH_RECORD_START, "a" },
		       { BH_RECORD_RESULT, "a" },
		       { BH_RECORD_TASK_ERROR, "b" },
		       { BH_RECORD_FINAL, NULL } };
	struct output output;
	size_t at = 0;

	output_init(&output);
	put_start(&output, "a");
	put_result(&output, "a", "value");
	put_error(&output, "b", "message");
	put_done(&output);
	for (size_t i = 0; i < BH_COUNT_OF(wanted); i++) {
		const char *bytes = output.buffer.data + at;
		struct bh_record record;

		bh_record_peek((struct bh_span){ bytes, output.buffer.size - at }, &record);
		ck_assert_int_eq(record.type, wanted[i].type);
		if (wanted[i].task_id)
			check_span(record.task_id, wanted[i].task_id);
		size_t size = record.size;
		for (size_t cut = 0; cut < size; cut++) {
			bh_record_peek((struct bh_span){ bytes, cut }, &record);
			ck_assert_int_eq(record.type, BH_RECORD_SHORT);
			ck_assert_uint_eq(record.size, 0);
		}
		at += size;
	}
	ck_assert_uint_eq(at, output.buffer.size);
	output_done(&output);
}
END_TEST

START_TEST(bytes_that_are_no_record_are_wrong)
{
	static const struct bh_span wrong[] = { { BYTES("\xc1") },
		                                { BYTES("\x01") },
		                                { BYTES("\x80") },
		                                { BYTES("\x81\xa4task\xa1x") },
		                                { BYTES("\x81\xa5start\xa1\xff") },
		                                { BYTES("\x81\xa4none\xc0") } };
	struct bh_record record;

	for (size_t i = 0; i < BH_COUNT_OF(wrong); i++) {
		bh_record_peek(wrong[i], &record);
		ck_assert_int_eq(record.type, BH_RECORD_WRONG);
		ck_assert_uint_eq(record.size, 0);
	}
}
END_TEST

/* A slow and obvious model of what a list of results comes to. */
struct model {
	char id[8];
	size_t value; /* number of the record that was the last one */
};

static size_t model_put(struct model *models, size_t n, const char *id, size_t value)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(models[i].id, id) == 0) {
			models[i].value = value;
			return n;
		}
	}
	snprintf(models[n].id, sizeof(models[n].id), "%s", id);
	models[n].value = value;
	return n + 1;
}

static void check_models(const struct bh_records *records, const struct model *models, size_t n,
                         const struct output *output, const size_t *starts, const size_t *ends)
{
	ck_assert_uint_eq(records->n_task_results, n);
	for (size_t i = 0; i < n; i++) {
		const struct bh_task_result *result = &records->task_results[i];
		const char *id = models[i].id;
		check_span(result->task_id, id);
		ck_assert_ptr_eq(result->value.data, output->buffer.data + starts[models[i].value]);
		ck_assert_uint_eq(result->value.size,
		                  ends[models[i].value] - starts[models[i].value]);
		ck_assert(result->is_unknown == !(id[0] >= 'a' && id[0] <= 'c'));
	}
}

#define MAX_RECORDS 60

START_TEST(generated_records_come_to_what_a_slow_reader_makes_of_them)
{
	uint64_t seed = test_seed(), state = seed;

	printf("BH_TEST_SEED=%ju\n", (uintmax_t)seed);
	for (int round = 0; round < PROPERTY_ROUNDS; round++) {
		struct bh_records records = BH_RECORDS_UNSET;
		struct model models[MAX_RECORDS];
		size_t starts[MAX_RECORDS], ends[MAX_RECORDS];
		size_t n = test_random_below(&state, MAX_RECORDS), n_models = 0;
		struct output output;

		output_init(&output);
		for (size_t i = 0; i < n; i++) {
			char id[2] = { (char)('a' + test_random_below(&state, 6)), '\0' };
			put_result_of(&output, id);
			starts[i] = output.buffer.size;
			test_pack_random(&state, &output.packer, 3);
			ends[i] = output.buffer.size;
			n_models = model_put(models, n_models, id, i);
		}
		read_output(&output, &records);

		ck_assert_msg(records.end == BH_RECORDS_OPEN, "%s", records.reason);
		ck_assert_uint_eq(records.duplicate_results, n - n_models);
		check_models(&records, models, n_models, &output, starts, ends);
		bh_records_done(&records);
		output_done(&output);
	}
}
END_TEST

/* However the bytes end or are damaged, what is kept lies inside them. */
START_TEST(damaged_records_never_lead_outside_the_bytes)
{
	uint64_t seed = test_seed(), state = seed;

	printf("BH_TEST_SEED=%ju\n", (uintmax_t)seed);
	for (int round = 0; round < PROPERTY_ROUNDS * 5; round++) {
		struct bh_records records = BH_RECORDS_UNSET;
		struct output output;
		output_init(&output);
		for (size_t i = 0; i < 4; i++) {
			put_start(&output, "a");
			put_result_of(&output, "a");
			test_pack_random(&state, &output.packer, 2);
			put_error(&output, i < 3 ? "b" : NULL, "no luck");
		}
		size_t size = 1 + test_random_below(&state, output.buffer.size);
		uint8_t *bytes = malloc(size);
		memcpy(bytes, output.buffer.data, size);
		for (size_t n = test_random_below(&state, 4); n > 0; n--)
			bytes[test_random_below(&state, size)] = (uint8_t)test_random(&state);
		read_bytes(bytes, size, &records);

		ck_assert_uint_le(records.end_offset, size);
		for (size_t i = 0; i < records.n_task_results; i++) {
			const struct bh_span *value = &records.task_results[i].value;
			ck_assert((const uint8_t *)value->data >= bytes);
			ck_assert((const uint8_t *)value->data + value->size <= bytes + size);
		}
		bh_records_done(&records);
		free(bytes);
		output_done(&output);
	}
}
END_TEST

static TCase *record_tests(void)
{
	TCase *tests = tcase_create("records");

	tcase_add_test(tests, results_of_all_tasks_and_done_are_read);
	tcase_add_test(tests, no_bytes_are_no_records);
	tcase_add_test(tests, records_without_a_final_one_stay_open);
	tcase_add_test(tests, a_task_error_is_kept_and_the_batch_goes_on);
	tcase_add_test(tests, a_batch_error_is_final_and_what_follows_it_is_counted);
	tcase_add_test(tests, records_after_done_are_not_read);
	tcase_add_test(tests, the_last_record_of_a_task_wins_in_the_place_of_the_first);
	tcase_add_test(tests, a_task_that_the_batch_lacks_is_kept_as_unknown);
	tcase_add_loop_test(tests, tasks_in_any_order_find_their_place, 0, 6);
	tcase_add_test(tests, the_last_task_started_and_not_ended_is_running);
	tcase_add_test(tests, keys_of_a_record_stand_in_any_order);
	tcase_add_test(tests, a_batch_without_tasks_has_records_all_the_same);
	tcase_add_test(tests, an_error_map_gives_its_message);
	tcase_add_test(tests, a_record_by_itself_says_what_it_is_and_where_it_ends);
	tcase_add_test(tests, bytes_that_are_no_record_are_wrong);
	return tests;
}

static TCase *hostile_tests(void)
{
	TCase *tests = tcase_create("hostile");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, a_record_that_breaks_a_rule_is_refused_where_it_does, 0,
	                    BH_COUNT_OF(refused));
	tcase_add_loop_test(tests, records_before_the_one_that_breaks_a_rule_are_kept, 0,
	                    BH_COUNT_OF(refused));
	tcase_add_loop_test(tests, nesting_counts_from_the_record_as_1, 0, BH_COUNT_OF(depths));
	tcase_add_test(tests, a_million_tiny_records_are_read);
	tcase_add_test(tests, a_million_tasks_that_nobody_asked_for_are_kept);
	tcase_add_test(tests, generated_records_come_to_what_a_slow_reader_makes_of_them);
	tcase_add_test(tests, damaged_records_never_lead_outside_the_bytes);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("records");

	suite_add_tcase(suite, record_tests());
	suite_add_tcase(suite, hostile_tests());

	return run_suite(suite);
}
