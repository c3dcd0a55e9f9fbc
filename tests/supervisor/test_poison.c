/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "run_fixture.h"
#include "supervisor/poison.h"
#include "supervisor/retry.h"
#include "tests/check.h"

/* ---- decisions, with a handler that is a few lines ---- */

#define MOST_TASKS 64

/* What a made-up handler does with the tasks that it is given. */
struct world {
	size_t n;
	bool is_bad[MOST_TASKS]; /* the handler dies over it */
	bool tells;              /* it publishes what it begins */
	bool keeps;              /* it writes each record at once, else all at its end */
	bool done[MOST_TASKS];
	bool blamed[MOST_TASKS];
	size_t n_rounds;
};

/* Runs a round. True where the handler died; `*ret` is what it was at, if it told. */
static bool run_round(struct world *world, struct bh_poison_plan *plan, const size_t *tasks,
                      size_t n, size_t *ret)
{
	size_t reached = 0;

	world->n_rounds++;
	while (reached < n && !world->is_bad[tasks[reached]])
		reached++;
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(!world->done[tasks[i]] && !world->blamed[tasks[i]],
		              "task %zu is run again", tasks[i]);
	for (size_t i = 0; i < reached && (world->keeps || reached == n); i++) {
		world->done[tasks[i]] = true;
		bh_poison_settle(plan, tasks[i]);
	}
	*ret = reached < n && world->tells ? tasks[reached] : BH_NO_TASK;
	return reached < n;
}

static void run_world(struct world *world)
{
	struct bh_poison_plan plan = BH_POISON_PLAN_UNSET;
	size_t tasks[MOST_TASKS];
	size_t n = world->n;

	ck_assert_int_eq(bh_poison_plan_init(&plan, n), 0);
	for (size_t i = 0; i < n; i++)
		tasks[i] = i;
	do {
		size_t running;
		bool died = run_round(world, &plan, tasks, n, &running);
		size_t blamed = died ? bh_poison_died(&plan, running) : bh_poison_passed(&plan);
		if (blamed != BH_NO_TASK)
			world->blamed[blamed] = true;
		ck_assert_uint_le(world->n_rounds, 4 * world->n + 4);
	} while ((n = bh_poison_next(&plan, tasks)) > 0);
	bh_poison_plan_done(&plan);
}

static size_t log2_up(size_t n)
{
	size_t log = 0;

	while (((size_t)1 << log) < n)
		log++;
	return log;
}

static void check_world(const struct world *world)
{
	for (size_t i = 0; i < world->n; i++) {
		ck_assert_int_eq(world->blamed[i], world->is_bad[i]);
		ck_assert_int_eq(world->done[i], !world->is_bad[i]);
	}
}

/* Every place of one culprit among up to 64 tasks. */
START_TEST(one_culprit_is_found_in_few_rounds)
{
	for (size_t n = 1; n <= MOST_TASKS; n++) {
		for (size_t bad = 0; bad < n; bad++) {
			struct world world = { .n = n, .tells = _i & 1, .keeps = _i & 2 };
			world.is_bad[bad] = true;
			run_world(&world);
			check_world(&world);
			size_t most = world.tells ? 1 : log2_up(n) + 1;
			ck_assert_msg(world.n_rounds - 1 <= most,
			              "task %zu of %zu: %zu extra rounds, at most %zu", bad, n,
			              world.n_rounds - 1, most);
		}
	}
}
END_TEST

START_TEST(any_number_of_culprits_is_found_and_nothing_is_run_twice)
{
	uint64_t state = 1;

	for (int round = 0; round < 2000; round++) {
		uint64_t bits = bh_retry_random(&state);
		uint64_t rare = bits & bh_retry_random(&state);
		struct world world = { .n = 1 + bits % MOST_TASKS,
			               .tells = round & 1,
			               .keeps = round & 2 };
		for (size_t i = 0; i < world.n; i++)
			world.is_bad[i] = (round & 4 ? bits : rare) >> i & 1;
		run_world(&world);
		check_world(&world);
	}
}
END_TEST

START_TEST(tasks_that_a_good_round_left_without_a_record_are_not_run_again)
{
	struct bh_poison_plan plan = BH_POISON_PLAN_UNSET;
	size_t tasks[4];

	ck_assert_int_eq(bh_poison_plan_init(&plan, 4), 0);
	ck_assert_uint_eq(bh_poison_died(&plan, 1), 1);
	ck_assert_uint_eq(bh_poison_next(&plan, tasks), 3);
	ck_assert_uint_eq(bh_poison_passed(&plan), BH_NO_TASK);
	ck_assert_uint_eq(bh_poison_next(&plan, tasks), 0);
	bh_poison_plan_done(&plan);
}
END_TEST

