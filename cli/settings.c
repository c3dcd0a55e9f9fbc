/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/settings.h"

#include <string.h>

#include "cli/complaint.h"
#include "cli/retry_option.h"
#include "ipc/wire/base.h"

/* More is kept in memory for each batch than a supervisor should hold. */
#define MOST_KEPT    ((uint64_t)1 << 30)
#define MOST_JOBS    1024
#define MOST_RETRIES 1000

static bool is_variable(const char *text)
{
	size_t name = strcspn(text, "=");

	return name > 0 && text[name] == '=';
}

static bool is_not_empty(const char *text)
{
	return text[0] != '\0';
}

static const char *const isolation_names[] = {
	[BH_ISOLATION_STRICT] = "strict",
	[BH_ISOLATION_BEST_EFFORT] = "best-effort",
	[BH_ISOLATION_NONE] = "none",
	NULL,
};

static const char *const poison_names[] = {
	[BH_POISON_OFF] = "off",
	[BH_POISON_SKIP] = "skip",
	[BH_POISON_BISECT] = "bisect",
	NULL,
};

static const char *const progress_names[] = {
	[BH_PROGRESS_AUTO] = "auto",
	[BH_PROGRESS_BAR] = "bar",
	[BH_PROGRESS_PLAIN] = "plain",
	[BH_PROGRESS_NONE] = "none",
	NULL,
};

#define AT(field)  .offset = offsetof(struct bh_settings, field)
#define PATH_GIVEN .accepts = is_not_empty, .expected = "a path"

