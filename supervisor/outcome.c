/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/outcome.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "ipc/wire/base.h"

/* ids quoted in a message are cut at this */
#define QUOTED_MAX 64

__attribute__((format(printf, 3, 4))) static void
set_outcome(struct bh_outcome *outcome, enum bh_kind kind, const char *format, ...)
{
	va_list args;

	outcome->kind = kind;
	va_start(args, format);
	if (vsnprintf(outcome->message, sizeof(outcome->message), format, args) < 0)
		outcome->message[0] = '\0';
	va_end(args);
}

__attribute__((format(printf, 2, 3))) static void append_text(struct bh_outcome *outcome,
                                                              const char *format, ...)
{
	size_t used = strlen(outcome->message);
	va_list args;

	va_start(args, format);
	if (vsnprintf(outcome->message + used, sizeof(outcome->message) - used, format, args) < 0)
		outcome->message[used] = '\0';
	va_end(args);
}

/* Text of the handler's own; a NUL inside is shown as a space. */
static void append_span(struct bh_outcome *outcome, struct bh_span span, size_t max)
{
	size_t used = strlen(outcome->message);
	size_t room = sizeof(outcome->message) - 1 - used;
	const char *bytes = span.data;
	size_t n = span.size < max ? span.size : max;

	n = n < room ? n : room;
	for (size_t i = 0; i < n; i++)
		outcome->message[used + i] = bytes[i] == '\0' ? ' ' : bytes[i];
	outcome->message[used + n] = '\0';
}

/* How many bytes at `at` are one valid UTF-8 sequence; 0 where none is. */
static size_t sequence_size(const char *at, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (bh_utf8_valid(at, n))
			return n;
	return 0;
}

/* A message is UTF-8, whatever paths and cuts went into it. What was cut at the
 * end is dropped; other wrong bytes become '?'. */
static void repair_utf8(char *message)
{
	size_t size = strlen(message);

	for (size_t at = 0; at < size;) {
		size_t n = sequence_size(message + at, size - at);
		if (n == 0 && size - at < 4 && size >= BH_MESSAGE_SIZE - 1) {
			message[at] = '\0';
			return;
		}
		if (n == 0)
			message[at] = '?';
		at += n ? n : 1;
	}
}

/* A duration in the largest unit that needs no fraction. */
struct duration_text {
	char text[32];
};

static struct duration_text duration_text(uint64_t us)
{
	struct duration_text ret;
	uint64_t value = us;
	const char *unit = "us";

	if (us % 1000000 == 0) {
		value = us / 1000000;
		unit = "s";
	} else if (us % 1000 == 0) {
		value = us / 1000;
		unit = "ms";
	}
	snprintf(ret.text, sizeof(ret.text), "%" PRIu64 " %s", value, unit);
	return ret;
}

struct signal_text {
	char text[24];
};

static struct signal_text signal_text(int number)
{
	struct signal_text ret;
	const char *name = sigabbrev_np(number);

	if (name)
		snprintf(ret.text, sizeof(ret.text), "SIG%s", name);
	else if (number >= SIGRTMIN && number <= SIGRTMAX)
		snprintf(ret.text, sizeof(ret.text), "SIGRTMIN+%d", number - SIGRTMIN);
	else
		snprintf(ret.text, sizeof(ret.text), "signal %d", number);
	return ret;
}

static enum bh_records_end records_end(const struct bh_evidence *evidence)
{
	return evidence->records ? evidence->records->end : BH_RECORDS_OPEN;
}

/* Ended by itself, with status 0 and its word that all is done. */
static bool finished_well(const struct bh_evidence *evidence)
{
	return evidence->ended.by == BH_ENDED_EXITED && WIFEXITED(evidence->ended.wait_status) &&
	       WEXITSTATUS(evidence->ended.wait_status) == 0 &&
	       records_end(evidence) == BH_RECORDS_DONE;
}

static const char *deadline_text(const struct bh_evidence *evidence)
{
	return evidence->past_deadline ? ": the deadline of the run has passed" : "";
}

