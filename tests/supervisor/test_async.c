/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run_fixture.h"
#include "supervisor/executor_internal.h"
#include "tests/check.h"

static size_t submit(struct run *run, const struct test_batch *batch)
{
	struct bh_error err = BH_ERROR_UNSET;
	size_t index;

	int r = bh_executor_submit(run->executor, &batch->batch, NULL, NULL, &index, &err);
	ck_assert_msg(r == 0, "submit: %s", err.text);
	return index;
}

static void step(struct run *run)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_step(run->executor, &err);
	ck_assert_msg(r == 0, "step: %s", err.text);
}

static void wait_and_step(struct run *run)
{
	struct pollfd fd = { .fd = bh_executor_fd(run->executor), .events = POLLIN };

	ck_assert_int_eq(poll(&fd, 1, -1), 1);
	step(run);
}

static void drain(struct run *run)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_drain(run->executor, -1, &err);
	ck_assert_msg(r == 0, "drain: %s", err.text);
}

static struct bh_result *take(struct run *run)
{
	struct bh_result *result = bh_executor_next_result(run->executor, NULL);

	ck_assert_ptr_nonnull(result);
	return result;
}

static void take_kind(struct run *run, enum bh_kind kind)
{
	struct bh_result *result = take(run);

	expect_kind(result, kind);
	bh_result_free(result);
}

/* ---- taking results ---- */

START_TEST(results_without_a_callback_wait_to_be_taken)
{
	struct run run;
	struct test_batch batch;
	int mark;
	void *userdata = NULL;

	run_init(&run, "faulty");
	run.options.jobs = 1;
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "none", NULL, 0);
	ck_assert_ptr_null(bh_executor_next_result(run.executor, &userdata));
	ck_assert_int_eq(bh_executor_submit(run.executor, &batch.batch, NULL, &mark, NULL, NULL),
	                 0);
	ck_assert_uint_eq(submit(&run, &batch), 1);
	drain(&run);

	struct bh_result *first = bh_executor_next_result(run.executor, &userdata);
	ck_assert_ptr_eq(userdata, &mark);
	struct bh_result *second = bh_executor_next_result(run.executor, &userdata);
	ck_assert_ptr_null(userdata);
	ck_assert_uint_eq(first->index + second->index, 1);
	ck_assert_ptr_null(bh_executor_next_result(run.executor, NULL));
	bh_result_free(first);
	bh_result_free(second);
	submit(&run, &batch); /* one that is never taken is freed */
	drain(&run);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

/* ---- room ---- */

static void note_room(void *userdata)
{
	++*(int *)userdata;
}

START_TEST(a_full_queue_refuses_and_tells_once_when_there_is_room)
{
	struct run run;
	struct test_batch batch;
	int told = 0;

	run_init(&run, "faulty");
	run.options.jobs = 1;
	run.options.max_queued = 2;
	run.options.on_room = note_room;
	run.options.room_userdata = &told;
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "none", NULL, 0);
	ck_assert_uint_eq(bh_executor_room(run.executor), 2);
	submit(&run, &batch);
	submit(&run, &batch);
	ck_assert_uint_eq(bh_executor_room(run.executor), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(
		        bh_executor_submit(run.executor, &batch.batch, NULL, NULL, NULL, NULL),
		        -EAGAIN);
	ck_assert_int_eq(told, 0);
	step(&run); /* one of the two is started */
	ck_assert_int_eq(told, 1);
	ck_assert_uint_eq(bh_executor_room(run.executor), 1);
	submit(&run, &batch);
	drain(&run);
	ck_assert_int_eq(told, 1);
	for (int i = 0; i < 3; i++)
		take_kind(&run, BH_KIND_NONE);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(without_a_bound_there_is_always_room)
{
	struct run run;

	run_init(&run, "noop");
	run_open(&run);
	ck_assert_uint_eq(bh_executor_room(run.executor), SIZE_MAX);
	run_done(&run);
}
END_TEST

/* AddressSanitizer's heap has no such figures, and larger pieces. */
#ifdef __SANITIZE_ADDRESS__
#define HAS_FIGURES false
#else
#define HAS_FIGURES true
#endif

START_TEST(a_million_queued_batches_take_512_bytes_each_at_most)
{
	enum { N = 1000000 };
	struct run run;
	struct test_batch batch;

	if (!HAS_FIGURES) {
		printf("NOT RUN: memory of a queued batch: the sanitizer's heap is another one\n");
		return;
	}
	run_init(&run, "noop");
	run_open(&run);
	batch_init(&batch, "b");
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	for (int i = 0; i < N; i++)
		submit(&run, &batch);
	size_t used = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	ck_assert_uint_eq(bh_executor_pending(run.executor), N);
	ck_assert_msg(used <= (size_t)N * 512, "%zu bytes each", used / N);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, N / 2), 0);
	step(&run);
	take_kind(&run, BH_KIND_CANCELLED);
	run_done(&run);
	batch_done(&batch);
}
END_TEST