static const struct bh_option options[] = {
	{ "entries", 0, BH_OPTION_LIST, BH_GROUP_INPUT, AT(entries), .argument = "[NAME=]PATH",
	  PATH_GIVEN,
	  .help = "entries: a directory, each file below it one entry with\n"
	          "its relative path (after NAME/) as id; a JSONL file;\n"
	          "or - for JSONL on standard input. Repeatable" },
	{ "tasks", 0, BH_OPTION_TEXT, BH_GROUP_INPUT, AT(tasks), .argument = "FILE", PATH_GIVEN,
	  .help = "tasks as JSONL (- for standard input). Without it, each\n"
	          "entry is one task" },
	{ "batches", 0, BH_OPTION_TEXT, BH_GROUP_INPUT, AT(batches), .argument = "FILE", PATH_GIVEN,
	  .help = "batches as JSONL, taken as they are instead of planned" },

	{ "max-entries", 0, BH_OPTION_COUNT, BH_GROUP_PLANNING, AT(planner.max_entries),
	  .refuses_zero = true, .takes_none = true, .argument = "N",
	  .help = "unique entries in a batch (200)" },
	{ "max-tasks", 0, BH_OPTION_COUNT, BH_GROUP_PLANNING, AT(planner.max_tasks),
	  .refuses_zero = true, .takes_none = true, .argument = "N",
	  .help = "tasks in a batch (none)" },
	{ "max-tokens", 0, BH_OPTION_COUNT, BH_GROUP_PLANNING, AT(planner.max_tokens),
	  .refuses_zero = true, .takes_none = true, .argument = "N",
	  .help = "estimated tokens in a batch (none)" },
	{ "sort-priority", 0, BH_OPTION_FLAG, BH_GROUP_PLANNING, AT(planner.sort_priority),
	  .help = "plan tasks of higher priority first" },

	{ "timeout", 0, BH_OPTION_DURATION, BH_GROUP_LIMITS, AT(limits.timeout_us),
	  .refuses_zero = true, .takes_none = true, .argument = "DUR",
	  .help = "wall-clock time of a batch, then SIGTERM (30s)" },
	{ "grace", 0, BH_OPTION_DURATION, BH_GROUP_LIMITS, AT(limits.grace_us), .takes_none = true,
	  .argument = "DUR", .help = "from SIGTERM to SIGKILL (500ms)" },
	{ "cpu-time", 0, BH_OPTION_DURATION, BH_GROUP_LIMITS, AT(limits.cpu_time_us),
	  .refuses_zero = true, .takes_none = true, .argument = "DUR",
	  .help = "user and system time of all processes together (none)" },
	{ "memory", 0, BH_OPTION_SIZE, BH_GROUP_LIMITS, AT(limits.memory_bytes),
	  .refuses_zero = true, .takes_none = true, .argument = "SIZE",
	  .help = "memory of all processes together (512M)" },
	{ "max-procs", 0, BH_OPTION_COUNT, BH_GROUP_LIMITS, AT(limits.max_procs),
	  .refuses_zero = true, .takes_none = true, .argument = "N",
	  .help = "processes at a time; 1: no forks (1)" },
	{ "max-threads", 0, BH_OPTION_COUNT, BH_GROUP_LIMITS, AT(limits.max_threads),
	  .refuses_zero = true, .takes_none = true, .argument = "N",
	  .help = "threads at a time (256)" },
	{ "file-size", 0, BH_OPTION_SIZE, BH_GROUP_LIMITS, AT(limits.file_size_bytes),
	  .refuses_zero = true, .takes_none = true, .argument = "SIZE",
	  .help = "any file that a handler writes (none)" },
	{ "results-size", 0, BH_OPTION_SIZE, BH_GROUP_LIMITS, AT(limits.results_bytes),
	  .refuses_zero = true, .most = MOST_KEPT, .takes_none = true, .argument = "SIZE",
	  .help = "results of a batch (16M); none: 1G" },
	{ "output-size", 0, BH_OPTION_SIZE, BH_GROUP_LIMITS, AT(limits.output_bytes),
	  .most = MOST_KEPT, .takes_none = true, .argument = "SIZE",
	  .help = "kept of stdout and of stderr, each (64K); none: 1G" },

	{ "isolate", 0, BH_OPTION_CHOICE, BH_GROUP_ISOLATION, AT(isolation),
	  .choices = isolation_names, .argument = "strict|best-effort|none",
	  .help = "strict: refuse to run where a layer is missing (strict);\n"
	          "best-effort: run with what there is, results say what\n"
	          "is missing;\n"
	          "none: limits and clean-up only, for handlers you trust" },
	{ "profile", 0, BH_OPTION_TEXT, BH_GROUP_ISOLATION, AT(profile), .argument = "NAME|FILE",
	  .accepts = is_not_empty, .expected = "a name or a path",
	  .help = "system calls that a handler may make: a profile's name\n"
	          "(bulkhead profiles lists them) or an OCI seccomp file (compute)" },
	{ "scratch", 0, BH_OPTION_SIZE, BH_GROUP_ISOLATION, AT(scratch_bytes), .refuses_zero = true,
	  .most = BH_SCRATCH_MOST, .argument = "SIZE",
	  .help = "a private folder at /tmp for each batch, in memory, that\n"
	          "the handler may write to; gone with the batch (none)" },
	{ "bind", 0, BH_OPTION_LIST, BH_GROUP_ISOLATION, AT(binds), .argument = "PATH[:DEST]",
	  .accepts = is_not_empty, .expected = "PATH or PATH:DEST",
	  .help = "a file or folder of the host that handlers see at DEST\n"
	          "(the same PATH), read-only. Repeatable" },
	{ "env", 0, BH_OPTION_LIST, BH_GROUP_ISOLATION, AT(env), .argument = "KEY=VALUE",
	  .accepts = is_variable, .expected = "KEY=VALUE",
	  .help = "one more variable for the handler. Repeatable" },

	{ "jobs", 'j', BH_OPTION_COUNT, BH_GROUP_EXECUTION, AT(jobs), .refuses_zero = true,
	  .most = MOST_JOBS, .argument = "N", .help = "batches at a time (the online CPUs)" },
	{ "retries", 0, BH_OPTION_COUNT, BH_GROUP_EXECUTION, AT(retries), .most = MOST_RETRIES,
	  .argument = "N", .help = "run a batch that failed up to N times more (0)" },
	{ "backoff", 0, BH_OPTION_TEXT, BH_GROUP_EXECUTION, AT(backoff), .argument = "DUR[..DUR]",
	  .accepts = bh_backoff_accepts,
	  .expected = "a duration, or the first and the longest as 100ms..10s",
	  .help = "longest wait before the first retry, doubled for each\n"
	          "further one up to the second (100ms..10s); how much of it\n"
	          "is waited is random" },
	{ "retry-on", 0, BH_OPTION_TEXT, BH_GROUP_EXECUTION, AT(retry_on), .argument = "KIND,…",
	  .accepts = bh_retry_kinds_accepts,
	  .expected = "kinds of error with commas between, and not violation, bounds or cancelled",
	  .help = "kinds of failure to retry (what can pass by itself)" },
	{ "poison", 0, BH_OPTION_CHOICE, BH_GROUP_EXECUTION, AT(poison), .choices = poison_names,
	  .argument = "off|skip|bisect",
	  .help = "when a handler dies, go on with the tasks that are left (off);\n"
	          "skip: without the one that was running, where the handler\n"
	          "says; bisect: or find it by halving" },
	{ "stop-on-error", 0, BH_OPTION_FLAG, BH_GROUP_EXECUTION, AT(stop_on_error),
	  .help = "start nothing more after a batch has failed, and cancel\nwhat runs" },
	{ "deadline", 0, BH_OPTION_DURATION, BH_GROUP_EXECUTION, AT(deadline_us),
	  .refuses_zero = true, .takes_none = true, .argument = "DUR",
	  .help = "time for the whole run: when it is over, cancel what runs\nand start nothing "
	          "more (none)" },
	{ "warm", 0, BH_OPTION_FLAG, BH_GROUP_EXECUTION, AT(warm),
	  .help = "start the handler once for each job; a fork of it handles\n"
	          "each batch. For handlers made with an SDK. Not isolated:\n"
	          "every batch begins with the same memory and shares what\n"
	          "the handler opened before" },
	{ "reuse", 0, BH_OPTION_COUNT, BH_GROUP_EXECUTION, AT(reuse), .takes_none = true,
	  .refuses_zero = true, .argument = "N",
	  .help = "as --warm, but one process handles up to N batches, and\n"
	          "nothing isolates these from each other: only for handlers\n"
	          "that you trust" },
	{ "strict", 0, BH_OPTION_FLAG, BH_GROUP_EXECUTION, AT(strict),
	  .help = "missing entries are an input error; missing or unknown\n"
	          "task ids in results fail the batch" },

	{ "output", 'o', BH_OPTION_TEXT, BH_GROUP_WRITING, AT(output), .argument = "FILE",
	  PATH_GIVEN, .help = "write there instead of to standard output" },
	{ "unordered", 0, BH_OPTION_FLAG, BH_GROUP_OUTPUT, AT(unordered),
	  .help = "write results as batches end (in input order)" },
	{ "aggregate", 0, BH_OPTION_TEXT, BH_GROUP_OUTPUT, AT(aggregate), .argument = "FILE",
	  PATH_GIVEN, .help = "at the end, write one JSON object, task id to result" },
	{ "events", 0, BH_OPTION_TEXT, BH_GROUP_OUTPUT, AT(events), .argument = "FILE", PATH_GIVEN,
	  .help = "write what happens as it happens, one JSON object a line" },
	{ "progress", 0, BH_OPTION_CHOICE, BH_GROUP_OUTPUT, AT(progress), .choices = progress_names,
	  .argument = "auto|bar|plain|none",
	  .help = "plain: a line now and then; bar: one that changes in\n"
	          "place, on a terminal; auto: bar on a terminal that is not\n"
	          "dumb, else plain (auto). SIGUSR1 tells what is running" },
	{ "quiet", 'q', BH_OPTION_FLAG, BH_GROUP_OUTPUT, AT(quiet),
	  .help = "no progress and no summary on standard error" },
	{ "verbose", 'v', BH_OPTION_FLAG, BH_GROUP_OUTPUT, AT(verbose),
	  .help = "a line for each batch on standard error" },

	{ "json", 0, BH_OPTION_FLAG, BH_GROUP_DOCTOR, AT(json),
	  .help = "print one JSON object instead of a table" },

	{ "help", 'h', BH_OPTION_FLAG, BH_GROUP_HELP, AT(help), .help = "print this and exit" },
};

