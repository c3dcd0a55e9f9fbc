/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/roster.h"
#include "tests/check.h"

/* A run of 4 batches with 3 tasks each, and its clock. */
struct run {
	struct bh_roster roster;
	uint64_t now_us;
};

static const char *const ids[] = { "a", "b", "c", "d" };

static void run_init(struct run *run)
{
	run->now_us = 1000;
	ck_assert_int_eq(bh_roster_init(&run->roster, 4, 12, run->now_us), 0);
}

/* One event of batch `index`, a microsecond after the one before. */
static void tell(struct run *run, size_t index, uint32_t attempt, struct bh_event event)
{
	event.time_us = ++run->now_us;
	event.index = index;
	event.batch_id = ids[index];
	event.n_tasks = 3;
	event.attempt = attempt;
	bh_roster_event(&run->roster, &event);
}

static void tell_type(struct run *run, size_t index, uint32_t attempt, enum bh_event_type type)
{
	tell(run, index, attempt, (struct bh_event){ .type = type });
}

static void start(struct run *run, size_t index, uint32_t attempt)
{
	tell_type(run, index, attempt, BH_EVENT_LEASED);
	tell(run, index, attempt, (struct bh_event){ .type = BH_EVENT_STARTED, .pid = 4711 });
}

static void tell_task(struct run *run, size_t index, enum bh_event_type type, const char *id)
{
	tell(run, index, 1,
	     (struct bh_event){ .type = type, .task_id = { .data = id, .size = strlen(id) } });
}

static void fail_attempt(struct run *run, size_t index, uint32_t attempt, bool again, bool keeps)
{
	const struct bh_outcome outcome = { .kind = BH_KIND_SIGNAL };

	tell(run, index, attempt,
	     (struct bh_event){ .type = BH_EVENT_ATTEMPT_FAILED,
	                        .outcome = &outcome,
	                        .again = again,
	                        .keeps_records = keeps,
	                        .delay_us = 500 });
}

static void end(struct run *run, size_t index, enum bh_kind kind, uint32_t attempts)
{
	struct bh_result result = { .success = kind == BH_KIND_NONE, .attempts = attempts };

	result.outcome.kind = kind;
	tell(run, index, 0, (struct bh_event){ .type = BH_EVENT_BATCH_ENDED, .result = &result });
}

static const struct bh_roster_batch *find(const struct run *run, size_t index)
{
	for (size_t i = 0; i < run->roster.n; i++)
		if (run->roster.batches[i].index == index)
			return &run->roster.batches[i];
	return NULL;
}

static uint64_t count_failed(const struct bh_roster *roster)
{
	return roster->n_ended - roster->kinds[BH_KIND_NONE];
}

