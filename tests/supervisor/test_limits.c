/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that a batch is held to as a whole, with real handlers in real cgroups. */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkhead/bulkhead.h"
#include "ipc/wire/base.h"
#include "run_fixture.h"
#include "sandbox/client.h"
#include "tests/check.h"

#define MIB ((uint64_t)1 << 20)

/* Each controller's way to our own cgroup, where version 1 has it. */
static const char *const controllers[] = { "memory", "pids", "cpuacct" };

static bool own_cgroup(const char *controller, char path[PATH_MAX])
{
	char line[PATH_MAX];
	FILE *file = fopen("/proc/self/cgroup", "re");
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		char *list = strchr(line, ':');
		char *at = list ? strchr(list + 1, ':') : NULL;
		if (!at)
			continue;
		*at++ = '\0';
		at[strcspn(at, "\n")] = '\0';
		found = strstr(list, controller) != NULL;
		if (found)
			snprintf(path, PATH_MAX, "/sys/fs/cgroup/%s%s", controller, at);
	}
	if (file)
		fclose(file);
	return found && access(path, W_OK) == 0;
}

static bool has_version_1(void)
{
	char path[PATH_MAX];

	for (size_t i = 0; i < BH_COUNT_OF(controllers); i++)
		if (!own_cgroup(controllers[i], path))
			return false;
	return geteuid() == 0;
}

/* How many directories there are for launchers of a process, in all hierarchies. */
static size_t count_directories(pid_t owner)
{
	char path[PATH_MAX], prefix[32];
	struct dirent *entry;
	size_t n = 0;

	int length = snprintf(prefix, sizeof(prefix), "bulkhead-%d-", owner);
	for (size_t i = 0; i < BH_COUNT_OF(controllers); i++) {
		if (!own_cgroup(controllers[i], path))
			continue;
		DIR *directory = opendir(path);
		while (directory && (entry = readdir(directory)))
			n += strncmp(entry->d_name, prefix, (size_t)length) == 0;
		if (directory)
			closedir(directory);
	}
	return n;
}

/* ---- running ---- */

struct greed {
	struct run run;
	char number[24];
	const char *args[3];
	struct test_batch batch;
};

static void greed_init(struct greed *greed, const char *way, long number)
{
	run_init(&greed->run, "greedy");
	snprintf(greed->number, sizeof(greed->number), "%ld", number);
	greed->args[0] = way;
	greed->args[1] = greed->number;
	greed->args[2] = NULL;
	greed->run.options.handler = BH_BUILD_DIR "/tests/greedy";
	greed->run.options.handler_args = greed->args;
	greed->run.options.limits.memory_bytes = 64 * MIB;
	batch_init(&greed->batch, "b");
	batch_add(&greed->batch, "t", NULL);
}

static struct bh_result *greed_run(struct greed *greed)
{
	run_open(&greed->run);
	return run_batch(&greed->run, &greed->batch);
}

static void greed_done(struct greed *greed, struct bh_result *result)
{
	bh_result_free(result);
	batch_done(&greed->batch);
	run_done(&greed->run);
}

static void expect_message(const struct bh_result *result, const char *part)
{
	ck_assert_msg(strstr(result->outcome.message, part) != NULL, "\"%s\" is not in: %s", part,
	              result->outcome.message);
}

/* ---- memory ---- */

static const struct {
	const char *way;
	uint64_t max_procs;
	uint64_t memory_bytes;
} memory_ways[] = {
	{ "heap", 1, 64 * MIB },        { "stack", 1, 64 * MIB }, { "memfd", 1, 64 * MIB },
	{ "page-tables", 1, 64 * MIB }, { "child", 4, 64 * MIB }, { "pipes", 1, 16 * MIB },
};

START_TEST(memory_of_any_kind_is_held_to_the_limit)
{
	struct greed greed;

	greed_init(&greed, memory_ways[_i].way, 0);
	greed.run.options.limits.max_procs = memory_ways[_i].max_procs;
	greed.run.options.limits.memory_bytes = memory_ways[_i].memory_bytes;
	struct bh_result *result = greed_run(&greed);

	expect_kind(result, BH_KIND_MEMORY_LIMIT);
	expect_message(result, memory_ways[_i].memory_bytes == 64 * MIB ? "67108864" : "16777216");
	ck_assert_int_eq(result->memory_held_by, BH_MEMORY_HELD_BY_CGROUP);
	ck_assert_uint_gt(result->usage.memory_peak_bytes, memory_ways[_i].memory_bytes / 2);
	ck_assert_uint_le(result->usage.memory_peak_bytes, memory_ways[_i].memory_bytes);
	greed_done(&greed, result);
}
END_TEST