static void set_not_started(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	switch (evidence->not_started) {
	case BH_NOT_STARTED_NO:
		break;
	case BH_NOT_STARTED_BOUNDS:
		set_outcome(ret, BH_KIND_BOUNDS,
		            "batch needs %" PRIu64 " entries, at most %" PRIu64
		            " are allowed; the handler was not started",
		            evidence->entry_count, evidence->max_entries);
		break;
	case BH_NOT_STARTED_CANCELLED:
		if (evidence->attempts > 0)
			set_outcome(ret, BH_KIND_CANCELLED, "cancelled after attempt %" PRIu32 "%s",
			            evidence->attempts, deadline_text(evidence));
		else
			set_outcome(ret, BH_KIND_CANCELLED, "cancelled before it was started%s",
			            deadline_text(evidence));
		break;
	case BH_NOT_STARTED_INTERNAL:
		set_outcome(ret, BH_KIND_INTERNAL, "handler was not started: %s",
		            evidence->error.text);
		break;
	case BH_NOT_STARTED_SANDBOX:
		set_outcome(ret, BH_KIND_SANDBOX, "no sandbox could be set up: %s",
		            evidence->error.text);
		snprintf(ret->stage, sizeof(ret->stage), "%s", evidence->stage);
		break;
	}
}

static void set_violation(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	const struct bh_syscall *call = &evidence->syscall;

	if (!evidence->has_syscall) {
		set_outcome(ret, BH_KIND_VIOLATION,
		            "a forbidden system call%s; which one is unknown, for its process was "
		            "gone before it could be read",
		            evidence->limits.max_procs == 1 ? ", or one that makes a process" : "");
		return;
	}
	ret->has_syscall = true;
	ret->syscall = *call;
	set_outcome(ret, BH_KIND_VIOLATION,
	            "forbidden system call %s (number %" PRId32 ", %s) with arguments ", call->name,
	            call->number, call->abi);
	for (size_t i = 0; i < BH_COUNT_OF(call->args); i++)
		append_text(ret, "%s0x%" PRIx64, i > 0 ? ", " : "", call->args[i]);
	if (call->file[0] != '\0')
		append_text(ret, ", made at %s+0x%" PRIx64, call->file, call->file_offset);
}

static bool hit_process_limit(const struct bh_evidence *evidence)
{
	return evidence->refused_forks > 0 || evidence->ended.pids_hits > 0;
}

/* The kernel's count of what the cgroup refused, and ours of what the filter did. */
static void set_process_limit(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	if (evidence->refused_forks == 0) {
		set_outcome(
		        ret, BH_KIND_PROCESS_LIMIT,
		        "limit of %" PRIu64 " processes and threads hit %" PRIu64 " time%s",
		        bh_add_saturated(evidence->limits.max_procs, evidence->limits.max_threads),
		        evidence->ended.pids_hits, evidence->ended.pids_hits == 1 ? "" : "s");
		return;
	}
	set_outcome(ret, BH_KIND_PROCESS_LIMIT,
	            "limit of %" PRIu64 " process%s: %" PRIu64 " attempt%s to make one refused",
	            evidence->limits.max_procs, evidence->limits.max_procs == 1 ? "" : "es",
	            evidence->refused_forks, evidence->refused_forks == 1 ? "" : "s");
	if (evidence->killed_for_forks)
		append_text(ret, ", then the handler was killed");
}

static void set_timeout(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	set_outcome(ret, BH_KIND_TIMEOUT, "timeout of %s ran out%s; ",
	            duration_text(evidence->limits.timeout_us).text,
	            evidence->ended.warming ? " while the handler warmed up" : "");
	if (evidence->grace_ran_out)
		append_text(ret, "SIGTERM was not enough, SIGKILL followed after %s",
		            duration_text(evidence->limits.grace_us).text);
	else
		append_text(ret, "SIGTERM was enough");
}

/* The cgroup's count over all processes and threads, which the launcher watched. */
static void set_cpu_limit(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	const struct bh_message_ended *ended = &evidence->ended;

	set_outcome(ret, BH_KIND_CPU_LIMIT,
	            "CPU time limit of %s reached: all processes and threads together used %" PRIu64
	            " ms",
	            duration_text(evidence->limits.cpu_time_us).text,
	            bh_add_saturated(ended->user_us, ended->system_us) / 1000);
}

