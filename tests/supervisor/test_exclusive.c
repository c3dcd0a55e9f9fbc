/* SPDX-License-Identifier: Apache-2.0 */

/* Exclusive leases, with handlers that run. */

#include <poll.h>
#include <stdlib.h>

#include "ipc/wire/base.h"
#include "run_fixture.h"
#include "tests/check.h"

#define MANY 64

/* What became of each batch: written by events and results. */
struct log {
	size_t leased_at[MANY]; /* for the last time: a count of events; 0: not yet */
	size_t ended_at[MANY];
	size_t n_leases[MANY];
	enum bh_kind kinds[MANY];
	uint32_t attempts[MANY];
	size_t n_events;
	size_t n_results;
};

static void note_event(const struct bh_event *event, void *userdata)
{
	struct log *log = userdata;

	log->n_events++;
	if (event->type == BH_EVENT_LEASED) {
		log->leased_at[event->index] = log->n_events;
		log->n_leases[event->index]++;
	}
	if (event->type == BH_EVENT_BATCH_ENDED)
		log->ended_at[event->index] = log->n_events;
}

static void note_result(struct bh_result *result, void *userdata)
{
	struct log *log = userdata;

	log->kinds[result->index] = result->outcome.kind;
	log->attempts[result->index] = result->attempts;
	log->n_results++;
	bh_result_free(result);
}

/* All but the executor. */
static void prepare_run(struct run *run, struct log *log, size_t jobs)
{
	*log = (struct log){ .n_events = 0 };
	run_init(run, "faulty");
	run->options.jobs = jobs;
	run->options.on_event = note_event;
	run->options.event_userdata = log;
	run_add_entry(run, "e", "content");
	run_add_entry(run, "f", "content");
}

static void open_run(struct run *run, struct log *log, size_t jobs)
{
	prepare_run(run, log, jobs);
	run_open(run);
}

static const char *const entry_e = "e";
static const char *const entry_f = "f";

/* A task over one entry, exclusive where its name is written large. */
static void add_task(struct test_batch *batch, const char *task_id, const char *way, char entry)
{
	struct bh_task *task = batch_add_way(batch, task_id, way, NULL, 0);

	task->required_entry_ids = (entry | 0x20) == 'e' ? &entry_e : &entry_f;
	task->n_required_entry_ids = 1;
	task->exclusive = entry < 'a';
}

/* A batch of one such task. */
static void make(struct test_batch *batch, const char *id, const char *way, char entry)
{
	batch_init(batch, id);
	add_task(batch, "t", way, entry);
}

static void submit(struct run *run, const struct test_batch *batch, struct log *log)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_submit(run->executor, &batch->batch, note_result, log, NULL, &err);
	ck_assert_msg(r == 0, "submit: %s", err.text);
}

static void step(struct run *run)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_step(run->executor, &err);
	ck_assert_msg(r == 0, "step: %s", err.text);
}

static bool is_readable(const struct run *run, int timeout_ms)
{
	struct pollfd fd = { .fd = bh_executor_fd(run->executor), .events = POLLIN };

	return poll(&fd, 1, timeout_ms) == 1;
}

static void step_until_results(struct run *run, const struct log *log, size_t n)
{
	while (log->n_results < n) {
		ck_assert(is_readable(run, -1));
		step(run);
	}
}

static void step_until_attempt(struct run *run, const struct log *log, size_t index, size_t n)
{
	while (log->n_leases[index] < n) {
		ck_assert(is_readable(run, -1));
		step(run);
	}
}

/* Until nothing is to be done at once. */
static void step_until_quiet(struct run *run)
{
	do
		step(run);
	while (is_readable(run, 0));
}

static void drain(struct run *run)
{
	ck_assert_int_eq(bh_executor_drain(run->executor, -1, NULL), 0);
}

static uint64_t waiting(const struct run *run)
{
	return bh_store_lease_stats(run->store).leases_waiting;
}

static const struct {
	char first, second;
	bool together;
} pairs[] = {
	{ 'E', 'E', false }, { 'E', 'e', false }, { 'e', 'E', false },
	{ 'e', 'e', true },  { 'E', 'F', true },  { 'E', 'f', true },
};

