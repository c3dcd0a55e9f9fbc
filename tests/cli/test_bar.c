/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/bar.h"
#include "cli/figures.h"
#include "cli/label.h"
#include "cli/report.h"
#include "cli/roster.h"
#include "cli/text.h"
#include "ipc/wire/base.h"
#include "tests/check.h"

#define SECOND UINT64_C(1000000)

static const char long_id[] =
        "an id that is much longer than any part of a line could ever have room for, "
        "whatever the window's width is, so that it has to be cut somewhere";
static const char wide_id[] =
        "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97"
        "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97";
/* escape sequences, C1 as UTF-8 and as a byte, ends of lines, a change of direction,
 * a byte that begins nothing */
static const char hostile_id[] = "\x1b[2J\x1b]0;x\x07\xc2\x9b"
                                 "1m\x9b\r\n\t\x7f\xe2\x80\xae\xe2\x80\xa8\xff";

/* One batch that runs. */
struct run {
	struct bh_roster roster;
	struct bh_roster_batch batch;
};

static void run_init(struct run *run, const char *batch_id)
{
	run->batch = (struct bh_roster_batch){ .batch_id = batch_id,
		                               .attempt = 1,
		                               .state = BH_ROSTER_STARTED,
		                               .n_tasks = 20,
		                               .n_done = 5 };
	run->roster = (struct bh_roster){ .n_batches = 48,
		                          .n_tasks = 960,
		                          .n_ended = 12,
		                          .n_ended_tasks = 235,
		                          .n_running_tasks_done = 5,
		                          .batches = &run->batch,
		                          .n = 1 };
}

static void add_failures(struct run *run)
{
	run->roster.kinds[BH_KIND_NONE] = 9;
	run->roster.kinds[BH_KIND_EXIT] = 1;
	run->roster.kinds[BH_KIND_SIGNAL] = 2;
	run->roster.n_task_errors = 1;
}

static void make_huge(struct run *run)
{
	run->roster.n_batches = SIZE_MAX;
	run->roster.n_tasks = UINT64_MAX;
	run->roster.n_ended = UINT64_MAX - 1;
	run->roster.n_ended_tasks = UINT64_MAX - 5;
	run->roster.n_task_errors = UINT64_MAX;
	for (int kind = 0; kind < BH_KINDS; kind++)
		run->roster.kinds[kind] = UINT64_MAX / BH_KINDS;
}

static const char *draw(const struct run *run, size_t width, bool utf8, uint64_t now_us)
{
	static char line[BH_BAR_SIZE];
	const struct bh_bar_style style = { .width = width, .utf8 = utf8 };

	bh_bar_draw(&run->roster, &style, now_us, line);
	return line;
}

/* Columns as a terminal counts them at most; SIZE_MAX where there is something in it
 * that a terminal would obey. */
static size_t count_columns(const char *line)
{
	size_t columns = 0;

	for (size_t left = strlen(line); left > 0;) {
		size_t n = bh_utf8_length(line, left);

		if (n == 0 || bh_utf8_is_control(line, n))
			return SIZE_MAX;
		bool narrow = n == 1 || memcmp(line, "\xe2\x96\x88", 3) == 0 ||
		              memcmp(line, "\xe2\x96\x91", 3) == 0 ||
		              memcmp(line, "\xe2\x80\xa6", 3) == 0;
		columns += narrow ? 1 : 2;
		line += n;
		left -= n;
	}
	return columns;
}

static bool is_ascii(const char *line)
{
	while (*line >= ' ' && *line <= '~')
		line++;
	return *line == '\0';
}

START_TEST(a_wide_line_says_everything)
{
	struct run run;

	run_init(&run, "batch_0007");
	add_failures(&run);
	ck_assert_str_eq(draw(&run, 200, false, 60 * SECOND),
	                 "[#######-----------------------] 12/48 batches, 240/960 tasks, 3 failed "
	                 "(1 exit, 2 signal), 1 task error, 4.0 tasks/s, 3m00s left, "
	                 "slowest batch_0007 (1m00s)");
}
END_TEST

