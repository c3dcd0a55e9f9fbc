/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <unistd.h>

#include "cli/bar.h"
#include "cli/complaint.h"
#include "cli/report.h"
#include "cli/roster.h"
#include "cli/settings.h"
#include "cli/tally.h"
#include "ipc/wire/base.h"

#define MS UINT64_C(1000)

/* How long until the next, where something has happened, and where nothing has but
 * that time went by. */
struct pace {
	uint64_t news_us;
	uint64_t time_us;
};

static const struct pace paces[] = {
	[BH_PROGRESS_IS_PLAIN] = { 2000 * MS, 60000 * MS },
	[BH_PROGRESS_IS_BAR] = { 100 * MS, 1000 * MS },
};

static enum bh_progress_kind kind_for(const struct bh_settings *settings,
                                      const struct bh_terminal *terminal)
{
	if (settings->quiet)
		return BH_PROGRESS_IS_NONE;
	switch ((enum bh_progress_mode)settings->progress) {
	case BH_PROGRESS_AUTO:
		return bh_terminal_is_capable(terminal) ? BH_PROGRESS_IS_BAR : BH_PROGRESS_IS_PLAIN;
	case BH_PROGRESS_BAR:
		return isatty(terminal->fd) ? BH_PROGRESS_IS_BAR : BH_PROGRESS_IS_PLAIN;
	case BH_PROGRESS_PLAIN:
		return BH_PROGRESS_IS_PLAIN;
	case BH_PROGRESS_NONE:
		break;
	}
	return BH_PROGRESS_IS_NONE;
}

void bh_progress_init(struct bh_progress *progress, const struct bh_settings *settings,
                      struct bh_roster *roster)
{
	*progress = (struct bh_progress){ .verbose = settings->verbose,
		                          .roster = roster,
		                          .shown_us = roster->started_us };
	bh_terminal_init(&progress->terminal, STDERR_FILENO);
	progress->kind = kind_for(settings, &progress->terminal);
}

static void tell_failure(struct bh_progress *progress, const struct bh_result *result)
{
	BH_CLEANUP(bh_free_done) char *failure = bh_failure_dup(result);

	bh_progress_hide(progress);
	bh_note("%s", failure ? failure : result->batch_id);
	progress->failures_told++;
}

static void tell_success(struct bh_progress *progress, const struct bh_result *result)
{
	bh_progress_hide(progress);
	bh_note("%s: %zu records, %" PRIu64 ".%03u ms", result->batch_id, result->n_task_results,
	        result->duration_us / 1000, (unsigned int)(result->duration_us % 1000));
}

void bh_progress_result(struct bh_progress *progress, const struct bh_result *result)
{
	bool first_ones = progress->kind != BH_PROGRESS_IS_NONE &&
	                  progress->failures_told < BH_TALLY_SHOWN;

	if (!result->success && (progress->verbose || first_ones))
		tell_failure(progress, result);
	else if (result->success && progress->verbose)
		tell_success(progress, result);
}

static void draw_bar(struct bh_progress *progress, bool stopping, uint64_t now_us)
{
	const struct bh_bar_style style = { .width = bh_terminal_width(&progress->terminal),
		                            .utf8 = progress->terminal.utf8,
		                            .stopping = stopping };
	char line[BH_BAR_SIZE];

	bh_bar_draw(progress->roster, &style, now_us, line);
	bh_terminal_show(&progress->terminal, line);
}

static void print_line(const struct bh_progress *progress, uint64_t now_us)
{
	char text[BH_REPORT_SIZE];

	bh_report_sum(progress->roster, now_us, text);
	bh_note("%s", text);
}

static uint64_t due_us(const struct bh_progress *progress)
{
	const struct pace *pace = &paces[progress->kind];
	bool news = progress->roster->n_events != progress->n_shown_events;

	return bh_add_saturated(progress->shown_us, news ? pace->news_us : pace->time_us);
}

int bh_progress_tick(struct bh_progress *progress, bool stopping)
{
	uint64_t now_us;

	if (progress->kind == BH_PROGRESS_IS_NONE)
		return -1;
	now_us = bh_now_us();
	if (now_us >= due_us(progress)) {
		progress->shown_us = now_us;
		progress->n_shown_events = progress->roster->n_events;
		if (progress->kind == BH_PROGRESS_IS_BAR)
			draw_bar(progress, stopping, now_us);
		else
			print_line(progress, now_us);
	}
	return (int)((due_us(progress) - now_us) / 1000) + 1;
}

void bh_progress_hide(struct bh_progress *progress)
{
	if (!progress->terminal.has_line)
		return;
	bh_terminal_clear(&progress->terminal);
	progress->n_shown_events = UINT64_MAX; /* it is to be back soon */
}

void bh_progress_resize(struct bh_progress *progress)
{
	progress->n_shown_events = UINT64_MAX;
}

void bh_progress_report(struct bh_progress *progress)
{
	bh_progress_hide(progress);
	bh_report_print(progress->roster);
}
