/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <inttypes.h>
#include <unistd.h>

#include "cli/complaint.h"
#include "cli/settings.h"
#include "cli/tally.h"
#include "ipc/wire/base.h"

#define INTERVAL_US (2 * 1000 * 1000)

static bool is_plain(const struct bh_settings *settings)
{
	if (settings->quiet || settings->progress == BH_PROGRESS_NONE)
		return false;
	return settings->progress == BH_PROGRESS_PLAIN || isatty(STDERR_FILENO);
}

void bh_progress_init(struct bh_progress *progress, const struct bh_settings *settings,
                      size_t n_batches)
{
	uint64_t now = bh_now_us();

	*progress = (struct bh_progress){
		.plain = is_plain(settings),
		.verbose = settings->verbose,
		.n_batches = n_batches,
		.started_us = now,
		.next_us = now + INTERVAL_US,
	};
}

void bh_progress_result(const struct bh_progress *progress, const struct bh_result *result)
{
	BH_CLEANUP(bh_free_done) char *failure = NULL;

	if (!progress->verbose && (!progress->plain || result->success))
		return;
	if (result->success) {
		bh_note("%s: %zu records, %" PRIu64 ".%03u ms", result->batch_id,
		        result->n_task_results, result->duration_us / 1000,
		        (unsigned int)(result->duration_us % 1000));
		return;
	}
	failure = bh_failure_dup(result);
	bh_note("%s", failure ? failure : result->batch_id);
}

int bh_progress_tick(struct bh_progress *progress, const struct bh_tally *tally)
{
	uint64_t now = bh_now_us();

	if (!progress->plain)
		return -1;
	if (now >= progress->next_us) {
		if (tally->batches != progress->told)
			bh_note("%" PRIu64 " of %zu batches, %" PRIu64 " failed, %" PRIu64 " s",
			        tally->batches, progress->n_batches, bh_tally_failed(tally),
			        (now - progress->started_us) / 1000000);
		progress->told = tally->batches;
		progress->next_us = now + INTERVAL_US;
	}
	return (int)((progress->next_us - now) / 1000) + 1;
}
