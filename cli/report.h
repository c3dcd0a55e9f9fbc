/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_REPORT_H
#define BH_CLI_REPORT_H

/* report.h: what is running now, for whoever asks by SIGUSR1. */

#include <stddef.h>
#include <stdint.h>

struct bh_roster;
struct bh_roster_batch;

#define BH_REPORT_SIZE 1280

/* "12 of 48 batches, 240 of 960 tasks, 2 failed (1 exit, 1 signal), 4.0 tasks/s,
 * 12s so far, 36s left", the line that is also printed now and then. */
void bh_report_sum(const struct bh_roster *roster, uint64_t now_us, char ret[BH_REPORT_SIZE]);

/* "batch_0007: attempt 1, runs for 12s, 3 of 20 tasks, at 'x', process 4711". `handler` is
 * the process of its handler, 0 where it isn't known. Ids are as they are. */
void bh_report_batch(const struct bh_roster_batch *batch, int64_t handler, uint64_t now_us,
                     char ret[BH_REPORT_SIZE]);

/* Prints both on standard error, for all batches under way. */
void bh_report_print(struct bh_roster *roster);

#endif
