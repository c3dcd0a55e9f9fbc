/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_fixture.h"
#include "tests/check.h"

/* ---- every kind, through a real child ---- */

static const struct {
	const char *why;
	const char *way;
	const char *key;
	int64_t number;
	enum bh_kind kind;
	const char *message; /* a part of it */
	int signal;
	int exit_status;
	bool names_task;
} ends[] = {
	{ "all is well", "none", NULL, 0, BH_KIND_NONE, "", 0, 0, false },
	{ "a task error fails no batch", "task-error", NULL, 0, BH_KIND_NONE, "", 0, 0, false },
	{ "batch error", "batch-error", NULL, 0, BH_KIND_HANDLER, "Handler failed", 0, 0, false },
	{ "status 7", "exit", "status", 7, BH_KIND_EXIT, "status 7", 0, 7, true },
	{ "status 263 is 7", "exit", "status", 263, BH_KIND_EXIT, "status 7", 0, 7, true },
	{ "exit(0) midway", "exit-zero", NULL, 0, BH_KIND_INCOMPLETE, "", 0, 0, true },
	{ "null pointer", "segv", NULL, 0, BH_KIND_SIGNAL, "SIGSEGV", SIGSEGV, -1, true },
	{ "abort", "abort", NULL, 0, BH_KIND_SIGNAL, "SIGABRT", SIGABRT, -1, true },
	{ "own SIGKILL", "kill-self", "signal", SIGKILL, BH_KIND_SIGNAL, "SIGKILL", SIGKILL, -1,
	  true },
	{ "own SIGTERM", "kill-self", "signal", SIGTERM, BH_KIND_SIGNAL, "SIGTERM", SIGTERM, -1,
	  true },
	{ "own SIGSYS", "kill-self", "signal", SIGSYS, BH_KIND_SIGNAL, "SIGSYS", SIGSYS, -1, true },
	{ "own SIGXCPU", "kill-self", "signal", SIGXCPU, BH_KIND_SIGNAL, "SIGXCPU", SIGXCPU, -1,
	  true },
	{ "all closed", "close-all", NULL, 0, BH_KIND_INCOMPLETE, "", 0, 0, true },
	{ "garbage", "garbage", NULL, 0, BH_KIND_PROTOCOL, "", 0, 0, true },
	{ "cut record", "truncated", NULL, 0, BH_KIND_PROTOCOL, "", 0, 0, true },
	{ "too deep", "deep", NULL, 0, BH_KIND_PROTOCOL, "", 0, 0, true },
	{ "bad UTF-8", "bad-utf8", NULL, 0, BH_KIND_PROTOCOL, "", 0, 0, true },
	{ "bad key", "bad-key", NULL, 0, BH_KIND_PROTOCOL, "", 0, 0, true },
	{ "lying length", "lie-length", NULL, 0, BH_KIND_PROTOCOL, "", 0, 0, true },
	{ "one refused fork", "fork", NULL, 0, BH_KIND_NONE, "", 0, 0, false },
	{ "fork bomb", "fork-bomb", NULL, 0, BH_KIND_PROCESS_LIMIT, "1 process", SIGKILL, -1,
	  true },
	{ "tracing", "ptrace", NULL, 0, BH_KIND_VIOLATION, "ptrace", SIGKILL, -1, true },
	{ "namespaces", "unshare", NULL, 0, BH_KIND_VIOLATION, "unshare", SIGKILL, -1, true },
	{ "mounts", "mount", NULL, 0, BH_KIND_VIOLATION, "mount", SIGKILL, -1, true },
	{ "sockets are refused", "socket", NULL, 0, BH_KIND_NONE, "", 0, 0, false },
};