START_TEST(a_batch_goes_from_its_lease_to_its_end)
{
	struct run run;

	run_init(&run);
	tell_type(&run, 0, 0, BH_EVENT_QUEUED);
	ck_assert_uint_eq(run.roster.n, 0);
	ck_assert_uint_eq(bh_roster_waiting(&run.roster), 4);
	tell_type(&run, 0, 1, BH_EVENT_LEASED);
	ck_assert_int_eq(find(&run, 0)->state, BH_ROSTER_LEASED);
	ck_assert_uint_eq(bh_roster_waiting(&run.roster), 3);
	tell(&run, 0, 1, (struct bh_event){ .type = BH_EVENT_STARTED, .pid = 4711 });
	ck_assert_int_eq(find(&run, 0)->state, BH_ROSTER_STARTED);
	ck_assert_int_eq(find(&run, 0)->pid, 4711);
	ck_assert_uint_eq(find(&run, 0)->since_us, run.now_us);
	tell_type(&run, 0, 1, BH_EVENT_TIMED_OUT);
	ck_assert_int_eq(find(&run, 0)->state, BH_ROSTER_GRACE);
	ck_assert_str_eq(find(&run, 0)->batch_id, "a");
	end(&run, 0, BH_KIND_TIMEOUT, 1);
	ck_assert_ptr_null(find(&run, 0));
	ck_assert_uint_eq(run.roster.n_ended, 1);
	ck_assert_uint_eq(run.roster.kinds[BH_KIND_TIMEOUT], 1);
	ck_assert_uint_eq(count_failed(&run.roster), 1);
	ck_assert_uint_eq(bh_roster_waiting(&run.roster), 3);
	ck_assert_uint_eq(bh_roster_tasks_done(&run.roster), 3);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(the_task_that_a_handler_is_at_is_known_while_it_is)
{
	struct run run;

	run_init(&run);
	start(&run, 0, 1);
	ck_assert_uint_eq(find(&run, 0)->task_size, 0);
	tell_task(&run, 0, BH_EVENT_TASK_STARTED, "first");
	ck_assert_uint_eq(find(&run, 0)->task_kept, 5);
	ck_assert_mem_eq(find(&run, 0)->task, "first", 5);
	tell_task(&run, 0, BH_EVENT_TASK_ENDED, "other"); /* which it didn't begin */
	ck_assert_uint_eq(find(&run, 0)->task_size, 5);
	tell_task(&run, 0, BH_EVENT_TASK_ENDED, "first");
	ck_assert_uint_eq(find(&run, 0)->task_size, 0);
	ck_assert_uint_eq(find(&run, 0)->n_done, 2);
	tell_task(&run, 0, BH_EVENT_TASK_STARTED, "");
	tell_task(&run, 0, BH_EVENT_TASK_ENDED, "");
	ck_assert_uint_eq(find(&run, 0)->task_size, 0);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(a_long_task_id_is_cut_between_characters)
{
	struct run run;
	char id[200];

	/* 63 bytes, and then characters of two */
	memset(id, 'x', 63);
	for (size_t i = 63; i + 2 < sizeof(id); i += 2)
		memcpy(id + i, "\xc3\xa9", 3);
	run_init(&run);
	start(&run, 0, 1);
	tell_task(&run, 0, BH_EVENT_TASK_STARTED, id);
	ck_assert_uint_eq(find(&run, 0)->task_size, strlen(id));
	ck_assert_uint_eq(find(&run, 0)->task_kept, 63);
	tell_task(&run, 0, BH_EVENT_TASK_ENDED, id);
	ck_assert_uint_eq(find(&run, 0)->task_size, 0);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(more_records_than_tasks_are_not_more_tasks)
{
	struct run run;

	run_init(&run);
	start(&run, 0, 1);
	for (int i = 0; i < 10; i++)
		tell_task(&run, 0, BH_EVENT_TASK_ENDED, "x");
	ck_assert_uint_eq(bh_roster_tasks_done(&run.roster), 3);
	end(&run, 0, BH_KIND_NONE, 1);
	ck_assert_uint_eq(bh_roster_tasks_done(&run.roster), 3);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(a_retry_begins_anew_and_a_round_goes_on)
{
	bool keeps = _i == 1;
	struct run run;

	run_init(&run);
	start(&run, 1, 1);
	uint64_t begun_us = find(&run, 1)->begun_us;
	tell_task(&run, 1, BH_EVENT_TASK_ENDED, "x");
	tell_task(&run, 1, BH_EVENT_TASK_STARTED, "y");
	fail_attempt(&run, 1, 1, true, keeps);
	ck_assert_int_eq(find(&run, 1)->state, BH_ROSTER_WAITS);
	ck_assert_int_eq(find(&run, 1)->kind, BH_KIND_SIGNAL);
	ck_assert_uint_eq(find(&run, 1)->due_us, run.now_us + 500);
	ck_assert_uint_eq(find(&run, 1)->task_size, 0);
	ck_assert_int_eq(find(&run, 1)->pid, 0);
	ck_assert_uint_eq(bh_roster_tasks_done(&run.roster), keeps ? 1 : 0);
	start(&run, 1, 2);
	ck_assert_uint_eq(find(&run, 1)->attempt, 2);
	ck_assert_uint_eq(find(&run, 1)->begun_us, begun_us);
	ck_assert_uint_eq(run.roster.n, 1);
	end(&run, 1, BH_KIND_NONE, 2);
	ck_assert_uint_eq(count_failed(&run.roster), 0);
	ck_assert_uint_eq(bh_roster_tasks_done(&run.roster), 3);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(the_slowest_is_the_first_that_has_a_handler)
{
	struct run run;

	run_init(&run);
	ck_assert_ptr_null(bh_roster_slowest(&run.roster));
	start(&run, 2, 1);
	start(&run, 1, 1);
	start(&run, 3, 1);
	ck_assert_uint_eq(bh_roster_slowest(&run.roster)->index, 2);
	fail_attempt(&run, 2, 1, true, false);
	ck_assert_uint_eq(bh_roster_slowest(&run.roster)->index, 1);
	end(&run, 1, BH_KIND_NONE, 1);
	ck_assert_uint_eq(bh_roster_slowest(&run.roster)->index, 3);
	start(&run, 2, 2);
	ck_assert_uint_eq(bh_roster_slowest(&run.roster)->index, 2);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(sorting_keeps_track_of_everybody)
{
	static const size_t begun[] = { 3, 0, 2, 1 };
	struct run run;

	run_init(&run);
	for (size_t i = 0; i < 4; i++)
		start(&run, begun[i], 1);
	end(&run, 0, BH_KIND_NONE, 1); /* the last one takes its place */
	bh_roster_sort(&run.roster);
	ck_assert_uint_eq(run.roster.batches[0].index, 3);
	ck_assert_uint_eq(run.roster.batches[1].index, 2);
	ck_assert_uint_eq(run.roster.batches[2].index, 1);
	tell_type(&run, 2, 1, BH_EVENT_TIMED_OUT);
	ck_assert_int_eq(find(&run, 2)->state, BH_ROSTER_GRACE);
	ck_assert_int_eq(find(&run, 1)->state, BH_ROSTER_STARTED);
	for (size_t i = 1; i < 4; i++)
		end(&run, i, BH_KIND_NONE, 1);
	ck_assert_uint_eq(run.roster.n, 0);
	bh_roster_sort(&run.roster);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(a_batch_that_was_cancelled_before_it_began_does_not_count)
{
	struct run run;

	run_init(&run);
	tell_type(&run, 0, 0, BH_EVENT_QUEUED);
	end(&run, 0, BH_KIND_CANCELLED, 0);
	ck_assert_uint_eq(run.roster.n_ended, 0);
	ck_assert_uint_eq(count_failed(&run.roster), 0);
	ck_assert_uint_eq(bh_roster_waiting(&run.roster), 3);
	end(&run, 1, BH_KIND_BOUNDS, 0); /* while others fail before they begin */
	ck_assert_uint_eq(count_failed(&run.roster), 1);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(task_errors_are_those_of_the_results)
{
	const struct bh_task_result tasks[] = { { .is_error = true }, { .is_error = false } };
	const struct bh_result result = { .success = true,
		                          .task_results = (struct bh_task_result *)(uintptr_t)tasks,
		                          .n_task_results = 2 };
	struct run run;

	run_init(&run);
	tell(&run, 0, 0, (struct bh_event){ .type = BH_EVENT_BATCH_ENDED, .result = &result });
	ck_assert_uint_eq(run.roster.n_task_errors, 1);
	bh_roster_done(&run.roster);
}
END_TEST

START_TEST(a_thousand_batches_at_a_time_are_all_known)
{
	struct bh_roster roster;

	ck_assert_int_eq(bh_roster_init(&roster, 1000, 0, 0), 0);
	for (size_t i = 0; i < 1000; i++)
		bh_roster_event(&roster, &(struct bh_event){ .type = BH_EVENT_LEASED,
		                                             .time_us = 1000 - i,
		                                             .index = i,
		                                             .batch_id = "x" });
	ck_assert_uint_eq(roster.n, 1000);
	ck_assert_uint_eq(bh_roster_slowest(&roster)->index, 999);
	bh_roster_event(&roster, &(struct bh_event){ .type = BH_EVENT_LEASED, .index = 1000 });
	ck_assert_uint_eq(roster.n, 1000);
	bh_roster_done(&roster);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("roster");
	TCase *tests = tcase_create("roster");

	tcase_add_test(tests, a_batch_goes_from_its_lease_to_its_end);
	tcase_add_test(tests, the_task_that_a_handler_is_at_is_known_while_it_is);
	tcase_add_test(tests, a_long_task_id_is_cut_between_characters);
	tcase_add_test(tests, more_records_than_tasks_are_not_more_tasks);
	tcase_add_loop_test(tests, a_retry_begins_anew_and_a_round_goes_on, 0, 2);
	tcase_add_test(tests, the_slowest_is_the_first_that_has_a_handler);
	tcase_add_test(tests, sorting_keeps_track_of_everybody);
	tcase_add_test(tests, a_batch_that_was_cancelled_before_it_began_does_not_count);
	tcase_add_test(tests, task_errors_are_those_of_the_results);
	tcase_add_test(tests, a_thousand_batches_at_a_time_are_all_known);
	suite_add_tcase(suite, tests);

	return run_suite(suite);
}
