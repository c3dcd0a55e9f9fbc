/* SPDX-License-Identifier: Apache-2.0 */

/* executor.c: a queue of batches, slots to run them in, one loop.
 *
 * A step handles what is ready, then deadlines, then starts what the free slots
 * allow, then sets the timer for the next deadline. A callback runs only when
 * its attempt has left its slot, so it finds the executor whole and may submit
 * and cancel. A launcher that is lost takes its attempts with it; the next batch
 * that is started brings a new one. */

#include "supervisor/executor.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulkhead/executor.h"
#include "ipc/wire/base.h"
#include "sandbox/client.h"
#include "sandbox/profile_catalog.h"
#include "supervisor/attempt.h"
#include "supervisor/batch.h"
#include "supervisor/loop.h"
#include "supervisor/program.h"

/* As many as a launcher serves. */
#define MAX_JOBS 1024

/* Batches taken from the queue in one step, beside one for each slot: those that
 * end without a handler need no slot for long. */
#define EXTRA_STARTS 64

/* A batch that was submitted. Small, for a million may wait. */
struct submission {
	struct submission *next;
	const struct bh_batch *batch;
	void (*on_result)(struct bh_result *result, void *userdata);
	void *userdata;
	size_t index;
};

struct slot {
	struct bh_attempt attempt;
	struct submission *submission; /* owned; NULL where the slot is free */
};

struct bh_executor {
	struct bh_attempt_rules rules;
	enum bh_isolation isolation;
	char *launcher;
	struct bh_profile profile;
	struct bh_program program;
	struct bh_loop loop;
	struct bh_sandbox *sandbox; /* NULL where there is none at present */
	uint32_t sandbox_generation;
	struct bh_error sandbox_error; /* code not 0: it has to be given up */
	bool sent; /* something was asked of it: it may have taken in events meanwhile */
	struct slot *slots;
	size_t n_slots;
	size_t n_running;
	struct submission *queue;
	struct submission **queue_end;
	size_t n_queued;
	size_t next_index;
	size_t cancelled_below; /* submissions with a smaller index are cancelled */
	struct bh_audience audience;
	uint64_t watch_us;     /* between looks at what runs; 0 for none */
	uint64_t next_look_us; /* when the next is due */
	bool stepping;
};

/* ---- sandbox ---- */

static int start_sandbox(struct bh_executor *executor, char stage[BH_STAGE_TEXT_SIZE],
                         struct bh_error *err)
{
	const struct bh_sandbox_options options = {
		.launcher = executor->launcher,
		.isolation = executor->isolation,
		.limits = executor->rules.limits,
		.handler_fd = executor->program.fd,
		.handler_name = executor->program.name,
		.handler_path = executor->program.path,
		.args = (const char *const *)executor->program.args,
		.env = (const char *const *)executor->program.env,
		.profile = &executor->profile,
		.max_running = executor->n_slots,
	};
	struct bh_sandbox *made;

	int r = bh_sandbox_start(&options, &made, stage, err);
	if (r < 0)
		return r;
	struct bh_source source = { .kind = BH_SOURCE_SANDBOX,
		                    .generation = ++executor->sandbox_generation };
	r = bh_loop_add(&executor->loop, bh_sandbox_fd(made), source, err);
	if (r < 0) {
		bh_sandbox_free(made);
		return r;
	}
	executor->sandbox = made;
	return 0;
}

/* Kills the launcher, and with it whatever runs. */
static void drop_sandbox(struct bh_executor *executor)
{
	for (size_t i = 0; i < executor->n_slots; i++)
		bh_attempt_close_listener(&executor->slots[i].attempt);
	if (executor->sandbox)
		bh_loop_remove(&executor->loop, bh_sandbox_fd(executor->sandbox));
	bh_sandbox_free(executor->sandbox);
	executor->sandbox = NULL;
	executor->sandbox_error = BH_ERROR_UNSET;
}

