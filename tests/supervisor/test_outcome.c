/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/wire/base.h"
#include "supervisor/outcome.h"
#include "tests/check.h"

/* Wait statuses as the kernel encodes them (wait(2)). */
#define EXITED(status)   ((status) << 8)
#define SIGNALED(number) (number)

/* {"message": "Handler failed"} */
#define ERROR_MAP "\x81\xa7message\xaeHandler failed"

static const char *missing[] = { "lost-task" };
static struct bh_task_result unknown[] = {
	{ .task_id = { "stranger", 8 }, .is_unknown = true },
};

static const struct bh_records open = { .end = BH_RECORDS_OPEN };
static const struct bh_records done = { .end = BH_RECORDS_DONE };
static const struct bh_records cut = { .end = BH_RECORDS_CUT, .reason = "cut at byte 9" };
static const struct bh_records wrong = { .end = BH_RECORDS_PROTOCOL, .reason = "bad byte 5" };
static const struct bh_records error = { .end = BH_RECORDS_ERROR,
	                                 .error = { ERROR_MAP, sizeof(ERROR_MAP) - 1 } };
static const struct bh_records missing_one = { .end = BH_RECORDS_DONE,
	                                       .missing_task_ids = missing,
	                                       .n_missing_task_ids = 1 };
static const struct bh_records unknown_one = { .end = BH_RECORDS_DONE,
	                                       .task_results = unknown,
	                                       .n_task_results = 1 };

