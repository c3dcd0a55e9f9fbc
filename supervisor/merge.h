/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_MERGE_H
#define BH_SUPERVISOR_MERGE_H

/* merge.h: the results of several rounds over parts of a batch, as one result of
 * the batch. Source: docs/semantics.md, "Poison". */

#include <stddef.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/result.h"
#include "supervisor/idmap.h"

struct bh_merge {
	const struct bh_batch *batch; /* borrowed: the whole one */
	struct bh_result *result;     /* owned: what has come together */
	struct bh_idmap ids;          /* task id → its place in the batch, or behind */
	size_t *records;              /* owned: for each task, the place of its record */
	size_t capacity;              /* of the result's records */
	size_t memory_capacity;
};
#define BH_MERGE_UNSET ((struct bh_merge){ .batch = NULL })
#define BH_NO_RECORD   SIZE_MAX

/* Begins with the result of the first round, which was of the whole batch. It is
 * taken on success. -ENOMEM. */
BH_MUST_CHECK
int bh_merge_init(struct bh_merge *merge, const struct bh_batch *batch, struct bh_result *first);
void bh_merge_done(struct bh_merge *merge);

/* The place of a task in the batch; SIZE_MAX where it has none such. */
size_t bh_merge_find(const struct bh_merge *merge, struct bh_span task_id);

/* Adds the records of another round, and makes its verdict that of the whole. A
 * record for a task that its round lacks but the batch has is not kept. Takes
 * `round` on success. -ENOMEM: nothing was changed. */
BH_MUST_CHECK
int bh_merge_add(struct bh_merge *merge, struct bh_result *round, uint64_t max_output);

/* Gives a task, which has no record, the death as its error. -ENOMEM. */
BH_MUST_CHECK
int bh_merge_blame(struct bh_merge *merge, size_t task, const struct bh_outcome *death,
                   uint32_t attempt);

/* The result of the whole, with the tasks that have no record listed. -ENOMEM
 * leaves them unlisted: the result is handed over all the same. */
struct bh_result *bh_merge_take(struct bh_merge *merge);

#endif