static const struct bh_option_group headings[] = {
	{ BH_GROUP_INPUT, "Input" },
	{ BH_GROUP_PLANNING, "Planning (N: a number or none)" },
	{ BH_GROUP_LIMITS, "Limits of a batch (SIZE: 64K 16M 1G; DUR: 250ms 30s 5m 2h; or none)" },
	{ BH_GROUP_ISOLATION, "Isolation" },
	{ BH_GROUP_EXECUTION, "Execution" },
	{ BH_GROUP_WRITING | BH_GROUP_OUTPUT, "Output" },
	{ BH_GROUP_DOCTOR, "Output" },
	{ BH_GROUP_HELP, "Help" },
};

const struct bh_option_table bh_settings_table = {
	.options = options,
	.n_options = BH_COUNT_OF(options),
	.groups = headings,
	.n_groups = BH_COUNT_OF(headings),
};

void bh_settings_init(struct bh_settings *settings)
{
	*settings = (struct bh_settings){
		.planner = BH_PLANNER_DEFAULT,
		.limits = BH_LIMITS_DEFAULT,
		.isolation = BH_ISOLATION_STRICT,
		.retry = BH_RETRY_DEFAULT,
		.deadline_us = BH_UNLIMITED,
	};
}

void bh_settings_done(struct bh_settings *settings)
{
	bh_words_done(&settings->entries);
	bh_words_done(&settings->binds);
	bh_words_done(&settings->env);
}

