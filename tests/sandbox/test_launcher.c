/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher and its children, through the supervisor's face of them. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/sandbox/driver.h"

static struct driver d;

START_TEST(a_program_is_run_and_its_exit_status_told)
{
	driver_shell(&d, "echo out; echo err >&2; exit 7");
	ck_assert(d.started);
	ck_assert_uint_eq(d.ended.by, BH_ENDED_EXITED);
	ck_assert(WIFEXITED(d.ended.wait_status));
	ck_assert_int_eq(WEXITSTATUS(d.ended.wait_status), 7);
	ck_assert_str_eq(d.text, "out\nerr\n");
	ck_assert_uint_gt(d.ended.max_rss_bytes, 0);
}
END_TEST

START_TEST(a_script_is_run_by_its_interpreter_from_its_copy)
{
	char path[] = "/tmp/bulkhead-script-XXXXXX";
	const char *const args[] = { "one", NULL };

	int fd = mkostemp(path, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "#!/bin/sh\necho \"$0 $1\"\n"), 0);
	fchmod(fd, 0700);
	close(fd);
	driver_run(&d, driver_options(path, args));
	unlink(path);
	char expected[128];
	snprintf(expected, sizeof(expected), "/handler/%s one\n", strrchr(path, '/') + 1);
	ck_assert_str_eq(d.text, expected);
}
END_TEST

START_TEST(a_file_that_can_not_be_executed_is_told_apart_from_any_exit_status)
{
	char path[] = "/tmp/bulkhead-script-XXXXXX";

	int fd = mkostemp(path, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "#!/no/such/interpreter\n"), 0);
	close(fd);
	driver_run(&d, driver_options(path, NULL));
	unlink(path);
	ck_assert(!d.started);
	ck_assert_uint_eq(d.ended.by, BH_ENDED_NO_EXEC);
	ck_assert_int_eq(d.ended.error.code, ENOENT);
}
END_TEST

START_TEST(the_handler_has_five_descriptors_and_no_other)
{
	/* the sixth is the one that ls itself opens on the directory */
	int extra = open("/dev/zero", O_RDONLY); /* not close-on-exec, on purpose */

	ck_assert_int_ge(extra, 0);
	const char *const args[] = { "/proc/self/fd", NULL };
	driver_run(&d, driver_options("/bin/ls", args));
	close(extra);
	ck_assert_str_eq(d.text, "0\n1\n2\n3\n4\n5\n");
}
END_TEST

START_TEST(the_handler_is_nobody_without_capabilities)
{
	/* root has ids to give away, an ordinary user an id without a name */
	const int id = geteuid() == 0 ? 10000 : 65534;
	char expected[512];

	driver_shell(&d, "while read k v; do case $k in Uid:|Gid:|Cap*|NoNewPrivs:|Seccomp:|NSpid:)"
	                 " echo $k $v;; esac; done < /proc/self/status");
	snprintf(expected, sizeof(expected),
	         "Uid: %d %d %d %d\nGid: %d %d %d %d\n"
	         "NSpid: 2\n"
	         "CapInh: 0000000000000000\n"
	         "CapPrm: 0000000000000000\n"
	         "CapEff: 0000000000000000\n"
	         "CapBnd: 0000000000000000\n"
	         "CapAmb: 0000000000000000\n"
	         "NoNewPrivs: 1\n"
	         "Seccomp: 2\n",
	         id, id, id, id, id, id, id, id);
	ck_assert_str_eq(d.text, expected);
}
END_TEST

START_TEST(the_root_shows_programs_and_nothing_of_the_host_besides)
{
	driver_shell(&d, "for f in /*; do case $f in /lib*) ;; *) echo $f;; esac; done;"
	                 "echo /tmp/* /etc/*");
	ck_assert_str_eq(d.text, "/bin\n/dev\n/etc\n/handler\n/proc\n/sbin\n/tmp\n/usr\n"
	                         "/tmp/* /etc/alternatives /etc/group /etc/ld.so.cache "
	                         "/etc/localtime /etc/nsswitch.conf /etc/passwd\n");
}
END_TEST

