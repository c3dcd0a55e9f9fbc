/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/attempt.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "ipc/codec/context.h"
#include "ipc/codec/records.h"
#include "ipc/wire/base.h"
#include "sandbox/client.h"

/* A launcher that is asked to kill and says nothing for this long is lost. */
#define LAUNCHER_PATIENCE_US (10 * 1000 * 1000)

/* So many refusals and the handler is no program that tries once: a fork bomb. */
#define MAX_REFUSED_FORKS 128

/* Calls read from a listener in one step, in fairness to the other attempts. */
#define CALLS_PER_STEP 16
#define CALLS_AT_END   1024

static void move_to(struct bh_attempt *attempt, enum bh_attempt_state to)
{
	static const bool legal[BH_ATTEMPT_STATES][BH_ATTEMPT_STATES] = {
		[BH_ATTEMPT_IDLE] = { [BH_ATTEMPT_PREPARED] = true, [BH_ATTEMPT_ENDED] = true },
		[BH_ATTEMPT_PREPARED] = { [BH_ATTEMPT_RUNNING] = true, [BH_ATTEMPT_ENDED] = true },
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

/* ---- beginning ---- */

static struct bh_source source_of(const struct bh_attempt *attempt, enum bh_source_kind kind)
{
	return (struct bh_source){ .kind = kind,
		                   .slot = attempt->slot,
		                   .generation = attempt->generation };
}

/* Without any of what has to be given back. */
static int begin_empty(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                       const struct bh_batch *batch, struct bh_error *err)
{
	assert(attempt->state == BH_ATTEMPT_IDLE);
	attempt->result = calloc(1, sizeof(*attempt->result));
	if (!attempt->result)
		return bh_fail(err, ENOMEM, "make the result of batch %s", batch->batch_id);
	attempt->batch = batch;
	attempt->begun_us = bh_now_us();
	attempt->deadline_us = UINT64_MAX;
	attempt->evidence = (struct bh_evidence){ .max_entries = rules->max_entries,
		                                  .limits = rules->limits,
		                                  .strict_results = rules->strict_results };
	return 0;
}

static int copy_missing_ids(const struct bh_lease *lease, struct bh_result *result,
                            struct bh_error *err)
{
	size_t n = lease->n_missing_ids;

	if (n == 0)
		return 0;
	result->missing_ids = reallocarray(NULL, n, sizeof(*result->missing_ids));
	if (!result->missing_ids)
		return bh_fail(err, ENOMEM, "list %zu missing entries", n);
	memcpy(result->missing_ids, lease->missing_ids, n * sizeof(*result->missing_ids));
	result->n_missing_ids = n;
	return 0;
}

static int encode_header(const struct bh_attempt *attempt, struct bh_encoded *ret,
                         struct bh_error *err)
{
	const struct bh_lease *lease = &attempt->lease;
	const struct bh_context_header header = {
		.batch_id = attempt->batch->batch_id,
		.attempt = 1,
		.timeout_us = attempt->evidence.limits.timeout_us,
		.entry_count = attempt->evidence.entry_count,
		.total_tokens = lease->total_tokens,
		.missing_ids = lease->missing_ids,
		.n_missing_ids = lease->n_missing_ids,
		.tasks = attempt->batch->tasks,
		.n_tasks = attempt->batch->n_tasks,
		.n_entries = lease->n_entries,
	};

	return bh_context_header_encode(&header, ret, err);
}

/* Header and entries as they are stored: one vectored write, no second copy. */
static int make_context(struct bh_attempt *attempt, struct bh_error *err)
{
	BH_CLEANUP(bh_encoded_done) struct bh_encoded header = BH_ENCODED_UNSET;
	BH_CLEANUP(bh_free_done) struct iovec *parts = NULL;
	size_t n_entries = attempt->lease.n_entries;

	int r = encode_header(attempt, &header, err);
	if (r < 0)
		return r;
	parts = calloc(n_entries + 1, sizeof(*parts));
	if (!parts)
		return bh_fail(err, ENOMEM, "lay out a context of %zu entries", n_entries);
	parts[0] = (struct iovec){ .iov_base = header.data, .iov_len = header.size };
	for (size_t i = 0; i < n_entries; i++) {
		struct bh_span encoded = bh_lease_encoded(&attempt->lease, i);
		parts[i + 1].iov_base = (void *)(uintptr_t)encoded.data;
		parts[i + 1].iov_len = encoded.size;
	}
	return bh_region_seal(parts, n_entries + 1, SIZE_MAX / 2, &attempt->context, err);
}

static int make_pipes(struct bh_attempt *attempt, struct bh_error *err)
{
	uint64_t max_bytes = attempt->evidence.limits.output_bytes;

	int r = bh_capture_open(max_bytes, &attempt->out, &attempt->out_writer, err);
	if (r == 0)
		r = bh_capture_open(max_bytes, &attempt->err, &attempt->err_writer, err);
	if (r == 0)
		r = bh_loop_add(attempt->loop, attempt->out.fd, source_of(attempt, BH_SOURCE_OUT),
		                err);
	if (r == 0)
		r = bh_loop_add(attempt->loop, attempt->err.fd, source_of(attempt, BH_SOURCE_ERR),
		                err);
	return r;
}

static int prepare(struct bh_attempt *attempt, struct bh_store *store, struct bh_error *err)
{
	int r = bh_lease_take(store, attempt->batch, &attempt->lease, err);

	if (r == 0)
		r = copy_missing_ids(&attempt->lease, attempt->result, err);
	if (r == 0)
		r = make_context(attempt, err);
	if (r == 0)
		r = bh_region_open_results((size_t)attempt->evidence.limits.results_bytes,
		                           &attempt->results, err);
	if (r == 0)
		r = make_pipes(attempt, err);
	return r;
}

int bh_attempt_begin(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                     const struct bh_batch *batch, struct bh_error *err)
{
	struct bh_evidence *evidence = &attempt->evidence;

	int r = begin_empty(attempt, rules, batch, err);
	if (r < 0)
		return r;
	r = bh_batch_count_entries(batch, &evidence->entry_count);
	if (r < 0) {
		(void)bh_fail(&evidence->error, -r, "count the entries of the batch");
		evidence->not_started = BH_NOT_STARTED_INTERNAL;
	} else if (evidence->entry_count > rules->max_entries) {
		evidence->not_started = BH_NOT_STARTED_BOUNDS;
	} else {
		attempt->result->attempts = 1;
		if (prepare(attempt, rules->store, &evidence->error) < 0)
			evidence->not_started = BH_NOT_STARTED_INTERNAL;
	}
	move_to(attempt, evidence->not_started == BH_NOT_STARTED_NO ? BH_ATTEMPT_PREPARED
	                                                            : BH_ATTEMPT_ENDED);
	return 0;
}

int bh_attempt_begin_cancelled(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                               const struct bh_batch *batch, struct bh_error *err)
{
	int r = begin_empty(attempt, rules, batch, err);

	if (r < 0)
		return r;
	if (bh_batch_count_entries(batch, &attempt->evidence.entry_count) < 0)
		attempt->evidence.entry_count = 0; /* out of memory: the least of what is lost */
	attempt->evidence.not_started = BH_NOT_STARTED_CANCELLED;
	move_to(attempt, BH_ATTEMPT_ENDED);
	return 0;
}

int bh_attempt_spawn(struct bh_attempt *attempt, struct bh_sandbox *sandbox, struct bh_error *err)
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
	bh_region_done(&attempt->context);
	bh_fd_done(&attempt->out_writer);
	bh_fd_done(&attempt->err_writer);
	move_to(attempt, BH_ATTEMPT_RUNNING);
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
	move_to(attempt, BH_ATTEMPT_ENDED);
}

/* ---- while it runs ---- */

/* Does nothing where SIGKILL was sent already, or nothing is left to kill. */
static int kill_all(struct bh_attempt *attempt, struct bh_sandbox *sandbox, struct bh_error *err)
{
	if (attempt->state != BH_ATTEMPT_RUNNING && attempt->state != BH_ATTEMPT_GRACE)
		return 0;
	int r = bh_sandbox_kill(sandbox, attempt->slot, BH_KILL_ALL, err);
	if (r < 0)
		return r;
	attempt->deadline_us = bh_add_saturated(bh_now_us(), LAUNCHER_PATIENCE_US);
	move_to(attempt, BH_ATTEMPT_KILLED);
	return 0;
}

/* We can't go on with it; the first reason is kept. */
static void note_failure(struct bh_attempt *attempt, const struct bh_error *error)
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
	note_failure(attempt, &error);
	return kill_all(attempt, sandbox, err);
}