static const struct {
	const char *why;
	struct bh_evidence evidence;
	enum bh_kind kind;
	const char *message; /* a part of it */
} decided[] = {
	/* not started */
	{ "too many entries",
	  { .not_started = BH_NOT_STARTED_BOUNDS, .entry_count = 201, .max_entries = 200 },
	  BH_KIND_BOUNDS,
	  "201 entries, at most 200" },
	{ "cancelled in the queue",
	  { .not_started = BH_NOT_STARTED_CANCELLED },
	  BH_KIND_CANCELLED,
	  "before it was started" },
	{ "no descriptors",
	  { .not_started = BH_NOT_STARTED_INTERNAL, .error = { .text = "Too many open files" } },
	  BH_KIND_INTERNAL,
	  "Too many open files" },
	{ "no warm handler",
	  { .ended = { .by = BH_ENDED_NO_FORK, .error = { .text = "it could not fork" } } },
	  BH_KIND_SPAWN,
	  "no warm handler took the batch: it could not fork" },
	{ "a warm handler that says something else",
	  { .ended = { .by = BH_ENDED_PROTOCOL, .error = { .text = "a message of 5 bytes" } } },
	  BH_KIND_PROTOCOL,
	  "warm handler broke the protocol: a message of 5 bytes" },
	{ "a warm handler that ended before it was ready",
	  { .ended = { .by = BH_ENDED_EXITED, .warming = 1, .wait_status = EXITED(3) } },
	  BH_KIND_SPAWN,
	  "exited with status 3 without saying that it was ready" },
	{ "a warm handler that was killed before it was ready",
	  { .ended = { .by = BH_ENDED_EXITED, .warming = 1, .wait_status = SIGNALED(SIGSEGV) } },
	  BH_KIND_SPAWN,
	  "ended while it warmed up: killed by SIGSEGV" },
	{ "a warm-up that took too long",
	  { .ended = { .by = BH_ENDED_EXITED, .warming = 1, .wait_status = SIGNALED(SIGTERM) },
	    .limits = { .timeout_us = 1000000 },
	    .timed_out = true },
	  BH_KIND_TIMEOUT,
	  "timeout of 1 s ran out while the handler warmed up" },
	{ "a warm-up that calls what is forbidden",
	  { .ended = { .by = BH_ENDED_EXITED, .warming = 1, .wait_status = SIGNALED(SIGKILL) },
	    .violated = true },
	  BH_KIND_VIOLATION,
	  "forbidden system call" },
	{ "no launcher",
	  { .not_started = BH_NOT_STARTED_SANDBOX,
	    .error = { .text = "clone: denied" },
	    .stage = "user-namespace" },
	  BH_KIND_SANDBOX,
	  "clone: denied" },
	{ "a stage of the child failed",
	  { .ended = { .by = BH_ENDED_NO_SANDBOX,
	               .error = { .text = "load filter" },
	               .stage = "seccomp" } },
	  BH_KIND_SANDBOX,
	  "load filter" },
	{ "not executable",
	  { .ended = { .by = BH_ENDED_NO_EXEC, .error = { .text = "Exec format error" } } },
	  BH_KIND_SPAWN,
	  "Exec format error" },
	{ "launcher lost, whatever else",
	  { .launcher_lost = true,
	    .error = { .text = "it is gone" },
	    .timed_out = true,
	    .cancelled = true,
	    .records = &done },
	  BH_KIND_INTERNAL,
	  "it is gone" },
	{ "given up",
	  { .gave_up = true,
	    .error = { .text = "read results" },
	    .ended = { .by = BH_ENDED_KILLED } },
	  BH_KIND_INTERNAL,
	  "read results" },

	/* ended by itself */
	{ "success", { .ended = { .by = BH_ENDED_EXITED }, .records = &done }, BH_KIND_NONE, "" },
	{ "success in a full region",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &done, .results_full = true },
	  BH_KIND_NONE,
	  "" },
	{ "success after a refused fork",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &done, .refused_forks = 1 },
	  BH_KIND_NONE,
	  "" },
	{ "no final record",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &open },
	  BH_KIND_INCOMPLETE,
	  "status 0" },
	{ "no records at all",
	  { .ended = { .by = BH_ENDED_EXITED } },
	  BH_KIND_INCOMPLETE,
	  "status 0" },
	{ "batch error, status 0",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &error },
	  BH_KIND_HANDLER,
	  "Handler failed" },
	{ "batch error, status 1",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(1) }, .records = &error },
	  BH_KIND_HANDLER,
	  "Handler failed" },
	{ "status 7",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(7) }, .records = &open },
	  BH_KIND_EXIT,
	  "status 7" },
	{ "status 7 after done",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(7) }, .records = &done },
	  BH_KIND_EXIT,
	  "all was done" },
	{ "status 7 and bad bytes",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(7) }, .records = &wrong },
	  BH_KIND_EXIT,
	  "bad byte 5" },
	{ "bad bytes",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &wrong },
	  BH_KIND_PROTOCOL,
	  "bad byte 5" },
	{ "cut record",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &cut },
	  BH_KIND_PROTOCOL,
	  "cut at byte 9" },

	/* limits */
	{ "cut record at the capacity",
	  { .ended = { .by = BH_ENDED_EXITED },
	    .records = &cut,
	    .results_full = true,
	    .limits.results_bytes = 4096 },
	  BH_KIND_OUTPUT_LIMIT,
	  "4096 bytes" },
	{ "open at the capacity",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &open, .results_full = true },
	  BH_KIND_OUTPUT_LIMIT,
	  "" },
	{ "status 1 at the capacity",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(1) },
	    .records = &cut,
	    .results_full = true },
	  BH_KIND_OUTPUT_LIMIT,
	  "status 1" },
	{ "SIGABRT at the capacity",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGABRT) },
	    .records = &cut,
	    .results_full = true },
	  BH_KIND_SIGNAL,
	  "results had filled" },
	{ "status 1 after a refused fork",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(1) },
	    .records = &open,
	    .refused_forks = 3,
	    .limits.max_procs = 1 },
	  BH_KIND_PROCESS_LIMIT,
	  "limit of 1 process: 3 attempts" },
	{ "no final record after a refused fork",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &open, .refused_forks = 1 },
	  BH_KIND_PROCESS_LIMIT,
	  "1 attempt" },
	{ "killed for forks",
	  { .ended = { .by = BH_ENDED_KILLED }, .refused_forks = 128, .killed_for_forks = true },
	  BH_KIND_PROCESS_LIMIT,
	  "killed" },
	{ "SIGXCPU with the time used",
	  { .ended = { .by = BH_ENDED_EXITED,
	               .wait_status = SIGNALED(SIGXCPU),
	               .user_us = 900000,
	               .system_us = 90000 },
	    .limits.cpu_time_us = 1000000 },
	  BH_KIND_CPU_LIMIT,
	  "1 s" },
	{ "a limit below a second counts as one",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGXCPU), .user_us = 300000 },
	    .limits.cpu_time_us = 200000 },
	  BH_KIND_SIGNAL,
	  "SIGXCPU" },
	{ "SIGKILL with the time used",
	  { .ended = { .by = BH_ENDED_EXITED,
	               .wait_status = SIGNALED(SIGKILL),
	               .system_us = 2000000 },
	    .limits.cpu_time_us = 1000000 },
	  BH_KIND_CPU_LIMIT,
	  "SIGKILL" },
	{ "SIGXCPU raised by itself",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGXCPU), .user_us = 1000 },
	    .limits.cpu_time_us = 1000000 },
	  BH_KIND_SIGNAL,
	  "SIGXCPU" },
	{ "SIGXCPU without a limit",
	  { .ended = { .by = BH_ENDED_EXITED,
	               .wait_status = SIGNALED(SIGXCPU),
	               .user_us = UINT64_MAX,
	               .system_us = UINT64_MAX },
	    .limits.cpu_time_us = BH_UNLIMITED },
	  BH_KIND_SIGNAL,
	  "SIGXCPU" },
	{ "SIGXFSZ with a limit",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGXFSZ) },
	    .limits.file_size_bytes = 4096 },
	  BH_KIND_FILE_LIMIT,
	  "4096 bytes" },
	{ "SIGXFSZ where the memory limit is the lower one, and holds each file",
	  { .ended = { .by = BH_ENDED_EXITED,
	               .wait_status = SIGNALED(SIGXFSZ),
	               .memory_held_files = 1 },
	    .limits.memory_bytes = 4096,
	    .limits.file_size_bytes = 8192 },
	  BH_KIND_SIGNAL,
	  "memory limit of 4096 bytes" },
	{ "SIGXFSZ without a limit",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGXFSZ) },
	    .limits.file_size_bytes = BH_UNLIMITED },
	  BH_KIND_SIGNAL,
	  "SIGXFSZ" },

	/* signals */
	{ "SIGSEGV",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGSEGV) } },
	  BH_KIND_SIGNAL,
	  "killed by SIGSEGV" },
	{ "a signal after done",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGSEGV) },
	    .records = &done },
	  BH_KIND_SIGNAL,
	  "SIGSEGV" },
	{ "its own SIGKILL",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGKILL) },
	    .limits.cpu_time_us = BH_UNLIMITED },
	  BH_KIND_SIGNAL,
	  "killed by SIGKILL" },
	{ "a kill by nobody of ours",
	  { .ended = { .by = BH_ENDED_KILLED } },
	  BH_KIND_SIGNAL,
	  "outside" },
	{ "SIGSYS without a notification",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGSYS) } },
	  BH_KIND_SIGNAL,
	  "SIGSYS" },
	{ "its own SIGTERM",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGTERM) } },
	  BH_KIND_SIGNAL,
	  "SIGTERM" },
	{ "a real-time signal",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(40) } },
	  BH_KIND_SIGNAL,
	  "SIGRTMIN+6" },

	/* limits of the whole batch */
	{ "killed for memory",
	  { .ended = { .by = BH_ENDED_EXITED,
	               .wait_status = SIGNALED(SIGKILL),
	               .oom_kills = 1,
	               .memory_peak_bytes = 4000 },
	    .limits.memory_bytes = 4096 },
	  BH_KIND_MEMORY_LIMIT,
	  "limit of 4096 bytes reached: the kernel killed 1 process; the batch had come to use "
	  "4000 bytes" },
	{ "another process was killed for memory, and it failed",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(1), .oom_kills = 2 },
	    .records = &open },
	  BH_KIND_MEMORY_LIMIT,
	  "killed 2 processes" },
	{ "another process was killed for memory, and it did well",
	  { .ended = { .by = BH_ENDED_EXITED, .oom_kills = 1 }, .records = &done },
	  BH_KIND_NONE,
	  "" },
	{ "the host had no memory",
	  { .ended = { .by = BH_ENDED_EXITED,
	               .wait_status = SIGNALED(SIGKILL),
	               .host_oom_kills = 1 },
	    .limits.cpu_time_us = BH_UNLIMITED },
	  BH_KIND_SIGNAL,
	  "for want of memory outside of the batch" },
	{ "CPU time of all processes",
	  { .ended = { .by = BH_ENDED_EXITED,
	               .wait_status = SIGNALED(SIGKILL),
	               .cpu_exceeded = 1,
	               .user_us = 100000,
	               .system_us = 54000 },
	    .limits.cpu_time_us = 150000 },
	  BH_KIND_CPU_LIMIT,
	  "150 ms reached: all processes and threads together used 154 ms" },
	{ "a timeout comes before what followed it",
	  { .timed_out = true,
	    .ended = { .by = BH_ENDED_KILLED, .cpu_exceeded = 1, .oom_kills = 1 } },
	  BH_KIND_TIMEOUT,
	  "" },
	{ "a process was refused, and it failed",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(3), .pids_hits = 2 },
	    .limits = { .max_procs = 1, .max_threads = 20 },
	    .records = &open },
	  BH_KIND_PROCESS_LIMIT,
	  "limit of 21 processes and threads hit 2 times, then it exited with status 3" },
	{ "a process was refused, and it crashed",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGABRT), .pids_hits = 1 },
	    .limits = { .max_procs = 1, .max_threads = 20 } },
	  BH_KIND_PROCESS_LIMIT,
	  "then it was killed by SIGABRT" },
	{ "a process was refused, and it did well",
	  { .ended = { .by = BH_ENDED_EXITED, .pids_hits = 1 }, .records = &done },
	  BH_KIND_NONE,
	  "" },

	/* kills of ours */
	{ "SIGTERM was enough",
	  { .timed_out = true,
	    .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGTERM) },
	    .limits.timeout_us = 1500000 },
	  BH_KIND_TIMEOUT,
	  "1500 ms ran out; SIGTERM was enough" },
	{ "SIGTERM was not enough",
	  { .timed_out = true,
	    .grace_ran_out = true,
	    .ended = { .by = BH_ENDED_KILLED },
	    .limits = { .timeout_us = 30000000, .grace_us = 1 } },
	  BH_KIND_TIMEOUT,
	  "30 s ran out; SIGTERM was not enough, SIGKILL followed after 1 us" },
	{ "done, but too late",
	  { .timed_out = true, .ended = { .by = BH_ENDED_EXITED }, .records = &done },
	  BH_KIND_TIMEOUT,
	  "" },
	{ "cancelled",
	  { .cancelled = true, .ended = { .by = BH_ENDED_KILLED }, .records = &done },
	  BH_KIND_CANCELLED,
	  "while it ran" },
	{ "done before the kill came",
	  { .cancelled = true, .ended = { .by = BH_ENDED_EXITED }, .records = &done },
	  BH_KIND_NONE,
	  "" },
	{ "a crash as it was cancelled",
	  { .cancelled = true,
	    .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGSEGV) } },
	  BH_KIND_CANCELLED,
	  "" },

	/* violations */
	{ "a named call",
	  { .violated = true,
	    .has_syscall = true,
	    .syscall = { .name = "ptrace", .abi = "x86_64", .number = 101, .args = { 16, 255 } },
	    .ended = { .by = BH_ENDED_KILLED } },
	  BH_KIND_VIOLATION,
	  "ptrace (number 101, x86_64) with arguments 0x10, 0xff, 0x0" },
	{ "an unknown call",
	  { .violated = true, .ended = { .by = BH_ENDED_KILLED } },
	  BH_KIND_VIOLATION,
	  "unknown" },
	{ "a violation, though it exited as if all were well",
	  { .violated = true, .ended = { .by = BH_ENDED_EXITED }, .records = &done },
	  BH_KIND_VIOLATION,
	  "" },
	{ "a violation outranks a timeout",
	  { .violated = true, .timed_out = true, .ended = { .by = BH_ENDED_KILLED } },
	  BH_KIND_VIOLATION,
	  "" },

	/* strict results */
	{ "missing, not strict",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &missing_one },
	  BH_KIND_NONE,
	  "" },
	{ "missing",
	  { .ended = { .by = BH_ENDED_EXITED }, .records = &missing_one, .strict_results = true },
	  BH_KIND_MISSING,
	  "no result for 1 task: lost-task" },
	{ "unknown",
	  { .ended = { .by = BH_ENDED_EXITED },
	    .records = &unknown_one,
	    .n_unknown = 1,
	    .strict_results = true },
	  BH_KIND_MISSING,
	  "does not have: stranger" },
};