static void set_memory_limit(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	const struct bh_message_ended *ended = &evidence->ended;

	set_outcome(ret, BH_KIND_MEMORY_LIMIT,
	            "memory limit of %" PRIu64 " bytes reached: the kernel killed %" PRIu64
	            " process%s",
	            evidence->limits.memory_bytes, ended->oom_kills,
	            ended->oom_kills == 1 ? "" : "es");
	if (ended->memory_peak_bytes > 0)
		append_text(ret, "; the batch had come to use %" PRIu64 " bytes",
		            ended->memory_peak_bytes);
}

/* What we did, and what kept the handler from running at all. */
static bool decide_by_acts(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	const struct bh_message_ended *ended = &evidence->ended;

	if (evidence->not_started != BH_NOT_STARTED_NO) {
		set_not_started(evidence, ret);
	} else if (evidence->launcher_lost) {
		set_outcome(ret, BH_KIND_INTERNAL, "launcher lost: %s", evidence->error.text);
	} else if (evidence->gave_up) {
		set_outcome(ret, BH_KIND_INTERNAL, "batch given up: %s", evidence->error.text);
	} else if (ended->by == BH_ENDED_NO_SANDBOX) {
		set_outcome(ret, BH_KIND_SANDBOX, "sandbox could not be set up: %s",
		            ended->error.text);
		snprintf(ret->stage, sizeof(ret->stage), "%s", ended->stage);
	} else if (ended->by == BH_ENDED_NO_EXEC) {
		set_outcome(ret, BH_KIND_SPAWN, "handler could not be executed: %s",
		            ended->error.text);
	} else if (ended->by == BH_ENDED_NO_FORK) {
		set_outcome(ret, BH_KIND_SPAWN, "no warm handler took the batch: %s",
		            ended->error.text);
		snprintf(ret->stage, sizeof(ret->stage), "%s", ended->stage);
	} else if (evidence->violated) {
		set_violation(evidence, ret);
	} else if (evidence->killed_for_forks) {
		set_process_limit(evidence, ret);
	} else if (evidence->cancelled && !finished_well(evidence)) {
		set_outcome(ret, BH_KIND_CANCELLED, "cancelled while it ran%s",
		            deadline_text(evidence));
	} else if (evidence->timed_out) {
		set_timeout(evidence, ret);
	} else if (ended->cpu_exceeded) {
		set_cpu_limit(evidence, ret);
	} else if (ended->oom_kills > 0 && !finished_well(evidence)) {
		set_memory_limit(evidence, ret);
	} else {
		return false;
	}
	return true;
}

/* Tells the kernel's SIGXCPU and SIGKILL from a handler's own. The kernel holds
 * RLIMIT_CPU, in whole seconds, against time sampled by ticks, while usage is
 * measured: where processes share a CPU, a limit was seen to be hit at 77 % of
 * it. A handler that signals itself has hardly used half of its limit. */
static bool cpu_limit_reached(const struct bh_evidence *evidence)
{
	uint64_t limit = evidence->limits.cpu_time_us;
	uint64_t seconds = limit / 1000000 + (limit % 1000000 > 0);
	uint64_t used = bh_add_saturated(evidence->ended.user_us, evidence->ended.system_us);

	return limit != BH_UNLIMITED && used >= seconds * 500000;
}

static void decide_by_signal(const struct bh_evidence *evidence, int number, struct bh_outcome *ret)
{
	if ((number == SIGXCPU || number == SIGKILL) && cpu_limit_reached(evidence)) {
		set_outcome(ret, BH_KIND_CPU_LIMIT, "CPU time limit of %s reached, ended by %s",
		            duration_text(evidence->limits.cpu_time_us).text,
		            signal_text(number).text);
		return;
	}
	if (number == SIGXFSZ && evidence->limits.file_size_bytes != BH_UNLIMITED &&
	    !evidence->ended.memory_held_files) {
		set_outcome(ret, BH_KIND_FILE_LIMIT,
		            "a file grew past the limit of %" PRIu64 " bytes",
		            evidence->limits.file_size_bytes);
		return;
	}
	if (evidence->ended.pids_hits > 0) {
		set_process_limit(evidence, ret);
		append_text(ret, ", then it was killed by %s", signal_text(number).text);
		return;
	}
	set_outcome(ret, BH_KIND_SIGNAL, "killed by %s", signal_text(number).text);
	if (number == SIGXFSZ && evidence->ended.memory_held_files)
		append_text(ret,
		            ", as the kernel kills for a file that grows past the memory limit of "
		            "%" PRIu64 " bytes where no cgroup counts it",
		            evidence->limits.memory_bytes);
	if (evidence->ended.host_oom_kills > 0)
		append_text(ret, ", for want of memory outside of the batch");
	if (evidence->results_full)
		append_text(ret, "; its results had filled all %" PRIu64 " bytes",
		            evidence->limits.results_bytes);
	if (evidence->refused_forks > 0)
		append_text(ret, "; %" PRIu64 " attempts to make a process had been refused",
		            evidence->refused_forks);
}

