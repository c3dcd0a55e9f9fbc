/* SPDX-License-Identifier: Apache-2.0 */

/* bulkhead-bench: what bulkhead costs, row by row, beside what it may cost. */

#include "tests/bench/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/plot.h"
#include "tests/bench/report.h"

static const struct row {
	const char *name;
	int (*run)(const struct bench_options *options, struct bench_report *report,
	           struct bh_error *err);
	bool only_named; /* not part of a run of all */
	bool in_place;   /* not in a process of its own */
} rows[] = {
	{ .name = "cold", .run = bench_cold },
	{ .name = "cold-scratch", .run = bench_cold_scratch },
	{ .name = "cold-big-parent", .run = bench_cold_big_parent },
	{ .name = "cold-python", .run = bench_cold_python },
	{ .name = "warm", .run = bench_warm },
	{ .name = "reuse", .run = bench_reuse },
	{ .name = "layers", .run = bench_layers },
	{ .name = "start", .run = bench_start },
	{ .name = "calls", .run = bench_calls },
	{ .name = "context", .run = bench_context },
	{ .name = "results", .run = bench_results },
	{ .name = "parallel", .run = bench_parallel },
	{ .name = "plan", .run = bench_plan },
	{ .name = "instructions", .run = bench_instructions },
	{ .name = "load-context", .run = bench_load_context },
	{ .name = "load-jobs", .run = bench_load_jobs },
	{ .name = "peers", .run = bench_peers, .only_named = true },
	{ .name = "batches", .run = bench_batches, .only_named = true, .in_place = true },
	{ .name = "soak", .run = bench_soak, .only_named = true },
};

void bench_note(struct bench_report *report, const char *format, ...)
{
	size_t length = strlen(report->note);
	va_list args;

	if (length > 0 && length + 1 < sizeof(report->note))
		report->note[length++] = '\n';
	va_start(args, format);
	vsnprintf(report->note + length, sizeof(report->note) - length, format, args);
	va_end(args);
}

struct command_line {
	struct bench_options options;
	const char *json_path; /* NULL where not asked for */
	const char *svg_path;
	enum report_form form;
	bool chosen[BH_COUNT_OF(rows)];
	bool help;
};

static int print_usage(FILE *file)
{
	fprintf(file, "usage: bulkhead-bench [ROW...] [OPTION...]\n\n"
	              "Measures each ROW (all but peers, batches and soak where none is named).\n"
	              "  --peers      the row peers: the same handler run by other programs\n"
	              "  --short      tiny numbers, only to see that every row works\n"
	              "  --markdown   the table as the README has it\n"
	              "  --json FILE  the figures as JSON too\n"
	              "  --svg FILE   the rows load-context and load-jobs as a plot\n"
	              "  --batches N  how many soak and batches run (10000)\n\n"
	              "Status 1 where a row could not run or the soak found a leak; a missed\n"
	              "goal is no failure. Rows:");
	for (size_t i = 0; i < BH_COUNT_OF(rows); i++)
		fprintf(file, " %s", rows[i].name);
	fprintf(file, "\n");
	return file == stderr ? 2 : 0;
}

static bool choose(struct command_line *line, const char *name)
{
	for (size_t i = 0; i < BH_COUNT_OF(rows); i++)
		if (strcmp(rows[i].name, name) == 0)
			return line->chosen[i] = true;
	fprintf(stderr, "bulkhead-bench: no row '%s'\n", name);
	return false;
}

static bool parse_count(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && text[0] >= '0' && text[0] <= '9';
}

/* An option that is there or not. */
static bool parse_flag(const char *arg, struct command_line *line)
{
	if (strcmp(arg, "--short") == 0)
		line->options.is_short = true;
	else if (strcmp(arg, "--markdown") == 0)
		line->form = REPORT_MARKDOWN;
	else if (strcmp(arg, "--help") == 0)
		line->help = true;
	else
		return false;
	return true;
}

