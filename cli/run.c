/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulkhead/executor.h"
#include "cli/binds.h"
#include "cli/command.h"
#include "cli/complaint.h"
#include "cli/events.h"
#include "cli/inputs.h"
#include "cli/outlet.h"
#include "cli/progress.h"
#include "cli/replacement.h"
#include "cli/result_line.h"
#include "cli/roster.h"
#include "cli/settings.h"
#include "cli/signals.h"
#include "cli/tally.h"
#include "cli/target.h"
#include "ipc/wire/base.h"

/* Batches handed to the executor whose results are not written yet: enough to
 * keep it busy while one slow batch holds up the order, and a bound on what waits
 * in memory. */
#define LEAST_WINDOW 256

/* How old the news of tasks may be: in a file of events, and for whoever looks at the
 * progress. */
#define WATCH_US      (100 * 1000)
#define SLOW_WATCH_US (500 * 1000)

struct run {
	const struct bh_settings *settings;
	struct bh_complaint *complaint;
	struct bh_inputs inputs;
	struct bh_executor *executor;
	struct bh_sink sink;
	struct bh_outlet outlet;
	struct bh_replacement aggregate;
	struct bh_events events;
	struct bh_tally tally;
	struct bh_roster roster;
	struct bh_progress progress;
	bool shares_terminal; /* output goes to a terminal, perhaps that of the bar */
	int signals;          /* owned descriptor */
	int target;           /* owned descriptor */
	size_t window;
	size_t submitted;
	bool stopping;  /* nothing more is to be started */
	bool abandoned; /* a second signal: at once */
	bool past_deadline;
	int signal; /* that stopped the run; 0 for none */
	int status; /* of the first thing that went wrong on our side */
};

/* In this order: the executor ends the handlers; results borrow from inputs. */
static void run_done(struct run *run)
{
	bh_executor_free(run->executor);
	bh_outlet_done(&run->outlet);
	bh_replacement_done(&run->aggregate);
	bh_inputs_done(&run->inputs);
	bh_tally_done(&run->tally);
	bh_events_done(&run->events);
	bh_roster_done(&run->roster);
	bh_fd_done(&run->signals);
	bh_fd_done(&run->target);
}

static void stop(struct run *run)
{
	run->stopping = true;
	bh_executor_cancel(run->executor);
}

static void fail(struct run *run, int status)
{
	if (run->status == BH_STATUS_OK)
		run->status = status;
}

static void take_stop(struct run *run, int number)
{
	char name[24];

	if (run->signal != 0)
		run->abandoned = true;
	run->signal = number;
	if (run->abandoned || run->settings->quiet)
		return;
	bh_signal_name(number, name, sizeof(name));
	bh_progress_hide(&run->progress);
	bh_note("%s: ending what runs; once more to stop at once", name);
}

/* Acts on signals that came. True once there is a second one that stops. */
static bool take_signals(void *userdata)
{
	struct run *run = userdata;

	for (int number; (number = bh_signals_read(run->signals)) != 0;) {
		if (number == SIGUSR1)
			bh_progress_report(&run->progress);
		else if (number == SIGWINCH)
			bh_progress_resize(&run->progress);
		else
			take_stop(run, number);
	}
	if (run->signal != 0 && !run->stopping)
		stop(run);
	return run->abandoned;
}

/* A batch that was cancelled before it started has no line: it is as absent as
 * those behind it that were never handed over. */
static bool is_absent(const struct run *run, const struct bh_result *result)
{
	return run->stopping && !result->success && result->outcome.kind == BH_KIND_CANCELLED &&
	       result->attempts == 0;
}

/* Nobody but us cancels, or the deadline. */
static void notice_deadline(struct run *run, const struct bh_result *result)
{
	if (run->stopping || result->outcome.kind != BH_KIND_CANCELLED)
		return;
	run->stopping = true;
	run->past_deadline = true;
	if (run->settings->quiet)
		return;
	bh_progress_hide(&run->progress);
	bh_note("the deadline has passed: ending what runs");
}

