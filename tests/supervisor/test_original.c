/* SPDX-License-Identifier: Apache-2.0 */

/* The behaviours that the batch execution design was first tested by, one test
 * each. Handlers run in children, so everything is seen by what they return.
 * Source: docs/semantics.md. */

#include <stdlib.h>
#include <string.h>

#include "run_fixture.h"
#include "tests/check.h"

static const char *const one_entry = "entry-1";

START_TEST(the_handler_runs_exactly_once_and_the_batch_id_matches)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&batch, "batch_0001");
	batch_add_way(&batch, "t", "echo", NULL, 0);
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, BH_KIND_NONE);
	ck_assert_str_eq(result->batch_id, "batch_0001");
	ck_assert_uint_eq(result->attempts, 1);
	ck_assert_uint_eq(result->n_task_results, 1);
	ck_assert_uint_eq(result->duplicate_results, 0);
	struct bh_span seen = find_record(result, "t")->value;
	ck_assert_ptr_nonnull(memmem(seen.data, seen.size, "batch_0001", 10));
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(the_handler_sees_one_entry_byte_for_byte)
{
	static const char content[] = "line one\nsecond line: \xc3\xa4\xe2\x82\xac\t\x01\x7f end";
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_add_entry(&run, one_entry, content);
	run_open(&run);
	batch_init(&batch, "b");
	struct bh_task *task = batch_add_way(&batch, "t", "echo", NULL, 0);
	task->required_entry_ids = &one_entry;
	task->n_required_entry_ids = 1;
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, BH_KIND_NONE);
	struct bh_span seen = find_record(result, "t")->value;
	ck_assert_ptr_nonnull(memmem(seen.data, seen.size, content, strlen(content)));
	ck_assert_ptr_nonnull(memmem(seen.data, seen.size, one_entry, strlen(one_entry)));
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(structured_results_of_two_tasks_survive_the_child)
{
	static const char *const entries[] = { "entry-1", "entry-2" };
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_add_entry(&run, entries[0], "12345");
	run_add_entry(&run, entries[1], "1234567");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add(&batch, "t1", &entries[0]);
	batch_add(&batch, "t2", &entries[1]);
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->n_task_results, 2);
	ck_assert_int_eq(record_int(find_record(result, "t1"), "bytes"), 5);
	ck_assert_int_eq(record_int(find_record(result, "t2"), "bytes"), 7);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

static void expect_one_lease_given_back(struct run *run)
{
	struct bh_lease_stats stats = bh_store_lease_stats(run->store);

	ck_assert_uint_eq(stats.leases_taken, 1);
	ck_assert_uint_eq(stats.leases_released, 1);
	ck_assert_uint_eq(stats.entries_taken, 1);
	ck_assert_uint_eq(stats.entries_released, 1);
	ck_assert_uint_eq(stats.entries_in_use, 0);
}

static void check_release_after(const char *way, enum bh_kind kind)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_add_entry(&run, one_entry, "content");
	run_open(&run);
	batch_init(&batch, "b");
	struct bh_task *task = batch_add_way(&batch, "t", way, NULL, 0);
	task->required_entry_ids = &one_entry;
	task->n_required_entry_ids = 1;
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, kind);
	expect_one_lease_given_back(&run);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}

START_TEST(released_after_success)
{
	check_release_after("none", BH_KIND_NONE);
}
END_TEST

START_TEST(a_handler_error_gives_success_false_with_its_text)
{
	struct run run;

	run_init(&run, "faulty");
	run_open(&run);
	struct bh_result *result = run_way(&run, "batch-error", NULL, 0);

	ck_assert(!result->success);
	expect_kind(result, BH_KIND_HANDLER);
	ck_assert_ptr_nonnull(strstr(result->outcome.message, "Handler failed"));
	bh_result_free(result);
	run_done(&run);
}
END_TEST

START_TEST(released_after_error)
{
	check_release_after("batch-error", BH_KIND_HANDLER);
}
END_TEST

struct two {
	struct run run;
	struct test_batch made[2];
	struct bh_batch batches[2];
	struct bh_result *results[2];
	size_t n_results;
};

/* Two batches over the same entry, one task each: "t1" and "t2". */
static void run_two(struct two *two, const char *first_way, bool stop_on_error)
{
	static const char *const ids[] = { "b1", "b2" };
	static const char *const tasks[] = { "t1", "t2" };
	struct bh_error err = BH_ERROR_UNSET;

	run_init(&two->run, "faulty");
	two->run.options.jobs = stop_on_error ? 1 : 2;
	run_add_entry(&two->run, one_entry, "content");
	run_open(&two->run);
	for (size_t i = 0; i < 2; i++) {
		batch_init(&two->made[i], ids[i]);
		struct bh_task *task = batch_add_way(&two->made[i], tasks[i],
		                                     i == 0 ? first_way : "none", NULL, 0);
		task->required_entry_ids = &one_entry;
		task->n_required_entry_ids = 1;
		two->batches[i] = two->made[i].batch;
	}
	int r = bh_execute_all(two->run.executor, two->batches, 2, stop_on_error, two->results,
	                       &two->n_results, &err);
	ck_assert_msg(r == 0, "all: %s", err.text);
}