static void set_handler_error(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	struct bh_span message = bh_record_error_message(evidence->records->error);

	if (message.size == 0) {
		set_outcome(ret, BH_KIND_HANDLER,
		            "the handler reported an error without a message");
		return;
	}
	set_outcome(ret, BH_KIND_HANDLER, "the handler reported: ");
	append_span(ret, message, message.size);
}

static void set_output_limit(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	set_outcome(ret, BH_KIND_OUTPUT_LIMIT,
	            "results filled all %" PRIu64 " bytes that they may take",
	            evidence->limits.results_bytes);
}

static void decide_by_status(const struct bh_evidence *evidence, int status, struct bh_outcome *ret)
{
	enum bh_records_end end = records_end(evidence);

	if (end == BH_RECORDS_ERROR) {
		set_handler_error(evidence, ret);
		return;
	}
	if (evidence->results_full && end != BH_RECORDS_DONE) {
		set_output_limit(evidence, ret);
		append_text(ret, ", then it exited with status %d", status);
		return;
	}
	if (hit_process_limit(evidence) && end != BH_RECORDS_DONE) {
		set_process_limit(evidence, ret);
		append_text(ret, ", then it exited with status %d", status);
		return;
	}
	set_outcome(ret, BH_KIND_EXIT, "exited with status %d", status);
	if (end == BH_RECORDS_DONE)
		append_text(ret, " after it had said that all was done");
	if (end == BH_RECORDS_PROTOCOL || end == BH_RECORDS_CUT)
		append_text(ret, "; its results are not valid either: %s",
		            evidence->records->reason);
}

static void append_unknown_ids(const struct bh_records *records, struct bh_outcome *ret)
{
	const char *before = "";

	for (size_t i = 0; i < records->n_task_results; i++) {
		if (!records->task_results[i].is_unknown)
			continue;
		append_text(ret, "%s", before);
		append_span(ret, records->task_results[i].task_id, QUOTED_MAX);
		before = ", ";
	}
}

static void append_missing_ids(const struct bh_records *records, struct bh_outcome *ret)
{
	for (size_t i = 0; i < records->n_missing_task_ids; i++)
		append_text(ret, "%s%.*s", i > 0 ? ", " : "", QUOTED_MAX,
		            records->missing_task_ids[i]);
}

/* With strict results every task has its record, and no other. */
static void decide_by_completeness(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	const struct bh_records *records = evidence->records;
	size_t n_missing = records->n_missing_task_ids;

	if (!evidence->strict_results || (n_missing == 0 && evidence->n_unknown == 0))
		return;
	set_outcome(ret, BH_KIND_MISSING, "%s", "");
	if (n_missing > 0) {
		append_text(ret, "no result for %zu task%s: ", n_missing,
		            n_missing == 1 ? "" : "s");
		append_missing_ids(records, ret);
	}
	if (evidence->n_unknown > 0) {
		append_text(ret, "%sresults for %zu task%s that the batch does not have: ",
		            n_missing > 0 ? "; " : "", evidence->n_unknown,
		            evidence->n_unknown == 1 ? "" : "s");
		append_unknown_ids(records, ret);
	}
}

static void set_unfinished(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	if (evidence->results_full)
		set_output_limit(evidence, ret);
	else if (hit_process_limit(evidence))
		set_process_limit(evidence, ret);
	else
		set_outcome(ret, BH_KIND_INCOMPLETE,
		            "exited with status 0 without saying that all was done");
}

