/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "run_fixture.h"
#include "supervisor/executor_internal.h"
#include "supervisor/backoff.h"
#include "supervisor/retry.h"
#include "tests/check.h"

#define HOUR_US (UINT64_C(3600) * 1000 * 1000)

/* ---- decisions ---- */

START_TEST(a_wait_is_random_up_to_a_time_that_doubles_up_to_a_cap)
{
	const struct bh_retry retry = { .retries = 9, .backoff_us = 100, .backoff_max_us = 1000 };
	const uint64_t longest[] = { 100, 200, 400, 800, 1000, 1000 };

	for (uint32_t i = 0; i < 6; i++) {
		ck_assert_uint_eq(bh_retry_delay_us(&retry, i + 1, 0), 0);
		ck_assert_uint_eq(bh_retry_delay_us(&retry, i + 1, UINT64_MAX), longest[i]);
		uint64_t half = bh_retry_delay_us(&retry, i + 1, UINT64_MAX / 2);
		ck_assert_uint_eq(half, longest[i] / 2);
	}
}
END_TEST

START_TEST(the_longest_wait_of_all_overflows_nothing)
{
	const struct bh_retry retry = { .retries = UINT32_MAX,
		                        .backoff_us = 1,
		                        .backoff_max_us = UINT64_MAX };

	ck_assert_uint_eq(bh_retry_delay_us(&retry, 1000, UINT64_MAX), UINT64_MAX);
	ck_assert_uint_eq(bh_retry_delay_us(&retry, UINT32_MAX, 0), 0);
}
END_TEST

START_TEST(random_bits_differ_between_executors_and_turns)
{
	uint64_t first = 0, second = 0;

	uint64_t bits = bh_retry_random(&first);
	ck_assert_uint_ne(bits, bh_retry_random(&first));
	ck_assert_uint_ne(bits, bh_retry_random(&second));
}
END_TEST

static const struct {
	const char *why;
	struct bh_retry retry;
	struct bh_outcome outcome;
	uint32_t attempts;
	bool want;
} wants[] = {
	{ "success", { .retries = 1 }, { .kind = BH_KIND_NONE, .retryable = true }, 1, false },
	{ "none asked for", { 0 }, { .kind = BH_KIND_INTERNAL, .retryable = true }, 1, false },
	{ "by default",
	  { .retries = 1 },
	  { .kind = BH_KIND_INTERNAL, .retryable = true },
	  1,
	  true },
	{ "not by default", { .retries = 1 }, { .kind = BH_KIND_EXIT }, 1, false },
	{ "used up", { .retries = 1 }, { .kind = BH_KIND_INTERNAL, .retryable = true }, 2, false },
	{ "one left", { .retries = 2 }, { .kind = BH_KIND_INTERNAL, .retryable = true }, 2, true },
	{ "a kind that was named",
	  { .retries = 1, .kinds = BH_KIND_BIT(BH_KIND_EXIT) },
	  { .kind = BH_KIND_EXIT },
	  1,
	  true },
	{ "a kind that was not",
	  { .retries = 1, .kinds = BH_KIND_BIT(BH_KIND_EXIT) },
	  { .kind = BH_KIND_INTERNAL, .retryable = true },
	  1,
	  false },
};

START_TEST(an_attempt_is_followed_by_another_where_its_kind_is_tried_again)
{
	ck_assert_msg(bh_retry_wants(&wants[_i].retry, &wants[_i].outcome, wants[_i].attempts) ==
	                      wants[_i].want,
	              "%s", wants[_i].why);
}
END_TEST

static const struct {
	const char *why;
	struct bh_retry retry;
} refused[] = {
	{ "violations", { .kinds = BH_KIND_BIT(BH_KIND_VIOLATION) | BH_KIND_BIT(BH_KIND_EXIT) } },
	{ "bounds", { .kinds = BH_KIND_BIT(BH_KIND_BOUNDS) } },
	{ "cancelled", { .kinds = BH_KIND_BIT(BH_KIND_CANCELLED) } },
	{ "success", { .kinds = BH_KIND_BIT(BH_KIND_NONE) } },
	{ "no kind", { .kinds = BH_KIND_BIT(BH_KINDS) } },
	{ "wait above the longest", { .backoff_us = 2, .backoff_max_us = 1 } },
};