START_TEST(evidence_comes_to_its_kind)
{
	struct bh_outcome outcome;

	bh_outcome_decide(&decided[_i].evidence, &outcome);
	ck_assert_msg(outcome.kind == decided[_i].kind, "%s: expected %s, got %s: %s",
	              decided[_i].why, bh_kind_name(decided[_i].kind), bh_kind_name(outcome.kind),
	              outcome.message);
	ck_assert_msg(strstr(outcome.message, decided[_i].message) != NULL, "%s: %s",
	              decided[_i].why, outcome.message);
	ck_assert_int_eq(outcome.message[0] == '\0', outcome.kind == BH_KIND_NONE);
	bool infrastructure = outcome.kind == BH_KIND_SANDBOX || outcome.kind == BH_KIND_INTERNAL;
	ck_assert_int_eq(outcome.infrastructure, infrastructure);
	/* what passes by itself is told by a test of its own */
	ck_assert_int_eq(outcome.retryable,
	                 infrastructure || decided[_i].evidence.ended.host_oom_kills > 0);
	ck_assert_int_eq(outcome.has_syscall, decided[_i].evidence.has_syscall);
	ck_assert_ptr_null(outcome.task_id);
}
END_TEST

static const struct {
	const char *why;
	struct bh_message_ended ended;
	bool retryable;
} passing[] = {
	{ "the file is still written to",
	  { .by = BH_ENDED_NO_EXEC, .error = { .code = ETXTBSY, .text = "exec" } },
	  true },
	{ "no memory to execute it",
	  { .by = BH_ENDED_NO_EXEC, .error = { .code = ENOMEM, .text = "exec" } },
	  true },
	{ "no such interpreter",
	  { .by = BH_ENDED_NO_EXEC, .error = { .code = ENOENT, .text = "exec" } },
	  false },
	{ "the host ran out of memory",
	  { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGKILL), .host_oom_kills = 1 },
	  true },
	{ "it ran out of its own",
	  { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGKILL), .oom_kills = 1 },
	  false },
	{ "killed by itself", { .by = BH_ENDED_EXITED, .wait_status = SIGNALED(SIGKILL) }, false },
};