START_TEST(a_handler_comes_to_its_kind)
{
	struct run run;

	run_init(&run, "faulty");
	run_open(&run);
	struct bh_result *result = run_way(&run, ends[_i].way, ends[_i].key, ends[_i].number);

	expect_kind(result, ends[_i].kind);
	ck_assert_msg(strstr(result->outcome.message, ends[_i].message) != NULL, "%s: %s",
	              ends[_i].why, result->outcome.message);
	ck_assert_int_eq(result->outcome.signal, ends[_i].signal);
	ck_assert_int_eq(result->outcome.exit_status, ends[_i].exit_status);
	if (ends[_i].names_task)
		ck_assert_str_eq(result->outcome.task_id, "t");
	else
		ck_assert_ptr_null(result->outcome.task_id);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

/* Ends that need a limit to be met. */
static const struct {
	const char *why;
	const char *way;
	struct bh_limits limits; /* 0: the default */
	enum bh_kind kind;
	const char *message;
} limited[] = {
	{ "asleep", "hang", { .timeout_us = 300000 }, BH_KIND_TIMEOUT, "SIGTERM was enough" },
	{ "SIGTERM ignored",
	  "hang-ignoring-term",
	  { .timeout_us = 200000, .grace_us = 200000 },
	  BH_KIND_TIMEOUT,
	  "SIGKILL followed after 200 ms" },
	{ "stopped by itself",
	  "stop-self",
	  { .timeout_us = 200000, .grace_us = 100000 },
	  BH_KIND_TIMEOUT,
	  "" },
	{ "busy", "spin", { .cpu_time_us = 1000000 }, BH_KIND_CPU_LIMIT, "1 s" },
	{ "busy, SIGXCPU ignored",
	  "spin-ignoring-xcpu",
	  { .cpu_time_us = 1000000 },
	  BH_KIND_CPU_LIMIT,
	  "" },
	{ "many records", "flood-results", { .results_bytes = 8192 }, BH_KIND_OUTPUT_LIMIT, "" },
	{ "one large record", "fill-results", { .results_bytes = 8192 }, BH_KIND_OUTPUT_LIMIT, "" },
	{ "a large file",
	  "big-file",
	  { .file_size_bytes = 1 << 20 },
	  BH_KIND_FILE_LIMIT,
	  "1048576" },
	{ "output is dropped", "flood-stdout", { .output_bytes = 1000 }, BH_KIND_NONE, "" },
	{ "a process is allowed", "fork", { .max_procs = 16 }, BH_KIND_NONE, "" },
	{ "an orphan holds the pipes", "fork-orphan", { .max_procs = 16 }, BH_KIND_NONE, "" },
};

static void set_limits(struct bh_limits *limits, const struct bh_limits *given)
{
	if (given->timeout_us)
		limits->timeout_us = given->timeout_us;
	if (given->grace_us)
		limits->grace_us = given->grace_us;
	if (given->cpu_time_us)
		limits->cpu_time_us = given->cpu_time_us;
	if (given->results_bytes)
		limits->results_bytes = given->results_bytes;
	if (given->file_size_bytes)
		limits->file_size_bytes = given->file_size_bytes;
	if (given->output_bytes)
		limits->output_bytes = given->output_bytes;
	if (given->max_procs)
		limits->max_procs = given->max_procs;
}

START_TEST(a_handler_at_its_limit_comes_to_its_kind)
{
	struct run run;

	run_init(&run, "faulty");
	set_limits(&run.options.limits, &limited[_i].limits);
	run_open(&run);
	struct bh_result *result = run_way(&run, limited[_i].way, NULL, 0);

	expect_kind(result, limited[_i].kind);
	ck_assert_msg(strstr(result->outcome.message, limited[_i].message) != NULL, "%s: %s",
	              limited[_i].why, result->outcome.message);
	/* a flood of records for a task ends what its start began */
	if (result->success || strcmp(limited[_i].way, "flood-results") == 0)
		ck_assert_ptr_null(result->outcome.task_id);
	else
		ck_assert_str_eq(result->outcome.task_id, "t");
	/* far below the minute that an orphan lives */
	ck_assert_uint_lt(result->duration_us, 20 * 1000 * 1000);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

START_TEST(a_violation_names_the_call)
{
	struct run run;

	run_init(&run, "faulty");
	run_open(&run);
	struct bh_result *result = run_way(&run, "unshare", NULL, 0);

	expect_kind(result, BH_KIND_VIOLATION);
	ck_assert(result->outcome.has_syscall);
	ck_assert_str_eq(result->outcome.syscall.name, "unshare");
	ck_assert_uint_eq(result->outcome.syscall.args[0], 0x10000000); /* CLONE_NEWUSER */
	ck_assert_uint_ne(result->outcome.syscall.instruction, 0);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

/* ---- what is kept of a batch that failed ---- */

START_TEST(records_before_a_crash_are_kept_and_the_culprit_is_named)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "first", "none", NULL, 0);
	batch_add_way(&batch, "second", "segv", NULL, 0);
	batch_add_way(&batch, "third", "none", NULL, 0);
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, BH_KIND_SIGNAL);
	ck_assert(result->partial);
	ck_assert_str_eq(result->outcome.task_id, "second");
	ck_assert_uint_eq(result->n_task_results, 1);
	(void)find_record(result, "first");
	ck_assert_uint_eq(result->n_missing_task_ids, 2);
	ck_assert_str_eq(result->missing_task_ids[0], "second");
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(output_is_kept_up_to_its_cap_and_the_rest_is_counted)
{
	struct run run;

	run_init(&run, "faulty");
	run.options.limits.output_bytes = 5000;
	run_open(&run);
	struct bh_result *result = run_way(&run, "flood-stderr", "bytes", 1 << 20);

	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->out.size, 0);
	ck_assert_ptr_null(result->out.data);
	ck_assert_uint_eq(result->err.size, 5000);
	ck_assert_uint_eq(result->err.dropped, (1 << 20) - 5000);
	ck_assert_int_eq(result->err.data[0], 'x');
	bh_result_free(result);
	run_done(&run);
}
END_TEST

START_TEST(usage_is_told)
{
	struct run run;

	run_init(&run, "faulty");
	run.options.limits.cpu_time_us = 1000000;
	run_open(&run);
	struct bh_result *result = run_way(&run, "spin", NULL, 0);

	ck_assert_uint_gt(result->usage.user_us + result->usage.system_us, 400000);
	ck_assert_uint_gt(result->usage.max_rss_bytes, 4096);
	ck_assert_uint_ge(result->duration_us, 400000);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

static const struct {
	const char *why;
	const char *way;
	bool strict;
	enum bh_kind kind;
} complete[] = {
	{ "missing, not strict", "missing-task", false, BH_KIND_NONE },
	{ "missing, strict", "missing-task", true, BH_KIND_MISSING },
	{ "unknown, not strict", "unknown-task", false, BH_KIND_NONE },
	{ "unknown, strict", "unknown-task", true, BH_KIND_MISSING },
	{ "all there, strict", "none", true, BH_KIND_NONE },
	{ "an error is a record, strict", "task-error", true, BH_KIND_NONE },
};

START_TEST(strict_results_want_every_task_and_no_other)
{
	struct run run;

	run_init(&run, "faulty");
	run.options.strict_results = complete[_i].strict;
	run_open(&run);
	struct bh_result *result = run_way(&run, complete[_i].way, NULL, 0);

	expect_kind(result, complete[_i].kind);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

/* ---- entries ---- */

START_TEST(more_entries_than_allowed_start_nothing)
{
	static const char *const ids[] = { "a", "b", "absent" };
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run.options.max_entries = 2;
	run_add_entry(&run, "a", "content");
	run_add_entry(&run, "b", "content");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add(&batch, "t", NULL);
	batch.batch.entry_ids = ids;
	batch.batch.n_entry_ids = 3;
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, BH_KIND_BOUNDS);
	ck_assert_uint_eq(result->entry_count, 3);
	ck_assert_uint_eq(result->total_tokens, 0);
	ck_assert_uint_eq(result->attempts, 0);
	ck_assert_uint_eq(bh_store_lease_stats(run.store).leases_taken, 0);
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(an_entry_that_is_missing_is_listed_and_counts)
{
	static const char *const ids[] = { "a", "absent" };
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_add_entry(&run, "a", "content");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add(&batch, "t", NULL);
	batch.batch.entry_ids = ids;
	batch.batch.n_entry_ids = 2;
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->entry_count, 2);
	ck_assert_uint_eq(result->entries_found, 1);
	ck_assert_uint_eq(result->n_missing_ids, 1);
	ck_assert_str_eq(result->missing_ids[0], "absent");
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(an_empty_batch_runs_with_an_empty_context)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "noop");
	run_open(&run);
	batch_init(&batch, "empty");
	struct bh_result *result = run_batch(&run, &batch);

	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->attempts, 1);
	ck_assert_uint_eq(result->entry_count, 0);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

