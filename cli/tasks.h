/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_TASKS_H
#define BH_CLI_TASKS_H

/* tasks.h: tasks as JSONL. Source: docs/cli.md, "JSONL in". */

#include <msgpack.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/store.h"
#include "cli/arena.h"

struct bh_complaint;
struct bh_jsonl;
struct bh_node;

/* What reading a task takes; the arena holds what was read. */
struct bh_task_reader {
	struct bh_arena *arena; /* borrowed */
	msgpack_sbuffer packed; /* params of one task, used again */
	struct bh_complaint *complaint;
};
void bh_task_reader_done(struct bh_task_reader *reader);

BH_MUST_CHECK
int bh_task_read(struct bh_task_reader *reader, const struct bh_node *node, struct bh_task *ret);

struct bh_tasks {
	struct bh_task *items; /* owned; what they point to is the arena's */
	size_t n, capacity;
	uint64_t *lines; /* owned; where each was read; NULL for those of a store */
	size_t lines_capacity;
	const char **entry_ids; /* owned: of the tasks made for a store */
};
#define BH_TASKS_UNSET ((struct bh_tasks){ .items = NULL })
void bh_tasks_done(struct bh_tasks *tasks);

/* One task a line. */
BH_MUST_CHECK
int bh_tasks_load(struct bh_jsonl *jsonl, struct bh_arena *arena, struct bh_tasks *ret,
                  struct bh_complaint *complaint);

/* One task for each entry: its id is the entry's, which it requires. The ids are
 * lent by the store, which must not be changed any more. */
BH_MUST_CHECK
int bh_tasks_for_store(const struct bh_store *store, struct bh_tasks *ret,
                       struct bh_complaint *complaint);

/* Finds two tasks with one id, `*ret_first` before `*ret_second`. Returns 1, 0
 * where all differ, -ENOMEM. */
BH_MUST_CHECK
int bh_tasks_find_repeat(const struct bh_task *tasks, size_t n_tasks, size_t *ret_first,
                         size_t *ret_second);

#endif
