/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_LEASE_H
#define BH_SUPERVISOR_LEASE_H

/* lease.h: the hold that a batch has on its entries.
 *
 * A lease covers all entries of a batch or does not exist. It keeps what it was
 * taken on: entries removed from or compressed in the store afterwards stay as
 * they were for the lease. Only the supervisor takes and releases. Who may take
 * one, and who has to wait, is decided in lease_queue.h.
 * Source: docs/semantics.md, "Leases" and "Building a context". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/span.h"
#include "bulkhead/store.h"

struct bh_stored_entry;

struct bh_lease {
	struct bh_store *store;           /* borrowed; NULL while unset */
	struct bh_stored_entry **entries; /* found, each held once */
	size_t n_entries;
	const char **missing_ids; /* borrowed from the batch */
	size_t n_missing_ids;
	uint64_t total_tokens; /* of the entries found */
};
#define BH_LEASE_UNSET ((struct bh_lease){ .store = NULL })

/* How many unique entry ids the batch needs: the union of its own list and of
 * what its tasks require, found or not. -ENOMEM. */
BH_MUST_CHECK
int bh_batch_count_entries(const struct bh_batch *batch, uint64_t *ret);

/* Takes a shared lease on the union, in order of first appearance over the
 * batch's tasks, then over its own list; ids that the store lacks are in
 * `missing_ids`. Asks nobody: see bh_lease_ask. `*ret` is not touched on failure
 * and nothing is then held. -ENOMEM. */
BH_MUST_CHECK
int bh_lease_take(struct bh_store *store, const struct bh_batch *batch, struct bh_lease *ret,
                  struct bh_error *err);

/* Holds the entries that are listed in it, whose holder it becomes. */
void bh_lease_hold(struct bh_lease *lease);

/* Releases and resets; requests that waited for it are granted. A no-op on BH_LEASE_UNSET, so twice
 * is safe. */
void bh_lease_release(struct bh_lease *lease);

/* The encoded bytes of the `index`-th entry, as they were when it was leased. */
struct bh_span bh_lease_encoded(const struct bh_lease *lease, size_t index);

#endif
