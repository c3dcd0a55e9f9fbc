/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_EXECUTOR_H
#define BH_SUPERVISOR_EXECUTOR_H

/* executor.h: what the blocking forms need of an executor beyond its public face. */

#include <stdbool.h>
#include <stddef.h>

struct bh_executor;

/* Kills everything that runs, releases every lease and forgets every batch; none
 * of them gets a result. The executor can go on: the next batch starts a new
 * launcher. Not from inside a callback. */
void bh_executor_abandon(struct bh_executor *executor);

/* Batches in slots, and those that wait for one; those that wait for something else
 * (a lease, the time to be tried again) take no one's place. */
size_t bh_executor_busy(const struct bh_executor *executor);

/* Batches at a time. */
size_t bh_executor_jobs(const struct bh_executor *executor);

/* Whether the caller steps after its next submissions, before it waits: then they need
 * not make the descriptor readable. Ends with that step. */
void bh_executor_will_step(struct bh_executor *executor, bool will_step);

/* The index that the next submission gets. */
size_t bh_executor_next_index(const struct bh_executor *executor);

#endif
