/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_PROGRESS_H
#define BH_CLI_PROGRESS_H

/* progress.h: what is said on standard error while a run goes on.
 *
 * Either a bar, on a terminal, or plain lines now and then; with both, the first
 * failures as they come. Whoever prints anything else while the bar may be there
 * hides it first, so that lines don't mix; it comes back with the next tick. */

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/result.h"
#include "cli/terminal.h"

struct bh_roster;
struct bh_settings;

enum bh_progress_kind {
	BH_PROGRESS_IS_NONE,
	BH_PROGRESS_IS_PLAIN,
	BH_PROGRESS_IS_BAR,
};

struct bh_progress {
	enum bh_progress_kind kind;
	bool verbose; /* a line for each batch */
	struct bh_terminal terminal;
	struct bh_roster *roster; /* borrowed */
	uint64_t shown_us;        /* when the bar or the last line was */
	uint64_t n_shown_events;  /* that were in it */
	uint64_t failures_told;
};

void bh_progress_init(struct bh_progress *progress, const struct bh_settings *settings,
                      struct bh_roster *roster);

/* A batch has ended, which is in the tally. */
void bh_progress_result(struct bh_progress *progress, const struct bh_result *result);

/* Shows what is due; `stopping` says that the run is being ended before its time. Returns
 * milliseconds until more may be, -1 where nothing will be, as poll(2) takes them. */
int bh_progress_tick(struct bh_progress *progress, bool stopping);

/* Takes the bar away. */
void bh_progress_hide(struct bh_progress *progress);

/* The terminal's window has another size. */
void bh_progress_resize(struct bh_progress *progress);

/* Somebody asks what is running. */
void bh_progress_report(struct bh_progress *progress);

#endif
