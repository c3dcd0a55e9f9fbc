/* SPDX-License-Identifier: Apache-2.0 */

/* Warm handlers through the library; what they do is in tests/e2e/test_warm.py. */

#include <errno.h>
#include <stdlib.h>

#include "tests/check.h"
#include "tests/supervisor/run_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *way;
	enum bh_kind kind;
} fates[] = {
	{ "none", BH_KIND_NONE },        { "segv", BH_KIND_SIGNAL },
	{ "exit", BH_KIND_EXIT },        { "ptrace", BH_KIND_VIOLATION },
	{ "garbage", BH_KIND_PROTOCOL }, { "hang", BH_KIND_TIMEOUT },
	{ "none", BH_KIND_NONE },
};

static const enum bh_warm_mode modes[] = { BH_WARM_FORK, BH_WARM_REUSE };

START_TEST(batches_of_every_fate_leave_no_lease_and_no_descriptor_behind)
{
	struct run run;
	size_t before = 0;

	run_init(&run, "faulty");
	run.options.warm = modes[_i];
	run.options.jobs = 1;
	run.options.limits.timeout_us = 300 * 1000;
	run_open(&run);
	for (int round = 0; round < 10; round++) {
		for (size_t i = 0; i < COUNT(fates); i++) {
			struct bh_result *result = run_way(&run, fates[i].way, NULL, 0);
			expect_kind(result, fates[i].kind);
			bh_result_free(result);
		}
		if (round == 0)
			before = count_open_fds();
	}
	ck_assert_uint_eq(count_open_fds(), before);
	run_done(&run);
}
END_TEST

START_TEST(a_context_of_any_size_reaches_a_warm_handler)
{
	static const size_t sizes[] = { 0, 1, 4096, 1 << 20, 8 << 20, 3 };
	struct run run;
	char id[8];

	run_init(&run, "wordcount");
	run.options.warm = modes[_i];
	for (size_t i = 0; i < COUNT(sizes); i++) {
		snprintf(id, sizeof(id), "e%zu", i);
		run_add_letters(&run, id, sizes[i]);
	}
	run_open(&run);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct test_batch batch;
		const char *entry = id;
		snprintf(id, sizeof(id), "e%zu", i);
		batch_init(&batch, "b");
		batch_add(&batch, "t", &entry);
		struct bh_result *result = run_batch(&run, &batch);
		expect_kind(result, BH_KIND_NONE);
		ck_assert_uint_eq(result->n_task_results, 1);
		ck_assert_uint_eq(result->entries_found, 1);
		bh_result_free(result);
		batch_done(&batch);
	}
	run_done(&run);
}
END_TEST

/* It would be the next one's else, and so on for ever. */
START_TEST(a_batch_that_its_fork_died_before_is_no_other_forks)
{
	struct run run;
	char id[8];

	run_init(&run, "untaken");
	run.options.handler = BH_BUILD_DIR "/tests/untaken";
	run.options.warm = BH_WARM_FORK;
	run.options.jobs = 1;
	run.options.limits.max_procs = _i == 0 ? 1 : 8; /* with and without a listener's say */
	run_open(&run);
	for (int i = 0; i < 8; i++) {
		struct test_batch batch;
		snprintf(id, sizeof(id), "t%d", i);
		batch_init(&batch, id);
		batch_add(&batch, id, NULL);
		struct bh_result *result = run_batch(&run, &batch);
		expect_kind(result, i % 2 ? BH_KIND_NONE : BH_KIND_SIGNAL);
		ck_assert_uint_eq(result->n_task_results, i % 2 ? 1 : 0);
		if (i % 2)
			find_record(result, id);
		bh_result_free(result);
		batch_done(&batch);
	}
	run_done(&run);
}
END_TEST

static const struct {
	const char *why;
	enum bh_warm_mode warm;
	uint64_t max_reuse, scratch_bytes;
	const char *profile;
} refused[] = {
	{ "no batch at all", BH_WARM_REUSE, 0, 0, NULL },
	{ "a scratch for all batches", BH_WARM_FORK, 1, 1 << 20, NULL },
	{ "a profile without processes", BH_WARM_FORK, 1, 0, "strict" },
};

START_TEST(what_warm_handlers_can_not_have_is_refused)
{
	struct bh_error err = BH_ERROR_UNSET;
	struct run run;

	run_init(&run, "noop");
	run.options.warm = refused[_i].warm;
	run.options.max_reuse = refused[_i].max_reuse;
	run.options.scratch_bytes = refused[_i].scratch_bytes;
	run.options.profile = refused[_i].profile;
	int r = bh_executor_new(run.store, &run.options, &run.executor, &err);
	ck_assert_msg(r == -EINVAL, "%s: got %d, %s", refused[_i].why, r, err.text);
	ck_assert_ptr_null(run.executor);
	run_done(&run);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("warm");
	TCase *tcase = tcase_create("warm");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, batches_of_every_fate_leave_no_lease_and_no_descriptor_behind, 0,
	                    COUNT(modes));
	tcase_add_loop_test(tcase, a_context_of_any_size_reaches_a_warm_handler, 0, COUNT(modes));
	tcase_add_loop_test(tcase, a_batch_that_its_fork_died_before_is_no_other_forks, 0, 2);
	tcase_add_loop_test(tcase, what_warm_handlers_can_not_have_is_refused, 0, COUNT(refused));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