START_TEST(a_task_that_was_not_in_the_round_is_not_to_blame)
{
	struct bh_poison_plan plan = BH_POISON_PLAN_UNSET;
	size_t tasks[4];

	ck_assert_int_eq(bh_poison_plan_init(&plan, 4), 0);
	ck_assert_uint_eq(bh_poison_died(&plan, 3), 3);
	ck_assert_uint_eq(bh_poison_next(&plan, tasks), 3);
	/* 3 has been blamed: what died now is one of the others */
	ck_assert_uint_eq(bh_poison_died(&plan, 3), BH_NO_TASK);
	ck_assert_uint_eq(bh_poison_next(&plan, tasks), 1);
	ck_assert_uint_eq(tasks[0], 0);
	bh_poison_plan_done(&plan);
}
END_TEST

/* ---- through real handlers ---- */

/* A task for each letter: 'g' does well, 's' crashes, 't' sleeps beyond the
 * timeout, 'v' is a violation, 'x' exits, 'e' has an error. */
static const char *way_of(char letter)
{
	switch (letter) {
	case 'g':
		return "none";
	case 's':
		return "segv";
	case 't':
		return "hang";
	case 'v':
		return "ptrace";
	case 'x':
		return "exit";
	default:
		return "task-error";
	}
}

static const char *const ids[BATCH_MAX_TASKS] = { "0", "1", "2", "3", "4", "5", "6", "7" };

static struct bh_result *run_letters(struct run *run, struct test_batch *batch, const char *letters)
{
	batch_init(batch, "b");
	for (size_t i = 0; letters[i]; i++)
		batch_add_way(batch, ids[i], way_of(letters[i]), NULL, 0);
	return run_batch(run, batch);
}

static const struct {
	const char *letters;
	enum bh_kind kind;
	uint32_t attempts;
	enum bh_kind death; /* of each of "stv" */
} skips[] = {
	{ "gggg", BH_KIND_NONE, 1, BH_KIND_NONE },
	{ "gsgg", BH_KIND_NONE, 2, BH_KIND_SIGNAL },
	{ "s", BH_KIND_NONE, 1, BH_KIND_SIGNAL },
	{ "gggs", BH_KIND_NONE, 1, BH_KIND_SIGNAL },
	{ "sgsgs", BH_KIND_NONE, 3, BH_KIND_SIGNAL },
	{ "ssss", BH_KIND_NONE, 4, BH_KIND_SIGNAL },
	{ "egvge", BH_KIND_NONE, 2, BH_KIND_VIOLATION },
	{ "gtg", BH_KIND_NONE, 2, BH_KIND_TIMEOUT },
	/* an exit is no death: it ends the batch, after what was done before */
	{ "gsgxg", BH_KIND_EXIT, 2, BH_KIND_SIGNAL },
};

static void check_records(const struct bh_result *result, const char *letters, size_t n_seen,
                          enum bh_kind death)
{
	for (size_t i = 0; i < n_seen; i++) {
		if (letters[i] == 'x')
			return;
		const struct bh_task_result *record = find_record(result, ids[i]);
		bool is_bad = strchr("stv", letters[i]) != NULL;
		ck_assert_int_eq(record->is_error, is_bad || letters[i] == 'e');
		ck_assert_int_eq(record->death, is_bad ? death : BH_KIND_NONE);
		if (is_bad)
			ck_assert_ptr_nonnull(memmem(record->value.data, record->value.size,
			                             bh_kind_name(death),
			                             strlen(bh_kind_name(death))));
	}
}