static void on_result(struct bh_result *result, void *userdata)
{
	struct run *run = userdata;
	size_t index = result->index;
	bool failed = !result->success;

	notice_deadline(run, result);
	if (is_absent(run, result)) {
		bh_result_free(result);
		result = NULL;
		failed = false;
	} else {
		bh_tally_add(&run->tally, result, run->inputs.batches[index].n_tasks);
		bh_progress_result(&run->progress, result);
	}
	if (run->shares_terminal)
		bh_progress_hide(&run->progress);
	if (run->status == BH_STATUS_OK)
		fail(run, bh_outlet_take(&run->outlet, index, result, run->complaint));
	else
		bh_result_free(result);
	if (failed && run->settings->stop_on_error && !run->stopping)
		stop(run);
}

static void on_event(const struct bh_event *event, void *userdata)
{
	struct run *run = userdata;

	bh_roster_event(&run->roster, event);
	if (run->shares_terminal && run->settings->events)
		bh_progress_hide(&run->progress);
	bh_events_write(&run->events, event);
}

static int complain_error(struct run *run, const struct bh_error *err)
{
	return bh_complain(run->complaint, BH_STATUS_INFRASTRUCTURE, "%s", err->text);
}

/* Hands over batches as far as the window allows. */
static int submit(struct run *run)
{
	struct bh_error err = BH_ERROR_UNSET;

	while (!run->stopping && run->submitted < run->inputs.n_batches &&
	       run->submitted -
	                       (run->settings->unordered ? run->outlet.settled : run->outlet.next) <
	               run->window) {
		int r = bh_executor_submit(run->executor, &run->inputs.batches[run->submitted],
		                           on_result, run, NULL, &err);
		if (r < 0)
			return complain_error(run, &err);
		run->submitted++;
	}
	return BH_STATUS_OK;
}

/* Waits for the executor, a signal or the next line of progress. */
static int wait_for_work(struct run *run)
{
	struct pollfd fds[] = {
		{ .fd = bh_executor_fd(run->executor), .events = POLLIN },
		{ .fd = run->signals, .events = POLLIN },
	};

	int timeout_ms = bh_progress_tick(&run->progress, run->stopping);
	if (poll(fds, BH_COUNT_OF(fds), timeout_ms) < 0 && errno != EINTR) {
		int code = errno;
		return bh_complain(run->complaint, BH_STATUS_INFRASTRUCTURE, "poll: %s",
		                   strerrordesc_np(code));
	}
	take_signals(run);
	return BH_STATUS_OK;
}

static int turn(struct run *run)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = submit(run);
	if (r == BH_STATUS_OK)
		r = wait_for_work(run);
	if (r != BH_STATUS_OK || run->abandoned)
		return r;
	if (bh_executor_step(run->executor, &err) < 0)
		return complain_error(run, &err);
	if (run->events.error < 0)
		return bh_complain(run->complaint, BH_STATUS_INFRASTRUCTURE, "write %s: %s",
		                   run->settings->events, strerrordesc_np(-run->events.error));
	return BH_STATUS_OK;
}

static bool has_work(const struct run *run)
{
	if (run->abandoned || run->status != BH_STATUS_OK)
		return false;
	return bh_executor_pending(run->executor) > 0 ||
	       (!run->stopping && run->submitted < run->inputs.n_batches);
}

static void execute(struct run *run)
{
	while (has_work(run))
		fail(run, turn(run));
	/* whatever is left is killed before anything else is done */
	bh_executor_free(run->executor);
	run->executor = NULL;
	bh_progress_hide(&run->progress);
}

/* Preparation. */

/* The handler, what is bound for it, or what goes with them is not as it has to be. */
static bool is_input_fault(int code)
{
	switch (code) {
	case ENOENT:
	case EACCES:
	case ENOEXEC:
	case EISDIR:
	case EINVAL:
	case ENOTDIR:
	case ELOOP:
	case E2BIG:
	case ENAMETOOLONG:
		return true;
	default:
		return false;
	}
}