START_TEST(nothing_below_the_root_can_be_written)
{
	driver_shell(&d,
	             "for f in /x /tmp/x /usr/x /etc/passwd /handler/sh /dev/x /proc/self/comm;"
	             "do { true > $f; } 2>/dev/null && echo wrote $f; done; "
	             "{ echo x > /proc/self/oom_score_adj; } 2>/dev/null && echo wrote; exit 0");
	ck_assert_str_eq(d.text, "");
}
END_TEST

START_TEST(proc_shows_the_batch_alone)
{
	driver_shell(&d, "cd /proc; echo *");
	ck_assert_str_eq(d.text, "2 self thread-self\n");
}
END_TEST

START_TEST(signals_are_as_after_a_fresh_start)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	const char *const args[] = { "-E", "Sig(Blk|Ign)", "/proc/self/status", NULL };
	driver_run(&d, driver_options("/bin/grep", args));
	ck_assert_str_eq(d.text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}
END_TEST

/* Every signal whose default is to end a process, raised by the handler. */
static const int deadly[] = { SIGHUP,    SIGINT,  SIGQUIT, SIGILL,  SIGTRAP,  SIGABRT,
	                      SIGBUS,    SIGFPE,  SIGKILL, SIGUSR1, SIGSEGV,  SIGUSR2,
	                      SIGPIPE,   SIGALRM, SIGTERM, SIGXCPU, SIGXFSZ,  SIGSYS,
	                      SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSTKFLT };

START_TEST(a_handler_dies_of_the_signal_that_it_raises)
{
	char script[64];

	snprintf(script, sizeof(script), "kill -%d $$; exit 0", deadly[_i]);
	driver_shell(&d, script);
	ck_assert_uint_eq(d.ended.by, BH_ENDED_EXITED);
	ck_assert_msg(WIFSIGNALED(d.ended.wait_status) &&
	                      WTERMSIG(d.ended.wait_status) == deadly[_i],
	              "signal %d: wait status %x", deadly[_i], d.ended.wait_status);
}
END_TEST

START_TEST(a_fork_is_reported_where_one_process_is_allowed)
{
	driver_shell(&d, "(:) 2>/dev/null; exit 0");
	ck_assert_int_ge(d.n_calls, 1);
	ck_assert(bh_syscall_makes_process(&d.call));
}
END_TEST

START_TEST(forks_work_where_they_are_allowed_and_leave_nothing)
{
	const char *const args[] = { "-c", "(echo child); sleep 1000 & (sleep 1000 &) ; exit 0",
		                     NULL };
	struct bh_sandbox_options options = driver_options("/bin/sh", args);

	options.limits.max_procs = 16;
	driver_run(&d, options); /* ends only when nobody holds the pipe */
	ck_assert_int_eq(d.n_calls, 0);
	ck_assert_str_eq(d.text, "child\n");
}
END_TEST

/* One after another in the same slot, whose reaper stays where it can. */
START_TEST(nothing_of_a_batch_is_left_for_the_next)
{
	const char *const args[] = {
		"-c",
		"cd /proc; echo *; sleep 1000 & setsid sleep 1000 & (sleep 1000 & sleep 1000) & "
		"(trap '' TERM; sleep 1000) &",
		NULL
	};
	struct bh_sandbox_options options = driver_options("/bin/sh", args);
	char expected[256] = "";

	options.limits.max_procs = 16;
	driver_start(&d, &options);
	for (int i = 0; i < 5; i++) {
		driver_spawn(&d, 0);
		driver_finish(&d);
		ck_assert_int_eq(d.ended.by, BH_ENDED_EXITED);
		ck_assert_int_eq(d.ended.wait_status, 0);
		strcat(expected, "2 self thread-self\n");
		ck_assert_str_eq(d.text, expected);
	}
	bh_sandbox_free(d.sandbox);
}
END_TEST

START_TEST(a_forbidden_call_is_named_with_its_arguments)
{
	const char *const args[] = { "-c",
		                     "import ctypes; ctypes.CDLL(None).syscall(272, 0x10000000)",
		                     NULL };

	driver_run(&d, driver_options("/usr/bin/python3", args));
	ck_assert_int_eq(d.n_calls, 1);
	ck_assert(!bh_syscall_makes_process(&d.call));
#ifdef __x86_64__
	ck_assert_str_eq(d.call.name, "unshare");
	ck_assert_str_eq(d.call.abi, "x86_64");
	ck_assert_int_eq(d.call.number, 272);
	ck_assert_uint_eq(d.call.args[0], 0x10000000);
	ck_assert_uint_ne(d.call.instruction, 0);
#endif
}
END_TEST

