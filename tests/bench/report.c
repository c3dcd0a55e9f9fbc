/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ipc/wire/base.h"

static bool is_met(const struct bench_figure *figure)
{
	switch (figure->goal) {
	case BENCH_AT_MOST:
		return figure->ratio <= figure->goal_ratio;
	case BENCH_AT_LEAST:
		return figure->ratio >= figure->goal_ratio;
	case BENCH_NO_GOAL:
		return true;
	}
	return true;
}

static const char *goal_sign(const struct bench_figure *figure)
{
	switch (figure->goal) {
	case BENCH_AT_MOST:
		return "<=";
	case BENCH_AT_LEAST:
		return ">=";
	case BENCH_NO_GOAL:
		return "";
	}
	return "";
}

/* ---- what both tables say ---- */

/* As many digits as say something. */
static void write_amount(char *text, size_t size, double amount)
{
	double digits = amount < 0 ? -amount : amount;

	if (amount == 0)
		snprintf(text, size, "-");
	else
		snprintf(text, size, "%.*f", digits < 10 ? 2 : digits < 1000 ? 1 : 0, amount);
}

static const char *verdict_of(const struct bench_figure *figure, bool is_short)
{
	if (is_short || figure->goal == BENCH_NO_GOAL)
		return "-";
	return is_met(figure) ? "met" : "MISSED";
}

struct cells {
	char floor[32], measured[32], spread[48], goal[32];
};

static struct cells cells_of(const struct bench_figure *figure)
{
	struct cells cells = { .goal = "-" };

	write_amount(cells.floor, sizeof(cells.floor), figure->floor);
	write_amount(cells.measured, sizeof(cells.measured), figure->measured);
	snprintf(cells.spread, sizeof(cells.spread), "%.2f..%.2f", figure->low, figure->high);
	if (figure->goal != BENCH_NO_GOAL)
		snprintf(cells.goal, sizeof(cells.goal), "%s %.3g", goal_sign(figure),
		         figure->goal_ratio);
	return cells;
}

/* Hands out the lines of a note. */
static void each_line(const char *note, void (*print)(const char *line, int length))
{
	while (*note) {
		size_t length = strcspn(note, "\n");
		print(note, (int)length);
		note += length + (note[length] == '\n');
	}
}

/* ---- for people ---- */

static void print_plain_head(void)
{
	printf("%-22s %9s %9s %-5s %6s  %-13s %-7s %-7s %s\n", "row", "floor", "measured", "",
	       "ratio", "quartiles", "goal", "verdict", "what");
}

static void print_plain_line(const char *line, int length)
{
	printf("%-22s %.*s\n", "", length, line);
}

static void print_plain(const char *row, const struct bench_report *report, bool is_short)
{
	for (size_t i = 0; i < report->n_figures; i++) {
		const struct bench_figure *figure = &report->figures[i];
		struct cells cells = cells_of(figure);
		printf("%-22s %9s %9s %-5s %6.2f  %-13s %-7s %-7s %s\n", figure->name, cells.floor,
		       cells.measured, figure->unit, figure->ratio, cells.spread, cells.goal,
		       verdict_of(figure, is_short), figure->work);
		if (figure->lacks)
			printf("%-22s lacks: %s\n", "", figure->lacks);
	}
	if (report->failed)
		printf("%-22s FAILED: %s\n", row, report->error.text);
	else if (report->skipped)
		printf("%-22s NOT RUN: %s: %s\n", row, row, report->note);
	else if (report->n_figures == 0)
		printf("%-22s passed\n", row);
	if (!report->skipped)
		each_line(report->note, print_plain_line);
}

/* ---- for a README ---- */

static void print_markdown_head(bool has_peers)
{
	printf("| row | what, over its floor | floor | measured | ratio | quartiles | goal |%s\n"
	       "| --- | --- | ---: | ---: | ---: | --- | --- |%s\n",
	       has_peers ? " what it lacks |" : "", has_peers ? " --- |" : "");
}

static void print_markdown(const char *row, const struct bench_report *report)
{
	for (size_t i = 0; i < report->n_figures; i++) {
		const struct bench_figure *figure = &report->figures[i];
		struct cells cells = cells_of(figure);
		bool missed = !is_met(figure);
		printf("| %s | %s | %s %s | %s %s | %s%.2f%s | %s | %s |", figure->name,
		       figure->work, cells.floor, figure->unit, cells.measured, figure->unit,
		       missed ? "**" : "", figure->ratio, missed ? "**" : "", cells.spread,
		       cells.goal);
		if (figure->lacks)
			printf(" %s |", figure->lacks);
		printf("\n");
	}
	if (report->failed || report->skipped)
		printf("| %s | not run: %s | | | | | |\n", row,
		       report->failed ? report->error.text : report->note);
}