static int refuse_fork(struct bh_attempt *attempt, struct bh_sandbox *sandbox, uint64_t cookie,
                       struct bh_error *err)
{
	struct bh_evidence *evidence = &attempt->evidence;
	struct bh_error error;

	evidence->refused_forks++;
	if (bh_listener_refuse(attempt->listener, cookie, EAGAIN, &error) < 0) {
		note_failure(attempt, &error);
		return kill_all(attempt, sandbox, err);
	}
	if (evidence->refused_forks < MAX_REFUSED_FORKS)
		return 0;
	evidence->killed_for_forks |= bh_attempt_is_live(attempt);
	return kill_all(attempt, sandbox, err);
}

/* A violation is not answered: the call waits until its process is killed. */
static int take_call(struct bh_attempt *attempt, struct bh_sandbox *sandbox,
                     const struct bh_syscall *call, uint64_t cookie, struct bh_error *err)
{
	struct bh_evidence *evidence = &attempt->evidence;

	/* where more than one is allowed, it is the profile that forbids it */
	if (evidence->limits.max_procs == 1 && bh_syscall_makes_process(call))
		return refuse_fork(attempt, sandbox, cookie, err);
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
	note_failure(attempt, &error);
	return kill_all(attempt, sandbox, err);
}

int bh_attempt_on_listener(struct bh_attempt *attempt, struct bh_sandbox *sandbox,
                           struct bh_error *err)
{
	int r = 1;

