/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bar.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/figures.h"
#include "cli/label.h"
#include "cli/roster.h"
#include "ipc/wire/base.h"

/* In the order of the line. */
enum part {
	PART_BAR,
	PART_BATCHES,
	PART_TASKS,
	PART_FAILED,
	PART_TASK_ERRORS,
	PART_RATE,
	PART_LEFT,
	PART_SLOWEST,
	PARTS
};

enum form { FORM_NONE, FORM_SHORT, FORM_LONG, FORMS };

/* The most important first: what fits is taken. */
static const struct step {
	enum part part;
	enum form form;
} steps[] = {
	{ PART_BATCHES, FORM_SHORT }, { PART_FAILED, FORM_SHORT }, { PART_BAR, FORM_SHORT },
	{ PART_LEFT, FORM_SHORT },    { PART_BATCHES, FORM_LONG }, { PART_TASKS, FORM_SHORT },
	{ PART_SLOWEST, FORM_SHORT }, { PART_FAILED, FORM_LONG },  { PART_TASK_ERRORS, FORM_SHORT },
	{ PART_RATE, FORM_SHORT },    { PART_SLOWEST, FORM_LONG }, { PART_BAR, FORM_LONG },
};

#define SHORT_BAR 10
#define LONG_BAR  30
#define SHORT_ID  16
#define LONG_ID   48

/* A part in one of its forms. One that has no text is left out. */
struct piece {
	char text[160];
	size_t columns;
};

struct line {
	struct piece pieces[PARTS][FORMS];
	enum form forms[PARTS]; /* that were taken */
};