static struct bh_subject subject_of(const struct bh_executor *executor,
                                    const struct submission *submission, uint32_t attempt)
{
	if (!executor->audience.on_event)
		return (struct bh_subject){ .audience = NULL };
	return (struct bh_subject){ .audience = &executor->audience,
		                    .batch = submission->batch,
		                    .index = submission->index,
		                    .attempt = attempt };
}

static void tell_ended(const struct bh_executor *executor, const struct submission *submission,
                       const struct bh_result *result)
{
	struct bh_subject attempt = subject_of(executor, submission, result->attempts);
	struct bh_subject batch = subject_of(executor, submission, 0);

	if (!result->success && result->attempts > 0)
		bh_subject_tell(&attempt, (struct bh_event){ .type = BH_EVENT_ATTEMPT_FAILED,
		                                             .outcome = &result->outcome });
	bh_subject_tell(&batch,
	                (struct bh_event){ .type = BH_EVENT_BATCH_ENDED, .result = result });
}

static void deliver(struct bh_executor *executor, struct slot *slot)
{
	struct bh_result *result = bh_attempt_finish(&slot->attempt);
	struct submission submission = *slot->submission;

	free(slot->submission);
	slot->submission = NULL;
	executor->n_running--;
	result->index = submission.index;
	tell_ended(executor, &submission, result);
	submission.on_result(result, submission.userdata);
}

/* The first reason is kept; lose_sandbox acts on it. */
static void give_up_sandbox(struct bh_executor *executor, const struct bh_error *error)
{
	if (executor->sandbox_error.code == 0)
		executor->sandbox_error = *error;
	if (executor->sandbox_error.code == 0)
		executor->sandbox_error.code = EPROTO;
}

/* All attempts are marked before the first callback runs, which may cancel. */
static void lose_sandbox(struct bh_executor *executor)
{
	struct bh_error error = executor->sandbox_error;

	drop_sandbox(executor);
	for (size_t i = 0; i < executor->n_slots; i++)
		if (bh_attempt_is_live(&executor->slots[i].attempt))
			bh_attempt_on_lost(&executor->slots[i].attempt, &error);
	for (size_t i = 0; i < executor->n_slots; i++)
		if (executor->slots[i].attempt.state == BH_ATTEMPT_ENDED)
			deliver(executor, &executor->slots[i]);
}

static void lose_sandbox_given_up(struct bh_executor *executor)
{
	if (executor->sandbox_error.code != 0)
		lose_sandbox(executor);
}

/* ---- events ---- */

/* The listener is the slot's for as long as there is this sandbox. */
static int take_listener(struct bh_executor *executor, struct bh_attempt *attempt, int listener,
                         struct bh_error *err)
{
	struct bh_source source = { .kind = BH_SOURCE_LISTENER,
		                    .slot = attempt->slot,
		                    .generation = executor->sandbox_generation };

	bh_attempt_close_listener(attempt);
	attempt->listener = listener;
	return bh_loop_add(&executor->loop, listener, source, err);
}

static int handle_started(struct bh_attempt *attempt, struct bh_error *err)
{
	if (!bh_attempt_is_live(attempt))
		return bh_fail_plain(err, EPROTO, "it started a handler that was not asked for");
	bh_attempt_on_started(attempt);
	return 0;
}

static int handle_ended(struct bh_executor *executor, struct slot *slot,
                        const struct bh_message_ended *ended, struct bh_error *err)
{
	if (!bh_attempt_is_live(&slot->attempt))
		return bh_fail_plain(err, EPROTO, "it ended a handler that did not run");
	bh_attempt_on_ended(&slot->attempt, ended);
	deliver(executor, slot);
	return 0;
}

static int handle_event(struct bh_executor *executor, struct bh_sandbox_event *event,
                        struct bh_error *err)
{
	if (event->id >= executor->n_slots) {
		bh_fd_done(&event->listener);
		return bh_fail_plain(err, EPROTO, "it spoke of an unknown handler");
	}
	struct slot *slot = &executor->slots[event->id];
	switch (event->type) {
	case BH_SANDBOX_LISTENER:
		return take_listener(executor, &slot->attempt, event->listener, err);
	case BH_SANDBOX_STARTED:
		return handle_started(&slot->attempt, err);
	case BH_SANDBOX_ENDED:
		return handle_ended(executor, slot, &event->ended, err);
	}
	return 0;
}