/* ---- cancelling one, in every state ---- */

enum moment {
	WHILE_QUEUED,
	WHILE_SPAWNING,
	WHILE_RUNNING,
	WHILE_IN_GRACE,
	WHILE_KILLED,
};

static const struct {
	const char *what;
	enum moment moment;
	enum bh_attempt_state state; /* of the attempt at that moment */
	uint32_t attempts;
	const char *message;
} moments[] = {
	{ "queued", WHILE_QUEUED, BH_ATTEMPT_IDLE, 0, "before it was started" },
	{ "spawning", WHILE_SPAWNING, BH_ATTEMPT_SPAWNING, 1, "while it ran" },
	{ "running", WHILE_RUNNING, BH_ATTEMPT_RUNNING, 1, "while it ran" },
	{ "in grace", WHILE_IN_GRACE, BH_ATTEMPT_GRACE, 1, "while it ran" },
	{ "killed", WHILE_KILLED, BH_ATTEMPT_KILLED, 1, "while it ran" },
};

static enum bh_attempt_state state_of(const struct run *run)
{
	return run->executor->slots[0].attempt.state;
}

/* Steps until the attempt in the only slot is in the state. */
static void reach(struct run *run, enum moment moment)
{
	if (moment == WHILE_QUEUED)
		return;
	step(run); /* asks for a handler, and can't have heard of it yet */
	if (moment == WHILE_SPAWNING && state_of(run) == BH_ATTEMPT_SPAWNING)
		return;
	while (state_of(run) == BH_ATTEMPT_SPAWNING)
		wait_and_step(run);
	while (moment == WHILE_IN_GRACE && state_of(run) != BH_ATTEMPT_GRACE)
		wait_and_step(run);
	if (moment == WHILE_KILLED)
		ck_assert_int_eq(bh_executor_cancel_batch(run->executor, 0), 0);
}

START_TEST(one_batch_can_be_cancelled_in_every_state)
{
	struct run run;
	struct test_batch batch, other;

	run_init(&run, "faulty");
	run.options.jobs = 1;
	run.options.limits.grace_us = BH_UNLIMITED;
	run.options.limits.timeout_us = moments[_i].moment == WHILE_IN_GRACE ? 1000 : 60000000;
	run_count_starts(&run); /* without a listener nobody asks whether a handler runs yet */
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "hang-ignoring-term", NULL, 0);
	batch_init(&other, "other");
	size_t index = submit(&run, &batch);
	reach(&run, moments[_i].moment);
	if (moments[_i].moment != WHILE_SPAWNING || state_of(&run) == BH_ATTEMPT_SPAWNING)
		ck_assert_int_eq(state_of(&run), moments[_i].state);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, index), 0);
	drain(&run);

	struct bh_result *result = take(&run);
	expect_kind(result, BH_KIND_CANCELLED);
	ck_assert_uint_eq(result->attempts, moments[_i].attempts);
	ck_assert_msg(strstr(result->outcome.message, moments[_i].message) != NULL, "%s: %s",
	              moments[_i].what, result->outcome.message);
	bh_result_free(result);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, index), -ENOENT);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, 77), -ENOENT);
	batch_done(&batch);
	batch_done(&other);
	run_done(&run);
}
END_TEST

START_TEST(a_batch_that_is_cancelled_leaves_the_others_alone)
{
	struct run run;
	struct test_batch slow, quick;

	run_init(&run, "faulty");
	run.options.jobs = 1;
	run_open(&run);
	batch_init(&slow, "slow");
	batch_add_way(&slow, "t", "hang", NULL, 0);
	batch_init(&quick, "quick");
	batch_add_way(&quick, "t", "none", NULL, 0);
	size_t running = submit(&run, &slow);
	size_t queued = submit(&run, &slow);
	size_t left = submit(&run, &quick);
	step(&run);
	/* told at once, though the only slot is taken */
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, queued), 0);
	step(&run);
	struct bh_result *result = take(&run);
	ck_assert_uint_eq(result->index, queued);
	expect_kind(result, BH_KIND_CANCELLED);
	bh_result_free(result);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, running), 0);
	drain(&run);
	take_kind(&run, BH_KIND_CANCELLED);
	result = take(&run);
	ck_assert_uint_eq(result->index, left);
	expect_kind(result, BH_KIND_NONE);
	bh_result_free(result);
	batch_done(&slow);
	batch_done(&quick);
	run_done(&run);
}
END_TEST