/* ---- stepping, callbacks, cancelling ---- */

struct tally {
	struct run *run;
	const struct test_batch *batch;
	size_t n_results;
	size_t n_cancelled;
	size_t n_never_started;
	size_t to_submit;
	bool cancel_at_first;
	bool expect_success;
	size_t indexes[32];
};

static void count_result(struct bh_result *result, void *userdata)
{
	struct tally *tally = userdata;

	tally->indexes[tally->n_results++] = result->index;
	tally->n_cancelled += result->outcome.kind == BH_KIND_CANCELLED;
	tally->n_never_started += result->attempts == 0;
	if (tally->expect_success)
		expect_kind(result, BH_KIND_NONE);
	bh_result_free(result);
	if (tally->cancel_at_first && tally->n_results == 1)
		bh_executor_cancel(tally->run->executor);
	if (tally->to_submit == 0)
		return;
	tally->to_submit--;
	ck_assert_int_eq(bh_executor_submit(tally->run->executor, &tally->batch->batch,
	                                    count_result, tally, NULL, NULL),
	                 0);
}

static void submit(struct run *run, const struct test_batch *batch, struct tally *tally)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_submit(run->executor, &batch->batch, count_result, tally, NULL, &err);
	ck_assert_msg(r == 0, "submit: %s", err.text);
}

static void drain(struct run *run)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_drain(run->executor, -1, &err);
	ck_assert_msg(r == 0, "drain: %s", err.text);
	ck_assert_uint_eq(bh_executor_pending(run->executor), 0);
}

START_TEST(a_callback_may_submit)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "none", NULL, 0);
	struct tally tally = { .run = &run, .batch = &batch, .to_submit = 5 };
	submit(&run, &batch, &tally);
	drain(&run);

	ck_assert_uint_eq(tally.n_results, 6);
	for (size_t i = 0; i < 6; i++)
		ck_assert_uint_eq(tally.indexes[i], i);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

static void step_in_callback(struct bh_result *result, void *userdata)
{
	struct tally *tally = userdata;

	bh_result_free(result);
	tally->n_results++;
	ck_assert_int_eq(bh_executor_step(tally->run->executor, NULL), -EBUSY);
}

START_TEST(a_callback_may_not_step)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "noop");
	run_open(&run);
	batch_init(&batch, "b");
	struct tally tally = { .run = &run };
	ck_assert_int_eq(bh_executor_submit(run.executor, &batch.batch, step_in_callback, &tally,
	                                    NULL, NULL),
	                 0);
	drain(&run);
	ck_assert_uint_eq(tally.n_results, 1);
	run_done(&run);
}
END_TEST

START_TEST(cancelling_ends_what_runs_and_what_waits)
{
	struct run run;
	struct test_batch batch;
	struct tally tally = { .run = &run };

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "hang-ignoring-term", NULL, 0);
	for (int i = 0; i < 5; i++)
		submit(&run, &batch, &tally);
	ck_assert_int_eq(bh_executor_step(run.executor, NULL), 0);
	bh_executor_cancel(run.executor);
	drain(&run);

	ck_assert_uint_eq(tally.n_results, 5);
	ck_assert_uint_eq(tally.n_cancelled, 5);
	ck_assert_uint_eq(tally.n_never_started, 3);
	ck_assert_uint_eq(bh_store_lease_stats(run.store).leases_taken, 2);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(a_callback_may_cancel_and_the_executor_goes_on)
{
	struct run run;
	struct test_batch quick, slow;
	struct tally tally = { .run = &run, .cancel_at_first = true };

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&quick, "quick");
	batch_add_way(&quick, "t", "none", NULL, 0);
	batch_init(&slow, "slow");
	batch_add_way(&slow, "t", "hang", NULL, 0);
	submit(&run, &slow, &tally);
	submit(&run, &quick, &tally);
	submit(&run, &slow, &tally);
	drain(&run);
	ck_assert_uint_eq(tally.n_results, 3);
	ck_assert_uint_eq(tally.n_cancelled, 2);

	struct bh_result *result = run_batch(&run, &quick);
	expect_kind(result, BH_KIND_NONE);
	ck_assert_uint_eq(result->index, 3);
	bh_result_free(result);
	batch_done(&quick);
	batch_done(&slow);
	run_done(&run);
}
END_TEST