/* It sleeps again and again: a signal that comes just before Python's own call to
 * sleep is acted on after it. */
START_TEST(a_term_reaches_the_handler)
{
	const char *const args[] = { "-c",
		                     "import signal,time\n"
		                     "signal.signal(signal.SIGTERM, lambda *a: exit(5))\n"
		                     "print('ready', flush=True)\n"
		                     "while True: time.sleep(0.05)",
		                     NULL };
	struct bh_sandbox_options options = driver_options("/usr/bin/python3", args);
	struct bh_error err;

	driver_start(&d, &options);
	driver_spawn(&d, 1);
	while (!strstr(d.text, "ready")) {
		struct pollfd polled = { .fd = d.out, .events = POLLIN };
		ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
		driver_read(&d);
	}
	ck_assert_int_eq(bh_sandbox_kill(d.sandbox, 1, BH_KILL_TERM, &err), 0);
	driver_finish(&d);
	bh_sandbox_free(d.sandbox);
	ck_assert_int_eq(WEXITSTATUS(d.ended.wait_status), 5);
}
END_TEST

static const enum bh_isolation isolations[] = { BH_ISOLATION_STRICT, BH_ISOLATION_NONE };

START_TEST(a_kill_of_all_ends_children_and_orphans_too)
{
	const char *const args[] = { "-c",
		                     "trap '' TERM; sleep 1000 & (sleep 1000 &); echo ready; "
		                     "while :; do sleep 1000; done",
		                     NULL };
	struct bh_sandbox_options options = driver_options("/bin/sh", args);
	struct bh_error err;

	options.isolation = isolations[_i];
	options.limits.max_procs = 16;
	driver_start(&d, &options);
	driver_spawn(&d, 0);
	struct pollfd polled = { .fd = d.out, .events = POLLIN };
	ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
	ck_assert_int_eq(bh_sandbox_kill(d.sandbox, 0, BH_KILL_ALL, &err), 0);
	driver_finish(&d); /* the pipe ends: nobody is left */
	bh_sandbox_free(d.sandbox);
	ck_assert_uint_eq(d.ended.by, BH_ENDED_EXITED);
	ck_assert_int_eq(WTERMSIG(d.ended.wait_status), SIGKILL);
}
END_TEST

/* Whether it comes before the handler is there, while it is cloned, or after. */
START_TEST(a_kill_of_all_that_follows_at_once_ends_the_batch)
{
	const char *const args[] = { "1000", NULL };
	struct bh_sandbox_options options = driver_options("/bin/sleep", args);
	struct bh_error err;

	options.isolation = isolations[_i];
	driver_start(&d, &options);
	for (useconds_t i = 0; i < 60; i++) {
		driver_spawn(&d, 0);
		usleep(i % 20 * 20);
		ck_assert_int_eq(bh_sandbox_kill(d.sandbox, 0, BH_KILL_ALL, &err), 0);
		driver_finish(&d);
	}
	bh_sandbox_free(d.sandbox);
}
END_TEST

START_TEST(without_isolation_what_is_left_behind_is_killed)
{
	const char *const args[] = { "-c", "setsid sleep 1000 & (sleep 1000 &) ; exit 3", NULL };
	struct bh_sandbox_options options = driver_options("/bin/sh", args);

	options.isolation = BH_ISOLATION_NONE;
	driver_run(&d, options);
	ck_assert_int_eq(WEXITSTATUS(d.ended.wait_status), 3);
}
END_TEST

static struct bh_sandbox_options sleeper(enum bh_isolation isolation)
{
	static const char *const args[] = { "-c", "echo ready; exec sleep 1000", NULL };
	struct bh_sandbox_options options = driver_options("/bin/sh", args);

	options.isolation = isolation;
	return options;
}