START_TEST(the_peak_is_of_this_batch_and_not_of_the_one_before)
{
	struct run run;

	run_init(&run, "faulty");
	run.options.jobs = 1;
	run_open(&run);
	struct bh_result *large = run_way(&run, "fill-results", NULL, 0);
	struct bh_result *small = run_way(&run, "none", NULL, 0);
	ck_assert_uint_gt(large->usage.memory_peak_bytes, 8 * MIB);
	ck_assert_uint_lt(small->usage.memory_peak_bytes, 2 * MIB);
	bh_result_free(large);
	bh_result_free(small);
	run_done(&run);
}
END_TEST

START_TEST(a_kill_of_its_own_is_no_memory_limit)
{
	struct greed greed;

	greed_init(&greed, "kill-self", 0);
	struct bh_result *result = greed_run(&greed);

	expect_kind(result, BH_KIND_SIGNAL);
	greed_done(&greed, result);
}
END_TEST

START_TEST(a_batch_is_as_new_after_one_that_ran_out_of_memory)
{
	struct greed greed;

	greed_init(&greed, "heap", 0);
	greed.run.options.jobs = 1;
	struct bh_result *first = greed_run(&greed);
	struct bh_result *second = run_batch(&greed.run, &greed.batch);

	/* counts are those of one batch each */
	expect_kind(first, BH_KIND_MEMORY_LIMIT);
	expect_kind(second, BH_KIND_MEMORY_LIMIT);
	expect_message(first, "killed 1 process;");
	expect_message(second, "killed 1 process;");
	bh_result_free(first);
	greed_done(&greed, second);
}
END_TEST

static void keep_result(struct bh_result *result, void *userdata)
{
	struct bh_result **results = userdata;

	results[result->index] = result;
}

/* Both run at once, in one executor: "t" sleeps while its neighbour is killed. */
START_TEST(no_neighbour_dies_with_a_batch_that_runs_out_of_memory)
{
	struct run quiet;
	struct greed greed;
	struct test_batch sleeper;
	struct bh_result *results[1] = { NULL };
	struct bh_error err;

	run_init(&quiet, "faulty");
	quiet.options.limits.memory_bytes = 64 * MIB;
	run_open(&quiet);
	batch_init(&sleeper, "sleeper");
	batch_add_way(&sleeper, "t", "sleep", "ms", 1500);
	ck_assert_int_eq(bh_executor_submit(quiet.executor, &sleeper.batch, keep_result, results,
	                                    NULL, &err),
	                 0);
	ck_assert_int_eq(bh_executor_step(quiet.executor, &err), 0);

	greed_init(&greed, "heap", 0);
	struct bh_result *killed = greed_run(&greed);
	expect_kind(killed, BH_KIND_MEMORY_LIMIT);
	ck_assert_ptr_null(results[0]);
	greed_done(&greed, killed);

	ck_assert_int_eq(bh_executor_drain(quiet.executor, -1, &err), 0);
	expect_kind(results[0], BH_KIND_NONE);
	bh_result_free(results[0]);
	batch_done(&sleeper);
	run_done(&quiet);
}
END_TEST

static void count_kinds(struct bh_result *result, void *userdata)
{
	size_t *kinds = userdata;

	kinds[result->outcome.kind]++;
	bh_result_free(result);
}

START_TEST(slots_of_one_launcher_have_their_limits_each)
{
	struct run run;
	struct test_batch batches[8];
	struct bh_error err;
	size_t kinds[BH_KINDS] = { 0 };

	/* any two of them would be past the limit together */
	run_init(&run, "greedy");
	const char *const args[] = { "some", "40", NULL };
	run.options.handler = BH_BUILD_DIR "/tests/greedy";
	run.options.handler_args = args;
	run.options.limits.memory_bytes = 64 * MIB;
	run.options.jobs = 4;
	run_open(&run);
	for (size_t i = 0; i < BH_COUNT_OF(batches); i++) {
		batch_init(&batches[i], "b");
		batch_add(&batches[i], "t", NULL);
		ck_assert_int_eq(bh_executor_submit(run.executor, &batches[i].batch, count_kinds,
		                                    kinds, NULL, &err),
		                 0);
	}
	ck_assert_int_eq(bh_executor_drain(run.executor, -1, &err), 0);
	ck_assert_uint_eq(kinds[BH_KIND_EXIT], BH_COUNT_OF(batches));
	for (size_t i = 0; i < BH_COUNT_OF(batches); i++)
		batch_done(&batches[i]);
	run_done(&run);
}
END_TEST