START_TEST(what_can_pass_by_itself_is_retryable)
{
	const struct bh_evidence evidence = { .limits = BH_LIMITS_DEFAULT,
		                              .ended = passing[_i].ended };
	struct bh_outcome outcome;

	bh_outcome_decide(&evidence, &outcome);
	ck_assert_msg(outcome.retryable == passing[_i].retryable, "%s: %s", passing[_i].why,
	              outcome.message);
}
END_TEST

START_TEST(a_cancellation_after_attempts_says_so)
{
	const struct bh_evidence evidence = { .not_started = BH_NOT_STARTED_CANCELLED,
		                              .attempts = 2,
		                              .past_deadline = true };
	struct bh_outcome outcome;

	bh_outcome_decide(&evidence, &outcome);
	ck_assert_int_eq(outcome.kind, BH_KIND_CANCELLED);
	ck_assert_str_eq(outcome.message,
	                 "cancelled after attempt 2: the deadline of the run has passed");
}
END_TEST

static const struct {
	const char *why;
	struct bh_evidence evidence;
	int signal, exit_status;
} statuses[] = {
	{ "exited", { .ended = { .by = BH_ENDED_EXITED, .wait_status = EXITED(3) } }, 0, 3 },
	{ "signaled", { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGSEGV } }, SIGSEGV, -1 },
	{ "with a core flag",
	  { .ended = { .by = BH_ENDED_EXITED, .wait_status = SIGABRT | 0x80 } },
	  SIGABRT,
	  -1 },
	{ "killed by us", { .cancelled = true, .ended = { .by = BH_ENDED_KILLED } }, SIGKILL, -1 },
	{ "timeout, then status 0",
	  { .timed_out = true, .ended = { .by = BH_ENDED_EXITED } },
	  0,
	  0 },
	{ "never started", { .not_started = BH_NOT_STARTED_BOUNDS }, 0, -1 },
	{ "not executed", { .ended = { .by = BH_ENDED_NO_EXEC } }, 0, -1 },
	{ "launcher lost", { .launcher_lost = true }, 0, -1 },
};