START_TEST(the_end_of_the_supervisor_by_sigkill_ends_every_handler)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid_t supervisor = fork();
	ck_assert_int_ge(supervisor, 0);
	if (supervisor == 0) {
		struct bh_sandbox_options options = sleeper(isolations[_i]);
		struct bh_error err;
		driver_start(&d, &options);
		ck_assert_int_eq(bh_region_open_results(4096, &d.results, &err), 0);
		struct bh_spawn_fds fds = { d.results.fd, d.results.fd, ends[1], ends[1] };
		ck_assert_int_eq(bh_sandbox_spawn(d.sandbox, 0, &fds, &err), 0);
		for (;;)
			pause();
	}
	close(ends[1]);
	await_output(ends[0]);
	kill(supervisor, SIGKILL);
	waitpid(supervisor, NULL, 0);
	await_end_of_file(ends[0]);
}
END_TEST

START_TEST(the_end_of_the_launcher_by_sigkill_ends_every_handler_and_is_told)
{
	struct bh_sandbox_options options = sleeper(isolations[_i]);
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_sandbox_event event;
	int r;

	driver_start(&d, &options);
	driver_spawn(&d, 0);
	await_output(d.out);
	kill(only_child(), SIGKILL);
	do {
		struct pollfd polled = { .fd = bh_sandbox_fd(d.sandbox), .events = POLLIN };
		ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
		r = bh_sandbox_next_event(d.sandbox, &event, &err);
		if (r == 1)
			bh_fd_done(&event.listener);
	} while (r >= 0);
	ck_assert_int_eq(r, -EPIPE);
	fcntl(d.out, F_SETFL, 0);
	await_end_of_file(d.out);
	bh_sandbox_free(d.sandbox);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
}
END_TEST

/* The launcher is not dumpable: root alone can look. */
static int count_descriptors_of(pid_t pid)
{
	int n = 0;

	for (int fd = 0; fd < 1024 && geteuid() == 0; fd++) {
		char path[96], target[8];
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		n += readlink(path, target, sizeof(target)) > 0;
	}
	return n;
}

/* After a batch's end the launcher still makes the sandbox of the next one and lets
 * go of the last one's: what it has then, when nothing changes any more. */
static int count_settled_descriptors_of(pid_t pid)
{
	int n = count_descriptors_of(pid);

	for (int i = 0; i < 50; i++) {
		usleep(5000);
		int now = count_descriptors_of(pid);
		if (now != n)
			i = 0;
		n = now;
	}
	return n;
}

START_TEST(batches_leave_no_descriptor_behind)
{
	const char *const args[] = { "-c", "kill -SEGV $$", NULL };
	struct bh_sandbox_options options = driver_options("/bin/sh", args);
	char listed[2][64];

	driver_start(&d, &options);
	pid_t launcher = only_child();
	for (int i = 0; i < 40; i++) {
		if (i % 20 == 10)
			snprintf(listed[i / 20], sizeof(listed[0]), "%d and %d",
			         count_settled_descriptors_of(launcher), count_descriptors());
		d.text[0] = '\0';
		driver_spawn(&d, (uint32_t)i % 2);
		driver_finish(&d);
	}
	bh_sandbox_free(d.sandbox);
	ck_assert_str_eq(listed[0], listed[1]);
}
END_TEST

START_TEST(two_batches_run_side_by_side_and_apart)
{
	const char *const args[] = { "-c", "cd /proc; echo *; sleep 1", NULL };
	struct bh_sandbox_options options = driver_options("/bin/sh", args);
	static struct driver other;
	struct bh_error err;

	options.limits.max_procs = 4;
	driver_start(&d, &options);
	other = d;
	driver_spawn(&d, 0);
	driver_spawn(&other, 1);
	int ended = 0;
	while (ended < 2) {
		struct bh_sandbox_event event;
		struct pollfd polled = { .fd = bh_sandbox_fd(d.sandbox), .events = POLLIN };
		ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
		if (bh_sandbox_next_event(d.sandbox, &event, &err) == 1) {
			ended += event.type == BH_SANDBOX_ENDED;
			bh_fd_done(&event.listener);
		}
	}
	driver_read(&d);
	driver_read(&other);
	bh_sandbox_free(d.sandbox);
	ck_assert_str_eq(d.text, "2 self thread-self\n");
	ck_assert_str_eq(other.text, "2 self thread-self\n");
}
END_TEST

