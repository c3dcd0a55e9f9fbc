/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/complaint.h"
#include "cli/figures.h"
#include "ipc/wire/base.h"

void bh_tally_done(struct bh_tally *tally)
{
	for (size_t i = 0; i < tally->n_shown; i++)
		free(tally->shown[i]);
	*tally = BH_TALLY_UNSET;
}

char *bh_failure_dup(const struct bh_result *result)
{
	const struct bh_outcome *outcome = &result->outcome;
	char *text;
	int length;

	if (outcome->task_id)
		length = asprintf(&text, "%s: %s: %s (running: task '%s')", result->batch_id,
		                  bh_kind_name(outcome->kind), outcome->message, outcome->task_id);
	else
		length = asprintf(&text, "%s: %s: %s", result->batch_id,
		                  bh_kind_name(outcome->kind), outcome->message);
	return length < 0 ? NULL : text;
}

void bh_tally_add(struct bh_tally *tally, const struct bh_result *result, size_t n_tasks)
{
	tally->batches++;
	tally->kinds[result->success ? BH_KIND_NONE : result->outcome.kind]++;
	tally->infrastructure += !result->success && result->outcome.infrastructure;
	tally->flaky += result->flaky;
	tally->tasks += n_tasks;
	for (size_t i = 0; i < result->n_task_results; i++) {
		if (result->task_results[i].is_error)
			tally->task_errors++;
		else
			tally->task_results++;
		tally->deaths += result->task_results[i].death != BH_KIND_NONE;
	}
	tally->tasks_missing += result->n_missing_task_ids;
	tally->trailing += result->trailing_bytes > 0;
	if (result->missing_layers[0])
		memcpy(tally->missing_layers, result->missing_layers,
		       sizeof(tally->missing_layers));
	if (!result->success && tally->n_shown < BH_TALLY_SHOWN) {
		tally->shown[tally->n_shown] = bh_failure_dup(result);
		tally->n_shown += tally->shown[tally->n_shown] != NULL;
	}
}

uint64_t bh_tally_failed(const struct bh_tally *tally)
{
	return tally->batches - tally->kinds[BH_KIND_NONE];
}

enum bh_status bh_tally_status(const struct bh_tally *tally)
{
	if (tally->infrastructure > 0)
		return BH_STATUS_INFRASTRUCTURE;
	if (bh_tally_failed(tally) > 0 || tally->task_errors > 0)
		return BH_STATUS_FAILED;
	return BH_STATUS_OK;
}

static void print_failures(const struct bh_tally *tally, uint64_t told)
{
	for (; told < tally->n_shown; told++)
		bh_note("%s", tally->shown[told]);
	if (bh_tally_failed(tally) > told)
		bh_note("and %" PRIu64 " more failures", bh_tally_failed(tally) - told);
}

void bh_tally_print(const struct bh_tally *tally, const struct bh_tally_totals *totals)
{
	char failures[BH_FAILURES_SIZE];

	print_failures(tally, totals->failures_told);
	bh_figures_failures(tally->kinds, true, failures);
	bh_note("%" PRIu64 " of %zu batches in %" PRIu64 ".%02u s: %" PRIu64 " succeeded%s%s",
	        tally->batches, totals->n_batches, totals->elapsed_us / 1000000,
	        (unsigned int)(totals->elapsed_us % 1000000 / 10000), tally->kinds[BH_KIND_NONE],
	        failures[0] ? ", " : "", failures);
	bh_note("%" PRIu64 " tasks: %" PRIu64 " results, %" PRIu64 " errors, %" PRIu64
	        " without a record; %zu entries",
	        tally->tasks, tally->task_results, tally->task_errors, tally->tasks_missing,
	        totals->n_entries);
	if (tally->deaths > 0)
		bh_note("%" PRIu64 " of the errors are of tasks that their handler died over",
		        tally->deaths);
	if (tally->flaky > 0)
		bh_note("%" PRIu64 " of those that succeeded did so when tried again (flaky)",
		        tally->flaky);
	if (tally->missing_layers[0])
		bh_note("isolation was without: %s", tally->missing_layers);
	if (tally->trailing > 0)
		bh_note("%" PRIu64 " batches wrote bytes after their final record, not read",
		        tally->trailing);
}