START_TEST(the_wait_status_is_told_as_it_was)
{
	struct bh_outcome outcome;

	bh_outcome_decide(&statuses[_i].evidence, &outcome);
	ck_assert_msg(outcome.signal == statuses[_i].signal &&
	                      outcome.exit_status == statuses[_i].exit_status,
	              "%s: signal %d, status %d", statuses[_i].why, outcome.signal,
	              outcome.exit_status);
}
END_TEST

START_TEST(the_stage_that_failed_is_told)
{
	struct bh_outcome outcome;

	bh_outcome_decide(
	        &(struct bh_evidence){ .not_started = BH_NOT_STARTED_SANDBOX, .stage = "root" },
	        &outcome);
	ck_assert_str_eq(outcome.stage, "root");
	bh_outcome_decide(
	        &(struct bh_evidence){ .ended = { .by = BH_ENDED_NO_SANDBOX, .stage = "seccomp" } },
	        &outcome);
	ck_assert_str_eq(outcome.stage, "seccomp");
}
END_TEST

START_TEST(a_message_is_utf8_whatever_went_into_it)
{
	struct bh_evidence evidence = { .not_started = BH_NOT_STARTED_INTERNAL };
	struct bh_outcome outcome;

	snprintf(evidence.error.text, sizeof(evidence.error.text), "open /tmp/\xff\xfe name");
	bh_outcome_decide(&evidence, &outcome);
	ck_assert(bh_utf8_valid(outcome.message, strlen(outcome.message)));
	ck_assert_ptr_nonnull(strstr(outcome.message, "/tmp/?? name"));
}
END_TEST

