/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_FIGURES_H
#define BH_CLI_FIGURES_H

/* figures.h: how far a run is, as numbers and in words. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/result.h"

struct bh_roster;

#define BH_DURATION_SIZE 24
/* "12s", "1m20s", "2h05m", "3d04h". */
void bh_figures_duration(uint64_t us, char ret[BH_DURATION_SIZE]);

#define BH_FAILURES_SIZE 1024
/* "3 failed (2 signal, 1 timeout)" of counts by kind, BH_KIND_NONE left out; "" where
 * nothing failed. Without `kinds`, "3 failed". */
void bh_figures_failures(const uint64_t counts[BH_KINDS], bool kinds, char ret[BH_FAILURES_SIZE]);

/* The part of the run that is done, from 0 to 1: of its tasks, and of its batches
 * where there are no tasks. */
double bh_figures_part(const struct bh_roster *roster);

#define BH_RATE_SIZE 48
/* "4.2 tasks/s", or of batches where there are no tasks, over the whole run; "" as
 * long as nothing is done. */
void bh_figures_rate(const struct bh_roster *roster, uint64_t now_us, char ret[BH_RATE_SIZE]);

/* How long it will take if it goes on as up to now; UINT64_MAX where that can't be
 * told, or is longer than a thousand days. */
uint64_t bh_figures_left_us(const struct bh_roster *roster, uint64_t now_us);

#endif