/* ---- processes ---- */

START_TEST(a_fork_bomb_is_held_and_gone)
{
	struct greed greed;

	greed_init(&greed, "processes", 0);
	greed.run.options.limits.max_procs = 16;
	greed.run.options.limits.max_threads = 0;
	greed.run.options.limits.timeout_us = 1000 * 1000;
	greed.run.options.limits.grace_us = 100 * 1000;
	struct bh_result *result = greed_run(&greed);

	expect_kind(result, BH_KIND_TIMEOUT);
	ck_assert_uint_lt(result->duration_us, 5 * 1000 * 1000);
	greed_done(&greed, result);
	ck_assert_uint_eq(count_directories(getpid()), 0); /* so nothing of it is left */
}
END_TEST

START_TEST(threads_past_the_limit_are_refused_and_named)
{
	struct greed greed;

	greed_init(&greed, "threads", 0);
	greed.run.options.limits.max_threads = 20;
	struct bh_result *result = greed_run(&greed);

	expect_kind(result, BH_KIND_PROCESS_LIMIT);
	expect_message(result, "limit of 21 processes and threads hit 1 time");
	greed_done(&greed, result);
}
END_TEST

/* ---- CPU time ---- */

static const struct {
	const char *way;
	long count;
	uint64_t limit_us;
	uint64_t max_procs;
} cpu_ways[] = {
	{ "spin-threads", 1, 150000, 1 },    { "spin-threads", 4, 400000, 1 },
	{ "spin-processes", 4, 400000, 8 },  { "spin-short-lives", 0, 300000, 8 },
	{ "spin-processes", 1, 1000000, 1 },
};

START_TEST(cpu_time_is_the_sum_of_all_processes_and_threads)
{
	struct greed greed;

	greed_init(&greed, cpu_ways[_i].way, cpu_ways[_i].count);
	greed.run.options.limits.max_procs = cpu_ways[_i].max_procs;
	greed.run.options.limits.cpu_time_us = cpu_ways[_i].limit_us;
	greed.run.options.limits.timeout_us = 30 * 1000 * 1000;
	struct bh_result *result = greed_run(&greed);
	uint64_t used_us = result->usage.user_us + result->usage.system_us;

	expect_kind(result, BH_KIND_CPU_LIMIT);
	ck_assert_uint_ge(used_us, cpu_ways[_i].limit_us);
	/* 10 ms on each of a few CPUs, and what a busy machine adds */
	ck_assert_uint_lt(used_us, cpu_ways[_i].limit_us + 300000);
	greed_done(&greed, result);
}
END_TEST

START_TEST(usage_counts_processes_that_nobody_waited_for)
{
	struct greed greed;

	greed_init(&greed, "spin-processes", 4);
	greed.run.options.limits.max_procs = 8;
	greed.run.options.limits.timeout_us = 1000 * 1000;
	greed.run.options.limits.grace_us = 10 * 1000;
	struct bh_result *result = greed_run(&greed);

	expect_kind(result, BH_KIND_TIMEOUT);
	/* far more than the handler's own process, and less than a busy machine gives */
	ck_assert_uint_gt(result->usage.user_us + result->usage.system_us, 50 * 1000);
	greed_done(&greed, result);
}
END_TEST

/* ---- what is seen and what is left ---- */

START_TEST(a_handler_sees_no_path_of_its_cgroup)
{
	struct greed greed;

	greed_init(&greed, "show", 0);
	struct bh_result *result = greed_run(&greed);

	ck_assert_uint_gt(result->out.size, 0);
	ck_assert_ptr_null(memmem(result->out.data, result->out.size, "bulkhead", 8));
	greed_done(&greed, result);
}
END_TEST

