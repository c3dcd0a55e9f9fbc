/* SPDX-License-Identifier: Apache-2.0 */

/* attempt.c: an attempt while it has processes: spawning, what it does, stopping. */

#include <assert.h>
#include <stdio.h>

#include "ipc/wire/base.h"
#include "sandbox/client.h"
#include "supervisor/attempt_internal.h"

/* A launcher that is asked to kill and says nothing for this long is lost. */
#define LAUNCHER_PATIENCE_US (10 * 1000 * 1000)

/* So many refusals and the handler is no program that tries once: a fork bomb. */
#define MAX_REFUSED_FORKS 128

#define CALLS_AT_END 1024

void bh_attempt_move_to(struct bh_attempt *attempt, enum bh_attempt_state to)
{
	static const bool legal[BH_ATTEMPT_STATES][BH_ATTEMPT_STATES] = {
		[BH_ATTEMPT_IDLE] = { [BH_ATTEMPT_PREPARED] = true, [BH_ATTEMPT_ENDED] = true },
		[BH_ATTEMPT_PREPARED] = { [BH_ATTEMPT_SPAWNING] = true, [BH_ATTEMPT_ENDED] = true },
		[BH_ATTEMPT_SPAWNING] = { [BH_ATTEMPT_RUNNING] = true,
		                          [BH_ATTEMPT_GRACE] = true,
		                          [BH_ATTEMPT_KILLED] = true,
		                          [BH_ATTEMPT_ENDED] = true },
		[BH_ATTEMPT_RUNNING] = { [BH_ATTEMPT_GRACE] = true,
		                         [BH_ATTEMPT_KILLED] = true,
		                         [BH_ATTEMPT_ENDED] = true },
		[BH_ATTEMPT_GRACE] = { [BH_ATTEMPT_KILLED] = true, [BH_ATTEMPT_ENDED] = true },
		[BH_ATTEMPT_KILLED] = { [BH_ATTEMPT_ENDED] = true },
	};

	(void)legal; /* release builds leave assertions out */
	assert(legal[attempt->state][to]);
	attempt->state = to;
}

bool bh_attempt_is_live(const struct bh_attempt *attempt)
{
	switch (attempt->state) {
	case BH_ATTEMPT_SPAWNING:
	case BH_ATTEMPT_RUNNING:
	case BH_ATTEMPT_GRACE:
	case BH_ATTEMPT_KILLED:
		return true;
	case BH_ATTEMPT_IDLE:
	case BH_ATTEMPT_PREPARED:
	case BH_ATTEMPT_ENDED:
		return false;
	}
	return false;
}

struct bh_source bh_attempt_source(const struct bh_attempt *attempt, enum bh_source_kind kind)
{
	return (struct bh_source){ .kind = kind,
		                   .slot = attempt->slot,
		                   .generation = attempt->generation };
}

int bh_attempt_spawn(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                     struct bh_sandbox *sandbox, struct bh_error *err)
{
	const struct bh_spawn_fds fds = { .context = attempt->context.fd,
		                          .results = attempt->results.fd,
		                          .out = attempt->out_writer,
		                          .err = attempt->err_writer };

	assert(attempt->state == BH_ATTEMPT_PREPARED);
	int r = bh_sandbox_spawn(sandbox, attempt->slot, &fds, err);
	if (r < 0)
		return r;
	snprintf(attempt->result->missing_layers, sizeof(attempt->result->missing_layers), "%s",
	         bh_sandbox_missing(sandbox));
	attempt->deadline_us = bh_add_saturated(bh_now_us(), attempt->evidence.limits.timeout_us);
	attempt->may_fork = rules->forks; /* unless a template is said to warm up first */
	bh_region_done(&attempt->context);
	bh_fd_done(&attempt->out_writer);
	bh_fd_done(&attempt->err_writer);
	bh_attempt_move_to(attempt, BH_ATTEMPT_SPAWNING);
	return 0;
}

void bh_attempt_refuse(struct bh_attempt *attempt, enum bh_not_started why,
                       const struct bh_error *error, const char *stage)
{
	attempt->evidence.not_started = why;
	if (error)
		attempt->evidence.error = *error;
	if (stage)
		snprintf(attempt->evidence.stage, sizeof(attempt->evidence.stage), "%s", stage);
	bh_attempt_move_to(attempt, BH_ATTEMPT_ENDED);
}

/* ---- while it runs ---- */

/* Does nothing where SIGKILL was sent already, or nothing is left to kill. */
static int kill_all(struct bh_attempt *attempt, struct bh_sandbox *sandbox, struct bh_error *err)
{
	if (!bh_attempt_is_live(attempt) || attempt->state == BH_ATTEMPT_KILLED)
		return 0;
	int r = bh_sandbox_kill(sandbox, attempt->slot, BH_KILL_ALL, err);
	if (r < 0)
		return r;
	attempt->deadline_us = bh_add_saturated(bh_now_us(), LAUNCHER_PATIENCE_US);
	bh_attempt_move_to(attempt, BH_ATTEMPT_KILLED);
	return 0;
}