START_TEST(the_descriptor_is_quiet_until_there_is_something_to_do)
{
	struct run run;
	struct test_batch batch;
	struct tally tally = { .run = &run };

	run_init(&run, "faulty");
	run.options.limits.timeout_us = 200000;
	run_open(&run);
	struct pollfd polled = { .fd = bh_executor_fd(run.executor), .events = POLLIN };
	ck_assert_int_eq(bh_executor_step(run.executor, NULL), 0);
	ck_assert_int_eq(poll(&polled, 1, 50), 0);

	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "hang", NULL, 0);
	submit(&run, &batch, &tally);
	ck_assert_int_eq(poll(&polled, 1, 0), 1);
	for (int steps = 0; tally.n_results == 0; steps++) {
		ck_assert_int_eq(poll(&polled, 1, 5000), 1);
		ck_assert_int_eq(bh_executor_step(run.executor, NULL), 0);
		ck_assert_int_lt(steps, 20);
	}
	ck_assert_int_eq(poll(&polled, 1, 50), 0);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(draining_stops_when_it_is_told_so)
{
	struct run run;
	struct test_batch batch;
	struct tally tally = { .run = &run };
	int stop = eventfd(1, EFD_CLOEXEC);

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "hang", NULL, 0);
	submit(&run, &batch, &tally);
	ck_assert_int_eq(bh_executor_drain(run.executor, stop, NULL), -ECANCELED);
	ck_assert_uint_eq(bh_executor_pending(run.executor), 1);
	close(stop);
	batch_done(&batch);
	run_done(&run); /* kills, releases, delivers nothing */
	ck_assert_uint_eq(tally.n_results, 0);
}
END_TEST

START_TEST(freeing_while_batches_run_releases_their_leases)
{
	static const char *const entry = "a";
	struct run run;
	struct test_batch batch;
	struct tally tally = { .run = &run };

	run_init(&run, "faulty");
	run_add_entry(&run, "a", "content");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "hang", NULL, 0)->required_entry_ids = &entry;
	batch.tasks[0].n_required_entry_ids = 1;
	for (int i = 0; i < 4; i++)
		submit(&run, &batch, &tally);
	ck_assert_int_eq(bh_executor_step(run.executor, NULL), 0);
	ck_assert_uint_eq(bh_store_lease_stats(run.store).leases_taken, 2);
	run_done(&run);
	ck_assert_uint_eq(tally.n_results, 0);
	batch_done(&batch);
}
END_TEST

START_TEST(one_batch_at_a_time_where_others_are_pending_is_refused)
{
	struct run run;
	struct test_batch batch;
	struct tally tally = { .run = &run };
	struct bh_result *result = NULL;

	run_init(&run, "noop");
	run_open(&run);
	batch_init(&batch, "b");
	submit(&run, &batch, &tally);
	ck_assert_int_eq(bh_execute_batch(run.executor, &batch.batch, &result, NULL), -EBUSY);
	drain(&run);
	run_done(&run);
}
END_TEST

/* ---- all ---- */

static void fill_batches(struct test_batch *made, struct bh_batch *batches, const char *const *ways,
                         size_t n)
{
	static const char *const ids[] = { "b0", "b1", "b2", "b3", "b4", "b5" };

	for (size_t i = 0; i < n; i++) {
		batch_init(&made[i], ids[i]);
		batch_add_way(&made[i], ids[i], ways[i], "ms", 200);
		batches[i] = made[i].batch;
	}
}

START_TEST(results_of_all_come_in_input_order)
{
	static const char *const ways[] = { "sleep", "none", "segv", "none", "exit", "none" };
	struct run run;
	struct test_batch made[6];
	struct bh_batch batches[6];
	struct bh_result *results[6];
	size_t n;

	run_init(&run, "faulty");
	run.options.jobs = 3;
	run_open(&run);
	fill_batches(made, batches, ways, 6);
	ck_assert_int_eq(bh_execute_all(run.executor, batches, 6, false, results, &n, NULL), 0);
	ck_assert_uint_eq(n, 6);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_eq(results[i]->index, i);
		ck_assert_ptr_eq(results[i]->batch_id, batches[i].batch_id);
		ck_assert_int_eq(results[i]->success, i != 2 && i != 4);
		bh_result_free(results[i]);
		batch_done(&made[i]);
	}
	run_done(&run);
}
END_TEST

START_TEST(stopping_at_the_first_failure_cancels_what_runs)
{
	static const char *const ways[] = { "hang", "segv", "none", "none" };
	struct run run;
	struct test_batch made[4];
	struct bh_batch batches[4];
	struct bh_result *results[4];
	size_t n;

	run_init(&run, "faulty");
	run_open(&run);
	fill_batches(made, batches, ways, 4);
	ck_assert_int_eq(bh_execute_all(run.executor, batches, 4, true, results, &n, NULL), 0);
	ck_assert_uint_eq(n, 2);
	expect_kind(results[0], BH_KIND_CANCELLED);
	expect_kind(results[1], BH_KIND_SIGNAL);
	for (size_t i = 0; i < n; i++)
		bh_result_free(results[i]);
	for (size_t i = 0; i < 4; i++)
		batch_done(&made[i]);
	run_done(&run);
}
END_TEST

