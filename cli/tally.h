/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_TALLY_H
#define BH_CLI_TALLY_H

/* tally.h: what a run came to: counts for the exit status and the summary, and
 * the first few failures with who is to blame. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/result.h"
#include "cli/status.h"

#define BH_TALLY_SHOWN 10

struct bh_tally {
	uint64_t batches;
	uint64_t kinds[BH_KINDS]; /* [BH_KIND_NONE]: those that succeeded */
	uint64_t deaths;          /* tasks that handlers died over, and went on without */
	uint64_t flaky;           /* batches that succeeded when tried again */
	uint64_t infrastructure;  /* batches that failed on our side or the host's */
	uint64_t tasks;
	uint64_t task_results;
	uint64_t task_errors;
	uint64_t tasks_missing;
	uint64_t trailing;                        /* batches with bytes after their final record */
	char missing_layers[BH_LAYERS_TEXT_SIZE]; /* of isolation, in some batch */
	char *shown[BH_TALLY_SHOWN];              /* owned: failures in words */
	size_t n_shown;
};
#define BH_TALLY_UNSET ((struct bh_tally){ .batches = 0 })
void bh_tally_done(struct bh_tally *tally);

void bh_tally_add(struct bh_tally *tally, const struct bh_result *result, size_t n_tasks);

uint64_t bh_tally_failed(const struct bh_tally *tally);

/* What the results alone make of the exit status. */
enum bh_status bh_tally_status(const struct bh_tally *tally);

/* "batch_0004: signal: … (running: task 'x')" on the heap; NULL without memory. */
char *bh_failure_dup(const struct bh_result *result);

struct bh_tally_totals {
	size_t n_batches; /* that there were to run */
	size_t n_entries;
	uint64_t elapsed_us;
	uint64_t failures_told; /* the first ones, that had a line already */
};

/* Prints the summary on standard error. */
void bh_tally_print(const struct bh_tally *tally, const struct bh_tally_totals *totals);

#endif