START_TEST(retries_that_make_no_sense_are_refused)
{
	struct run run;
	struct bh_error err = BH_ERROR_UNSET;

	run_init(&run, "noop");
	run.options.retry = refused[_i].retry;
	int r = bh_executor_new(run.store, &run.options, &run.executor, &err);
	ck_assert_msg(r == -EINVAL, "%s: got %d", refused[_i].why, r);
	ck_assert_str_ne(err.text, "");
	run_done(&run);
}
END_TEST

/* ---- those that wait ---- */

START_TEST(those_that_wait_come_in_the_order_of_their_times)
{
	enum { N = 500 };
	struct bh_job *jobs = calloc(N, sizeof(*jobs));
	struct bh_backoff backoff = BH_BACKOFF_UNSET;
	uint64_t state = 1, before = 0;
	size_t left = N;

	ck_assert_uint_eq(bh_backoff_due_us(&backoff), UINT64_MAX);
	ck_assert_ptr_null(bh_backoff_first(&backoff));
	for (size_t i = 0; i < N; i++)
		ck_assert_int_eq(bh_backoff_add(&backoff, &jobs[i], bh_retry_random(&state) % 300),
		                 0);
	for (size_t i = 0; i < N; i += 3, left--)
		bh_backoff_remove(&backoff, &jobs[i]);
	for (; left > 0; left--) {
		uint64_t due_us = bh_backoff_due_us(&backoff);
		struct bh_job *job = bh_backoff_first(&backoff);
		ck_assert_uint_ge(due_us, before);
		ck_assert_uint_ne((size_t)(job - jobs) % 3, 0);
		before = due_us;
		bh_backoff_remove(&backoff, job);
	}
	ck_assert_ptr_null(bh_backoff_first(&backoff));
	bh_backoff_done(&backoff);
	free(jobs);
}
END_TEST

/* ---- through real handlers ---- */

static void init(struct run *run, uint32_t retries, uint64_t kinds)
{
	run_init(run, "faulty");
	run->options.retry = (struct bh_retry){
		.retries = retries, .backoff_us = 1000, .backoff_max_us = 4000, .kinds = kinds
	};
}

START_TEST(a_batch_that_passes_when_tried_again_is_flaky_and_tells_of_each_attempt)
{
	struct run run;

	init(&run, 5, BH_KIND_BIT(BH_KIND_EXIT));
	run_open(&run);
	/* the handler looks at the number of its attempt */
	struct bh_result *result = run_way(&run, "flaky", "passes_at", 3);

	expect_kind(result, BH_KIND_NONE);
	ck_assert(result->flaky);
	ck_assert_uint_eq(result->attempts, 3);
	ck_assert_uint_eq(result->n_attempt_log, 3);
	uint64_t sum_us = 0;
	for (size_t i = 0; i < 3; i++) {
		const struct bh_attempt_note *note = &result->attempt_log[i];
		ck_assert_int_eq(note->kind, i < 2 ? BH_KIND_EXIT : BH_KIND_NONE);
		ck_assert_uint_le(note->delay_us, i == 0 ? 0 : 4000);
		if (i < 2)
			ck_assert_str_eq(note->task_id, "t");
		sum_us += note->duration_us;
	}
	ck_assert_uint_eq(result->duration_us, sum_us);
	(void)find_record(result, "t");
	bh_result_free(result);
	ck_assert_uint_eq(bh_store_lease_stats(run.store).leases_taken, 3);
	run_done(&run);
}
END_TEST

