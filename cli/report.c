/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bulkhead/result.h"
#include "cli/complaint.h"
#include "cli/figures.h"
#include "cli/process.h"
#include "cli/roster.h"
#include "cli/text.h"
#include "ipc/wire/base.h"

/* Of an id, so that the rest of the line has room. */
#define MOST_ID_BYTES 200

/* Of those that wait to be tried again: any number may. */
#define MOST_WAITING 20

static void append(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, BH_REPORT_SIZE - used, format, args);
	va_end(args);
}

static void append_duration(char *text, const char *before, uint64_t us, const char *behind)
{
	char duration[BH_DURATION_SIZE];

	bh_figures_duration(us, duration);
	append(text, "%s%s%s", before, duration, behind);
}

static uint64_t since(uint64_t then_us, uint64_t now_us)
{
	return now_us > then_us ? now_us - then_us : 0;
}

void bh_report_sum(const struct bh_roster *roster, uint64_t now_us, char ret[BH_REPORT_SIZE])
{
	uint64_t left_us = bh_figures_left_us(roster, now_us);
	char failures[BH_FAILURES_SIZE], rate[BH_RATE_SIZE];

	bh_figures_failures(roster->kinds, true, failures);
	bh_figures_rate(roster, now_us, rate);
	snprintf(ret, BH_REPORT_SIZE, "%" PRIu64 " of %zu batches", roster->n_ended,
	         roster->n_batches);
	if (roster->n_tasks > 0)
		append(ret, ", %" PRIu64 " of %" PRIu64 " tasks", bh_roster_tasks_done(roster),
		       roster->n_tasks);
	append(ret, ", %s", failures[0] ? failures : "0 failed");
	if (roster->n_task_errors > 0)
		append(ret, ", %" PRIu64 " task error%s", roster->n_task_errors,
		       roster->n_task_errors == 1 ? "" : "s");
	if (rate[0])
		append(ret, ", %s", rate);
	append_duration(ret, ", ", since(roster->started_us, now_us), " so far");
	if (left_us != UINT64_MAX && left_us > 0)
		append_duration(ret, ", ", left_us, " left");
}

static void append_state(char *text, const struct bh_roster_batch *batch, uint64_t now_us)
{
	uint64_t for_us = since(batch->since_us, now_us);

	switch (batch->state) {
	case BH_ROSTER_LEASED:
		append_duration(text, ", being started for ", for_us, "");
		break;
	case BH_ROSTER_STARTED:
		append_duration(text, ", runs for ", for_us, "");
		break;
	case BH_ROSTER_GRACE:
		append_duration(text, ", out of time and in grace for ", for_us, "");
		break;
	case BH_ROSTER_WAITS:
		append(text, " failed (%s)", bh_kind_name(batch->kind));
		append_duration(text, ", the next one in ", since(now_us, batch->due_us), "");
		break;
	}
}

/* The time of the whole, where that is more than that of the state. */
static void append_total(char *text, const struct bh_roster_batch *batch, uint64_t now_us)
{
	if (batch->attempt > 1 || batch->state == BH_ROSTER_GRACE)
		append_duration(text, ", ", since(batch->begun_us, now_us), " in all");
}

void bh_report_batch(const struct bh_roster_batch *batch, int64_t handler, uint64_t now_us,
                     char ret[BH_REPORT_SIZE])
{
	size_t id_size = strnlen(batch->batch_id, MOST_ID_BYTES + 1);
	size_t shown = bh_utf8_cut(batch->batch_id, id_size, MOST_ID_BYTES);

	snprintf(ret, BH_REPORT_SIZE, "%.*s%s: attempt %" PRIu32, (int)shown, batch->batch_id,
	         shown < id_size ? "…" : "", batch->attempt);
	append_state(ret, batch, now_us);
	append_total(ret, batch, now_us);
	if (batch->n_tasks > 0)
		append(ret, ", %zu of %zu tasks", batch->n_done, batch->n_tasks);
	if (batch->task_size > 0)
		append(ret, ", at '%.*s%s'", (int)batch->task_kept, batch->task,
		       batch->task_kept < batch->task_size ? "…" : "");
	if (handler > 0)
		append(ret, ", process %" PRId64, handler);
	else if (batch->pid > 0)
		append(ret, ", below process %" PRId64, batch->pid);
}

static void print_batches(const struct bh_roster *roster, uint64_t now_us)
{
	char text[BH_REPORT_SIZE];
	size_t n_waiting = 0;

	for (size_t i = 0; i < roster->n; i++) {
		const struct bh_roster_batch *batch = &roster->batches[i];
		if (batch->state == BH_ROSTER_WAITS && ++n_waiting > MOST_WAITING)
			continue;
		int64_t pid = batch->pid > 0 ? bh_process_first_child(batch->pid) : 0;
		bh_report_batch(batch, pid, now_us, text);
		bh_note("%s", text);
	}
	if (n_waiting > MOST_WAITING)
		bh_note("and %zu more wait for their next attempt", n_waiting - MOST_WAITING);
}

void bh_report_print(struct bh_roster *roster)
{
	uint64_t now_us = bh_now_us();
	char text[BH_REPORT_SIZE];

	bh_report_sum(roster, now_us, text);
	bh_note("%s", text);
	bh_roster_sort(roster);
	print_batches(roster, now_us);
	bh_note("%" PRIu64 " wait for their first attempt", bh_roster_waiting(roster));
}
