/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
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

/* ---- for people ---- */

void report_print_head(void)
{
	printf("%-16s %11s %11s %-7s %6s  %-13s %-8s %-7s %s\n", "row", "floor", "measured", "",
	       "ratio", "quartiles", "goal", "verdict", "what");
}

static void print_figure(const struct bench_figure *figure, bool is_short)
{
	char spread[32], goal[16] = "-";

	snprintf(spread, sizeof(spread), "%.2f..%.2f", figure->low, figure->high);
	if (figure->goal != BENCH_NO_GOAL)
		snprintf(goal, sizeof(goal), "%s %.2g", goal_sign(figure), figure->goal_ratio);
	const char *verdict = is_met(figure) ? "met" : "MISSED";
	if (is_short || figure->goal == BENCH_NO_GOAL)
		verdict = "-";
	printf("%-16s %11.*f %11.*f %-7s %6.2f  %-13s %-8s %-7s %s\n", figure->name,
	       figure->floor < 10 ? 3 : 1, figure->floor, figure->measured < 10 ? 3 : 1,
	       figure->measured, figure->unit, figure->ratio, spread, goal, verdict, figure->work);
}

void report_print(const char *row, const struct bench_report *report, bool is_short)
{
	for (size_t i = 0; i < report->n_figures; i++)
		print_figure(&report->figures[i], is_short);
	if (report->failed)
		printf("%-16s FAILED: %s\n", row, report->error.text);
	else if (report->skipped)
		printf("%-16s not run\n", row);
	else if (report->n_figures == 0)
		printf("%-16s passed\n", row);
	if (report->note[0])
		printf("%-16s   %s\n", "", report->note);
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
