/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_PROGRESS_H
#define BH_CLI_PROGRESS_H

/* progress.h: lines on standard error while a run goes on. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/result.h"

struct bh_settings;
struct bh_tally;

struct bh_progress {
	bool plain;   /* a line now and then, and for each failure */
	bool verbose; /* a line for each batch */
	size_t n_batches;
	uint64_t started_us;
	uint64_t next_us; /* when the next line is due */
	uint64_t told;    /* batches in the last line */
};

void bh_progress_init(struct bh_progress *progress, const struct bh_settings *settings,
                      size_t n_batches);

/* A batch has ended. */
void bh_progress_result(const struct bh_progress *progress, const struct bh_result *result);

/* Prints the line that is due, if one is. Returns milliseconds until the next, -1
 * where none will be, as poll(2) takes them. */
int bh_progress_tick(struct bh_progress *progress, const struct bh_tally *tally);

#endif