static int make_executor(struct run *run)
{
	const struct bh_settings *settings = run->settings;
	char launcher[PATH_MAX];
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;

	if (bh_launcher_find(launcher, sizeof(launcher), &err) < 0)
		return complain_error(run, &err);
	int status = bh_binds_split(&settings->binds, &run->inputs.arena, &options.binds,
	                            run->complaint);
	if (status != BH_STATUS_OK)
		return status;
	options.handler = settings->operands[0];
	options.handler_args = (const char *const *)(settings->operands + 1);
	options.env = settings->env.items;
	options.launcher = launcher;
	options.limits = settings->limits;
	options.isolation = (enum bh_isolation)settings->isolation;
	options.profile = settings->profile;
	options.scratch_bytes = settings->scratch_bytes;
	options.n_binds = settings->binds.n;
	options.jobs = settings->jobs;
	options.max_entries = settings->planner.max_entries;
	options.strict_results = settings->strict;
	if (settings->reuse > 0) {
		options.warm = BH_WARM_REUSE;
		options.max_reuse = settings->reuse;
	} else if (settings->warm) {
		options.warm = BH_WARM_FORK;
	}
	options.retry = settings->retry;
	options.poison = (enum bh_poison)settings->poison;
	options.on_event = on_event;
	options.event_userdata = run;
	options.watch_us = settings->events ? WATCH_US : SLOW_WATCH_US;
	int r = bh_executor_new(run->inputs.entries.store, &options, &run->executor, &err);
	if (r == -ENOTSUP && options.isolation == BH_ISOLATION_STRICT)
		return bh_complain(run->complaint, BH_STATUS_INFRASTRUCTURE,
		                   "%s\n'bulkhead doctor' says what would give it; --isolate "
		                   "best-effort runs with what there is",
		                   err.text);
	if (r < 0)
		return bh_complain(run->complaint,
		                   is_input_fault(-r) ? BH_STATUS_INPUT : BH_STATUS_INFRASTRUCTURE,
		                   "%s", err.text);
	return BH_STATUS_OK;
}

static int set_deadline(struct run *run)
{
	struct bh_error err = BH_ERROR_UNSET;

	if (run->settings->deadline_us == BH_UNLIMITED)
		return BH_STATUS_OK;
	if (bh_executor_set_deadline(run->executor, run->settings->deadline_us, &err) < 0)
		return complain_error(run, &err);
	return BH_STATUS_OK;
}

static int open_outputs(struct run *run)
{
	const struct bh_settings *settings = run->settings;
	int r = BH_STATUS_OK;

	if (settings->aggregate)
		r = bh_replacement_open(settings->aggregate, &run->aggregate, run->complaint);
	if (r == BH_STATUS_OK)
		r = bh_target_open(settings->output, &run->target, run->complaint);
	if (r == BH_STATUS_OK && settings->events)
		r = bh_events_open(&run->events, settings->events, run->complaint);
	if (r != BH_STATUS_OK)
		return r;
	run->shares_terminal = isatty(run->target) || (settings->events && isatty(run->events.fd));
	bh_sink_init(&run->sink, run->target);
	bh_sink_interrupt(&run->sink, run->signals, take_signals, run);
	return bh_outlet_init(&run->outlet, &run->sink, run->inputs.n_batches, !settings->unordered,
	                      settings->aggregate != NULL, run->complaint);
}

static size_t window_for(const struct bh_settings *settings)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t jobs = settings->jobs > 0 ? (size_t)settings->jobs : cpus > 0 ? (size_t)cpus : 1;

	return jobs * 4 > LEAST_WINDOW ? jobs * 4 : LEAST_WINDOW;
}

static int begin_progress(struct run *run)
{
	uint64_t n_tasks = 0;

	for (size_t i = 0; i < run->inputs.n_batches; i++)
		n_tasks += run->inputs.batches[i].n_tasks;
	if (bh_roster_init(&run->roster, run->inputs.n_batches, n_tasks, bh_now_us()) < 0)
		return bh_complain_memory(run->complaint);
	bh_progress_init(&run->progress, run->settings, &run->roster);
	return BH_STATUS_OK;
}

static int prepare(struct run *run)
{
	int r = bh_signals_defer_report(run->complaint);

	if (r == BH_STATUS_OK)
		r = bh_inputs_load(&run->inputs, run->settings, run->complaint);
	/* until here the usual action of a signal is right: nothing was started */
	if (r == BH_STATUS_OK)
		r = bh_signals_open(&run->signals, run->complaint);
	if (r == BH_STATUS_OK)
		r = make_executor(run);
	if (r == BH_STATUS_OK)
		r = open_outputs(run);
	if (r == BH_STATUS_OK)
		r = set_deadline(run);
	if (r == BH_STATUS_OK)
		r = begin_progress(run);
	run->window = window_for(run->settings);
	return r;
}

/* The end. */