	for (int i = 0; r > 0 && attempt->listener >= 0 && i < CALLS_PER_STEP; i++)
		r = read_call(attempt, sandbox, err);
	return r < 0 ? r : 0;
}

static int begin_grace(struct bh_attempt *attempt, struct bh_sandbox *sandbox, uint64_t now_us,
                       struct bh_error *err)
{
	attempt->evidence.timed_out = true;
	int r = bh_sandbox_kill(sandbox, attempt->slot, BH_KILL_TERM, err);
	if (r < 0)
		return r;
	attempt->deadline_us = bh_add_saturated(now_us, attempt->evidence.limits.grace_us);
	move_to(attempt, BH_ATTEMPT_GRACE);
	return 0;
}

int bh_attempt_on_deadline(struct bh_attempt *attempt, struct bh_sandbox *sandbox, uint64_t now_us,
                           struct bh_error *err)
{
	switch (attempt->state) {
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
	if (attempt->state == BH_ATTEMPT_RUNNING || attempt->state == BH_ATTEMPT_GRACE)
		attempt->evidence.cancelled = true;
	return kill_all(attempt, sandbox, err);
}

/* ---- the end ---- */

/* Calls that were notified and not read when the end came: they outrank the wait
 * status. At most one waits for each thread that there was. */
static void drain_listener(struct bh_attempt *attempt)
{
	for (int i = 0; attempt->listener >= 0 && i < CALLS_AT_END; i++)
		if (read_call(attempt, NULL, NULL) <= 0)
			return;
}

void bh_attempt_on_ended(struct bh_attempt *attempt, const struct bh_message_ended *ended)
{
	attempt->evidence.ended = *ended;
	move_to(attempt, BH_ATTEMPT_ENDED);
}

void bh_attempt_on_lost(struct bh_attempt *attempt, const struct bh_error *error)
{
	attempt->evidence.launcher_lost = true;
	attempt->evidence.error = *error;
	move_to(attempt, BH_ATTEMPT_ENDED);
}

/* A call that was gone before it could be read is a violation where nothing else
 * explains it: not a refused fork that was interrupted and made again, nor a
 * kill of ours. */
static void judge_vanished_call(struct bh_attempt *attempt)
{
	struct bh_evidence *evidence = &attempt->evidence;

	if (attempt->call_vanished && evidence->refused_forks == 0 && !evidence->timed_out &&
	    !evidence->cancelled && !evidence->gave_up)
		evidence->violated = true;
}

/* Copies what was committed and reads the copy. */
static int read_results(struct bh_attempt *attempt, struct bh_records *ret, struct bh_error *err)
{
	struct bh_span bytes = { .data = "", .size = 0 };

	if (attempt->results.fd >= 0) {
		uint8_t *copy = NULL;
		int r = bh_region_copy_committed(&attempt->results, &copy, &bytes.size, err);
		if (r < 0)
			return r;
		attempt->result->memory = copy;
		bytes.data = copy ? (const void *)copy : "";
		attempt->evidence.results_full = bytes.size == attempt->results.size;
	}
	return bh_records_read(bytes, attempt->batch, ret, err);
}

static size_t count_unknown(const struct bh_records *records)
{
	size_t n = 0;

	for (size_t i = 0; i < records->n_task_results; i++)
		n += records->task_results[i].is_unknown;
	return n;
}

/* The batch's own id of the task: a handler can start only what it was given. */
static const char *find_task_id(const struct bh_batch *batch, struct bh_span id)
{
	for (size_t i = 0; id.data && i < batch->n_tasks; i++) {
		const char *known = batch->tasks[i]->id;
		if (strlen(known) == id.size && memcmp(known, id.data, id.size) == 0)
			return known;
	}
	return NULL;
}

/* `records` is NULL where they could not be read. */
static void decide(struct bh_attempt *attempt, const struct bh_records *records)
{
	struct bh_outcome *outcome = &attempt->result->outcome;

	attempt->evidence.records = records;
	attempt->evidence.n_unknown = records ? count_unknown(records) : 0;
	bh_outcome_decide(&attempt->evidence, outcome);
	attempt->evidence.records = NULL;
	if (records && bh_outcome_names_culprit(outcome->kind))
		outcome->task_id = find_task_id(attempt->batch, records->running);
}

static void take_records(struct bh_result *result, struct bh_records *records)
{
	result->task_results = BH_TAKE(records->task_results, NULL);
	result->n_task_results = BH_TAKE(records->n_task_results, 0);
	result->missing_task_ids = BH_TAKE(records->missing_task_ids, NULL);
	result->n_missing_task_ids = BH_TAKE(records->n_missing_task_ids, 0);
	result->duplicate_results = records->duplicate_results;
	result->trailing_bytes = records->trailing_bytes;
}

static struct bh_usage usage_of(const struct bh_message_ended *ended)
{
	return (struct bh_usage){ .user_us = ended->user_us,
		                  .system_us = ended->system_us,
		                  .memory_peak_bytes = ended->memory_peak_bytes,
		                  .max_rss_bytes = ended->max_rss_bytes,
		                  .minor_faults = ended->minor_faults,
		                  .major_faults = ended->major_faults,
		                  .voluntary_switches = ended->voluntary_switches,
		                  .involuntary_switches = ended->involuntary_switches };
}

static void fill_in(struct bh_attempt *attempt)
{
	struct bh_result *result = attempt->result;

	result->batch_id = attempt->batch->batch_id;
	result->success = result->outcome.kind == BH_KIND_NONE;
	result->partial = !result->success && result->n_task_results > 0;
	result->entry_count = attempt->evidence.entry_count;
	result->entries_found = attempt->lease.n_entries;
	result->total_tokens = attempt->lease.total_tokens;
	result->usage = usage_of(&attempt->evidence.ended);
	result->memory_held_by = (enum bh_memory_holder)attempt->evidence.ended.memory_held_by;
	result->out = bh_capture_take(&attempt->out);
	result->err = bh_capture_take(&attempt->err);
}

struct bh_result *bh_attempt_finish(struct bh_attempt *attempt)
{
	BH_CLEANUP(bh_records_done) struct bh_records records = BH_RECORDS_UNSET;
	struct bh_error error;

	assert(attempt->state == BH_ATTEMPT_ENDED);
	bh_capture_drain(&attempt->out);
	bh_capture_drain(&attempt->err);
	drain_listener(attempt);
	judge_vanished_call(attempt);
	int r = read_results(attempt, &records, &error);
	if (r < 0 && attempt->evidence.not_started == BH_NOT_STARTED_NO &&
	    !attempt->evidence.launcher_lost)
		note_failure(attempt, &error);
	decide(attempt, r < 0 ? NULL : &records);
	take_records(attempt->result, &records);
	fill_in(attempt);

	struct bh_result *result = BH_TAKE(attempt->result, NULL);
	uint64_t begun_us = attempt->begun_us;
	bh_attempt_done(attempt);
	result->duration_us = bh_now_us() - begun_us;
	return result;
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