/* Each handler gives three events at most, so this ends. */
static int read_sandbox(struct bh_executor *executor, struct bh_error *err)
{
	struct bh_sandbox_event event;
	int r = 0;

	while (r == 0 && executor->sandbox_error.code == 0) {
		r = bh_sandbox_next_event(executor->sandbox, &event, err);
		if (r != 1)
			return r;
		r = handle_event(executor, &event, err);
	}
	return r;
}

/* What the sandbox took in while it waited to send doesn't make it readable. */
static void read_taken_in(struct bh_executor *executor)
{
	struct bh_error error = BH_ERROR_UNSET;

	if (!BH_TAKE(executor->sent, false) || !executor->sandbox)
		return;
	if (read_sandbox(executor, &error) < 0)
		give_up_sandbox(executor, &error);
	lose_sandbox_given_up(executor);
}

static int handle_source(struct bh_executor *executor, struct bh_source source,
                         struct bh_error *err)
{
	struct bh_attempt *attempt = &executor->slots[source.slot].attempt;

	if (source.kind == BH_SOURCE_SANDBOX)
		return source.generation == executor->sandbox_generation
		               ? read_sandbox(executor, err)
		               : 0;
	if (!bh_attempt_is_live(attempt))
		return 0;
	if (source.kind == BH_SOURCE_LISTENER)
		return source.generation == executor->sandbox_generation
		               ? bh_attempt_on_listener(attempt, executor->sandbox, err)
		               : 0;
	if (source.generation != attempt->generation)
		return 0;
	return bh_attempt_on_output(attempt, executor->sandbox, source.kind, err);
}

static int handle_ready(struct bh_executor *executor, struct bh_error *err)
{
	struct bh_source sources[BH_LOOP_BATCH];
	size_t n;

	int r = bh_loop_ready(&executor->loop, sources, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && executor->sandbox; i++) {
		struct bh_error error = BH_ERROR_UNSET;
		if (handle_source(executor, sources[i], &error) < 0)
			give_up_sandbox(executor, &error);
		lose_sandbox_given_up(executor);
	}
	return 0;
}

static void enforce_deadlines(struct bh_executor *executor)
{
	uint64_t now_us = bh_now_us();

	for (size_t i = 0; i < executor->n_slots; i++) {
		struct bh_attempt *attempt = &executor->slots[i].attempt;
		struct bh_error error = BH_ERROR_UNSET;
		if (!bh_attempt_is_live(attempt) || now_us < attempt->deadline_us)
			continue;
		executor->sent = true;
		if (bh_attempt_on_deadline(attempt, executor->sandbox, now_us, &error) < 0)
			give_up_sandbox(executor, &error);
	}
	lose_sandbox_given_up(executor);
}

/* Nothing tells that a handler has written to its results, so somebody who wants
 * to hear of it makes us look at intervals. */
static void look_at_records(struct bh_executor *executor)
{
	uint64_t now_us = bh_now_us();

	if (now_us < executor->next_look_us)
		return;
	for (size_t i = 0; i < executor->n_slots; i++)
		bh_attempt_look(&executor->slots[i].attempt);
	executor->next_look_us = bh_add_saturated(now_us, executor->watch_us);
}

/* ---- starting ---- */

static struct slot *find_free_slot(struct bh_executor *executor)
{
	if (executor->n_running == executor->n_slots)
		return NULL;
	for (size_t i = 0; i < executor->n_slots; i++)
		if (!executor->slots[i].submission)
			return &executor->slots[i];
	return NULL;
}

static struct submission *pop_submission(struct bh_executor *executor)
{
	struct submission *first = executor->queue;

	executor->queue = first->next;
	if (!executor->queue)
		executor->queue_end = &executor->queue;
	executor->n_queued--;
	return first;
}

/* A failure to spawn that another launcher would not cure. */
static bool is_shortage(int code)
{
	return code == ENOMEM || code == EMFILE || code == ENFILE || code == ENOBUFS ||
	       code == ETOOMANYREFS;
}

