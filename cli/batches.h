/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_BATCHES_H
#define BH_CLI_BATCHES_H

/* batches.h: batches as JSONL, in and out. What bh_batch_write writes,
 * bh_batches_load reads. Source: docs/cli.md, "JSONL in". */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "cli/arena.h"

struct bh_complaint;
struct bh_json;
struct bh_jsonl;

struct bh_batches {
	struct bh_batch *items; /* owned; what they point to is the arena's */
	size_t n, capacity;
};
#define BH_BATCHES_UNSET ((struct bh_batches){ .items = NULL })
void bh_batches_done(struct bh_batches *batches);

/* One batch a line. `exceeds_limit` is worked out from `max_entries`. */
BH_MUST_CHECK
int bh_batches_load(struct bh_jsonl *jsonl, uint64_t max_entries, struct bh_arena *arena,
                    struct bh_batches *ret, struct bh_complaint *complaint);

/* The ids that the batch leases: of its tasks, then its own, each once, in order
 * of first appearance. `*ret` is the caller's to free, the ids are the batch's.
 * -ENOMEM. */
BH_MUST_CHECK
int bh_batch_union(const struct bh_batch *batch, const char ***ret, size_t *ret_n);

/* Writes the batch as one JSON object. -ENOMEM. */
BH_MUST_CHECK
int bh_batch_write(struct bh_json *json, const struct bh_batch *batch);

#endif
