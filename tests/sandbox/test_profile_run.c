/* SPDX-License-Identifier: Apache-2.0 */
/* Each profile, through handlers that really run in it. */
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "sandbox/profile_catalog.h"
#include "tests/sandbox/driver.h"

static struct driver d;

#define CONTAINER BH_SOURCE_DIR "/tests/sandbox/data/container.json"

static void run(const char *profile, bool is_static, const char *act, uint64_t max_procs)
{
	const char *const args[] = { act, NULL };
	const char *program = is_static ? BH_BUILD_DIR "/tests/profile_probe_static"
	                                : BH_BUILD_DIR "/tests/profile_probe";
	struct bh_sandbox_options options = driver_options(program, args);
	struct bh_profile loaded;
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_profile_load(profile, &loaded, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	options.profile = &loaded;
	options.limits.max_procs = max_procs;
	driver_run(&d, options);
	bh_profile_done(&loaded);
}

enum { STATIC, DYNAMIC };

/* What a handler says, or the call that is reported. */
static const struct {
	const char *profile;
	int linked;
	const char *act;
	uint64_t max_procs;
	const char *says, *reported;
} runs[] = {
	{ "compute", DYNAMIC, "thread", 1, "ok\n", NULL },
	{ "compute", DYNAMIC, "process", 1, "EAGAIN\n", "clone" },
	{ "compute", DYNAMIC, "process", 4, "ok\n", NULL },
	{ "compute", DYNAMIC, "exec", 1, "", NULL },
	{ "compute", DYNAMIC, "open", 1, "ok\n", NULL },
	{ "compute", DYNAMIC, "stream-pair", 1, "EACCES\n", NULL },
	{ "compute", DYNAMIC, "unnamed", 1, "ENOSYS\n", NULL },
	{ "compute", DYNAMIC, "namespaces", 4, "EAGAIN\n", "unshare" },
	{ "compute", DYNAMIC, "process-in-namespaces", 4, "EAGAIN\n", "clone" },
	{ "compute", STATIC, "tiocsti", 1, "EAGAIN\n", "ioctl" },
	{ "strict", STATIC, "fstat", 1, "ok\n", NULL },
	{ "strict", STATIC, "stat", 1, "EACCES\n", NULL },
	{ "strict", STATIC, "open", 1, "EACCES\n", NULL },
	{ "strict", STATIC, "thread", 1, "EAGAIN\n", NULL },
	{ "strict", STATIC, "process", 4, "EAGAIN\n", NULL },
	{ "strict", STATIC, "process-in-namespaces", 4, "EAGAIN\n", "clone" },
	{ "strict", STATIC, "exec", 1, "EAGAIN\n", "execve" },
	{ "strict", STATIC, "like-launcher", 1, "EAGAIN\n", "execveat" },
	{ "strict", STATIC, "stream-pair", 1, "EACCES\n", NULL },
	{ "tools", DYNAMIC, "process", 4, "ok\n", NULL },
	{ "tools", DYNAMIC, "process", 1, "EAGAIN\n", "clone" },
	{ "tools", DYNAMIC, "stream-pair", 4, "ok\n", NULL },
	{ "tools", DYNAMIC, "datagram-pair", 4, "ENOSYS\n", NULL },
	{ "tools", DYNAMIC, "inet", 4, "EACCES\n", NULL },
	{ "tools", DYNAMIC, "namespaces", 4, "EAGAIN\n", "unshare" },
	{ "trusted", DYNAMIC, "process", 4, "ok\n", NULL },
	{ "trusted", DYNAMIC, "process", 1, "EAGAIN\n", "clone" },
	{ "trusted", DYNAMIC, "thread", 1, "ok\n", NULL },
	{ "trusted", DYNAMIC, "datagram-pair", 1, "ok\n", NULL },
	{ "trusted", DYNAMIC, "inet", 1, "ok\n", NULL },
	{ "trusted", DYNAMIC, "namespaces", 1, "EAGAIN\n", "unshare" },
	{ "trusted", DYNAMIC, "process-in-namespaces", 4, "EAGAIN\n", "clone" },
	{ "trusted", STATIC, "tiocsti", 1, "EAGAIN\n", "ioctl" },
	{ "trusted", STATIC, "unnamed", 1, "ENOSYS\n", NULL },
	{ CONTAINER, DYNAMIC, "thread", 1, "ok\n", NULL },
	{ CONTAINER, DYNAMIC, "process", 4, "ok\n", NULL },
	{ CONTAINER, DYNAMIC, "process", 1, "EAGAIN\n", "clone" },
	{ CONTAINER, DYNAMIC, "namespaces", 1, "EPERM\n", NULL },
	{ CONTAINER, DYNAMIC, "inet", 1, "ok\n", NULL },
#ifdef __x86_64__
	{ "compute", STATIC, "x32", 1, "EAGAIN\n", "getpid" },
	{ "trusted", STATIC, "x32", 1, "EAGAIN\n", "getpid" },
	{ CONTAINER, STATIC, "x32", 1, "EAGAIN\n", "getpid" },
	{ "strict", STATIC, "i386", 1, NULL, "getpid" },
	{ CONTAINER, STATIC, "i386", 1, NULL, "getpid" },
#endif
};

START_TEST(each_profile_allows_and_reports_what_it_says)
{
	const char *what = runs[_i].profile, *act = runs[_i].act;

	run(what, runs[_i].linked == STATIC, act, runs[_i].max_procs);
	ck_assert_msg(d.started, "%s: %s", what, act);
	if (strcmp(act, "i386") == 0 && WIFSIGNALED(d.ended.wait_status) && d.n_calls == 0) {
		printf("NOT RUN: calls by int 0x80: this kernel knows none\n");
		return;
	}
	if (runs[_i].says)
		ck_assert_msg(strcmp(d.text, runs[_i].says) == 0, "%s, %s: said \"%s\"", what, act,
		              d.text);
	ck_assert_msg((d.n_calls > 0) == (runs[_i].reported != NULL), "%s, %s: %d calls (%s)", what,
	              act, d.n_calls, d.call.name);
	if (runs[_i].reported)
		ck_assert_str_eq(d.call.name, runs[_i].reported);
}
END_TEST

START_TEST(a_dynamic_handler_can_not_start_in_strict_and_says_why)
{
	run("strict", false, "fstat", 1);
	ck_assert(d.started);
	ck_assert_int_eq(d.n_calls, 0);
	ck_assert_msg(strstr(d.text, "cannot open shared object file"), "%s", d.text);
	ck_assert_int_eq(WEXITSTATUS(d.ended.wait_status), 127);
}
END_TEST

/* Nothing but what a program needs to end: our own way to its exec is no part of a
 * profile. */
START_TEST(a_profile_that_forbids_all_still_lets_the_handler_begin)
{
	struct bh_sandbox_options options =
	        driver_options(BH_BUILD_DIR "/tests/profile_probe_static", NULL);
	struct bh_profile nothing = { .otherwise = { .kind = BH_ANSWER_REPORT } };

#ifdef __SANITIZE_ADDRESS__
	/* the sanitizer calls it in the launcher's code wherever that ends */
	struct bh_call_rule theirs = { .number = SYS_sigaltstack };
	ck_assert_int_eq(bh_profile_add(&nothing, &theirs, NULL), 0);
#endif
	options.profile = &nothing;
	driver_start(&d, &options);
	driver_spawn(&d, 0);
	while (d.n_calls == 0) {
		struct bh_error err = BH_ERROR_UNSET;
		struct bh_sandbox_event event;
		struct pollfd polled = { .fd = bh_sandbox_fd(d.sandbox), .events = POLLIN };
		ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
		ck_assert_int_eq(bh_sandbox_next_event(d.sandbox, &event, &err), 1);
		ck_assert_int_eq(event.type, BH_SANDBOX_LISTENER);
		polled.fd = event.listener;
		ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
		uint64_t cookie;
		ck_assert_int_eq(bh_listener_receive(event.listener, &d.call, &cookie, &err), 1);
		d.n_calls++;
		bh_fd_done(&event.listener);
	}
	ck_assert_str_eq(d.call.name, "brk"); /* a C library's first call */
	bh_sandbox_free(d.sandbox);
	bh_profile_done(&nothing);
}
END_TEST

START_TEST(the_place_of_a_forbidden_call_is_told)
{
	run("compute", true, "tiocsti", 1);
	ck_assert_str_eq(d.call.file, "/handler/profile_probe_static");
#ifdef __x86_64__
	unsigned char code[2];
	int fd = open(BH_BUILD_DIR "/tests/profile_probe_static", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(pread(fd, code, 2, (off_t)d.call.file_offset), 2);
	close(fd);
	ck_assert_uint_eq(code[0], 0x0f); /* the syscall instruction itself */
	ck_assert_uint_eq(code[1], 0x05);
#endif
	run("compute", false, "namespaces", 1);
	ck_assert_msg(strstr(d.call.file, "/libc.so.6") != NULL, "%s", d.call.file);
	ck_assert_uint_gt(d.call.file_offset, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("profile_run");
	TCase *c = tcase_create("run");

	tcase_add_loop_test(c, each_profile_allows_and_reports_what_it_says, 0,
	                    (int)BH_COUNT_OF(runs));
	tcase_add_test(c, a_dynamic_handler_can_not_start_in_strict_and_says_why);
	tcase_add_test(c, a_profile_that_forbids_all_still_lets_the_handler_begin);
	tcase_add_test(c, the_place_of_a_forbidden_call_is_told);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
