/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_TASK_H
#define BH_SUPERVISOR_TASK_H

/* task.h: what makes a task fit to be run. Source: docs/semantics.md, "Tasks
 * and batches". */

#include <stddef.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"

/* Checks one task: its id is not blank, neither are its required ids, every
 * text is valid UTF-8, and params are exactly one MessagePack value that a
 * handler can read (see bh_cursor_skip). -EINVAL, with the reason in `err`, or
 * -ENOMEM. */
BH_MUST_CHECK
int bh_task_check(const struct bh_task *task, struct bh_error *err);

/* Checks that no two of the tasks have the same id. -EINVAL with the id in
 * `err`, or -ENOMEM. */
BH_MUST_CHECK
int bh_tasks_check_ids(const struct bh_task *const *tasks, size_t n_tasks, struct bh_error *err);

#endif
