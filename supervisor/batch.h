/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_BATCH_H
#define BH_SUPERVISOR_BATCH_H

/* batch.h: what makes a batch fit to be run. Source: docs/semantics.md, "Tasks
 * and batches". */

#include "bulkhead/batch.h"
#include "bulkhead/error.h"

/* Checks that a context can be made of it: the ids of the batch and of its
 * entries are valid UTF-8 and not blank, each task passes bh_task_check, and no
 * two have the same id. -EINVAL, with the reason in `err`, or -ENOMEM. */
BH_MUST_CHECK
int bh_batch_check(const struct bh_batch *batch, struct bh_error *err);

#endif