/* One try. An error where the launcher turned out to be lost: another may do. */
static int try_spawn(struct bh_executor *executor, struct slot *slot)
{
	char stage[BH_STAGE_TEXT_SIZE] = "";
	struct bh_error error = BH_ERROR_UNSET;

	if (slot->submission->index < executor->cancelled_below) {
		bh_attempt_refuse(&slot->attempt, BH_NOT_STARTED_CANCELLED, NULL, NULL);
		return 0;
	}
	if (!executor->sandbox && start_sandbox(executor, stage, &error) < 0) {
		bh_attempt_refuse(&slot->attempt, BH_NOT_STARTED_SANDBOX, &error, stage);
		return 0;
	}
	executor->sent = true;
	int r = bh_attempt_spawn(&slot->attempt, executor->sandbox, &error);
	if (r == 0)
		return 0;
	if (is_shortage(-r)) {
		bh_attempt_refuse(&slot->attempt, BH_NOT_STARTED_INTERNAL, &error, NULL);
		return 0;
	}
	give_up_sandbox(executor, &error);
	lose_sandbox(executor);
	return r;
}

static void spawn(struct bh_executor *executor, struct slot *slot)
{
	static const struct bh_error lost_twice = { .code = EPIPE,
		                                    .text = "two launchers in a row were lost" };

	if (try_spawn(executor, slot) < 0 && try_spawn(executor, slot) < 0)
		bh_attempt_refuse(&slot->attempt, BH_NOT_STARTED_INTERNAL, &lost_twice, NULL);
}

/* The first of the queue. It stays there where even its result can't be made. */
static int start_first(struct bh_executor *executor, struct slot *slot, struct bh_error *err)
{
	const struct submission *first = executor->queue;
	bool cancelled = first->index < executor->cancelled_below;

	slot->attempt.subject = subject_of(executor, first, 1);
	int r = cancelled ? bh_attempt_begin_cancelled(&slot->attempt, &executor->rules,
	                                               first->batch, err)
	                  : bh_attempt_begin(&slot->attempt, &executor->rules, first->batch, err);
	if (r < 0)
		return r;
	slot->submission = pop_submission(executor);
	executor->n_running++;
	if (slot->attempt.state == BH_ATTEMPT_PREPARED)
		spawn(executor, slot);
	if (slot->attempt.state == BH_ATTEMPT_ENDED)
		deliver(executor, slot);
	return 0;
}

static int start_queued(struct bh_executor *executor, struct bh_error *err)
{
	size_t left = executor->n_slots + EXTRA_STARTS;
	int r = 0;

	while (r == 0 && executor->queue && left-- > 0) {
		struct slot *slot = find_free_slot(executor);
		if (!slot)
			return 0;
		r = start_first(executor, slot, err);
	}
	return r;
}

static int arm(struct bh_executor *executor, struct bh_error *err)
{
	uint64_t earliest = UINT64_MAX;

	for (size_t i = 0; i < executor->n_slots; i++) {
		const struct bh_attempt *attempt = &executor->slots[i].attempt;
		if (bh_attempt_is_live(attempt) && attempt->deadline_us < earliest)
			earliest = attempt->deadline_us;
	}
	if (executor->watch_us > 0 && executor->n_running > 0 && executor->next_look_us < earliest)
		earliest = executor->next_look_us;
	if ((executor->queue && executor->n_running < executor->n_slots) ||
	    executor->sandbox_error.code != 0 || executor->sent)
		earliest = 0;
	return bh_loop_arm(&executor->loop, earliest, err);
}

static int step(struct bh_executor *executor, struct bh_error *err)
{
	lose_sandbox_given_up(executor);
	int r = handle_ready(executor, err);
	if (r < 0)
		return r;
	enforce_deadlines(executor);
	if (executor->watch_us > 0)
		look_at_records(executor);
	r = start_queued(executor, err);
	read_taken_in(executor);
	int armed = arm(executor, r < 0 ? NULL : err);
	return r < 0 ? r : armed;
}