START_TEST(a_batch_goes_on_without_the_task_that_its_handler_died_over)
{
	const char *letters = skips[_i].letters;
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.poison = BH_POISON_SKIP;
	run.options.limits.timeout_us = skips[_i].death == BH_KIND_TIMEOUT ? 1000000 : 30000000;
	run_open(&run);
	struct bh_result *result = run_letters(&run, &batch, letters);

	expect_kind(result, skips[_i].kind);
	ck_assert_uint_eq(result->attempts, skips[_i].attempts);
	ck_assert(!result->flaky);
	check_records(result, letters, strlen(letters), skips[_i].death);
	ck_assert_uint_eq(result->duplicate_results, 0);
	if (result->success)
		ck_assert_uint_eq(result->n_missing_task_ids, 0);
	ck_assert_int_eq(result->partial, !result->success);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(the_rounds_are_told_in_the_log)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.poison = BH_POISON_SKIP;
	run_open(&run);
	struct bh_result *result = run_letters(&run, &batch, "gsggsg");
	ck_assert_uint_eq(result->n_attempt_log, 3);
	ck_assert_uint_eq(result->attempt_log[0].n_tasks, 6);
	ck_assert_uint_eq(result->attempt_log[1].n_tasks, 4);
	ck_assert_uint_eq(result->attempt_log[2].n_tasks, 1);
	ck_assert_str_eq(result->attempt_log[0].task_id, "1");
	ck_assert_str_eq(result->attempt_log[1].task_id, "4");
	ck_assert_int_eq(result->attempt_log[2].kind, BH_KIND_NONE);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(without_poison_handling_a_death_ends_the_batch)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_open(&run);
	struct bh_result *result = run_letters(&run, &batch, "gsg");
	expect_kind(result, BH_KIND_SIGNAL);
	ck_assert_uint_eq(result->attempts, 1);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

/* The retries come first, each of all tasks; then what the last of them left. */
START_TEST(poison_handling_begins_when_the_retries_are_used_up)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.poison = BH_POISON_SKIP;
	run.options.retry = (struct bh_retry){ .retries = 2,
		                               .backoff_max_us = 1,
		                               .kinds = BH_KIND_BIT(BH_KIND_SIGNAL) };
	run_open(&run);
	struct bh_result *result = run_letters(&run, &batch, "gsg");
	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->n_attempt_log, 4);
	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(result->attempt_log[i].n_tasks, 3);
	ck_assert_uint_eq(result->attempt_log[3].n_tasks, 1);
	ck_assert(!result->flaky);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

/* A handler that publishes no starts: a shell that knows "bad" when it sees it. */
START_TEST(a_handler_that_tells_nothing_is_halved)
{
	struct run run;
	struct test_batch batch;
	const char *script = "quiet.py";

	run_init(&run, script);
	run.options.handler = BH_SOURCE_DIR "/tests/supervisor/quiet.py";
	run.options.poison = _i == 0 ? BH_POISON_BISECT : BH_POISON_SKIP;
	run_open(&run);
	batch_init(&batch, "b");
	for (size_t i = 0; i < BATCH_MAX_TASKS; i++)
		batch_add(&batch, i == 5 ? "bad" : ids[i], NULL);
	struct bh_result *result = run_batch(&run, &batch);

	if (_i == 1) { /* skip has nothing to go by */
		expect_kind(result, BH_KIND_SIGNAL);
		ck_assert_uint_eq(result->attempts, 1);
	} else {
		expect_kind(result, BH_KIND_NONE);
		ck_assert_uint_le(result->attempts, 1 + 3 + 1);
		ck_assert_int_eq(find_record(result, "bad")->death, BH_KIND_SIGNAL);
		for (size_t i = 0; i < BATCH_MAX_TASKS; i++)
			if (i != 5)
				ck_assert(!find_record(result, ids[i])->is_error);
		ck_assert_uint_eq(result->duplicate_results, 0);
	}
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

/* It fills the results with records of its own: nobody can be blamed, and the tasks
 * behind it are innocent. */
START_TEST(a_death_by_a_task_that_has_its_record_is_blamed_on_no_other)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.poison = BH_POISON_BISECT;
	run.options.limits.results_bytes = 4096;
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "0", "flood-results", NULL, 0);
	for (int i = 1; i <= _i; i++)
		batch_add_way(&batch, ids[i], "none", NULL, 0);
	struct bh_result *result = run_batch(&run, &batch);
	expect_kind(result, _i == 0 ? BH_KIND_OUTPUT_LIMIT : BH_KIND_NONE);
	for (int i = 0; i <= _i; i++)
		ck_assert(!find_record(result, ids[i])->is_error);
	ck_assert_int_eq(result->attempt_log ? result->attempt_log[0].kind : result->outcome.kind,
	                 BH_KIND_OUTPUT_LIMIT);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(what_all_rounds_print_is_kept_up_to_one_cap)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.poison = BH_POISON_SKIP;
	run.options.limits.output_bytes = 5000;
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "0", "flood-stdout", "bytes", 4096);
	batch_add_way(&batch, "1", "segv", NULL, 0);
	batch_add_way(&batch, "2", "flood-stdout", "bytes", 4096);
	struct bh_result *result = run_batch(&run, &batch);
	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->out.size, 5000);
	ck_assert_uint_eq(result->out.dropped, 2 * 4096 - 5000);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(a_batch_can_be_cancelled_between_and_in_its_rounds)
{
	struct run run;
	struct test_batch batch;
	size_t index;

	run_init(&run, "faulty");
	run.options.poison = BH_POISON_SKIP;
	run.options.jobs = 1;
	run_count_starts(&run);
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "0", "none", NULL, 0);
	batch_add_way(&batch, "1", "segv", NULL, 0);
	batch_add_way(&batch, "2", "hang", NULL, 0);
	ck_assert_int_eq(bh_executor_submit(run.executor, &batch.batch, NULL, NULL, &index, NULL),
	                 0);
	while (run.n_started < 2)
		ck_assert_int_eq(bh_executor_step(run.executor, NULL), 0);
	ck_assert_int_eq(bh_executor_cancel_batch(run.executor, index), 0);
	ck_assert_int_eq(bh_executor_drain(run.executor, -1, NULL), 0);

	struct bh_result *result = bh_executor_next_result(run.executor, NULL);
	expect_kind(result, BH_KIND_CANCELLED);
	ck_assert(result->partial);
	ck_assert_uint_eq(result->attempts, 2);
	ck_assert_int_eq(find_record(result, "1")->death, BH_KIND_SIGNAL);
	ck_assert(!find_record(result, "0")->is_error);
	ck_assert_uint_eq(result->n_missing_task_ids, 1);
	ck_assert_str_eq(result->missing_task_ids[0], "2");
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