void bh_attempt_note_failure(struct bh_attempt *attempt, const struct bh_error *error)
{
	if (attempt->evidence.gave_up)
		return;
	attempt->evidence.gave_up = true;
	attempt->evidence.error = *error;
}

void bh_attempt_close_listener(struct bh_attempt *attempt)
{
	bh_loop_remove(attempt->loop, attempt->listener);
	bh_fd_done(&attempt->listener);
}

static void close_capture(struct bh_attempt *attempt, struct bh_capture *capture)
{
	bh_loop_remove(attempt->loop, capture->fd);
	bh_fd_done(&capture->fd);
}

/* What a template does while it warms up has a time of its own, and what it may
 * not do is not the batch's. */
static void end_warming(struct bh_attempt *attempt)
{
	attempt->warming = false;
	attempt->evidence.refused_forks = 0;
	if (attempt->state == BH_ATTEMPT_SPAWNING)
		attempt->deadline_us =
		        bh_add_saturated(bh_now_us(), attempt->evidence.limits.timeout_us);
}

void bh_attempt_on_started(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                           const struct bh_message_started *started, int64_t pid)
{
	if (started->warming) {
		attempt->warming = true;
		attempt->may_fork = false;
		return;
	}
	if (attempt->warming)
		end_warming(attempt);
	attempt->may_fork = rules->forks;
	if (attempt->state == BH_ATTEMPT_RUNNING)
		return; /* told already: it went on to a second template */
	if (attempt->state == BH_ATTEMPT_SPAWNING)
		bh_attempt_move_to(attempt, BH_ATTEMPT_RUNNING);
	bh_subject_tell(&attempt->subject,
	                (struct bh_event){ .type = BH_EVENT_STARTED, .pid = pid });
}

int bh_attempt_on_output(struct bh_attempt *attempt, struct bh_sandbox *sandbox,
                         enum bh_source_kind which, struct bh_error *err)
{
	struct bh_capture *capture = which == BH_SOURCE_OUT ? &attempt->out : &attempt->err;
	struct bh_error error;

	if (capture->fd < 0)
		return 0;
	int r = bh_capture_read(capture, &error);
	if (r > 0)
		return 0;
	close_capture(attempt, capture);
	if (r == 0)
		return 0;
	bh_attempt_note_failure(attempt, &error);
	return kill_all(attempt, sandbox, err);
}

static int refuse_fork(struct bh_attempt *attempt, struct bh_sandbox *sandbox, uint64_t cookie,
                       struct bh_error *err)
{
	struct bh_evidence *evidence = &attempt->evidence;
	struct bh_error error;

	if (!evidence->killed_for_forks) /* those until the kill comes depend on who is faster */
		evidence->refused_forks++;
	if (bh_listener_refuse(attempt->listener, cookie, EAGAIN, &error) < 0) {
		bh_attempt_note_failure(attempt, &error);
		return kill_all(attempt, sandbox, err);
	}
	if (evidence->refused_forks < MAX_REFUSED_FORKS)
		return 0;
	evidence->killed_for_forks |= bh_attempt_is_live(attempt);
	return kill_all(attempt, sandbox, err);
}

/* The template's own, for the batch: nobody else is there yet to make it. What
 * else the call asks for is in its registers, and was looked at. */
static int allow_fork(struct bh_attempt *attempt, struct bh_sandbox *sandbox, uint64_t cookie,
                      struct bh_error *err)
{
	struct bh_error error;

	int r = bh_listener_allow(attempt->listener, cookie, &error);
	if (r >= 0) {
		attempt->may_fork = r == 0;
		return 0;
	}
	bh_attempt_note_failure(attempt, &error);
	return kill_all(attempt, sandbox, err);
}

/* A violation is not answered: the call waits until its process is killed. */
static int take_call(struct bh_attempt *attempt, struct bh_sandbox *sandbox,
                     const struct bh_syscall *call, uint64_t cookie, struct bh_error *err)
{
	struct bh_evidence *evidence = &attempt->evidence;

	/* where more than one is allowed, it is the profile that forbids it */
	if (evidence->limits.max_procs == 1 && bh_syscall_makes_process(call))
		return attempt->may_fork ? allow_fork(attempt, sandbox, cookie, err)
		                         : refuse_fork(attempt, sandbox, cookie, err);
	if (!evidence->violated) {
		evidence->violated = true;
		evidence->has_syscall = true;
		evidence->syscall = *call;
	}
	return kill_all(attempt, sandbox, err);
}

/* Reads one call. Returns 1 where there may be more, 0 where there is none now,
 * or the error of a kill. */
static int read_call(struct bh_attempt *attempt, struct bh_sandbox *sandbox, struct bh_error *err)
{
	struct bh_syscall call;
	uint64_t cookie;
	struct bh_error error;

	int r = bh_listener_receive(attempt->listener, &call, &cookie, &error);
	if (r == 1) {
		r = take_call(attempt, sandbox, &call, cookie, err);
		return r < 0 ? r : 1;
	}
	if (r == -EAGAIN)
		return 0;
	if (r == 0) {
		attempt->call_vanished = true;
		return 1;
	}
	bh_attempt_close_listener(attempt);
	if (r == -ENOENT)
		return 0;
	bh_attempt_note_failure(attempt, &error);
	return kill_all(attempt, sandbox, err);
}