/* Exit status 0: the records decide. */
static void decide_by_records(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	switch (records_end(evidence)) {
	case BH_RECORDS_DONE:
		decide_by_completeness(evidence, ret);
		return;
	case BH_RECORDS_ERROR:
		set_handler_error(evidence, ret);
		return;
	case BH_RECORDS_CUT:
		if (evidence->results_full) {
			set_output_limit(evidence, ret);
			return;
		}
		/* fall through */
	case BH_RECORDS_PROTOCOL:
		set_outcome(ret, BH_KIND_PROTOCOL, "results are not valid: %s",
		            evidence->records->reason);
		return;
	case BH_RECORDS_OPEN:
		set_unfinished(evidence, ret);
		return;
	}
}

/* What ended was a template, which is to say that it is ready and live on. */
static void decide_by_warm_up(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	int status = evidence->ended.wait_status;

	set_outcome(ret, BH_KIND_SPAWN, "handler ended while it warmed up: ");
	if (WIFSIGNALED(status))
		append_text(ret, "killed by %s", signal_text(WTERMSIG(status)).text);
	else
		append_text(ret, "exited with status %d without saying that it was ready",
		            WEXITSTATUS(status));
	snprintf(ret->stage, sizeof(ret->stage), "warm-up");
}

static void decide_by_end(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	int status = evidence->ended.wait_status;

	if (evidence->ended.by == BH_ENDED_PROTOCOL)
		set_outcome(ret, BH_KIND_PROTOCOL, "warm handler broke the protocol: %s",
		            evidence->ended.error.text);
	else if (evidence->ended.warming)
		decide_by_warm_up(evidence, ret);
	else if (evidence->ended.by == BH_ENDED_KILLED)
		set_outcome(ret, BH_KIND_SIGNAL, "killed by SIGKILL, which came from outside");
	else if (WIFSIGNALED(status))
		decide_by_signal(evidence, WTERMSIG(status), ret);
	else if (WEXITSTATUS(status) != 0)
		decide_by_status(evidence, WEXITSTATUS(status), ret);
	else
		decide_by_records(evidence, ret);
}

/* The wait status as it was, whoever was to blame for it. */
static void set_wait_status(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	int status = evidence->ended.wait_status;

	if (evidence->not_started != BH_NOT_STARTED_NO || evidence->launcher_lost)
		return;
	if (evidence->ended.by == BH_ENDED_KILLED)
		ret->signal = SIGKILL;
	else if (evidence->ended.by == BH_ENDED_EXITED && WIFSIGNALED(status))
		ret->signal = WTERMSIG(status);
	else if (evidence->ended.by == BH_ENDED_EXITED && WIFEXITED(status))
		ret->exit_status = WEXITSTATUS(status);
}

/* What the host was short of at that moment, or a race with who wrote the file. */
static bool is_passing(const struct bh_evidence *evidence, const struct bh_outcome *outcome)
{
	int code = evidence->ended.error.code;

	if (outcome->kind == BH_KIND_SIGNAL)
		return evidence->ended.host_oom_kills > 0;
	return outcome->kind == BH_KIND_SPAWN &&
	       (code == EAGAIN || code == ENOMEM || code == ETXTBSY || code == ENFILE);
}

void bh_outcome_clear(struct bh_outcome *outcome)
{
	*outcome = (struct bh_outcome){ .kind = BH_KIND_NONE, .exit_status = -1 };
}

void bh_outcome_decide(const struct bh_evidence *evidence, struct bh_outcome *ret)
{
	bh_outcome_clear(ret);

	set_wait_status(evidence, ret);
	if (!decide_by_acts(evidence, ret))
		decide_by_end(evidence, ret);
	repair_utf8(ret->message);
	ret->infrastructure = ret->kind == BH_KIND_SANDBOX || ret->kind == BH_KIND_INTERNAL;
	ret->retryable = ret->infrastructure || is_passing(evidence, ret);
}

bool bh_outcome_names_culprit(enum bh_kind kind)
{
	static const bool names[BH_KINDS] = {
		[BH_KIND_EXIT] = true,         [BH_KIND_SIGNAL] = true,
		[BH_KIND_TIMEOUT] = true,      [BH_KIND_CPU_LIMIT] = true,
		[BH_KIND_MEMORY_LIMIT] = true, [BH_KIND_OUTPUT_LIMIT] = true,
		[BH_KIND_FILE_LIMIT] = true,   [BH_KIND_PROCESS_LIMIT] = true,
		[BH_KIND_VIOLATION] = true,    [BH_KIND_PROTOCOL] = true,
		[BH_KIND_INCOMPLETE] = true,
	};

	return names[kind];
}