START_TEST(a_narrow_line_says_what_matters)
{
	static const struct {
		size_t width;
		const char *line;
	} rows[] = {
		{ 0, "" },
		{ 5, "" },
		{ 6, "12/48" },
		{ 16, "12/48, 3 failed" },
		{ 29, "[##--------] 12/48, 3 failed" },
		{ 41, "[##--------] 12/48, 3 failed, 3m00s left" },
		{ 49, "[##--------] 12/48 batches, 3 failed, 3m00s left" },
		{ 64, "[##--------] 12/48 batches, 240/960 tasks, 3 failed, 3m00s left" },
	};
	struct run run;

	run_init(&run, "batch_0007");
	add_failures(&run);
	for (size_t i = 0; i < BH_COUNT_OF(rows); i++)
		ck_assert_str_eq(draw(&run, rows[i].width, false, 60 * SECOND), rows[i].line);
}
END_TEST

START_TEST(without_tasks_batches_are_what_is_counted)
{
	struct run run;

	run_init(&run, "b");
	run.roster.n_tasks = run.roster.n_ended_tasks = run.roster.n_running_tasks_done = 0;
	ck_assert_str_eq(draw(&run, 100, false, 60 * SECOND),
	                 "[#######-----------------------] 12/48 batches, 0.2 batches/s, "
	                 "3m00s left, slowest b (1m00s)");
}
END_TEST

START_TEST(before_anything_is_done_nothing_is_promised)
{
	struct run run;

	run_init(&run, "b");
	run.roster.n_ended = run.roster.n_ended_tasks = run.roster.n_running_tasks_done = 0;
	for (uint64_t now_us = 0; now_us <= 2 * SECOND; now_us += SECOND) {
		const char *line = draw(&run, 200, false, now_us);
		ck_assert_ptr_null(strstr(line, "left"));
		ck_assert_ptr_null(strstr(line, "/s"));
	}
}
END_TEST

START_TEST(a_run_that_is_being_ended_promises_nothing)
{
	const struct bh_bar_style style = { .width = 200, .stopping = true };
	char line[BH_BAR_SIZE];
	struct run run;

	run_init(&run, "b");
	bh_bar_draw(&run.roster, &style, 60 * SECOND, line);
	ck_assert_ptr_nonnull(strstr(line, ", ending, "));
	ck_assert_ptr_null(strstr(line, "left"));
}
END_TEST

static const char *const all_ids[] = { "b", long_id, wide_id, hostile_id };

START_TEST(no_line_is_as_wide_as_its_window_or_has_anything_to_obey)
{
	static const uint64_t times[] = { 0, 1, 60 * SECOND, UINT64_MAX };
	char line[BH_BAR_SIZE];
	struct run run;

	for (size_t width = 0; width <= 200; width++)
		for (size_t i = 0; i < BH_COUNT_OF(times) * 8; i++) {
			const struct bh_bar_style style = { .width = width, .utf8 = i & 1 };

			run_init(&run, all_ids[_i]);
			if (i & 2)
				add_failures(&run);
			if (i & 4)
				make_huge(&run);
			size_t columns = bh_bar_draw(&run.roster, &style, times[i / 8], line);
			ck_assert_uint_eq(columns, count_columns(line));
			ck_assert(columns < width || (columns == 0 && width == 0));
			ck_assert(style.utf8 || is_ascii(line));
		}
}
END_TEST

START_TEST(a_window_of_any_width_is_no_reason_to_write_past_the_line)
{
	static const size_t widths[] = { BH_BAR_MOST_COLUMNS, BH_BAR_MOST_COLUMNS + 1, 65535,
		                         SIZE_MAX };
	struct run run;

	run_init(&run, wide_id);
	make_huge(&run);
	for (size_t i = 0; i < BH_COUNT_OF(widths); i++)
		ck_assert_uint_lt(count_columns(draw(&run, widths[i], true, 1)),
		                  BH_BAR_MOST_COLUMNS);
}
END_TEST

