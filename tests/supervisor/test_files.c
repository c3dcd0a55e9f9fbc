/* SPDX-License-Identifier: Apache-2.0 */
/* Files that handlers are given: what is bound for them, and their scratch. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run_fixture.h"
#include "tests/check.h"

/* A folder with a file "bound", a handler that reads that as /x/file, and a scratch
 * for it. It copies through the scratch what it reads: the first line is the
 * value of its task, a number of one digit. */
struct files {
	struct run run;
	char folder[64];
	char bound[80];
	char handler[80];
	struct bh_bind bind;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void files_init(struct files *files)
{
	run_init(&files->run, "noop");
	snprintf(files->folder, sizeof(files->folder), "/tmp/bulkhead-files-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(files->folder));
	snprintf(files->bound, sizeof(files->bound), "%s/bound", files->folder);
	snprintf(files->handler, sizeof(files->handler), "%s/handler", files->folder);
	write_file(files->bound, "5\n", 0644);
	write_file(files->handler,
	           "#!/bin/sh\n"
	           "read value < /x/file && echo $value > /tmp/copy && read copy < /tmp/copy &&\n"
	           "printf \"\\\\202\\\\244task\\\\241t\\\\246result\\\\00$copy\\\\201\\\\244done"
	           "\\\\303\" >&4\n",
	           0755);
	files->bind = (struct bh_bind){ .path = files->bound, .dest = "/x/file" };
	files->run.options.handler = files->handler;
	files->run.options.binds = &files->bind;
	files->run.options.n_binds = 1;
	files->run.options.scratch_bytes = 1 << 20;
}

static void files_done(struct files *files)
{
	run_done(&files->run);
	unlink(files->bound);
	unlink(files->handler);
	ck_assert_int_eq(rmdir(files->folder), 0);
}

static void expect_value(struct files *files, char value)
{
	struct bh_result *result = run_way(&files->run, "none", NULL, 0);

	expect_kind(result, BH_KIND_NONE);
	const struct bh_task_result *record = find_record(result, "t");
	ck_assert_uint_eq(record->value.size, 1);
	ck_assert_int_eq(*(const char *)record->value.data, value);
	bh_result_free(result);
}

START_TEST(what_is_bound_is_kept_open_and_given_back)
{
	struct files files;

	files_init(&files);
	size_t before = count_open_fds();
	run_open(&files.run);
	expect_value(&files, 5);
	expect_value(&files, 5); /* the scratch was empty once more, or it did not matter */
	bh_executor_free(files.run.executor);
	files.run.executor = NULL;
	ck_assert_uint_eq(count_open_fds(), before);
	files_done(&files);
}
END_TEST

START_TEST(a_launcher_that_is_replaced_shows_the_same_files)
{
	struct files files;

	files_init(&files);
	run_open(&files.run);
	for (int i = 0; i < 3; i++) {
		expect_value(&files, 5);
		kill_launcher();
	}
	expect_value(&files, 5);
	files_done(&files);
}
END_TEST

START_TEST(a_file_that_took_the_place_of_the_one_opened_is_never_shown)
{
	struct files files;

	files_init(&files);
	run_open(&files.run);
	expect_value(&files, 5);
	ck_assert_int_eq(unlink(files.bound), 0);
	write_file(files.bound, "6\n", 0644);
	expect_value(&files, 5); /* what is mounted stays */
	kill_launcher();
	struct bh_result *result = run_way(&files.run, "none", NULL, 0);
	expect_kind(result, BH_KIND_SANDBOX);
	ck_assert_ptr_nonnull(strstr(result->outcome.message, "another file is there now"));
	bh_result_free(result);
	files_done(&files);
}
END_TEST

static const struct {
	const char *why;
	struct bh_bind binds[2];
	uint64_t scratch_bytes;
	enum bh_isolation isolation;
	int want;
	const char *said;
} refused[] = {
	{ "no path", { { NULL, "/x" } }, 0, BH_ISOLATION_STRICT, -EINVAL, "expected a path" },
	{ "an empty path", { { "", "/x" } }, 0, BH_ISOLATION_STRICT, -EINVAL, "expected a path" },
	{ "a relative place", { { "/tmp", "x" } }, 0, BH_ISOLATION_STRICT, -EINVAL, "'x'" },
	{ "an empty place", { { "/tmp", "" } }, 0, BH_ISOLATION_STRICT, -EINVAL, "''" },
	{ "a place of the root's",
	  { { "/tmp", "/proc/1" } },
	  0,
	  BH_ISOLATION_STRICT,
	  -EINVAL,
	  "/proc" },
	{ "its own place is the root's",
	  { { "/usr", NULL } },
	  0,
	  BH_ISOLATION_BEST_EFFORT,
	  -EINVAL,
	  "/usr" },
	{ "a missing path",
	  { { "/tmp/no/such/file", "/x" } },
	  0,
	  BH_ISOLATION_STRICT,
	  -ENOENT,
	  "/tmp/no/such/file" },
	{ "a device", { { "/dev/null", "/x" } }, 0, BH_ISOLATION_STRICT, -EINVAL, "/dev/null" },
	{ "one place twice",
	  { { "/tmp", "/x" }, { "/etc", "//x/" } },
	  0,
	  BH_ISOLATION_STRICT,
	  -EINVAL,
	  "both have the place /x" },
	{ "another place without isolation",
	  { { "/tmp", "/x" } },
	  0,
	  BH_ISOLATION_NONE,
	  -EINVAL,
	  "without isolation" },
	{ "the scratch's place",
	  { { "/etc", "/tmp/x" } },
	  1 << 20,
	  BH_ISOLATION_STRICT,
	  -EINVAL,
	  "scratch" },
	{ "a scratch without isolation",
	  { { NULL, NULL } },
	  1,
	  BH_ISOLATION_NONE,
	  -EINVAL,
	  "without isolation" },
	{ "a scratch past the most",
	  { { NULL, NULL } },
	  BH_SCRATCH_MOST + 1,
	  BH_ISOLATION_STRICT,
	  -EINVAL,
	  "at most" },
	{ "a scratch whose size wraps",
	  { { NULL, NULL } },
	  UINT64_MAX,
	  BH_ISOLATION_BEST_EFFORT,
	  -EINVAL,
	  "at most" },
};

START_TEST(files_that_can_not_be_given_are_refused)
{
	struct bh_error err = BH_ERROR_UNSET;
	struct run run;

	run_init(&run, "noop");
	size_t before = count_open_fds();
	bool has_bind = refused[_i].binds[0].path || refused[_i].binds[0].dest;
	run.options.binds = refused[_i].binds;
	run.options.n_binds = !has_bind ? 0 : refused[_i].binds[1].path ? 2 : 1;
	run.options.scratch_bytes = refused[_i].scratch_bytes;
	run.options.isolation = refused[_i].isolation;
	int r = bh_executor_new(run.store, &run.options, &run.executor, &err);
	ck_assert_msg(r == refused[_i].want, "%s: got %d: %s", refused[_i].why, r, err.text);
	ck_assert_msg(strstr(err.text, refused[_i].said), "%s: %s", refused[_i].why, err.text);
	ck_assert_uint_eq(count_open_fds(), before);
	run_done(&run);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("files");
	TCase *tcase = tcase_create("files");

	tcase_add_test(tcase, what_is_bound_is_kept_open_and_given_back);
	tcase_add_test(tcase, a_launcher_that_is_replaced_shows_the_same_files);
	tcase_add_test(tcase, a_file_that_took_the_place_of_the_one_opened_is_never_shown);
	tcase_add_loop_test(tcase, files_that_can_not_be_given_are_refused, 0,
	                    sizeof(refused) / sizeof(refused[0]));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