static bool parse(char **argv, struct command_line *line)
{
	bool named = false;

	for (char **arg = argv + 1; *arg; arg++) {
		if (parse_flag(*arg, line)) {
			continue;
		} else if (strcmp(*arg, "--peers") == 0) {
			named = choose(line, "peers");
		} else if (strcmp(*arg, "--json") == 0 && arg[1]) {
			line->json_path = *++arg;
		} else if (strcmp(*arg, "--svg") == 0 && arg[1]) {
			line->svg_path = *++arg;
		} else if (strcmp(*arg, "--batches") == 0 && arg[1]) {
			if (!parse_count(*++arg, &line->options.batches))
				return false;
		} else {
			named = true;
			if (!choose(line, *arg))
				return false;
		}
	}
	for (size_t i = 0; !named && i < BH_COUNT_OF(rows); i++)
		line->chosen[i] = !rows[i].only_named;
	return true;
}

static _Noreturn void be_row(const struct row *row, const struct bench_options *options,
                             struct bench_report *report)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	report->failed = row->run(options, report, &report->error) < 0;
	exit(EXIT_SUCCESS);
}

/* Fills in `report`, which is shared with the row's process. */
static int run_row(const struct row *row, const struct bench_options *options,
                   struct bench_report *report, struct bh_error *err)
{
	int status;

	fflush(NULL);
	*report = (struct bench_report){ .n_figures = 0 };
	if (row->in_place) {
		report->failed = row->run(options, report, &report->error) < 0;
		return 0;
	}
	pid_t pid = fork();
	if (pid == 0)
		be_row(row, options, report);
	if (pid < 0)
		return bh_fail(err, errno, "fork");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return bh_fail(err, errno, "wait for row %s", row->name);
	if (status != 0 && !report->failed) {
		report->failed = true;
		bh_fail_plain(&report->error, EPROTO, "its process ended with wait status %#x",
		              (unsigned int)status);
	}
	return 0;
}

static bool is_chosen(const struct command_line *line, const char *name)
{
	for (size_t i = 0; i < BH_COUNT_OF(rows); i++)
		if (line->chosen[i] && strcmp(rows[i].name, name) == 0)
			return true;
	return false;
}

/* Returns 1 where a row failed. */
static int run_rows(const struct command_line *line, struct report_json *json, struct plot *plot,
                    struct bh_error *err)
{
	struct bench_report *report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE,
	                                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool failed = false;
	int r = 0;

	if (report == MAP_FAILED)
		return bh_fail(err, errno, "memory for a report");
	report_print_head(line->form, is_chosen(line, "peers"));
	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(rows); i++) {
		if (!line->chosen[i])
			continue;
		r = run_row(&rows[i], &line->options, report, err);
		if (r < 0)
			break;
		report_print(line->form, rows[i].name, report, line->options.is_short);
		failed |= report->failed;
		plot_add(plot, report);
		r = report_json_add(json, rows[i].name, report, err);
	}
	munmap(report, sizeof(*report));
	return r < 0 ? r : failed;
}

int main(int argc, char **argv)
{
	struct command_line line = { .options = { .batches = 10000 } };
	struct plot plot = { .n_points = 0 };
	struct bh_error err = BH_ERROR_UNSET;

	(void)argc;
	if (!parse(argv, &line))
		return print_usage(stderr);
	if (line.help)
		return print_usage(stdout);
	struct report_json *json = report_json_new(line.options.is_short);
	int r = json ? run_rows(&line, json, &plot, &err) : bh_fail(&err, ENOMEM, "make a report");
	if (r >= 0 && line.json_path) {
		int written = report_json_write(json, line.json_path, &err);
		if (written < 0)
			r = written;
	}
	report_json_free(json);
	if (r >= 0 && line.svg_path) {
		int written = plot_write(&plot, line.svg_path, &err);
		if (written < 0)
			r = written;
	}
	if (r < 0)
		fprintf(stderr, "bulkhead-bench: %s\n", err.text);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