int bh_attempt_on_listener(struct bh_attempt *attempt, struct bh_sandbox *sandbox, int max_calls,
                           struct bh_error *err)
{
	int r = 1;

	for (int i = 0; r > 0 && attempt->listener >= 0 && i < max_calls; i++)
		r = read_call(attempt, sandbox, err);
	return r < 0 ? r : 0;
}

int bh_attempt_on_idle_listener(struct bh_attempt *attempt, struct bh_sandbox *sandbox,
                                struct bh_error *err)
{
	struct bh_syscall call;
	uint64_t cookie;
	struct bh_error ignored;

	int r = bh_listener_receive(attempt->listener, &call, &cookie, &ignored);
	if (r == 1)
		return bh_sandbox_kill(sandbox, attempt->slot, BH_KILL_ALL, err);
	if (r < 0 && r != -EAGAIN)
		bh_attempt_close_listener(attempt);
	return 0;
}

static int begin_grace(struct bh_attempt *attempt, struct bh_sandbox *sandbox, uint64_t now_us,
                       struct bh_error *err)
{
	attempt->evidence.timed_out = true;
	int r = bh_sandbox_kill(sandbox, attempt->slot, BH_KILL_TERM, err);
	if (r < 0)
		return r;
	attempt->deadline_us = bh_add_saturated(now_us, attempt->evidence.limits.grace_us);
	bh_attempt_move_to(attempt, BH_ATTEMPT_GRACE);
	bh_subject_tell(&attempt->subject, (struct bh_event){ .type = BH_EVENT_TIMED_OUT });
	return 0;
}

int bh_attempt_on_deadline(struct bh_attempt *attempt, struct bh_sandbox *sandbox, uint64_t now_us,
                           struct bh_error *err)
{
	switch (attempt->state) {
	case BH_ATTEMPT_SPAWNING:
	case BH_ATTEMPT_RUNNING:
		return begin_grace(attempt, sandbox, now_us, err);
	case BH_ATTEMPT_GRACE:
		attempt->evidence.grace_ran_out = true;
		return kill_all(attempt, sandbox, err);
	case BH_ATTEMPT_KILLED:
		return bh_fail_plain(err, ETIMEDOUT,
		                     "it did not end batch %s within %d s of being asked to",
		                     attempt->batch->batch_id, LAUNCHER_PATIENCE_US / 1000000);
	case BH_ATTEMPT_IDLE:
	case BH_ATTEMPT_PREPARED:
	case BH_ATTEMPT_ENDED:
		break;
	}
	return 0;
}

int bh_attempt_cancel(struct bh_attempt *attempt, struct bh_sandbox *sandbox, struct bh_error *err)
{
	if (bh_attempt_is_live(attempt) && attempt->state != BH_ATTEMPT_KILLED)
		attempt->evidence.cancelled = true;
	return kill_all(attempt, sandbox, err);
}

void bh_attempt_look(struct bh_attempt *attempt)
{
	if (attempt->state == BH_ATTEMPT_RUNNING || attempt->state == BH_ATTEMPT_GRACE)
		bh_watch_look(&attempt->watch, &attempt->results, &attempt->subject);
}

void bh_attempt_on_ended(struct bh_attempt *attempt, const struct bh_message_ended *ended)
{
	attempt->evidence.ended = *ended;
	bh_attempt_move_to(attempt, BH_ATTEMPT_ENDED);
}

void bh_attempt_on_lost(struct bh_attempt *attempt, const struct bh_error *error)
{
	attempt->evidence.launcher_lost = true;
	attempt->evidence.error = *error;
	bh_attempt_move_to(attempt, BH_ATTEMPT_ENDED);
}

void bh_attempt_drain_listener(struct bh_attempt *attempt)
{
	for (int i = 0; attempt->listener >= 0 && i < CALLS_AT_END; i++)
		if (read_call(attempt, NULL, NULL) <= 0)
			return;
}

void bh_attempt_done(struct bh_attempt *attempt)
{
	struct bh_loop *loop = attempt->loop;
	uint32_t slot = attempt->slot;
	int listener = attempt->listener;

	close_capture(attempt, &attempt->out);
	close_capture(attempt, &attempt->err);
	bh_capture_done(&attempt->out);
	bh_capture_done(&attempt->err);
	bh_fd_done(&attempt->out_writer);
	bh_fd_done(&attempt->err_writer);
	bh_region_done(&attempt->context);
	bh_region_done(&attempt->results);
	bh_lease_release(&attempt->lease);
	bh_result_free(attempt->result);
	uint32_t generation = attempt->generation;
	*attempt = BH_ATTEMPT_UNSET;
	attempt->loop = loop;
	attempt->slot = slot;
	attempt->listener = listener;
	attempt->generation = generation + 1; /* events of the past are not its own */
}