START_TEST(nothing_is_left_after_an_executor)
{
	struct greed greed;

	greed_init(&greed, "some", 1);
	struct bh_result *result = greed_run(&greed);
	ck_assert_uint_gt(count_directories(getpid()), 0);
	greed_done(&greed, result);

	ck_assert_uint_eq(count_directories(getpid()), 0);
}
END_TEST

/* A supervisor that is killed in the middle of a batch. */
static void be_killed(void)
{
	struct greed greed;
	struct bh_error err;

	greed_init(&greed, "spin-threads", 2);
	run_open(&greed.run);
	ck_assert_int_eq(bh_executor_submit(greed.run.executor, &greed.batch.batch, count_kinds,
	                                    NULL, NULL, &err),
	                 0);
	ck_assert_int_eq(bh_executor_step(greed.run.executor, &err), 0);
	usleep(100 * 1000);
	raise(SIGKILL);
}

START_TEST(what_a_killed_supervisor_left_is_gone_after_the_next)
{
	struct greed greed;
	int status;

	pid_t child = fork();
	if (child == 0)
		be_killed();
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));

	/* its launcher notices, sooner or later, and the next one clears up */
	for (int tries = 0; tries < 600 && (tries == 0 || count_directories(child) > 0); tries++) {
		usleep(100 * 1000);
		greed_init(&greed, "some", 1);
		greed_done(&greed, greed_run(&greed));
	}
	ck_assert_uint_eq(count_directories(child), 0);
}
END_TEST

START_TEST(without_isolation_a_cgroup_takes_what_left_the_group)
{
	struct greed greed;

	greed_init(&greed, "orphan", 0);
	greed.run.options.isolation = BH_ISOLATION_NONE;
	greed.run.options.limits.max_procs = 8;
	struct bh_result *result = greed_run(&greed);

	expect_kind(result, BH_KIND_EXIT);
	ck_assert_uint_lt(result->duration_us, 5 * 1000 * 1000);
	greed_done(&greed, result);
	ck_assert_uint_eq(count_directories(getpid()), 0);
}
END_TEST

START_TEST(without_isolation_limits_hold_too)
{
	struct greed greed;

	greed_init(&greed, "heap", 0);
	greed.run.options.isolation = BH_ISOLATION_NONE;
	struct bh_result *result = greed_run(&greed);

	expect_kind(result, BH_KIND_MEMORY_LIMIT);
	greed_done(&greed, result);
}
END_TEST

static TCase *limits_case(void)
{
	TCase *tcase = tcase_create("limits");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, memory_of_any_kind_is_held_to_the_limit, 0,
	                    BH_COUNT_OF(memory_ways));
	tcase_add_test(tcase, the_peak_is_of_this_batch_and_not_of_the_one_before);
	tcase_add_test(tcase, a_kill_of_its_own_is_no_memory_limit);
	tcase_add_test(tcase, a_batch_is_as_new_after_one_that_ran_out_of_memory);
	tcase_add_test(tcase, no_neighbour_dies_with_a_batch_that_runs_out_of_memory);
	tcase_add_test(tcase, slots_of_one_launcher_have_their_limits_each);
	tcase_add_test(tcase, a_fork_bomb_is_held_and_gone);
	tcase_add_test(tcase, threads_past_the_limit_are_refused_and_named);
	tcase_add_loop_test(tcase, cpu_time_is_the_sum_of_all_processes_and_threads, 0,
	                    BH_COUNT_OF(cpu_ways));
	tcase_add_test(tcase, usage_counts_processes_that_nobody_waited_for);
	tcase_add_test(tcase, a_handler_sees_no_path_of_its_cgroup);
	tcase_add_test(tcase, nothing_is_left_after_an_executor);
	tcase_add_test(tcase, what_a_killed_supervisor_left_is_gone_after_the_next);
	tcase_add_test(tcase, without_isolation_a_cgroup_takes_what_left_the_group);
	tcase_add_test(tcase, without_isolation_limits_hold_too);
	return tcase;
}

int main(void)
{
	if (!has_version_1()) {
		printf("NOT RUN: limits of a batch in cgroups: this user can't make cgroups of "
		       "version 1 here\n");
		return EXIT_SUCCESS;
	}
	printf("NOT RUN: limits of a batch in cgroups of version 2: this kernel's hierarchy has "
	       "no memory and pids controllers\n");
	Suite *suite = suite_create("limits");
	suite_add_tcase(suite, limits_case());
	return run_suite(suite);
}