START_TEST(labels_are_cut_to_their_columns)
{
	static const struct {
		const char *text;
		size_t columns;
		bool utf8;
		const char *label;
	} rows[] = {
		{ "batch", 5, false, "batch" },
		{ "batch", 4, false, "ba.." },
		{ "batch", 4, true, "bat\xe2\x80\xa6" },
		{ "batch", 1, true, "\xe2\x80\xa6" },
		{ "batch", 1, false, "" },
		{ "batch", 0, true, "" },
		{ "", 0, true, "" },
		{ "h\xc3\xa9", 3, true, "h\xc3\xa9" },
		{ "h\xc3\xa9", 2, true, "h\xe2\x80\xa6" },
		{ "h\xc3\xa9", 2, false, "h?" },
		{ "\x1b[1m\xff", 5, true, "?[1m?" },
		{ "\xc2\x9b\xe2\x80\xae", 2, true, "??" },
	};

	for (size_t i = 0; i < BH_COUNT_OF(rows); i++) {
		char label[BH_LABEL_SIZE(5)];
		size_t columns = bh_label_write(rows[i].text, strlen(rows[i].text), rows[i].columns,
		                                rows[i].utf8, label);
		ck_assert_str_eq(label, rows[i].label);
		ck_assert_uint_le(columns, rows[i].columns);
	}
}
END_TEST

START_TEST(a_label_never_leaves_its_room)
{
	for (size_t columns = 0; columns <= 60; columns++)
		for (size_t i = 0; i < BH_COUNT_OF(all_ids); i++) {
			/* on the heap, where the address sanitizer sees its end */
			char *label = malloc(BH_LABEL_SIZE(columns));
			ck_assert_ptr_nonnull(label);
			size_t used = bh_label_write(all_ids[i], strlen(all_ids[i]), columns, true,
			                             label);
			ck_assert_uint_eq(used, count_columns(label));
			ck_assert_uint_le(used, columns);
			free(label);
		}
}
END_TEST

START_TEST(durations_are_short)
{
	static const struct {
		uint64_t us;
		const char *text;
	} rows[] = {
		{ 0, "0s" },
		{ 59 * SECOND + 999999, "59s" },
		{ 60 * SECOND, "1m00s" },
		{ 3599 * SECOND, "59m59s" },
		{ 3600 * SECOND, "1h00m" },
		{ 86399 * SECOND, "23h59m" },
		{ (3 * 86400 + 4 * 3600) * SECOND, "3d04h" },
		{ UINT64_MAX, "213503982d08h" },
	};
	char text[BH_DURATION_SIZE];

	for (size_t i = 0; i < BH_COUNT_OF(rows); i++) {
		bh_figures_duration(rows[i].us, text);
		ck_assert_str_eq(text, rows[i].text);
	}
}
END_TEST

START_TEST(the_time_left_is_told_where_it_can_be)
{
	static const struct {
		uint64_t n_done, n_tasks, now_us, left_us;
	} rows[] = {
		{ 0, 100, 60 * SECOND, UINT64_MAX },
		{ 50, 100, 60 * SECOND, 60 * SECOND },
		{ 100, 100, 60 * SECOND, 0 },
		{ 101, 100, 60 * SECOND, 0 },
		{ 50, 100, 0, UINT64_MAX },
		{ 1, UINT64_MAX, 60 * SECOND, UINT64_MAX }, /* not within a lifetime */
	};

	for (size_t i = 0; i < BH_COUNT_OF(rows); i++) {
		const struct bh_roster roster = { .n_batches = 1,
			                          .n_tasks = rows[i].n_tasks,
			                          .n_ended_tasks = rows[i].n_done };
		ck_assert_uint_eq(bh_figures_left_us(&roster, rows[i].now_us), rows[i].left_us);
	}
	const struct bh_roster nothing = { .n_batches = 0 };
	ck_assert_uint_eq(bh_figures_left_us(&nothing, SECOND), 0);
}
END_TEST

