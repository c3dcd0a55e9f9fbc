/* SPDX-License-Identifier: Apache-2.0 */

/* executor_make.c: making an executor, and its end. */

#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/region.h"
#include "sandbox/client.h"
#include "supervisor/executor_internal.h"
#include "supervisor/retry.h"

/* As many as a launcher serves. */
#define MAX_JOBS 1024

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

static int check_scratch(const struct bh_executor_options *options, struct bh_error *err)
{
	uint64_t size = options->scratch_bytes;

	if (size > BH_SCRATCH_MOST)
		return bh_fail_plain(err, EINVAL, "a scratch of %llu bytes, at most %llu",
		                     (unsigned long long)size, (unsigned long long)BH_SCRATCH_MOST);
	if (size > 0 && options->isolation == BH_ISOLATION_NONE)
		return bh_fail_plain(err, EINVAL,
		                     "a scratch (--scratch) without isolation: expected "
		                     "--isolate strict or best-effort");
	return 0;
}

static int check_options(const struct bh_executor_options *options, struct bh_error *err)
{
	if (options->max_entries == 0)
		return bh_fail_plain(err, EINVAL, "at most 0 entries in a batch");
	if (options->jobs > MAX_JOBS)
		return bh_fail_plain(err, EINVAL, "%zu batches at a time, at most %d",
		                     options->jobs, MAX_JOBS);
	if (options->warm == BH_WARM_REUSE && options->max_reuse == 0)
		return bh_fail_plain(err, EINVAL, "a handler is reused for 0 batches");
	if (options->warm == BH_WARM_FORK && options->scratch_bytes > 0)
		return bh_fail_plain(err, EINVAL,
		                     "a scratch for warm handlers would be one for all batches");
	int r = check_scratch(options, err);
	if (r == 0)
		r = bh_retry_check(&options->retry, err);
	return r < 0 ? r : check_limits(&options->limits, err);
}

/* To a capacity that handlers can fill: the limit is what they are told of. */
static int round_results(struct bh_limits *limits, struct bh_error *err)
{
	size_t capacity;
	int r = bh_region_find_capacity((size_t)limits->results_bytes, &capacity, err);

	if (r == 0)
		limits->results_bytes = capacity;
	return r;
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
		r = bh_executor_start_sandbox(executor, stage, &error);
	if (r == 0)
		return 0;
	return bh_fail_plain(err, bh_is_shortage(-r) ? -r : ENOTSUP, "no sandbox%s%s: %s",
	                     stage[0] ? ", " : "", stage, error.text);
}

/* As the C library makes a process. */
static int check_forks(const struct bh_executor *executor, struct bh_error *err)
{
	const uint64_t args[BH_CALL_ARGUMENTS] = { CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID |
		                                   SIGCHLD };
	struct bh_answer answer = bh_profile_answer(&executor->profile, SYS_clone, args);

	if (answer.kind == BH_ANSWER_ALLOW)
		return 0;
	return bh_fail_plain(err, EINVAL,
	                     "the profile lets handlers make no process, which warm ones do "
	                     "unless they are reused");
}

static int set_up(struct bh_executor *executor, const struct bh_executor_options *options,
                  struct bh_error *err)
{
	int r = bh_program_open(options, &executor->program, err);

	if (r == 0)
		r = bh_binds_open(options, executor->program.name, &executor->binds, err);
	if (r == 0)
		r = bh_python_find(options, &executor->program, &executor->python, err);
	if (r == 0)
		r = bh_profile_load(options->profile, &executor->profile, err);
	if (r == 0 && options->warm == BH_WARM_FORK && options->isolation != BH_ISOLATION_NONE)
		r = check_forks(executor, err);
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
	made->asker.loop = &made->loop;
	made->rules = (struct bh_attempt_rules){ .store = store,
		                                 .asker = &made->asker,
		                                 .limits = options->limits,
		                                 .max_entries = options->max_entries,
		                                 .strict_results = options->strict_results };
	made->isolation = options->isolation;
	made->scratch_bytes = options->scratch_bytes;
	made->warm = options->warm;
	made->max_reuse = options->max_reuse;
	made->rules.forks = options->warm == BH_WARM_FORK;
	made->retry = options->retry;
	made->poison = options->poison;
	made->audience = (struct bh_audience){ options->on_event, options->event_userdata };
	made->watch_us = options->on_event ? options->watch_us : 0;
	made->profile = BH_PROFILE_UNSET;
	made->program = BH_PROGRAM_UNSET;
	made->binds = BH_BINDS_UNSET;
	made->loop = BH_LOOP_UNSET;
	made->deadline_us = UINT64_MAX;
	made->max_queued = options->max_queued > 0 ? options->max_queued : SIZE_MAX;
	made->on_room = options->on_room;
	made->room_userdata = options->room_userdata;
	r = round_results(&made->rules.limits, err);
	if (r == 0)
		r = set_up(made, options, err);
	if (r < 0) {
		bh_executor_free(made);
		return r;
	}
	*ret = made;
	return 0;
}

static void forget_all(struct bh_executor *executor, struct bh_job_list *list)
{
	for (struct bh_job *job; (job = bh_job_list_pop(list));)
		bh_executor_forget(executor, job);
}

static void forget_backoff(struct bh_executor *executor)
{
	for (struct bh_job *job; (job = bh_backoff_first(&executor->backoff));) {
		bh_backoff_remove(&executor->backoff, job);
		bh_executor_forget(executor, job);
	}
}

static void forget_leasing(struct bh_executor *executor)
{
	for (struct bh_lease_request *request;
	     (request = bh_lease_asker_first(&executor->asker));) {
		struct bh_job *job = bh_lease_request_userdata(request);
		bh_lease_request_withdraw(request);
		bh_executor_forget(executor, job);
	}
	executor->n_leasing = 0;
}

static void forget_slot(struct bh_executor *executor, struct bh_slot *slot)
{
	bh_attempt_done(&slot->attempt);
	if (slot->job)
		bh_executor_forget(executor, BH_TAKE(slot->job, NULL));
}

void bh_executor_abandon(struct bh_executor *executor)
{
	bh_executor_drop_sandbox(executor);
	for (size_t i = 0; i < executor->n_slots; i++)
		forget_slot(executor, &executor->slots[i]);
	executor->n_running = 0;
	forget_backoff(executor);
	forget_leasing(executor);
	forget_all(executor, &executor->queue);
	forget_all(executor, &executor->ended);
	forget_all(executor, &executor->done);
}

void bh_executor_free(struct bh_executor *executor)
{
	if (!executor)
		return;
	bh_executor_abandon(executor);
	free(executor->slots);
	bh_job_table_done(&executor->jobs);
	bh_backoff_done(&executor->backoff);
	bh_loop_done(&executor->loop);
	bh_program_done(&executor->program);
	bh_binds_done(&executor->binds);
	bh_profile_done(&executor->profile);
	free(executor->launcher);
	free(executor);
}
