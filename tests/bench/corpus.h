/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CORPUS_H
#define BENCH_CORPUS_H

/* corpus.h: entries and tasks made up for a row. */

#include "bulkhead/batch.h"
#include "bulkhead/store.h"
#include "ipc/wire/region.h"
#include "tests/bench/bench.h"

struct corpus {
	struct bh_store *store;
	char **ids; /* of the entries */
	size_t n_entries;
	struct bh_task *tasks;
	const struct bh_task **pointers; /* to `tasks`, in order */
	size_t n_tasks;
	char *text; /* behind the ids and the tasks' */
};

/* `n_entries` of `entry_bytes` of text, and as many tasks as said. Task i
 * requires 1 + i % `most_required` entries from the i-th on, wrapping around. */
BH_MUST_CHECK
int corpus_make(struct corpus *corpus, size_t n_entries, size_t entry_bytes, size_t n_tasks,
                size_t most_required, struct bh_error *err);
void corpus_done(struct corpus *corpus);

/* All tasks as one batch. */
struct bh_batch corpus_batch(const struct corpus *corpus);

/* Leases what a batch needs, encodes its header and seals the context: what an
 * attempt does before it spawns. The lease is released. */
BH_MUST_CHECK
int corpus_seal(const struct corpus *corpus, const struct bh_batch *batch, struct bh_region *ret,
                struct bh_error *err);
/* The same up to the encoded header. */
BH_MUST_CHECK
int corpus_encode(const struct corpus *corpus, const struct bh_batch *batch, struct bh_error *err);

#endif