static const struct {
	enum bh_roster_state state;
	uint32_t attempt;
	int64_t handler;
	const char *text;
} reports[] = {
	{ BH_ROSTER_LEASED, 1, 0,
	  "b: attempt 1, being started for 9s, 5 of 20 tasks, at 'x', below process 70" },
	{ BH_ROSTER_STARTED, 1, 71,
	  "b: attempt 1, runs for 9s, 5 of 20 tasks, at 'x', process 71" },
	{ BH_ROSTER_STARTED, 2, 71,
	  "b: attempt 2, runs for 9s, 10s in all, 5 of 20 tasks, at 'x', process 71" },
	{ BH_ROSTER_GRACE, 1, 71,
	  "b: attempt 1, out of time and in grace for 9s, 10s in all, 5 of 20 tasks, at 'x', "
	  "process 71" },
	{ BH_ROSTER_WAITS, 1, 0,
	  "b: attempt 1 failed (signal), the next one in 5s, 5 of 20 tasks, at 'x', below process "
	  "70" },
};

START_TEST(a_report_says_what_a_batch_does)
{
	char text[BH_REPORT_SIZE];
	struct run run;

	run_init(&run, "b");
	run.batch.state = reports[_i].state;
	run.batch.attempt = reports[_i].attempt;
	run.batch.since_us = SECOND;
	run.batch.due_us = 15 * SECOND;
	run.batch.kind = BH_KIND_SIGNAL;
	run.batch.pid = 70;
	run.batch.task_size = run.batch.task_kept = 1;
	run.batch.task[0] = 'x';
	bh_report_batch(&run.batch, reports[_i].handler, 10 * SECOND, text);
	ck_assert_str_eq(text, reports[_i].text);
}
END_TEST

START_TEST(a_report_has_room_for_anything)
{
	char text[BH_REPORT_SIZE], id[5000];
	struct run run;

	memset(id, 'i', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	run_init(&run, id);
	run.batch.n_tasks = run.batch.n_done = SIZE_MAX;
	run.batch.attempt = UINT32_MAX;
	bh_report_batch(&run.batch, INT64_MAX, UINT64_MAX, text);
	ck_assert_ptr_nonnull(strstr(text, "i\xe2\x80\xa6: attempt 4294967295"));
	ck_assert_ptr_nonnull(strstr(text, ", process 9223372036854775807"));
	make_huge(&run);
	bh_report_sum(&run.roster, UINT64_MAX, text);
	ck_assert_ptr_nonnull(strstr(text, " so far"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bar");
	TCase *tests = tcase_create("bar");

	tcase_add_test(tests, a_wide_line_says_everything);
	tcase_add_test(tests, a_narrow_line_says_what_matters);
	tcase_add_test(tests, without_tasks_batches_are_what_is_counted);
	tcase_add_test(tests, before_anything_is_done_nothing_is_promised);
	tcase_add_test(tests, a_run_that_is_being_ended_promises_nothing);
	tcase_add_loop_test(tests, no_line_is_as_wide_as_its_window_or_has_anything_to_obey, 0,
	                    (int)BH_COUNT_OF(all_ids));
	tcase_add_test(tests, a_window_of_any_width_is_no_reason_to_write_past_the_line);
	tcase_add_test(tests, labels_are_cut_to_their_columns);
	tcase_add_test(tests, a_label_never_leaves_its_room);
	tcase_add_test(tests, durations_are_short);
	tcase_add_test(tests, the_time_left_is_told_where_it_can_be);
	tcase_add_loop_test(tests, a_report_says_what_a_batch_does, 0, (int)BH_COUNT_OF(reports));
	tcase_add_test(tests, a_report_has_room_for_anything);
	suite_add_tcase(suite, tests);

	return run_suite(suite);
}
