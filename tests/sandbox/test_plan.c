/* SPDX-License-Identifier: Apache-2.0 */
/* What is worked out before a child is cloned: limits and strings. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/arguments.h"
#include "sandbox/bound.h"
#include "sandbox/executable.h"
#include "sandbox/rlimits.h"
#include "tests/check.h"

static const struct rlimit *row_of(const struct bh_rlimits *plan, __rlimit_resource_t resource)
{
	for (size_t i = 0; i < plan->n_rows; i++)
		if (plan->rows[i].resource == resource)
			return &plan->rows[i].value;
	return NULL;
}

START_TEST(limits_become_rows)
{
	struct bh_limits limits = BH_LIMITS_DEFAULT;
	struct bh_rlimits plan;

	limits.cpu_time_us = 1500000;
	limits.file_size_bytes = 12345;
	limits.memory_bytes = 1 << 20;
	limits.max_procs = 3;
	limits.max_threads = 4;
	bh_rlimits_plan(&limits, true, &plan);
	ck_assert_uint_eq(row_of(&plan, RLIMIT_CPU)->rlim_cur, 2);
	ck_assert_uint_eq(row_of(&plan, RLIMIT_CPU)->rlim_max, 3);
	ck_assert_uint_eq(row_of(&plan, RLIMIT_FSIZE)->rlim_max, 12345);
	ck_assert_uint_eq(row_of(&plan, RLIMIT_DATA)->rlim_max, 1 << 20);
	ck_assert_uint_eq(row_of(&plan, RLIMIT_NPROC)->rlim_max, 7);
}
END_TEST

START_TEST(no_limit_is_no_limit)
{
	struct bh_limits limits = BH_LIMITS_DEFAULT;
	struct bh_rlimits plan;
	struct rlimit own;

	limits.memory_bytes = BH_UNLIMITED;
	limits.max_threads = BH_UNLIMITED;
	bh_rlimits_plan(&limits, true, &plan);
	ck_assert_ptr_null(row_of(&plan, RLIMIT_CPU));
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &own), 0);
	ck_assert_uint_eq(row_of(&plan, RLIMIT_AS)->rlim_max, own.rlim_max);
	bh_rlimits_plan(&limits, false, &plan);
	ck_assert_ptr_null(row_of(&plan, RLIMIT_NPROC));
}
END_TEST

START_TEST(no_row_asks_for_more_than_the_caller_has)
{
	struct bh_limits limits = BH_LIMITS_DEFAULT;
	struct rlimit small = { 100, 100 };
	struct bh_rlimits plan;

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &small), 0);
	bh_rlimits_plan(&limits, true, &plan);
	ck_assert_uint_eq(row_of(&plan, RLIMIT_NOFILE)->rlim_cur, 100);
	ck_assert_uint_eq(row_of(&plan, RLIMIT_NOFILE)->rlim_max, 100);
}
END_TEST

START_TEST(common_limits_are_lowered_at_once)
{
	struct rlimit own;

	ck_assert_int_eq(bh_rlimits_lower_common(NULL), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_CORE, &own), 0);
	ck_assert_uint_eq(own.rlim_max, 0);
	ck_assert_int_eq(getrlimit(RLIMIT_MEMLOCK, &own), 0);
	ck_assert_uint_eq(own.rlim_max, 0);
}
END_TEST

START_TEST(strings_survive_the_way_to_the_launcher)
{
	static const char *const args[] = { "", "a b", "\xff\n", NULL };
	static const char *const env[] = { "K=V", NULL };
	BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;
	struct bh_arguments got = BH_ARGUMENTS_UNSET;

	static const struct bh_bound bounds[] = { { (char *)"/a", (char *)"/b", 1, UINT64_MAX },
		                                  { (char *)"/c", (char *)"/d", 2, 3 } };
	const struct bh_arguments_given given = { .path = "/x",
		                                  .argv0 = "name",
		                                  .args = args,
		                                  .env = env,
		                                  .bounds = bounds,
		                                  .n_bounds = 2 };
	ck_assert_int_eq(bh_arguments_pack(&given, &region, NULL), 0);
	ck_assert_int_eq(bh_arguments_unpack(region.fd, &got, NULL), 0);
	ck_assert_str_eq(got.path, "/x");
	ck_assert_str_eq(got.argv[0], "name");
	for (size_t i = 0; args[i]; i++)
		ck_assert_str_eq(got.argv[i + 1], args[i]);
	ck_assert_ptr_null(got.argv[4]);
	ck_assert_str_eq(got.envp[0], "K=V");
	ck_assert_ptr_null(got.envp[1]);
	ck_assert_uint_eq(got.n_bounds, 2);
	for (size_t i = 0; i < got.n_bounds; i++) {
		ck_assert_str_eq(got.bounds[i].path, bounds[i].path);
		ck_assert_str_eq(got.bounds[i].dest, bounds[i].dest);
		ck_assert_uint_eq(got.bounds[i].device, bounds[i].device);
		ck_assert_uint_eq(got.bounds[i].inode, bounds[i].inode);
	}
	bh_arguments_done(&got);
}
END_TEST

START_TEST(nothing_is_needed_but_a_path_and_a_name)
{
	const struct bh_arguments_given given = { .path = "/x", .argv0 = "name" };
	BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;
	struct bh_arguments got = BH_ARGUMENTS_UNSET;

	ck_assert_int_eq(bh_arguments_pack(&given, &region, NULL), 0);
	ck_assert_int_eq(bh_arguments_unpack(region.fd, &got, NULL), 0);
	ck_assert_ptr_null(got.argv[1]);
	ck_assert_ptr_null(got.envp[0]);
	ck_assert_uint_eq(got.n_bounds, 0);
	bh_arguments_done(&got);
}
END_TEST

START_TEST(what_is_bound_is_what_was_opened_or_nothing)
{
	char path[] = "/tmp/bulkhead-bound-XXXXXX";
	struct bh_bound bound = { .path = path, .dest = (char *)"/x" };
	struct bh_error error = BH_ERROR_UNSET;
	struct stat info;
	int fd = -1;

	int opened = mkostemp(path, O_CLOEXEC);
	ck_assert_int_ge(opened, 0);
	ck_assert_int_eq(fstat(opened, &info), 0);
	bound.device = info.st_dev;
	bound.inode = info.st_ino;
	ck_assert_int_eq(bh_bound_open(&bound, &fd, &error), 0);
	bh_fd_done(&fd);

	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(bh_bound_open(&bound, &fd, &error), -ENOENT);
	int other = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ck_assert_int_ge(other, 0);
	ck_assert_int_eq(bh_bound_open(&bound, &fd, &error), -ESTALE);
	ck_assert_ptr_nonnull(strstr(error.text, path));
	ck_assert_int_eq(fd, -1);
	unlink(path);
	close(other);
	close(opened);
}
END_TEST

static const struct {
	const char *why;
	uint64_t head[5]; /* counts, then the numbers of one bind where there are any */
	size_t size;      /* bytes given */
	const char *strings;
} refused[] = {
	{ "nothing", { 0 }, 0, "" },
	{ "half a head", { 1 }, 8, "" },
	{ "a head without its last count", { 1 }, 16, "" },
	{ "no argument at all", { 0 }, 26, "p\0" },
	{ "fewer strings than said", { 2 }, 28, "p\0a\0" },
	{ "more strings than said", { 1 }, 30, "p\0a\0b\0" },
	{ "a string without its end", { 1 }, 27, "p\0a" },
	{ "a count past the bytes", { UINT64_MAX }, 28, "p\0a\0" },
	{ "a count of variables past the bytes", { 1, UINT64_MAX / 2 }, 28, "p\0a\0" },
	{ "a count of binds past the bytes", { 1, 0, UINT64_MAX / 16 + 2 }, 28, "p\0a\0" },
	{ "a bind without its numbers", { 1, 0, 1 }, 28, "p\0a\0" },
	{ "a bind without its strings", { 1, 0, 1, 5, 6 }, 44, "p\0a\0" },
	{ "a bind without its place", { 1, 0, 1, 5, 6 }, 47, "p\0a\0/b\0" },
	{ "a bind whose place is not absolute", { 1, 0, 1, 5, 6 }, 49, "p\0a\0/b\0c\0" },
};