START_TEST(a_batch_that_is_no_batch_stops_the_rest_and_keeps_what_was_got)
{
	static const char *const ways[] = { "none", "none", "none" };
	struct run run;
	struct test_batch made[3];
	struct bh_batch batches[3];
	struct bh_result *results[3];
	size_t n;

	run_init(&run, "faulty");
	run.options.jobs = 1;
	run_open(&run);
	fill_batches(made, batches, ways, 3);
	batches[1].batch_id = " ";
	ck_assert_int_eq(bh_execute_all(run.executor, batches, 3, false, results, &n, NULL),
	                 -EINVAL);
	ck_assert_uint_eq(n, 1);
	expect_kind(results[0], BH_KIND_NONE);
	bh_result_free(results[0]);
	for (size_t i = 0; i < 3; i++)
		batch_done(&made[i]);
	run_done(&run);
}
END_TEST

/* ---- the launcher ---- */

START_TEST(a_launcher_lost_ends_what_runs_and_the_next_batch_brings_a_new_one)
{
	struct run run;
	struct test_batch batch;
	struct bh_result *results[2];
	struct tally tally = { .run = &run };

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "hang", NULL, 0);
	submit(&run, &batch, &tally);
	submit(&run, &batch, &tally);
	ck_assert_int_eq(bh_executor_step(run.executor, NULL), 0);
	kill(find_launcher(), SIGKILL);
	drain(&run);
	ck_assert_uint_eq(tally.n_results, 2);
	ck_assert_uint_eq(tally.n_cancelled, 0);

	results[0] = run_way(&run, "none", NULL, 0);
	expect_kind(results[0], BH_KIND_NONE);
	bh_result_free(results[0]);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(a_batch_on_a_lost_launcher_is_internal_and_keeps_its_records)
{
	struct run run;
	struct test_batch batch;
	struct bh_batch batches[1];
	struct bh_result *result;

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "first", "none", NULL, 0);
	batch_add_way(&batch, "second", "hang", NULL, 0);
	batches[0] = batch.batch;
	pid_t launcher = find_launcher();
	pid_t killer = fork();
	if (killer == 0) {
		usleep(4000000); /* time enough for "first" on a slow machine */
		kill(launcher, SIGKILL);
		_exit(0);
	}
	size_t n;
	ck_assert_int_eq(bh_execute_all(run.executor, batches, 1, false, &result, &n, NULL), 0);
	expect_kind(result, BH_KIND_INTERNAL);
	ck_assert(result->outcome.retryable);
	ck_assert(result->partial);
	(void)find_record(result, "first");
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(an_idle_launcher_that_is_lost_harms_no_batch)
{
	struct run run;

	run_init(&run, "faulty");
	run_open(&run);
	for (int i = 0; i < 3; i++) {
		kill_launcher();
		struct bh_result *result = run_way(&run, "none", NULL, 0);
		expect_kind(result, BH_KIND_NONE);
		bh_result_free(result);
	}
	run_done(&run);
}
END_TEST

static void kill_launcher_and_submit(struct bh_result *result, void *userdata)
{
	struct tally *tally = userdata;

	expect_kind(result, BH_KIND_NONE);
	bh_result_free(result);
	kill_launcher();
	submit(tally->run, tally->batch, tally);
}

START_TEST(a_launcher_found_lost_when_it_is_asked_is_replaced_at_once)
{
	struct run run;
	struct test_batch batch;

	run_init(&run, "faulty");
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "none", NULL, 0);
	struct tally tally = { .run = &run, .batch = &batch, .expect_success = true };
	ck_assert_int_eq(bh_executor_submit(run.executor, &batch.batch, kill_launcher_and_submit,
	                                    &tally, NULL, NULL),
	                 0);
	drain(&run);
	ck_assert_uint_eq(tally.n_results, 1);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(a_launcher_that_no_longer_answers_is_given_up)
{
	struct run run;
	struct test_batch batch;
	struct bh_result *result;
	size_t n;

	run_init(&run, "faulty");
	run.options.limits.timeout_us = 6000000; /* time enough for "first" on a slow machine */
	run.options.limits.grace_us = 100000;
	run_open(&run);
	batch_init(&batch, "b");
	batch_add_way(&batch, "first", "none", NULL, 0);
	batch_add_way(&batch, "second", "hang-ignoring-term", NULL, 0);
	pid_t launcher = find_launcher();
	if (fork() == 0) {
		usleep(4000000);
		kill(launcher, SIGSTOP);
		_exit(0);
	}
	ck_assert_int_eq(bh_execute_all(run.executor, &batch.batch, 1, false, &result, &n, NULL),
	                 0);
	expect_kind(result, BH_KIND_INTERNAL);
	ck_assert_ptr_nonnull(strstr(result->outcome.message, "within 10 s"));
	(void)find_record(result, "first");
	bh_result_free(result);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

START_TEST(a_launcher_that_cannot_be_replaced_ends_each_batch_as_sandbox)
{
	char copy[] = "/tmp/bulkhead-test-XXXXXX";
	struct run run;

	ck_assert_ptr_nonnull(mkdtemp(copy));
	char path[sizeof(copy) + 16];
	snprintf(path, sizeof(path), "%s/launcher", copy);
	ck_assert_int_eq(symlink(BH_BUILD_DIR "/bin/bulkhead-launcher", path), 0);
	run_init(&run, "faulty");
	run.options.launcher = path;
	run_open(&run);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(copy), 0);
	kill_launcher();
	for (int i = 0; i < 2; i++) {
		struct bh_result *result = run_way(&run, "none", NULL, 0);
		expect_kind(result, BH_KIND_SANDBOX);
		bh_result_free(result);
	}
	run_done(&run);
}
END_TEST

/* ---- in a host program ---- */

START_TEST(children_of_the_host_program_are_left_to_it)
{
	struct run run;
	int status;

	run_init(&run, "faulty");
	pid_t child = fork();
	if (child == 0)
		_exit(42);
	run_open(&run);
	struct bh_result *result = run_way(&run, "segv", NULL, 0);
	bh_result_free(result);
	run_done(&run);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 42);
	ck_assert_int_eq(waitpid(-1, NULL, 0), -1); /* the launcher is no one's to reap */
}
END_TEST