static void done_two(struct two *two)
{
	for (size_t i = 0; i < two->n_results; i++)
		bh_result_free(two->results[i]);
	for (size_t i = 0; i < 2; i++)
		batch_done(&two->made[i]);
	run_done(&two->run);
}

START_TEST(two_batches_give_two_results_in_order)
{
	struct two two;

	run_two(&two, "none", false);
	ck_assert_uint_eq(two.n_results, 2);
	ck_assert_str_eq(two.results[0]->batch_id, "b1");
	ck_assert_str_eq(two.results[1]->batch_id, "b2");
	done_two(&two);
}
END_TEST

START_TEST(the_aggregate_holds_both_tasks_though_both_batches_lease_the_same_entry)
{
	struct two two;

	run_two(&two, "none", false);
	struct bh_aggregate *aggregate = bh_aggregate_new();
	ck_assert_ptr_nonnull(aggregate);
	for (size_t i = 0; i < two.n_results; i++)
		ck_assert_int_eq(bh_aggregate_add(aggregate, two.results[i]), 0);
	ck_assert_uint_eq(bh_aggregate_count(aggregate), 2);
	ck_assert_int_eq(record_int(bh_aggregate_find(aggregate, "t1"), "bytes"), 7);
	ck_assert_int_eq(record_int(bh_aggregate_find(aggregate, "t2"), "bytes"), 7);
	bh_aggregate_free(aggregate);
	done_two(&two);
}
END_TEST

START_TEST(continue_gives_false_and_true)
{
	struct two two;

	run_two(&two, "batch-error", false);
	ck_assert_uint_eq(two.n_results, 2);
	ck_assert(!two.results[0]->success);
	ck_assert(two.results[1]->success);
	done_two(&two);
}
END_TEST

START_TEST(stop_gives_exactly_one_result_and_the_second_handler_never_starts)
{
	struct two two;

	run_two(&two, "batch-error", true);
	ck_assert_uint_eq(two.n_results, 1);
	ck_assert(!two.results[0]->success);
	/* no handler starts without a lease */
	expect_one_lease_given_back(&two.run);
	done_two(&two);
}
END_TEST

START_TEST(duration_is_told_on_success_and_failure)
{
	struct run run;

	run_init(&run, "faulty");
	run_open(&run);
	struct bh_result *success = run_way(&run, "none", NULL, 0);
	expect_kind(success, BH_KIND_NONE);
	ck_assert_uint_gt(success->duration_us, 0);
	bh_result_free(success);
	struct bh_result *failure = run_way(&run, "batch-error", NULL, 0);
	expect_kind(failure, BH_KIND_HANDLER);
	ck_assert_uint_gt(failure->duration_us, 0);
	bh_result_free(failure);
	run_done(&run);
}
END_TEST

START_TEST(two_entries_of_100_and_200_letters_are_2_entries_and_75_tokens)
{
	static const char *const entries[] = { "entry-1", "entry-2" };
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_add_letters(&run, entries[0], 100);
	run_add_letters(&run, entries[1], 200);
	run_open(&run);
	batch_init(&batch, "b");
	struct bh_task *task = batch_add(&batch, "t", &entries[0]);
	task->n_required_entry_ids = 2;
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->entry_count, 2);
	ck_assert_uint_eq(result->total_tokens, 75);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("original");
	TCase *tcase = tcase_create("original");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_handler_runs_exactly_once_and_the_batch_id_matches);
	tcase_add_test(tcase, the_handler_sees_one_entry_byte_for_byte);
	tcase_add_test(tcase, structured_results_of_two_tasks_survive_the_child);
	tcase_add_test(tcase, released_after_success);
	tcase_add_test(tcase, a_handler_error_gives_success_false_with_its_text);
	tcase_add_test(tcase, released_after_error);
	tcase_add_test(tcase, two_batches_give_two_results_in_order);
	tcase_add_test(tcase,
	               the_aggregate_holds_both_tasks_though_both_batches_lease_the_same_entry);
	tcase_add_test(tcase, continue_gives_false_and_true);
	tcase_add_test(tcase, stop_gives_exactly_one_result_and_the_second_handler_never_starts);
	tcase_add_test(tcase, duration_is_told_on_success_and_failure);
	tcase_add_test(tcase, two_entries_of_100_and_200_letters_are_2_entries_and_75_tokens);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