/* The launcher goes in the middle of a round: what has no record is run again. */
START_TEST(a_round_whose_launcher_is_lost_is_tried_again)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.poison = BH_POISON_SKIP;
	run.options.retry.retries = 1;
	run.options.retry.backoff_us = 1;
	run.options.jobs = 1;
	run_count_starts(&run);
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "0", "segv", NULL, 0);
	batch_add_way(&batch, "1", "sleep", "ms", 500);
	ck_assert_int_eq(bh_executor_submit(run.executor, &batch.batch, NULL, NULL, NULL, NULL), 0);
	while (run.n_started < 2)
		ck_assert_int_eq(bh_executor_step(run.executor, NULL), 0);
	kill_launcher();
	ck_assert_int_eq(bh_executor_drain(run.executor, -1, NULL), 0);

	struct bh_result *result = bh_executor_next_result(run.executor, NULL);
	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->attempts, 3);
	ck_assert_int_eq(result->attempt_log[1].kind, BH_KIND_INTERNAL);
	ck_assert_int_eq(find_record(result, "0")->death, BH_KIND_SIGNAL);
	ck_assert(!find_record(result, "1")->is_error);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("poison");
	TCase *tcase = tcase_create("poison");

	tcase_add_loop_test(tcase, one_culprit_is_found_in_few_rounds, 0, 4);
	tcase_add_test(tcase, any_number_of_culprits_is_found_and_nothing_is_run_twice);
	tcase_add_test(tcase, tasks_that_a_good_round_left_without_a_record_are_not_run_again);
	tcase_add_test(tcase, a_task_that_was_not_in_the_round_is_not_to_blame);
	tcase_add_loop_test(tcase, a_batch_goes_on_without_the_task_that_its_handler_died_over, 0,
	                    COUNT(skips));
	tcase_add_test(tcase, the_rounds_are_told_in_the_log);
	tcase_add_test(tcase, without_poison_handling_a_death_ends_the_batch);
	tcase_add_test(tcase, poison_handling_begins_when_the_retries_are_used_up);
	tcase_add_loop_test(tcase, a_handler_that_tells_nothing_is_halved, 0, 2);
	tcase_add_loop_test(tcase, a_death_by_a_task_that_has_its_record_is_blamed_on_no_other, 0,
	                    4);
	tcase_add_test(tcase, what_all_rounds_print_is_kept_up_to_one_cap);
	tcase_add_test(tcase, a_batch_can_be_cancelled_between_and_in_its_rounds);
	tcase_add_test(tcase, a_round_whose_launcher_is_lost_is_tried_again);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