START_TEST(a_host_that_ignores_its_children_can_run_batches)
{
	struct run run;

	signal(SIGCHLD, SIG_IGN);
	run_init(&run, "faulty");
	run_open(&run);
	struct bh_result *result = run_way(&run, "segv", NULL, 0);
	expect_kind(result, BH_KIND_SIGNAL);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

START_TEST(two_executors_share_a_store)
{
	static const char *const entry = "a";
	struct run first, second;
	struct test_batch batch;

	run_init(&first, "faulty");
	run_add_entry(&first, "a", "content");
	run_open(&first);
	second = first;
	run_open(&second);
	batch_init(&batch, "b");
	batch_add_way(&batch, "t", "hang", NULL, 0)->required_entry_ids = &entry;
	batch.tasks[0].n_required_entry_ids = 1;
	struct tally tally = { .run = &first };
	submit(&first, &batch, &tally);
	submit(&second, &batch, &tally);
	ck_assert_int_eq(bh_executor_step(first.executor, NULL), 0);
	ck_assert_int_eq(bh_executor_step(second.executor, NULL), 0);
	ck_assert_uint_eq(bh_store_lease_stats(first.store).entries_taken, 2);
	ck_assert_uint_eq(bh_store_lease_stats(first.store).entries_in_use, 1);
	bh_executor_free(second.executor);
	ck_assert_uint_eq(bh_store_lease_stats(first.store).entries_in_use, 1);
	bh_executor_cancel(first.executor);
	drain(&first);
	ck_assert_uint_eq(tally.n_results, 1);
	batch_done(&batch);
	run_done(&first);
}
END_TEST

/* ---- resources ---- */

START_TEST(batches_leave_no_descriptors_behind)
{
	static const char *const ways[] = { "none", "segv", "ptrace", "fork", "exit", "garbage" };
	struct run run;
	size_t before = 0;

	run_init(&run, "faulty");
	run_open(&run);
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
			bh_result_free(run_way(&run, ways[i], NULL, 0));
		if (round == 0)
			before = count_open_fds();
	}
	ck_assert_uint_eq(count_open_fds(), before);
	run_done(&run);
}
END_TEST