START_TEST(two_batches_run_together_only_where_they_do_not_conflict)
{
	struct run run;
	struct log log;
	struct test_batch a, b;

	open_run(&run, &log, 2);
	make(&a, "a", "sleep", pairs[_i].first);
	make(&b, "b", "sleep", pairs[_i].second);
	submit(&run, &a, &log);
	submit(&run, &b, &log);
	drain(&run);
	ck_assert_int_eq(log.kinds[0], BH_KIND_NONE);
	ck_assert_int_eq(log.kinds[1], BH_KIND_NONE);
	ck_assert_uint_lt(log.leased_at[0], log.leased_at[1]);
	ck_assert_int_eq(log.leased_at[1] < log.ended_at[0], pairs[_i].together);
	batch_done(&a);
	batch_done(&b);
	run_done(&run);
}
END_TEST

START_TEST(a_batch_that_waits_takes_no_slot_and_stops_no_other)
{
	struct run run;
	struct log log;
	struct test_batch holder, waiter, other;

	open_run(&run, &log, 2);
	make(&holder, "holder", "hang", 'E');
	make(&waiter, "waiter", "none", 'E');
	make(&other, "other", "none", 'F');
	submit(&run, &holder, &log);
	submit(&run, &waiter, &log);
	submit(&run, &other, &log);
	step_until_results(&run, &log, 1);
	ck_assert_uint_ne(log.ended_at[2], 0);
	ck_assert_uint_eq(waiting(&run), 1);
	ck_assert_uint_eq(bh_executor_pending(run.executor), 2);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, 0), 0);
	drain(&run);
	ck_assert_int_eq(log.kinds[0], BH_KIND_CANCELLED);
	ck_assert_int_eq(log.kinds[1], BH_KIND_NONE);
	ck_assert_int_eq(log.kinds[2], BH_KIND_NONE);
	batch_done(&holder);
	batch_done(&waiter);
	batch_done(&other);
	run_done(&run);
}
END_TEST

START_TEST(a_batch_cancelled_while_it_waits_lets_those_behind_it_go)
{
	struct run run;
	struct log log;
	struct test_batch holder, cancelled, behind;

	open_run(&run, &log, 3);
	make(&holder, "holder", "hang", 'e');
	make(&cancelled, "cancelled", "none", 'E');
	make(&behind, "behind", "none", 'e');
	submit(&run, &holder, &log);
	submit(&run, &cancelled, &log);
	submit(&run, &behind, &log);
	step_until_quiet(&run);
	ck_assert_uint_eq(waiting(&run), 2);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, 1), 0);
	step_until_results(&run, &log, 2);
	ck_assert_int_eq(log.kinds[1], BH_KIND_CANCELLED);
	ck_assert_uint_eq(log.attempts[1], 0);
	ck_assert_int_eq(log.kinds[2], BH_KIND_NONE);
	ck_assert_uint_eq(log.ended_at[0], 0);
	bh_executor_cancel(run.executor);
	drain(&run);
	batch_done(&holder);
	batch_done(&cancelled);
	batch_done(&behind);
	run_done(&run);
}
END_TEST

START_TEST(cancelling_everything_ends_those_that_wait_without_an_attempt)
{
	struct run run;
	struct log log;
	struct test_batch holder, waiter;

	open_run(&run, &log, 2);
	make(&holder, "holder", "hang", 'E');
	make(&waiter, "waiter", "none", 'e');
	submit(&run, &holder, &log);
	for (size_t i = 0; i < 20; i++)
		submit(&run, &waiter, &log);
	step_until_quiet(&run);
	ck_assert_uint_eq(waiting(&run), 20);
	bh_executor_cancel(run.executor);
	drain(&run);
	for (size_t i = 0; i <= 20; i++)
		ck_assert_int_eq(log.kinds[i], BH_KIND_CANCELLED);
	for (size_t i = 1; i <= 20; i++)
		ck_assert_uint_eq(log.attempts[i], 0);
	batch_done(&holder);
	batch_done(&waiter);
	run_done(&run);
}
END_TEST

