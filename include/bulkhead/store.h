/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_STORE_H
#define BULKHEAD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/entry.h"
#include "bulkhead/error.h"

/* store.h: the entries that tasks may ask for, each kept encoded once as it
 * goes into a context. Not thread-safe; one store may serve several executors
 * of one thread. Source: docs/semantics.md, "Store" and "Leases". */

struct bh_store;

/* A new, empty store, or NULL when out of memory. */
BH_PUBLIC BH_MUST_CHECK struct bh_store *bh_store_new(void);

/* Frees the store and its entries. NULL is a no-op. Every lease must have been
 * released before: executors on the store are freed first. */
BH_PUBLIC void bh_store_free(struct bh_store *store);

/* Copies the entry into the store.
 * Errors, each leaving the store as it was: -EEXIST for an id that is there
 * already; -EINVAL for a blank id or source, a type outside the enumeration,
 * neither content nor summary, `compressed` without a summary, a negative ttl
 * other than BH_TTL_NONE, or a string that is not valid UTF-8; -EOVERFLOW where
 * the encoded entry would not fit MessagePack's 32-bit lengths; -ENOMEM. */
BH_PUBLIC BH_MUST_CHECK int bh_store_add(struct bh_store *store, const struct bh_entry *entry,
                                         struct bh_error *err);

/* Fills in a view. -ENOENT where the id is unknown; `*ret` is then untouched. */
BH_PUBLIC BH_MUST_CHECK int bh_store_get(const struct bh_store *store, const char *id,
                                         struct bh_entry_view *ret);
BH_PUBLIC bool bh_store_contains(const struct bh_store *store, const char *id);
BH_PUBLIC size_t bh_store_count(const struct bh_store *store);

/* Takes the entry out. A running batch that leased it keeps what it has.
 * -ENOENT where the id is unknown. */
BH_PUBLIC BH_MUST_CHECK int bh_store_remove(struct bh_store *store, const char *id);
BH_PUBLIC void bh_store_clear(struct bh_store *store);

/* Drops the content and keeps the summary; it can't be undone, and doing it
 * twice changes nothing. -ENOENT for an unknown id, -EINVAL without a summary,
 * -ENOMEM; the entry is then as it was. */
BH_PUBLIC BH_MUST_CHECK int bh_store_compress(struct bh_store *store, const char *id,
                                              struct bh_error *err);

/* One conversation turn passes: every ttl above 0 is decremented, then the
 * entries at 0 are removed. Returns how many were removed. An entry added with
 * ttl 0 is removed by the next turn. */
BH_PUBLIC size_t bh_store_process_turn(struct bh_store *store);

/* Adds `turns` to the entry's ttl. -ENOENT for an unknown id; -EINVAL for an
 * entry without ttl or negative `turns`; -EOVERFLOW past INT64_MAX. */
BH_PUBLIC BH_MUST_CHECK int bh_store_extend_ttl(struct bh_store *store, const char *id,
                                                int64_t turns, struct bh_error *err);

/* Iterates in insertion order. Start with a zeroed cursor; returns false at the
 * end. Removing the entry just returned is allowed; any other change while
 * iterating is not. */
struct bh_store_cursor {
	const void *next; /* private */
	bool started;     /* private */
};
BH_PUBLIC bool bh_store_next(const struct bh_store *store, struct bh_store_cursor *cursor,
                             struct bh_entry_view *ret);
/* The same, for the entries of one type. */
BH_PUBLIC bool bh_store_next_of_type(const struct bh_store *store, struct bh_store_cursor *cursor,
                                     enum bh_entry_type type, struct bh_entry_view *ret);

/* Leases as counted since the store was made. A lease is taken for all entries
 * of a batch at once: `entries_*` count entries, `leases_*` count batches.
 * `leases_requested` is always the sum of those taken, withdrawn and waiting.
 * When nothing runs or waits, taken and released are equal and `leases_waiting`
 * and `entries_in_use` are 0. */
struct bh_lease_stats {
	uint64_t leases_requested;
	uint64_t leases_withdrawn; /* given up while they waited */
	uint64_t leases_waiting;   /* batches that wait now and hold nothing meanwhile */
	uint64_t leases_taken;
	uint64_t leases_released;
	uint64_t entries_taken;
	uint64_t entries_released;
	uint64_t entries_in_use; /* unique entries that some batch holds now */
};
BH_PUBLIC struct bh_lease_stats bh_store_lease_stats(const struct bh_store *store);

#endif