START_TEST(the_last_attempt_is_the_result)
{
	struct run run;

	init(&run, 2, BH_KIND_BIT(BH_KIND_EXIT));
	run_open(&run);
	struct bh_result *result = run_way(&run, "exit", "status", 7);
	expect_kind(result, BH_KIND_EXIT);
	ck_assert_uint_eq(result->attempts, 3);
	ck_assert(!result->flaky);
	bh_result_free(result);

	result = run_way(&run, "segv", NULL, 0); /* not one of the kinds */
	expect_kind(result, BH_KIND_SIGNAL);
	ck_assert_uint_eq(result->attempts, 1);
	ck_assert_ptr_null(result->attempt_log);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

/* By default: what the handler did is not tried again, what befell us is. */
static const struct {
	const char *way;
	enum bh_kind kind;
} final_ends[] = {
	{ "segv", BH_KIND_SIGNAL },         { "exit", BH_KIND_EXIT },
	{ "ptrace", BH_KIND_VIOLATION },    { "garbage", BH_KIND_PROTOCOL },
	{ "batch-error", BH_KIND_HANDLER }, { "kill-self", BH_KIND_SIGNAL },
};

START_TEST(what_a_handler_did_is_not_tried_again_by_default)
{
	struct run run;

	init(&run, 3, 0);
	run_open(&run);
	struct bh_result *result = run_way(&run, final_ends[_i].way, NULL, 0);
	expect_kind(result, final_ends[_i].kind);
	ck_assert_uint_eq(result->attempts, 1);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

static void step(struct run *run)
{
	struct pollfd fd = { .fd = bh_executor_fd(run->executor), .events = POLLIN };

	ck_assert_int_eq(poll(&fd, 1, -1), 1);
	ck_assert_int_eq(bh_executor_step(run->executor, NULL), 0);
}

static void drain(struct run *run)
{
	ck_assert_int_eq(bh_executor_drain(run->executor, -1, NULL), 0);
}

START_TEST(a_batch_whose_launcher_is_lost_is_tried_again_by_default)
{
	struct run run;
	struct test_batch batch;

	init(&run, 1, 0);
	run_count_starts(&run);
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "sleep", "ms", 300);
	ck_assert_int_eq(bh_executor_submit(run.executor, &batch.batch, NULL, NULL, NULL, NULL), 0);
	while (run.n_started == 0)
		step(&run);
	kill_launcher();
	drain(&run);

	struct bh_result *result = bh_executor_next_result(run.executor, NULL);
	expect_kind(result, BH_KIND_NONE);
	ck_assert(result->flaky);
	ck_assert_uint_eq(result->n_attempt_log, 2);
	ck_assert_int_eq(result->attempt_log[0].kind, BH_KIND_INTERNAL);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

/* A batch of a good task and a bad one over an entry, in backoff for an hour or
 * so: that a random wait is over before the test is a chance of one in 10^5. */
static void reach_backoff(struct run *run, struct test_batch *batch, bool keep_lease)
{
	static const char *const entry = "e";

	init(run, 1, BH_KIND_BIT(BH_KIND_EXIT));
	run->options.retry.backoff_us = run->options.retry.backoff_max_us = 100 * HOUR_US;
	run->options.retry.keep_lease = keep_lease;
	run_add_entry(run, "e", "content");
	run_open(run);
	batch_init(batch, "b");
	batch_add_way(batch, "good", "none", NULL, 0)->required_entry_ids = &entry;
	batch->tasks[0].n_required_entry_ids = 1;
	batch_add_way(batch, "bad", "exit", NULL, 0);
	ck_assert_int_eq(bh_executor_submit(run->executor, &batch->batch, NULL, NULL, NULL, NULL),
	                 0);
	while (run->executor->backoff.n == 0)
		step(run);
	ck_assert_uint_eq(bh_executor_pending(run->executor), 1);
	ck_assert_uint_eq(run->executor->n_running, 0);
}

START_TEST(a_lease_is_kept_over_a_wait_only_where_that_was_asked_for)
{
	bool keep = _i == 1;
	struct run run;
	struct test_batch batch;

	reach_backoff(&run, &batch, keep);
	ck_assert_uint_eq(bh_store_lease_stats(run.store).entries_in_use, keep ? 1 : 0);
	batch_done(&batch);
	run_done(&run); /* checks that all was released */
}
END_TEST

START_TEST(a_batch_can_be_cancelled_while_it_waits_to_be_tried_again)
{
	struct run run;
	struct test_batch batch;

	reach_backoff(&run, &batch, _i == 1);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, 0), 0);
	drain(&run);

	struct bh_result *result = bh_executor_next_result(run.executor, NULL);
	expect_kind(result, BH_KIND_CANCELLED);
	ck_assert_ptr_nonnull(strstr(result->outcome.message, "after attempt 1"));
	ck_assert_uint_eq(result->attempts, 1);
	ck_assert_int_eq(result->attempt_log[0].kind, BH_KIND_EXIT);
	ck_assert(result->partial);
	(void)find_record(result, "good");
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(cancelling_everything_ends_what_waits_to_be_tried_again)
{
	struct run run;
	struct test_batch batch;

	reach_backoff(&run, &batch, false);
	bh_executor_cancel(run.executor);
	drain(&run);
	struct bh_result *result = bh_executor_next_result(run.executor, NULL);
	expect_kind(result, BH_KIND_CANCELLED);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

/* The entry is removed while the batch waits: what it holds it still sees. */
START_TEST(a_lease_that_was_kept_is_what_the_next_attempt_gets)
{
	static const char *const entry = "e";
	struct run run;
	struct test_batch batch;

	init(&run, 1, BH_KIND_BIT(BH_KIND_EXIT));
	run.options.retry.backoff_us = run.options.retry.backoff_max_us = 200000;
	run.options.retry.keep_lease = true;
	run_add_entry(&run, "e", "content");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "flaky", "passes_at", 2)->required_entry_ids = &entry;
	batch.tasks[0].n_required_entry_ids = 1;
	ck_assert_int_eq(bh_executor_submit(run.executor, &batch.batch, NULL, NULL, NULL, NULL), 0);
	while (bh_executor_pending(run.executor) > 0) {
		if (run.executor->backoff.n > 0 && bh_store_contains(run.store, "e"))
			ck_assert_int_eq(bh_store_remove(run.store, "e"), 0);
		step(&run);
	}
	struct bh_result *result = bh_executor_next_result(run.executor, NULL);
	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->entries_found, 1);
	ck_assert_int_eq(record_int(find_record(result, "t"), "bytes"), 7);
	ck_assert_uint_eq(bh_store_lease_stats(run.store).leases_taken, 1);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("retry");
	TCase *tcase = tcase_create("retry");

	tcase_add_test(tcase, a_wait_is_random_up_to_a_time_that_doubles_up_to_a_cap);
	tcase_add_test(tcase, the_longest_wait_of_all_overflows_nothing);
	tcase_add_test(tcase, random_bits_differ_between_executors_and_turns);
	tcase_add_loop_test(tcase, an_attempt_is_followed_by_another_where_its_kind_is_tried_again,
	                    0, COUNT(wants));
	tcase_add_loop_test(tcase, retries_that_make_no_sense_are_refused, 0, COUNT(refused));
	tcase_add_test(tcase, those_that_wait_come_in_the_order_of_their_times);
	tcase_add_test(tcase,
	               a_batch_that_passes_when_tried_again_is_flaky_and_tells_of_each_attempt);
	tcase_add_test(tcase, the_last_attempt_is_the_result);
	tcase_add_loop_test(tcase, what_a_handler_did_is_not_tried_again_by_default, 0,
	                    COUNT(final_ends));
	tcase_add_test(tcase, a_batch_whose_launcher_is_lost_is_tried_again_by_default);
	tcase_add_loop_test(tcase, a_lease_is_kept_over_a_wait_only_where_that_was_asked_for, 0, 2);
	tcase_add_loop_test(tcase, a_batch_can_be_cancelled_while_it_waits_to_be_tried_again, 0, 2);
	tcase_add_test(tcase, cancelling_everything_ends_what_waits_to_be_tried_again);
	tcase_add_test(tcase, a_lease_that_was_kept_is_what_the_next_attempt_gets);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