START_TEST(cancelling_a_batch_whose_result_waits_is_too_late)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "noop");
	run_open(&run);
	batch_init(&batch, "b");
	size_t index = submit(&run, &batch);
	drain(&run);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, index), -ENOENT);
	bh_executor_cancel(run.executor);
	step(&run);
	take_kind(&run, BH_KIND_NONE);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

/* ---- the deadline of a run ---- */

START_TEST(a_deadline_cancels_what_runs_and_what_waits_and_what_comes)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.jobs = 1;
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "hang-ignoring-term", NULL, 0);
	submit(&run, &batch);
	submit(&run, &batch);
	ck_assert_int_eq(bh_executor_set_deadline(run.executor, 100000, NULL), 0);
	drain(&run);
	submit(&run, &batch);
	drain(&run);
	for (int i = 0; i < 3; i++) {
		struct bh_result *result = take(&run);
		expect_kind(result, BH_KIND_CANCELLED);
		ck_assert_ptr_nonnull(strstr(result->outcome.message, "deadline of the run"));
		bh_result_free(result);
	}
	batch_done(&batch);

	ck_assert_int_eq(bh_executor_set_deadline(run.executor, BH_UNLIMITED, NULL), 0);
	struct bh_result *result = run_way(&run, "none", NULL, 0);
	expect_kind(result, BH_KIND_NONE);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

START_TEST(a_deadline_that_is_far_away_changes_nothing)
{
	struct run run;
	struct pollfd fd;

	run_init(&run, "faulty");
	run_open(&run);
	ck_assert_int_eq(bh_executor_set_deadline(run.executor, 3600000000, NULL), 0);
	struct bh_result *result = run_way(&run, "none", NULL, 0);
	expect_kind(result, BH_KIND_NONE);
	bh_result_free(result);
	fd = (struct pollfd){ .fd = bh_executor_fd(run.executor), .events = POLLIN };
	ck_assert_int_eq(poll(&fd, 1, 20), 0);
	run_done(&run);
}
END_TEST

/* ---- closing ---- */

START_TEST(a_closed_executor_ends_what_it_has_and_lets_its_launcher_go)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.jobs = 1;
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "none", NULL, 0);
	submit(&run, &batch);
	submit(&run, &batch);
	bh_executor_close(run.executor);
	bh_executor_close(run.executor);
	ck_assert_int_eq(bh_executor_submit(run.executor, &batch.batch, NULL, NULL, NULL, NULL),
	                 -ESHUTDOWN);
	ck_assert_uint_eq(bh_executor_room(run.executor), 0);
	ck_assert_ptr_nonnull(run.executor->sandbox);
	drain(&run);
	ck_assert_ptr_null(run.executor->sandbox);
	for (int i = 0; i < 2; i++)
		take_kind(&run, BH_KIND_NONE);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(an_idle_executor_that_is_closed_lets_its_launcher_go_in_a_step)
{
	struct run run;

	run_init(&run, "noop");
	run_open(&run);
	step(&run);
	bh_executor_close(run.executor);
	wait_and_step(&run);
	ck_assert_ptr_null(run.executor->sandbox);
	run_done(&run);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("async");
	TCase *tcase = tcase_create("async");

	tcase_add_test(tcase, results_without_a_callback_wait_to_be_taken);
	tcase_add_test(tcase, a_full_queue_refuses_and_tells_once_when_there_is_room);
	tcase_add_test(tcase, without_a_bound_there_is_always_room);
	tcase_add_test(tcase, a_million_queued_batches_take_512_bytes_each_at_most);
	tcase_add_loop_test(tcase, one_batch_can_be_cancelled_in_every_state, 0,
	                    (int)(sizeof(moments) / sizeof(moments[0])));
	tcase_add_test(tcase, a_batch_that_is_cancelled_leaves_the_others_alone);
	tcase_add_test(tcase, cancelling_a_batch_whose_result_waits_is_too_late);
	tcase_add_test(tcase, a_deadline_cancels_what_runs_and_what_waits_and_what_comes);
	tcase_add_test(tcase, a_deadline_that_is_far_away_changes_nothing);
	tcase_add_test(tcase, a_closed_executor_ends_what_it_has_and_lets_its_launcher_go);
	tcase_add_test(tcase, an_idle_executor_that_is_closed_lets_its_launcher_go_in_a_step);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
