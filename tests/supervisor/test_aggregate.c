/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/result.h"
#include "tests/check.h"

#define SPAN(text) ((struct bh_span){ text, sizeof(text) - 1 })

static struct bh_aggregate *make_aggregate(const struct bh_result *results, size_t n)
{
	struct bh_aggregate *aggregate = bh_aggregate_new();

	ck_assert_ptr_nonnull(aggregate);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(bh_aggregate_add(aggregate, &results[i]), 0);
	return aggregate;
}

START_TEST(the_last_batch_wins_in_the_place_of_the_first)
{
	struct bh_task_result first[] = { { .task_id = SPAN("a"), .value = SPAN("1") },
		                          { .task_id = SPAN("b"), .value = SPAN("2") } };
	struct bh_task_result second[] = { { .task_id = SPAN("c"), .value = SPAN("3") },
		                           { .task_id = SPAN("a"), .value = SPAN("4") } };
	const struct bh_result results[] = { { .task_results = first, .n_task_results = 2 },
		                             { .task_results = second, .n_task_results = 2 } };

	struct bh_aggregate *aggregate = make_aggregate(results, 2);
	ck_assert_uint_eq(bh_aggregate_count(aggregate), 3);
	ck_assert_uint_eq(bh_aggregate_duplicates(aggregate), 1);
	ck_assert_ptr_eq(bh_aggregate_at(aggregate, 0), &second[1]);
	ck_assert_ptr_eq(bh_aggregate_at(aggregate, 1), &first[1]);
	ck_assert_ptr_eq(bh_aggregate_at(aggregate, 2), &second[0]);
	ck_assert_ptr_null(bh_aggregate_at(aggregate, 3));
	ck_assert_ptr_eq(bh_aggregate_find(aggregate, "a"), &second[1]);
	ck_assert_ptr_null(bh_aggregate_find(aggregate, "d"));
	ck_assert_ptr_null(bh_aggregate_find(aggregate, ""));
	bh_aggregate_free(aggregate);
}
END_TEST

START_TEST(task_errors_and_records_for_tasks_of_other_batches_are_not_taken_in)
{
	struct bh_task_result first[] = { { .task_id = SPAN("a"), .value = SPAN("1") } };
	struct bh_task_result second[] = {
		{ .task_id = SPAN("a"), .value = SPAN("forged"), .is_unknown = true },
		{ .task_id = SPAN("b"), .value = SPAN("error"), .is_error = true },
	};
	const struct bh_result results[] = {
		{ .task_results = first, .n_task_results = 1 },
		{ .task_results = second, .n_task_results = 2, .outcome.kind = BH_KIND_SIGNAL },
		{ .outcome.kind = BH_KIND_BOUNDS },
	};

	struct bh_aggregate *aggregate = make_aggregate(results, 3);
	ck_assert_uint_eq(bh_aggregate_count(aggregate), 1);
	ck_assert_uint_eq(bh_aggregate_duplicates(aggregate), 0);
	ck_assert_ptr_eq(bh_aggregate_find(aggregate, "a"), &first[0]);
	bh_aggregate_free(aggregate);
}
END_TEST

START_TEST(many_tasks_are_kept_in_order)
{
	enum { N = 5000 };
	static char ids[N][16];
	static struct bh_task_result records[N];
	const struct bh_result result = { .task_results = records, .n_task_results = N };

	for (size_t i = 0; i < N; i++) {
		int size = snprintf(ids[i], sizeof(ids[i]), "task-%zu", i);
		records[i].task_id = (struct bh_span){ ids[i], (size_t)size };
	}
	struct bh_aggregate *aggregate = make_aggregate(&result, 1);
	ck_assert_uint_eq(bh_aggregate_count(aggregate), N);
	for (size_t i = 0; i < N; i++) {
		ck_assert_ptr_eq(bh_aggregate_at(aggregate, i), &records[i]);
		ck_assert_ptr_eq(bh_aggregate_find(aggregate, ids[i]), &records[i]);
	}
	ck_assert_int_eq(bh_aggregate_add(aggregate, &result), 0);
	ck_assert_uint_eq(bh_aggregate_duplicates(aggregate), N);
	bh_aggregate_free(aggregate);
}
END_TEST

START_TEST(every_kind_has_a_name_of_its_own)
{
	for (unsigned int i = 0; i < BH_KINDS; i++) {
		const char *name = bh_kind_name((enum bh_kind)i);
		ck_assert_ptr_nonnull(name);
		for (unsigned int j = 0; j < i; j++)
			ck_assert_str_ne(name, bh_kind_name((enum bh_kind)j));
	}
	ck_assert_str_eq(bh_kind_name(BH_KIND_CPU_LIMIT), "cpu_limit");
	ck_assert_ptr_null(bh_kind_name((enum bh_kind)BH_KINDS));
	bh_result_free(NULL);
	bh_aggregate_free(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("aggregate");
	TCase *tcase = tcase_create("aggregate");

	tcase_add_test(tcase, the_last_batch_wins_in_the_place_of_the_first);
	tcase_add_test(tcase, task_errors_and_records_for_tasks_of_other_batches_are_not_taken_in);
	tcase_add_test(tcase, many_tasks_are_kept_in_order);
	tcase_add_test(tcase, every_kind_has_a_name_of_its_own);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