/* Every length of a message of two-byte letters, so that the cut falls inside
 * one of them in every other. */
START_TEST(a_long_message_is_cut_between_code_points)
{
	static uint8_t map[16 + 600];
	struct bh_outcome outcome;

	for (size_t n = 150; n < 300; n++) {
		size_t size = 2 * n;
		memcpy(map, "\x81\xa7message\xda", 10);
		map[10] = (uint8_t)(size >> 8);
		map[11] = (uint8_t)size;
		for (size_t i = 0; i < n; i++)
			memcpy(map + 12 + 2 * i, "\xc3\xa4", 2);
		const struct bh_records records = { .end = BH_RECORDS_ERROR,
			                            .error = { map, 12 + size } };
		const struct bh_evidence evidence = { .ended = { .by = BH_ENDED_EXITED },
			                              .records = &records };
		bh_outcome_decide(&evidence, &outcome);
		ck_assert_int_eq(outcome.kind, BH_KIND_HANDLER);
		ck_assert(bh_utf8_valid(outcome.message, strlen(outcome.message)));
		ck_assert_ptr_null(strchr(outcome.message, '?'));
		ck_assert_uint_ge(strlen(outcome.message), size < 340 ? size : 340);
	}
}
END_TEST

START_TEST(a_nul_in_a_message_does_not_end_it)
{
	static const char map[] = "\x81\xa7message\xa5"
	                          "a\0b\0c";
	const struct bh_records records = { .end = BH_RECORDS_ERROR,
		                            .error = { map, sizeof(map) - 1 } };
	const struct bh_evidence evidence = { .ended = { .by = BH_ENDED_EXITED },
		                              .records = &records };
	struct bh_outcome outcome;

	bh_outcome_decide(&evidence, &outcome);
	ck_assert_ptr_nonnull(strstr(outcome.message, "a b c"));
}
END_TEST

START_TEST(only_deaths_of_the_handler_name_a_task)
{
	ck_assert(bh_outcome_names_culprit(BH_KIND_SIGNAL));
	ck_assert(bh_outcome_names_culprit(BH_KIND_TIMEOUT));
	ck_assert(bh_outcome_names_culprit(BH_KIND_VIOLATION));
	ck_assert(!bh_outcome_names_culprit(BH_KIND_NONE));
	ck_assert(!bh_outcome_names_culprit(BH_KIND_CANCELLED));
	ck_assert(!bh_outcome_names_culprit(BH_KIND_INTERNAL));
	ck_assert(!bh_outcome_names_culprit(BH_KIND_BOUNDS));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outcome");
	TCase *tcase = tcase_create("outcome");

	tcase_add_loop_test(tcase, evidence_comes_to_its_kind, 0, (int)BH_COUNT_OF(decided));
	tcase_add_loop_test(tcase, what_can_pass_by_itself_is_retryable, 0, BH_COUNT_OF(passing));
	tcase_add_test(tcase, a_cancellation_after_attempts_says_so);
	tcase_add_loop_test(tcase, the_wait_status_is_told_as_it_was, 0,
	                    (int)BH_COUNT_OF(statuses));
	tcase_add_test(tcase, the_stage_that_failed_is_told);
	tcase_add_test(tcase, a_message_is_utf8_whatever_went_into_it);
	tcase_add_test(tcase, a_long_message_is_cut_between_code_points);
	tcase_add_test(tcase, a_nul_in_a_message_does_not_end_it);
	tcase_add_test(tcase, only_deaths_of_the_handler_name_a_task);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