START_TEST(a_batch_without_descriptors_to_be_had_is_internal)
{
	struct run run;
	int taken[1024];
	size_t n = 0;

	const struct rlimit few = { .rlim_cur = 256, .rlim_max = 256 };

	run_init(&run, "faulty");
	run_open(&run);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (n < 1024 && (taken[n] = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	/* from none left to one too few, one at a time */
	for (size_t left = 0; left < 5; left++) {
		struct bh_result *result = run_way(&run, "none", NULL, 0);
		expect_kind(result, BH_KIND_INTERNAL);
		ck_assert_ptr_nonnull(strstr(result->outcome.message, "Too many open files"));
		bh_result_free(result);
		close(taken[--n]);
	}
	while (n > 0)
		close(taken[--n]);
	struct bh_result *result = run_way(&run, "none", NULL, 0);
	expect_kind(result, BH_KIND_NONE);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

/* ---- making one ---- */

static const struct {
	const char *why;
	const char *bytes; /* of the handler file; NULL: a directory */
	mode_t mode;
	int want;
} handlers[] = {
	{ "a directory", NULL, 0755, -EISDIR },
	{ "not executable", "#!/bin/sh\n", 0644, -EACCES },
	{ "empty", "", 0755, -ENOEXEC },
	{ "text", "echo hello\n", 0755, -ENOEXEC },
	{ "no interpreter", "#!\n", 0755, -ENOEXEC },
	{ "relative interpreter", "#!python3\n", 0755, -ENOEXEC },
	{ "absent interpreter", "#! /no/such/interpreter -x\n", 0755, -ENOEXEC },
	{ "cut-off ELF", "\177ELF", 0755, -ENOEXEC },
	{ "a script", "#!/bin/sh\nexit 0\n", 0755, 0 },
	{ "a script of one line without end", "#!/bin/sh", 0755, 0 },
};

static void write_file(const char *path, const char *bytes, size_t size, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

START_TEST(a_handler_that_cannot_be_run_is_refused_at_once)
{
	char directory[] = "/tmp/bulkhead-test-XXXXXX";
	char path[sizeof(directory) + 16];
	struct bh_error err = BH_ERROR_UNSET;
	struct run run;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/handler", directory);
	const char *bytes = handlers[_i].bytes;
	if (bytes)
		write_file(path, bytes, strlen(bytes), handlers[_i].mode);
	else
		ck_assert_int_eq(mkdir(path, 0755), 0);
	run_init(&run, "noop");
	run.options.handler = path;
	int r = bh_executor_new(run.store, &run.options, &run.executor, &err);
	remove(path);
	rmdir(directory);

	ck_assert_msg(r == handlers[_i].want, "%s: got %d, %s", handlers[_i].why, r, err.text);
	ck_assert(r == 0 || err.text[0] != '\0');
	run_done(&run);
}
END_TEST

/* The program of this test, with its header changed. */
static const struct {
	const char *why;
	unsigned char class;
	Elf64_Half machine, type;
} foreign[] = {
	{ "32 bits", ELFCLASS32, 0, ET_EXEC },
	{ "another machine", ELFCLASS64, EM_S390, ET_EXEC },
	{ "no program", ELFCLASS64, 0, ET_REL },
};

START_TEST(an_elf_file_that_is_no_program_of_this_machine_is_refused)
{
	char path[] = "/tmp/bulkhead-test-XXXXXX";
	Elf64_Ehdr header;
	struct run run;

	int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(read(own, &header, sizeof(header)), sizeof(header));
	close(own);
	header.e_ident[EI_CLASS] = foreign[_i].class;
	header.e_type = foreign[_i].type;
	if (foreign[_i].machine != 0)
		header.e_machine = foreign[_i].machine;
	close(mkostemp(path, O_CLOEXEC));
	write_file(path, (const char *)&header, sizeof(header), 0755);
	run_init(&run, "noop");
	run.options.handler = path;
	int r = bh_executor_new(run.store, &run.options, &run.executor, NULL);
	remove(path);
	ck_assert_msg(r == -ENOEXEC, "%s: got %d", foreign[_i].why, r);
	run_done(&run);
}
END_TEST

START_TEST(a_handler_that_does_not_exist_is_refused)
{
	struct run run;

	run_init(&run, "no such handler");
	ck_assert_int_eq(bh_executor_new(run.store, &run.options, &run.executor, NULL), -ENOENT);
	run_done(&run);
}
END_TEST

/* The host has the interpreter, the sandbox's root does not. */
START_TEST(a_handler_that_the_sandbox_cannot_execute_is_a_spawn_failure)
{
	char directory[] = "/tmp/bulkhead-test-XXXXXX";
	char script[64], interpreter[64], line[80];
	struct run run;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(script, sizeof(script), "%s/script", directory);
	snprintf(interpreter, sizeof(interpreter), "%s/interpreter", directory);
	snprintf(line, sizeof(line), "#!%s\n", interpreter);
	write_file(script, line, strlen(line), 0755);
	ck_assert_int_eq(symlink("/bin/sh", interpreter), 0);
	ck_assert_int_eq(chmod(directory, 0755), 0);
	run_init(&run, "noop");
	run.options.handler = script;
	run_open(&run);
	struct bh_result *result = run_way(&run, "none", NULL, 0);
	remove(script);
	remove(interpreter);
	rmdir(directory);

	expect_kind(result, BH_KIND_SPAWN);
	ck_assert(!result->outcome.retryable);
	ck_assert_uint_eq(result->attempts, 1);
	ck_assert_int_eq(result->outcome.exit_status, -1);
	bh_result_free(result);
	run_done(&run);
}
END_TEST

START_TEST(limits_that_make_no_sense_are_refused)
{
	uint64_t *no_zero, *finite;
	struct run run;

	run_init(&run, "noop");
	struct bh_limits *limits = &run.options.limits;
	uint64_t *const never_zero[] = { &limits->timeout_us,     &limits->cpu_time_us,
		                         &limits->memory_bytes,   &limits->max_procs,
		                         &limits->results_bytes,  &limits->file_size_bytes,
		                         &run.options.max_entries };
	uint64_t *const always_finite[] = { &limits->results_bytes, &limits->output_bytes };
	for (size_t i = 0; i < sizeof(never_zero) / sizeof(never_zero[0]); i++) {
		no_zero = never_zero[i];
		uint64_t kept = *no_zero;
		*no_zero = 0;
		int r = bh_executor_new(run.store, &run.options, &run.executor, NULL);
		ck_assert_msg(r == -EINVAL, "limit %zu: got %d", i, r);
		*no_zero = kept;
	}
	for (size_t i = 0; i < 2; i++) {
		finite = always_finite[i];
		uint64_t kept = *finite;
		*finite = BH_UNLIMITED;
		ck_assert_int_eq(bh_executor_new(run.store, &run.options, &run.executor, NULL),
		                 -EINVAL);
		*finite = kept;
	}
	run_done(&run);
}
END_TEST

static const struct {
	const char *why;
	const char *const env[2];
} bad_env[] = {
	{ "no equals sign", { "PATH" } },
	{ "no key", { "=value" } },
	{ "nothing", { "" } },
};

START_TEST(an_environment_without_keys_is_refused)
{
	struct run run;

	run_init(&run, "noop");
	run.options.env = bad_env[_i].env;
	int r = bh_executor_new(run.store, &run.options, &run.executor, NULL);
	ck_assert_msg(r == -EINVAL, "%s: got %d", bad_env[_i].why, r);
	run_done(&run);
}
END_TEST

START_TEST(a_variable_given_twice_has_its_last_value)
{
	static const char *const env[] = { "HOME=/first", "EXTRA=1", "HOME=/second", NULL };
	struct run run;

	run_init(&run, "faulty");
	run.options.env = env;
	run_open(&run);
	struct bh_result *result = run_way(&run, "secrets", NULL, 0);
	expect_kind(result, BH_KIND_NONE);
	struct bh_span value = find_record(result, "t")->value;
	ck_assert_ptr_nonnull(memmem(value.data, value.size, "HOME=/second", 12));
	ck_assert_ptr_nonnull(memmem(value.data, value.size, "EXTRA=1", 7));
	ck_assert_ptr_nonnull(memmem(value.data, value.size, "BULKHEAD_ABI=1", 14));
	ck_assert_ptr_null(memmem(value.data, value.size, "HOME=/first", 11));
	ck_assert_ptr_null(memmem(value.data, value.size, "HOME=/tmp", 9));
	bh_result_free(result);
	run_done(&run);
}
END_TEST

static const struct {
	const char *why;
	const char *batch_id, *first, *second, *entry;
	struct bh_span params;
} bad_batches[] = {
	{ "blank batch id", " ", "a", "b", "e", { NULL, 0 } },
	{ "blank task id", "b", "", "b", "e", { NULL, 0 } },
	{ "task id twice", "b", "a", "a", "e", { NULL, 0 } },
	{ "blank entry id", "b", "a", "b", "\t", { NULL, 0 } },
	{ "task id not UTF-8", "b", "a\xff", "b", "e", { NULL, 0 } },
	{ "params cut", "b", "a", "b", "e", { "\x92\x01", 2 } },
	{ "params and more", "b", "a", "b", "e", { "\x01\x02", 2 } },
};

START_TEST(a_batch_that_makes_no_context_is_not_queued)
{
	struct run run;
	struct test_batch batch;
	struct bh_error err = BH_ERROR_UNSET;
	struct tally tally = { .run = &run };

	run_init(&run, "noop");
	run_open(&run);
	batch_init(&batch, bad_batches[_i].batch_id);
	batch_add(&batch, bad_batches[_i].first, NULL)->params = bad_batches[_i].params;
	batch_add(&batch, bad_batches[_i].second, NULL);
	batch.batch.entry_ids = &bad_batches[_i].entry;
	batch.batch.n_entry_ids = 1;
	int r = bh_executor_submit(run.executor, &batch.batch, count_result, &tally, NULL, &err);
	ck_assert_msg(r == -EINVAL, "%s: got %d", bad_batches[_i].why, r);
	ck_assert_str_ne(err.text, "");
	ck_assert_uint_eq(bh_executor_pending(run.executor), 0);
	batch_done(&batch);
	run_done(&run);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void add_ends(TCase *tcase)
{
	tcase_add_loop_test(tcase, a_handler_comes_to_its_kind, 0, COUNT(ends));
	tcase_add_loop_test(tcase, a_handler_at_its_limit_comes_to_its_kind, 0, COUNT(limited));
	tcase_add_test(tcase, a_violation_names_the_call);
	tcase_add_test(tcase, records_before_a_crash_are_kept_and_the_culprit_is_named);
	tcase_add_test(tcase, output_is_kept_up_to_its_cap_and_the_rest_is_counted);
	tcase_add_test(tcase, usage_is_told);
	tcase_add_loop_test(tcase, strict_results_want_every_task_and_no_other, 0, COUNT(complete));
	tcase_add_test(tcase, more_entries_than_allowed_start_nothing);
	tcase_add_test(tcase, an_entry_that_is_missing_is_listed_and_counts);
	tcase_add_test(tcase, an_empty_batch_runs_with_an_empty_context);
}

static void add_steps(TCase *tcase)
{
	tcase_add_test(tcase, a_callback_may_submit);
	tcase_add_test(tcase, a_callback_may_not_step);
	tcase_add_test(tcase, cancelling_ends_what_runs_and_what_waits);
	tcase_add_test(tcase, a_callback_may_cancel_and_the_executor_goes_on);
	tcase_add_test(tcase, the_descriptor_is_quiet_until_there_is_something_to_do);
	tcase_add_test(tcase, draining_stops_when_it_is_told_so);
	tcase_add_test(tcase, freeing_while_batches_run_releases_their_leases);
	tcase_add_test(tcase, one_batch_at_a_time_where_others_are_pending_is_refused);
	tcase_add_test(tcase, results_of_all_come_in_input_order);
	tcase_add_test(tcase, stopping_at_the_first_failure_cancels_what_runs);
	tcase_add_test(tcase, a_batch_that_is_no_batch_stops_the_rest_and_keeps_what_was_got);
}

static void add_host(TCase *tcase)
{
	tcase_add_test(tcase, a_launcher_lost_ends_what_runs_and_the_next_batch_brings_a_new_one);
	tcase_add_test(tcase, a_batch_on_a_lost_launcher_is_internal_and_keeps_its_records);
	tcase_add_test(tcase, an_idle_launcher_that_is_lost_harms_no_batch);
	tcase_add_test(tcase, a_launcher_found_lost_when_it_is_asked_is_replaced_at_once);
	tcase_add_test(tcase, a_launcher_that_no_longer_answers_is_given_up);
	tcase_add_test(tcase, children_of_the_host_program_are_left_to_it);
	tcase_add_test(tcase, a_host_that_ignores_its_children_can_run_batches);
	tcase_add_test(tcase, two_executors_share_a_store);
	tcase_add_test(tcase, a_launcher_that_cannot_be_replaced_ends_each_batch_as_sandbox);
	tcase_add_test(tcase, batches_leave_no_descriptors_behind);
	tcase_add_test(tcase, a_batch_without_descriptors_to_be_had_is_internal);
	tcase_add_loop_test(tcase, a_handler_that_cannot_be_run_is_refused_at_once, 0,
	                    COUNT(handlers));
	tcase_add_loop_test(tcase, an_elf_file_that_is_no_program_of_this_machine_is_refused, 0,
	                    COUNT(foreign));
	tcase_add_test(tcase, a_handler_that_does_not_exist_is_refused);
	tcase_add_test(tcase, a_handler_that_the_sandbox_cannot_execute_is_a_spawn_failure);
	tcase_add_test(tcase, limits_that_make_no_sense_are_refused);
	tcase_add_loop_test(tcase, an_environment_without_keys_is_refused, 0, COUNT(bad_env));
	tcase_add_test(tcase, a_variable_given_twice_has_its_last_value);
	tcase_add_loop_test(tcase, a_batch_that_makes_no_context_is_not_queued, 0,
	                    COUNT(bad_batches));
}

int main(void)
{
	Suite *suite = suite_create("executor");
	TCase *tcase = tcase_create("executor");

	tcase_set_timeout(tcase, 60);
	add_ends(tcase);
	add_steps(tcase);
	add_host(tcase);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