static bool is_standard_input(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

static int check_standard_input(const struct bh_settings *settings, struct bh_complaint *complaint)
{
	size_t readers = 0;

	for (size_t i = 0; i < settings->entries.n; i++)
		readers += is_standard_input(settings->entries.items[i]);
	readers += is_standard_input(settings->tasks);
	readers += is_standard_input(settings->batches);
	if (readers > 1)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "standard input (-) can be read only once, not %zu times",
		                   readers);
	return BH_STATUS_OK;
}

static int read_retries(struct bh_settings *settings, struct bh_complaint *complaint)
{
	if (settings->retries == 0 && (settings->backoff || settings->retry_on))
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "--%s says how to retry: expected --retries too",
		                   settings->backoff ? "backoff" : "retry-on");
	settings->retry.retries = (uint32_t)settings->retries;
	if (settings->backoff)
		bh_backoff_read(settings->backoff, &settings->retry);
	if (settings->retry_on)
		settings->retry.kinds = bh_retry_kinds_read(settings->retry_on);
	return BH_STATUS_OK;
}

static int check_together(const struct bh_settings *settings, struct bh_complaint *complaint)
{
	if (settings->entries.n == 0 && !settings->tasks && !settings->batches)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "no input: expected --entries, --tasks or --batches");
	if (settings->tasks && settings->batches)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "--tasks and --batches exclude each other: batches hold their "
		                   "tasks");
	if (settings->quiet && settings->verbose)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "--quiet and --verbose exclude each other");
	if (settings->warm && settings->reuse == 0 && settings->scratch_bytes > 0)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "--warm and --scratch exclude each other: a template's batches "
		                   "would share one");
	return check_standard_input(settings, complaint);
}

int bh_settings_parse(struct bh_settings *settings, unsigned int groups, char *const *arguments,
                      struct bh_complaint *complaint)
{
	int r = bh_options_parse(&bh_settings_table, groups, arguments, settings,
	                         &settings->operands, complaint);

	if (r != BH_STATUS_OK || settings->help || !(groups & BH_GROUP_INPUT))
		return r;
	r = read_retries(settings, complaint);
	if (r != BH_STATUS_OK)
		return r;
	return check_together(settings, complaint);
}