START_TEST(no_secret_of_the_caller_can_be_seen)
{
	setenv("BULKHEAD_TEST_SECRET", "planted-in-the-environment", 1);
	char *heap = strdup("planted-in-the-memory");
	int fd = memfd_create("planted-as-a-descriptor", 0);

	ck_assert_int_ge(fd, 0);
	driver_shell(&d, "set; for p in /proc/[0-9]*; do"
	                 " for f in environ cmdline maps mem cwd root exe fd; do"
	                 " [ $p = /proc/$$ ] || echo \"$p $f:\"; "
	                 " read -r line < $p/$f; echo \"$line\"; done; echo $p/fd/*; done 2>&1");
	ck_assert_msg(!strstr(d.text, "planted"), "%s", d.text);
	ck_assert_msg(!strstr(d.text, "BULKHEAD_TEST_SECRET"), "%s", d.text);
	ck_assert_ptr_nonnull(strstr(d.text, "MARK='here'"));
	free(heap);
	close(fd);
}
END_TEST

START_TEST(an_impossible_launcher_is_an_error_with_its_path)
{
	struct bh_sandbox_options options = driver_options("/bin/sh", NULL);
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_sandbox *sandbox = NULL;
	char stage[BH_STAGE_TEXT_SIZE];
	int before = count_descriptors();

	options.launcher = "/no/such/launcher";
	ck_assert_int_eq(bh_sandbox_start(&options, &sandbox, stage, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/no/such/launcher"));
	ck_assert_ptr_null(sandbox);
	options.launcher = "/bin/true"; /* ends at once and says nothing */
	ck_assert_int_lt(bh_sandbox_start(&options, &sandbox, stage, &err), 0);
	ck_assert_ptr_null(sandbox);
	ck_assert_int_eq(count_descriptors(), before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("launcher");
	TCase *run = tcase_create("run");
	TCase *apart = tcase_create("apart");
	TCase *end = tcase_create("end");

	tcase_add_test(run, a_program_is_run_and_its_exit_status_told);
	tcase_add_test(run, a_script_is_run_by_its_interpreter_from_its_copy);
	tcase_add_test(run, a_file_that_can_not_be_executed_is_told_apart_from_any_exit_status);
	tcase_add_test(run, an_impossible_launcher_is_an_error_with_its_path);
	tcase_add_test(run, two_batches_run_side_by_side_and_apart);
	tcase_add_test(apart, the_handler_has_five_descriptors_and_no_other);
	tcase_add_test(apart, the_handler_is_nobody_without_capabilities);
	tcase_add_test(apart, the_root_shows_programs_and_nothing_of_the_host_besides);
	tcase_add_test(apart, nothing_below_the_root_can_be_written);
	tcase_add_test(apart, proc_shows_the_batch_alone);
	tcase_add_test(apart, signals_are_as_after_a_fresh_start);
	tcase_add_test(apart, a_forbidden_call_is_named_with_its_arguments);
	tcase_add_test(apart, no_secret_of_the_caller_can_be_seen);
	tcase_add_loop_test(end, a_handler_dies_of_the_signal_that_it_raises, 0,
	                    (int)BH_COUNT_OF(deadly));
	tcase_add_test(end, a_fork_is_reported_where_one_process_is_allowed);
	tcase_add_test(end, nothing_of_a_batch_is_left_for_the_next);
	tcase_add_test(end, forks_work_where_they_are_allowed_and_leave_nothing);
	tcase_add_test(end, a_term_reaches_the_handler);
	tcase_add_loop_test(end, a_kill_of_all_ends_children_and_orphans_too, 0, 2);
	tcase_add_loop_test(end, a_kill_of_all_that_follows_at_once_ends_the_batch, 0, 2);
	tcase_add_test(end, without_isolation_what_is_left_behind_is_killed);
	tcase_add_loop_test(end, the_end_of_the_supervisor_by_sigkill_ends_every_handler, 0, 2);
	tcase_add_loop_test(end, the_end_of_the_launcher_by_sigkill_ends_every_handler_and_is_told,
	                    0, 2);
	tcase_add_test(end, batches_leave_no_descriptor_behind);
	suite_add_tcase(s, run);
	suite_add_tcase(s, apart);
	suite_add_tcase(s, end);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