int bh_executor_step(struct bh_executor *executor, struct bh_error *err)
{
	if (executor->stepping)
		return bh_fail_plain(err, EBUSY, "a callback may not step its executor");
	executor->stepping = true;
	int r = step(executor, err);
	executor->stepping = false;
	return r;
}

/* ---- the caller's side ---- */

int bh_executor_fd(const struct bh_executor *executor)
{
	return executor->loop.epoll;
}

size_t bh_executor_pending(const struct bh_executor *executor)
{
	return executor->n_running + executor->n_queued;
}

size_t bh_executor_jobs(const struct bh_executor *executor)
{
	return executor->n_slots;
}

size_t bh_executor_next_index(const struct bh_executor *executor)
{
	return executor->next_index;
}

int bh_executor_submit(struct bh_executor *executor, const struct bh_batch *batch,
                       void (*on_result)(struct bh_result *result, void *userdata), void *userdata,
                       struct bh_error *err)
{
	BH_CLEANUP(bh_free_done) struct submission *made = NULL;

	int r = bh_batch_check(batch, err);
	if (r < 0)
		return r;
	made = malloc(sizeof(*made));
	if (!made)
		return bh_fail(err, ENOMEM, "queue batch %s", batch->batch_id);
	/* a step sets the timer itself before it ends */
	if (!executor->stepping && executor->n_running < executor->n_slots) {
		r = bh_loop_arm(&executor->loop, 0, err);
		if (r < 0)
			return r;
	}
	*made = (struct submission){ .batch = batch,
		                     .on_result = on_result,
		                     .userdata = userdata,
		                     .index = executor->next_index++ };
	*executor->queue_end = made;
	executor->queue_end = &made->next;
	executor->n_queued++;
	struct bh_subject subject = subject_of(executor, BH_TAKE(made, NULL), 0);
	bh_subject_tell(&subject, (struct bh_event){ .type = BH_EVENT_QUEUED });
	return 0;
}

void bh_executor_cancel(struct bh_executor *executor)
{
	struct bh_error error = BH_ERROR_UNSET;

	executor->cancelled_below = executor->next_index;
	for (size_t i = 0; i < executor->n_slots; i++) {
		if (bh_attempt_cancel(&executor->slots[i].attempt, executor->sandbox, &error) < 0)
			give_up_sandbox(executor, &error);
	}
	executor->sent = true;
	if (!executor->stepping && bh_loop_arm(&executor->loop, 0, &error) < 0)
		give_up_sandbox(executor, &error);
}

void bh_executor_abandon(struct bh_executor *executor)
{
	drop_sandbox(executor);
	for (size_t i = 0; i < executor->n_slots; i++) {
		bh_attempt_done(&executor->slots[i].attempt);
		free(executor->slots[i].submission);
		executor->slots[i].submission = NULL;
	}
	executor->n_running = 0;
	while (executor->queue)
		free(pop_submission(executor));
}

/* ---- making one ---- */

static int check_limits(const struct bh_limits *limits, struct bh_error *err)
{
	const struct {
		const char *name;
		uint64_t value;
	} needed[] = {
		{ "timeout", limits->timeout_us },        { "CPU time", limits->cpu_time_us },
		{ "memory", limits->memory_bytes },       { "processes", limits->max_procs },
		{ "file size", limits->file_size_bytes }, { "results", limits->results_bytes },
	};

	for (size_t i = 0; i < BH_COUNT_OF(needed); i++)
		if (needed[i].value == 0)
			return bh_fail_plain(err, EINVAL, "limit of %s is 0", needed[i].name);
	if (limits->results_bytes > SIZE_MAX / 4)
		return bh_fail_plain(err, EINVAL, "limit of results has to be finite");
	if (limits->output_bytes > SIZE_MAX / 4)
		return bh_fail_plain(err, EINVAL, "limit of output has to be finite");
	return 0;
}

static int check_options(const struct bh_executor_options *options, struct bh_error *err)
{
	if (options->max_entries == 0)
		return bh_fail_plain(err, EINVAL, "at most 0 entries in a batch");
	if (options->jobs > MAX_JOBS)
		return bh_fail_plain(err, EINVAL, "%zu batches at a time, at most %d",
		                     options->jobs, MAX_JOBS);
	return check_limits(&options->limits, err);
}