static int write_aggregate(struct run *run, struct bh_aggregate *aggregate)
{
	struct bh_json json;

	if (bh_outlet_aggregate(&run->outlet, aggregate) < 0)
		return bh_complain_memory(run->complaint);
	bh_sink_init(&run->sink, run->aggregate.fd);
	bh_json_init(&json, &run->sink);
	if (bh_aggregate_write(&json, aggregate) < 0)
		return bh_complain_memory(run->complaint);
	int r = bh_sink_end_line(&run->sink);
	if (r < 0)
		return bh_complain(run->complaint, BH_STATUS_INFRASTRUCTURE, "write %s: %s",
		                   run->settings->aggregate, strerrordesc_np(-r));
	if (bh_aggregate_duplicates(aggregate) > 0 && !run->settings->quiet)
		bh_note("%llu results of task ids that were there before: the last one counts",
		        (unsigned long long)bh_aggregate_duplicates(aggregate));
	return bh_replacement_commit(&run->aggregate, run->complaint);
}

static void aggregate(struct run *run)
{
	if (!run->settings->aggregate)
		return;
	struct bh_aggregate *made = bh_aggregate_new();
	fail(run, made ? write_aggregate(run, made) : bh_complain_memory(run->complaint));
	bh_aggregate_free(made);
}

static void print_summary(const struct run *run)
{
	const struct bh_settings *settings = run->settings;
	const struct bh_tally_totals totals = {
		.n_batches = run->inputs.n_batches,
		.n_entries = bh_store_count(run->inputs.entries.store),
		.elapsed_us = bh_now_us() - run->roster.started_us,
		.failures_told = run->progress.failures_told,
	};

	if (run->outlet.json.replaced > 0)
		bh_note("warning: %llu numbers that JSON lacks (NaN, infinities) became null",
		        (unsigned long long)run->outlet.json.replaced);
	if (settings->quiet)
		return;
	bh_tally_print(&run->tally, &totals);
	if (settings->output)
		bh_note("results: %s", settings->output);
	if (settings->aggregate && !run->aggregate.temporary)
		bh_note("aggregate: %s", settings->aggregate);
}

static int exit_status(const struct run *run)
{
	if (run->signal != 0)
		return BH_STATUS_SIGNAL + run->signal;
	if (run->status != BH_STATUS_OK)
		return run->status;
	int status = (int)bh_tally_status(&run->tally);
	/* what has no line didn't succeed either */
	return run->past_deadline && status == BH_STATUS_OK ? BH_STATUS_FAILED : status;
}

static int run_batches(struct run *run)
{
	int r = prepare(run);

	if (r != BH_STATUS_OK)
		return r;
	execute(run);
	if (run->status == BH_STATUS_OK && !run->abandoned) {
		fail(run, bh_outlet_finish(&run->outlet, run->complaint));
		aggregate(run);
	}
	if (run->abandoned) /* what could not be written for that is no news */
		bh_complaint_done(run->complaint);
	print_summary(run);
	return exit_status(run);
}

static int run_command(const struct bh_settings *settings, struct bh_complaint *complaint)
{
	struct run *run = calloc(1, sizeof(*run));

	if (!run)
		return bh_complain_memory(complaint);
	run->settings = settings;
	run->complaint = complaint;
	run->aggregate = BH_REPLACEMENT_UNSET;
	bh_events_init(&run->events);
	run->signals = -1;
	run->target = -1;
	int status = run_batches(run);
	run_done(run);
	free(run);
	return status;
}

const struct bh_command bh_command_run = {
	.name = "run",
	.summary = "run a handler over entries, a sandboxed process a batch",
	.usage = "[OPTIONS] [--] HANDLER [ARG…]",
	.text = "Plans tasks into batches, runs the handler once for each batch in a sandboxed\n"
	        "process, and prints one JSON object a batch. The handler is the path of a\n"
	        "program or of a script with a #! line; it reads its context from descriptor 3\n"
	        "and writes results to descriptor 4.\n",
	.example = BH_EXAMPLE_RUN,
	.groups = BH_GROUP_INPUT | BH_GROUP_PLANNING | BH_GROUP_LIMITS | BH_GROUP_ISOLATION |
	          BH_GROUP_EXECUTION | BH_GROUP_WRITING | BH_GROUP_OUTPUT,
	.takes_operands = true,
	.run = run_command,
};