/* ---- either ---- */

/* Of the first processor, as the kernel calls it; "" where it doesn't say. */
static void find_cpu_name(char *name, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	name[0] = '\0';
	while (file && name[0] == '\0' && fgets(line, sizeof(line), file)) {
		const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
		if (colon)
			snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
	}
	if (file)
		fclose(file);
}

void report_print_head(enum report_form form, bool has_peers)
{
	struct utsname system = { .release = "" };
	char cpu[128];

	uname(&system);
	find_cpu_name(cpu, sizeof(cpu));
	printf("Linux %s, %s, %ld CPUs (%s), as %s\n\n", system.release, system.machine,
	       sysconf(_SC_NPROCESSORS_ONLN), cpu[0] ? cpu : "unnamed",
	       geteuid() == 0 ? "root" : "an ordinary user");
	if (form == REPORT_MARKDOWN)
		print_markdown_head(has_peers);
	else
		print_plain_head();
}

void report_print(enum report_form form, const char *row, const struct bench_report *report,
                  bool is_short)
{
	if (form == REPORT_MARKDOWN)
		print_markdown(row, report);
	else
		print_plain(row, report, is_short);
	fflush(stdout);
}

/* ---- for programs ---- */

struct report_json {
	json_t *root;
	json_t *rows; /* borrowed from `root` */
	bool is_short;
};

struct report_json *report_json_new(bool is_short)
{
	struct report_json *made = calloc(1, sizeof(*made));
	struct utsname system = { .release = "" };

	if (!made)
		return NULL;
	made->is_short = is_short;
	uname(&system);
	made->root = json_pack("{s:b, s:s, s:s, s:I, s:[]}", "short", is_short, "kernel",
	                       system.release, "machine", system.machine, "cpus",
	                       (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "rows");
	made->rows = json_object_get(made->root, "rows");
	if (!made->rows) {
		report_json_free(made);
		return NULL;
	}
	return made;
}

void report_json_free(struct report_json *json)
{
	if (!json)
		return;
	json_decref(json->root);
	free(json);
}

static json_t *figure_json(const struct bench_figure *figure, bool is_short)
{
	json_t *made = json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:I}", "name",
	                         figure->name, "work", figure->work, "unit", figure->unit, "floor",
	                         figure->floor, "measured", figure->measured, "ratio",
	                         figure->ratio, "low", figure->low, "high", figure->high, "rounds",
	                         (json_int_t)figure->rounds);

	if (made && figure->load != BENCH_NO_LOAD)
		json_object_set_new(made, "load", json_real(figure->load_amount));
	if (made && figure->lacks)
		json_object_set_new(made, "lacks", json_string(figure->lacks));
	if (made && figure->goal != BENCH_NO_GOAL)
		json_object_set_new(made, figure->goal == BENCH_AT_MOST ? "at_most" : "at_least",
		                    json_real(figure->goal_ratio));
	if (made && figure->goal != BENCH_NO_GOAL && !is_short)
		json_object_set_new(made, "met", json_boolean(is_met(figure)));
	return made;
}

int report_json_add(struct report_json *json, const char *row, const struct bench_report *report,
                    struct bh_error *err)
{
	const char *end = report->failed ? "failed" : report->skipped ? "skipped" : "ran";
	json_t *made = json_pack("{s:s, s:s, s:s, s:s, s:[]}", "row", row, "end", end, "note",
	                         report->note, "error", report->error.text, "figures");
	json_t *figures = json_object_get(made, "figures");

	for (size_t i = 0; i < report->n_figures; i++)
		if (json_array_append_new(figures,
		                          figure_json(&report->figures[i], json->is_short)) < 0) {
			json_decref(made);
			return bh_fail(err, ENOMEM, "figures of %s", row);
		}
	if (json_array_append_new(json->rows, made) < 0)
		return bh_fail(err, ENOMEM, "figures of %s", row);
	return 0;
}

int report_json_write(const struct report_json *json, const char *path, struct bh_error *err)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return bh_fail(err, errno, "open %s", path);
	int r = json_dumpf(json->root, file, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	bool failed = r < 0 || fputc('\n', file) == EOF;
	if (fclose(file) == EOF || failed)
		return bh_fail(err, EIO, "write %s", path);
	return 0;
}