START_TEST(strings_of_a_wrong_shape_are_refused)
{
	BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;
	struct bh_arguments got = BH_ARGUMENTS_UNSET;
	char bytes[64] = { 0 };

	size_t head = sizeof(uint64_t) * (refused[_i].head[3] > 0 ? 5 : 3);
	memcpy(bytes, refused[_i].head, head);
	if (refused[_i].size > head)
		memcpy(bytes + head, refused[_i].strings, refused[_i].size - head);
	struct iovec part = { bytes, refused[_i].size };
	ck_assert_int_eq(bh_region_seal(&part, 1, sizeof(bytes), &region, NULL), 0);
	int r = bh_arguments_unpack(region.fd, &got, NULL);
	ck_assert_msg(r == -EPROTO, "%s: got %d", refused[_i].why, r);
	ck_assert_ptr_null(got.memory);
}
END_TEST

static int run(int fd)
{
	char *const argv[] = { "true", NULL };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		fexecve(fd, argv, argv + 1);
		_exit(99);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

START_TEST(sealed_copy_of_a_program_runs_and_never_changes)
{
	BH_CLEANUP(bh_fd_done) int program = open("/bin/true", O_RDONLY | O_CLOEXEC);
	BH_CLEANUP(bh_fd_done) int copy = -1;

	ck_assert_int_ge(program, 0);
	ck_assert_int_eq(bh_executable_seal(program, &copy, NULL), 0);
	ck_assert_int_eq(lseek(copy, 0, SEEK_END), lseek(program, 0, SEEK_END));
	ck_assert_int_eq(run(copy), 0);
	ck_assert_int_lt(pwrite(copy, "x", 1, 0), 0);
	ck_assert_int_lt(ftruncate(copy, 1), 0);
	ck_assert_int_eq(fcntl(copy, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("plan");
	TCase *c = tcase_create("plan");

	tcase_add_test(c, limits_become_rows);
	tcase_add_test(c, no_limit_is_no_limit);
	tcase_add_test(c, no_row_asks_for_more_than_the_caller_has);
	tcase_add_test(c, common_limits_are_lowered_at_once);
	tcase_add_test(c, sealed_copy_of_a_program_runs_and_never_changes);
	tcase_add_test(c, strings_survive_the_way_to_the_launcher);
	tcase_add_test(c, nothing_is_needed_but_a_path_and_a_name);
	tcase_add_test(c, what_is_bound_is_what_was_opened_or_nothing);
	tcase_add_loop_test(c, strings_of_a_wrong_shape_are_refused, 0, (int)BH_COUNT_OF(refused));
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