START_TEST(many_on_one_entry_run_one_after_the_other_in_order)
{
	struct run run;
	struct log log;
	struct test_batch batch;

	open_run(&run, &log, 4);
	make(&batch, "b", "none", 'E');
	for (size_t i = 0; i < MANY; i++)
		submit(&run, &batch, &log);
	drain(&run);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(log.kinds[i], BH_KIND_NONE);
	for (size_t i = 1; i < MANY; i++)
		ck_assert_uint_gt(log.leased_at[i], log.ended_at[i - 1]);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(a_batch_that_waits_for_its_next_attempt_lets_another_one_have_its_entries)
{
	struct run run;
	struct log log;
	struct test_batch failing, other;

	prepare_run(&run, &log, 2);
	run.options.retry.retries = 1;
	run.options.retry.kinds = BH_KIND_BIT(BH_KIND_SIGNAL);
	run.options.retry.keep_lease = _i == 1;
	run.options.retry.backoff_us = 50000;
	run_open(&run);
	make(&failing, "failing", "segv", 'E');
	make(&other, "other", "none", 'E');
	submit(&run, &failing, &log);
	submit(&run, &other, &log);
	drain(&run);
	ck_assert_int_eq(log.kinds[0], BH_KIND_SIGNAL);
	ck_assert_uint_eq(log.attempts[0], 2);
	ck_assert_int_eq(log.kinds[1], BH_KIND_NONE);
	if (_i == 1)
		ck_assert_uint_gt(log.leased_at[1], log.ended_at[0]);
	else
		ck_assert_uint_lt(log.leased_at[1], log.leased_at[0]); /* of its second attempt */
	batch_done(&failing);
	batch_done(&other);
	run_done(&run);
}
END_TEST

START_TEST(between_the_rounds_of_a_poisoned_batch_those_that_wait_for_its_entries_go_first)
{
	struct run run;
	struct log log;
	struct test_batch poisoned, other;

	prepare_run(&run, &log, 2);
	run.options.poison = BH_POISON_SKIP;
	run_open(&run);
	batch_init(&poisoned, "poisoned");
	add_task(&poisoned, "bad", "segv", 'E');
	add_task(&poisoned, "good", "none", 'E');
	make(&other, "other", "none", 'E');
	submit(&run, &poisoned, &log);
	submit(&run, &other, &log);
	drain(&run);
	ck_assert_int_eq(log.kinds[0], BH_KIND_NONE);
	ck_assert_uint_eq(log.attempts[0], 2);
	ck_assert_int_eq(log.kinds[1], BH_KIND_NONE);
	ck_assert_uint_lt(log.ended_at[1], log.leased_at[0]); /* of the second round */
	batch_done(&poisoned);
	batch_done(&other);
	run_done(&run);
}
END_TEST

START_TEST(a_round_holds_only_what_its_own_tasks_require)
{
	struct run run;
	struct log log;
	struct test_batch poisoned, other;

	prepare_run(&run, &log, 2);
	run.options.poison = BH_POISON_SKIP;
	run_open(&run);
	batch_init(&poisoned, "poisoned");
	add_task(&poisoned, "bad", "segv", 'E');
	add_task(&poisoned, "goes on", "hang", 'f');
	make(&other, "other", "none", 'E');
	submit(&run, &poisoned, &log);
	step_until_attempt(&run, &log, 0, 2);
	submit(&run, &other, &log);
	step_until_results(&run, &log, 1);
	ck_assert_uint_ne(log.ended_at[1], 0);
	ck_assert_int_eq(log.kinds[1], BH_KIND_NONE);
	bh_executor_cancel(run.executor);
	drain(&run);
	ck_assert_int_eq(log.kinds[0], BH_KIND_CANCELLED);
	ck_assert_uint_eq(log.attempts[0], 2);
	batch_done(&poisoned);
	batch_done(&other);
	run_done(&run);
}
END_TEST

/* Two executors on one store, stepped by one thread. */
struct two {
	struct run first, second;
	struct log first_log, second_log;
	struct test_batch holder, waiter;
};

static void open_two(struct two *two)
{
	open_run(&two->first, &two->first_log, 2);
	two->second = two->first;
	two->second_log = (struct log){ .n_events = 0 };
	two->second.options.event_userdata = &two->second_log;
	run_open(&two->second);
	make(&two->holder, "holder", "hang", 'E');
	make(&two->waiter, "waiter", "none", 'E');
	submit(&two->first, &two->holder, &two->first_log);
	step_until_quiet(&two->first);
	submit(&two->second, &two->waiter, &two->second_log);
	step_until_quiet(&two->second);
	ck_assert_uint_eq(waiting(&two->first), 1);
}

static void close_two(struct two *two)
{
	batch_done(&two->holder);
	batch_done(&two->waiter);
	bh_executor_free(two->second.executor);
	run_done(&two->first);
}

START_TEST(the_executor_of_a_batch_that_waits_is_woken_when_another_one_releases)
{
	struct two two;

	open_two(&two);
	while (is_readable(&two.second, 50)) /* a timer that was set before */
		step(&two.second);
	ck_assert_uint_eq(two.second_log.n_leases[0], 0);
	bh_executor_cancel(two.first.executor);
	drain(&two.first);
	ck_assert(is_readable(&two.second, -1));
	drain(&two.second);
	ck_assert_int_eq(two.second_log.kinds[0], BH_KIND_NONE);
	close_two(&two);
}
END_TEST

START_TEST(freeing_an_executor_whose_batch_waits_lets_those_behind_it_go)
{
	struct two two;
	struct test_batch behind;

	open_two(&two);
	make(&behind, "behind", "none", 'e');
	submit(&two.first, &behind, &two.first_log);
	step_until_quiet(&two.first);
	ck_assert_uint_eq(waiting(&two.first), 2);
	bh_executor_free(BH_TAKE(two.second.executor, NULL));
	ck_assert_uint_eq(waiting(&two.first), 1);
	ck_assert_int_eq(bh_executor_cancel_batch(two.first.executor, 0), 0);
	drain(&two.first);
	ck_assert_int_eq(two.first_log.kinds[1], BH_KIND_NONE);
	batch_done(&behind);
	close_two(&two);
}
END_TEST

START_TEST(freeing_an_executor_whose_batch_was_granted_its_lease_gives_it_back)
{
	struct two two;

	open_two(&two);
	bh_executor_cancel(two.first.executor);
	drain(&two.first);
	ck_assert_uint_eq(bh_store_lease_stats(two.first.store).entries_in_use, 1);
	bh_executor_free(BH_TAKE(two.second.executor, NULL));
	ck_assert_uint_eq(bh_store_lease_stats(two.first.store).entries_in_use, 0);
	close_two(&two);
}
END_TEST

START_TEST(freeing_the_executor_that_holds_wakes_the_one_that_waits)
{
	struct two two;

	open_two(&two);
	bh_executor_free(BH_TAKE(two.first.executor, NULL));
	ck_assert(is_readable(&two.second, -1));
	drain(&two.second);
	ck_assert_int_eq(two.second_log.kinds[0], BH_KIND_NONE);
	close_two(&two);
}
END_TEST

START_TEST(execute_all_goes_on_with_others_while_one_waits)
{
	struct run run;
	struct log log;
	struct test_batch made[4];
	struct bh_batch batches[4];
	struct bh_result *results[4];
	size_t n_results;

	open_run(&run, &log, 2);
	make(&made[0], "holder", "sleep", 'E');
	make(&made[1], "waiter", "none", 'E');
	make(&made[2], "waiter too", "none", 'e');
	make(&made[3], "other", "none", 'F');
	for (size_t i = 0; i < 4; i++)
		batches[i] = made[i].batch;
	ck_assert_int_eq(bh_execute_all(run.executor, batches, 4, false, results, &n_results, NULL),
	                 0);
	ck_assert_uint_eq(n_results, 4);
	ck_assert_uint_lt(log.leased_at[3], log.ended_at[0]);
	for (size_t i = 0; i < 4; i++) {
		expect_kind(results[i], BH_KIND_NONE);
		bh_result_free(results[i]);
		batch_done(&made[i]);
	}
	run_done(&run);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("exclusive");
	TCase *tcase = tcase_create("exclusive");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, two_batches_run_together_only_where_they_do_not_conflict, 0,
	                    BH_COUNT_OF(pairs));
	tcase_add_test(tcase, a_batch_that_waits_takes_no_slot_and_stops_no_other);
	tcase_add_test(tcase, a_batch_cancelled_while_it_waits_lets_those_behind_it_go);
	tcase_add_test(tcase, cancelling_everything_ends_those_that_wait_without_an_attempt);
	tcase_add_test(tcase, many_on_one_entry_run_one_after_the_other_in_order);
	tcase_add_loop_test(
	        tcase, a_batch_that_waits_for_its_next_attempt_lets_another_one_have_its_entries, 0,
	        2);
	tcase_add_test(
	        tcase,
	        between_the_rounds_of_a_poisoned_batch_those_that_wait_for_its_entries_go_first);
	tcase_add_test(tcase, a_round_holds_only_what_its_own_tasks_require);
	tcase_add_test(tcase,
	               the_executor_of_a_batch_that_waits_is_woken_when_another_one_releases);
	tcase_add_test(tcase, freeing_an_executor_whose_batch_waits_lets_those_behind_it_go);
	tcase_add_test(tcase, freeing_an_executor_whose_batch_was_granted_its_lease_gives_it_back);
	tcase_add_test(tcase, freeing_the_executor_that_holds_wakes_the_one_that_waits);
	tcase_add_test(tcase, execute_all_goes_on_with_others_while_one_waits);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