static size_t online_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	if (n < 1)
		return 1;
	return n < MAX_JOBS ? (size_t)n : MAX_JOBS;
}

static int make_slots(struct bh_executor *executor, size_t jobs, struct bh_error *err)
{
	size_t n = jobs > 0 ? jobs : online_cpus();

	executor->slots = calloc(n, sizeof(*executor->slots));
	if (!executor->slots)
		return bh_fail(err, ENOMEM, "make %zu slots", n);
	executor->n_slots = n;
	for (size_t i = 0; i < n; i++) {
		executor->slots[i].attempt = BH_ATTEMPT_UNSET;
		executor->slots[i].attempt.loop = &executor->loop;
		executor->slots[i].attempt.slot = (uint32_t)i;
	}
	return 0;
}

static int find_launcher(struct bh_executor *executor, const char *given, struct bh_error *err)
{
	char found[PATH_MAX];

	if (!given) {
		int r = bh_launcher_find(found, sizeof(found), err);
		if (r < 0)
			return r;
	}
	executor->launcher = strdup(given ? given : found);
	if (!executor->launcher)
		return bh_fail(err, ENOMEM, "copy the path of the launcher");
	return 0;
}

/* A caller must be able to tell a handler that can't be run from a sandbox that
 * can't be made, whatever number the failing call gave: what is wrong with the
 * sandbox is -ENOTSUP, but for shortages. */
static int start_first_sandbox(struct bh_executor *executor, const char *launcher,
                               struct bh_error *err)
{
	char stage[BH_STAGE_TEXT_SIZE] = "";
	struct bh_error error = BH_ERROR_UNSET;

	int r = find_launcher(executor, launcher, &error);
	if (r == 0)
		r = start_sandbox(executor, stage, &error);
	if (r == 0)
		return 0;
	return bh_fail_plain(err, is_shortage(-r) ? -r : ENOTSUP, "no sandbox%s%s: %s",
	                     stage[0] ? ", " : "", stage, error.text);
}

static int set_up(struct bh_executor *executor, const struct bh_executor_options *options,
                  struct bh_error *err)
{
	int r = bh_program_open(options, &executor->program, err);

	if (r == 0)
		r = bh_profile_load(options->profile, &executor->profile, err);
	if (r == 0)
		r = make_slots(executor, options->jobs, err);
	if (r == 0)
		r = bh_loop_init(&executor->loop, err);
	if (r == 0)
		r = start_first_sandbox(executor, options->launcher, err);
	return r;
}

int bh_executor_new(struct bh_store *store, const struct bh_executor_options *options,
                    struct bh_executor **ret, struct bh_error *err)
{
	int r = check_options(options, err);

	if (r < 0)
		return r;
	struct bh_executor *made = calloc(1, sizeof(*made));
	if (!made)
		return bh_fail(err, ENOMEM, "make an executor");
	made->rules = (struct bh_attempt_rules){ .store = store,
		                                 .limits = options->limits,
		                                 .max_entries = options->max_entries,
		                                 .strict_results = options->strict_results };
	made->isolation = options->isolation;
	made->audience = (struct bh_audience){ options->on_event, options->event_userdata };
	made->watch_us = options->on_event ? options->watch_us : 0;
	made->profile = BH_PROFILE_UNSET;
	made->program = BH_PROGRAM_UNSET;
	made->loop = BH_LOOP_UNSET;
	made->queue_end = &made->queue;
	r = set_up(made, options, err);
	if (r < 0) {
		bh_executor_free(made);
		return r;
	}
	*ret = made;
	return 0;
}

void bh_executor_free(struct bh_executor *executor)
{
	if (!executor)
		return;
	bh_executor_abandon(executor);
	free(executor->slots);
	bh_loop_done(&executor->loop);
	bh_program_done(&executor->program);
	bh_profile_done(&executor->profile);
	free(executor->launcher);
	free(executor);
}