/* Text in ASCII. One that is too long is none. */
static void set(struct piece *piece, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set(struct piece *piece, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int n = vsnprintf(piece->text, sizeof(piece->text), format, args);
	va_end(args);
	piece->columns = n > 0 && (size_t)n < sizeof(piece->text) ? (size_t)n : 0;
}

static void set_bar(struct piece *piece, double part, size_t columns, bool utf8)
{
	const char *full = utf8 ? "\xe2\x96\x88" : "#";
	const char *empty = utf8 ? "\xe2\x96\x91" : "-";
	size_t n_full = (size_t)(part * (double)columns);
	char *at = piece->text;

	*at++ = '[';
	for (size_t i = 0; i < columns; i++) {
		const char *glyph = i < n_full ? full : empty;
		memcpy(at, glyph, strlen(glyph));
		at += strlen(glyph);
	}
	*at++ = ']';
	*at = '\0';
	piece->columns = columns + 2;
}

static void set_failed(struct line *line, const struct bh_roster *roster)
{
	char text[BH_FAILURES_SIZE];

	bh_figures_failures(roster->kinds, false, text);
	set(&line->pieces[PART_FAILED][FORM_SHORT], "%s", text);
	bh_figures_failures(roster->kinds, true, text);
	set(&line->pieces[PART_FAILED][FORM_LONG], "%s", text);
	if (roster->n_task_errors > 0)
		set(&line->pieces[PART_TASK_ERRORS][FORM_SHORT], "%" PRIu64 " task error%s",
		    roster->n_task_errors, roster->n_task_errors == 1 ? "" : "s");
}

static void set_left(struct piece *piece, const struct bh_roster *roster, bool stopping,
                     uint64_t now_us)
{
	uint64_t left_us = bh_figures_left_us(roster, now_us);
	char text[BH_DURATION_SIZE];

	if (stopping) {
		set(piece, "ending");
		return;
	}
	if (left_us == UINT64_MAX)
		return;
	bh_figures_duration(left_us, text);
	set(piece, "%s left", text);
}

static void set_slowest(struct piece *piece, const struct bh_roster_batch *batch, size_t columns,
                        bool utf8, uint64_t now_us)
{
	char id[BH_LABEL_SIZE(LONG_ID)];
	char text[BH_DURATION_SIZE];

	size_t wide = bh_label_write(batch->batch_id, strlen(batch->batch_id), columns, utf8, id);
	bh_figures_duration(now_us > batch->begun_us ? now_us - batch->begun_us : 0, text);
	set(piece, "slowest %s (%s)", id, text);
	piece->columns -= strlen(id) - wide;
}

static void fill_in(struct line *line, const struct bh_roster *roster,
                    const struct bh_bar_style *style, uint64_t now_us)
{
	const struct bh_roster_batch *slowest = bh_roster_slowest(roster);
	struct piece(*pieces)[FORMS] = line->pieces;
	double part = bh_figures_part(roster);
	char rate[BH_RATE_SIZE];

	set_bar(&pieces[PART_BAR][FORM_SHORT], part, SHORT_BAR, style->utf8);
	set_bar(&pieces[PART_BAR][FORM_LONG], part, LONG_BAR, style->utf8);
	set(&pieces[PART_BATCHES][FORM_SHORT], "%" PRIu64 "/%zu", roster->n_ended,
	    roster->n_batches);
	set(&pieces[PART_BATCHES][FORM_LONG], "%" PRIu64 "/%zu batches", roster->n_ended,
	    roster->n_batches);
	if (roster->n_tasks > 0)
		set(&pieces[PART_TASKS][FORM_SHORT], "%" PRIu64 "/%" PRIu64 " tasks",
		    bh_roster_tasks_done(roster), roster->n_tasks);
	set_failed(line, roster);
	bh_figures_rate(roster, now_us, rate);
	set(&pieces[PART_RATE][FORM_SHORT], "%s", rate);
	set_left(&pieces[PART_LEFT][FORM_SHORT], roster, style->stopping, now_us);
	if (!slowest)
		return;
	set_slowest(&pieces[PART_SLOWEST][FORM_SHORT], slowest, SHORT_ID, style->utf8, now_us);
	set_slowest(&pieces[PART_SLOWEST][FORM_LONG], slowest, LONG_ID, style->utf8, now_us);
}

/* Between a part and the one before it. The bar is the first one. */
static const char *separator(enum part part, bool is_first)
{
	if (is_first)
		return "";
	return part == PART_BATCHES ? " " : ", ";
}

/* Columns of the line with the parts that were taken. */
static size_t measure(const struct line *line)
{
	size_t columns = 0;

	for (enum part part = 0; part < PARTS; part++) {
		const struct piece *piece = &line->pieces[part][line->forms[part]];
		if (piece->columns > 0)
			columns += strlen(separator(part, columns == 0)) + piece->columns;
	}
	return columns;
}

static void choose(struct line *line, size_t most)
{
	for (size_t i = 0; i < BH_COUNT_OF(steps); i++) {
		enum form *form = &line->forms[steps[i].part];
		enum form before = *form;

		if (line->pieces[steps[i].part][steps[i].form].columns == 0)
			continue;
		*form = steps[i].form;
		if (measure(line) > most)
			*form = before;
	}
}

size_t bh_bar_draw(const struct bh_roster *roster, const struct bh_bar_style *style,
                   uint64_t now_us, char ret[BH_BAR_SIZE])
{
	size_t width = style->width < BH_BAR_MOST_COLUMNS ? style->width : BH_BAR_MOST_COLUMNS;
	struct line line = { .forms = { FORM_NONE } };
	char *at = ret;

	*at = '\0';
	if (width < 2)
		return 0;
	fill_in(&line, roster, style, now_us);
	choose(&line, width - 1);
	if (line.forms[PART_BATCHES] == FORM_NONE)
		return 0;
	for (enum part part = 0; part < PARTS; part++) {
		const struct piece *piece = &line.pieces[part][line.forms[part]];
		if (piece->columns == 0)
			continue;
		at += snprintf(at, (size_t)(ret + BH_BAR_SIZE - at), "%s%s",
		               separator(part, at == ret), piece->text);
	}
	return measure(&line);
}
