/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_STORED_ENTRY_H
#define BH_SUPERVISOR_STORED_ENTRY_H

/* stored_entry.h: one version of an entry as a store keeps it.
 *
 * It is held by the store, while it is in there, and by each lease that was
 * taken on it; its bytes never change and are freed with the last hold. What is
 * not part of a context (ttl, searchable, derived_from) stands beside them.
 *
 * Compressing replaces an entry by a second and last version. It stays one
 * entry: where the first version is leased at that time, it goes on counting
 * the leases of both, and outlives its own bytes for that where it must. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/entry.h"
#include "bulkhead/error.h"
#include "bulkhead/span.h"

struct bh_stored_entry {
	struct bh_stored_entry *previous; /* in insertion order; the store's */
	struct bh_stored_entry *next;
	int64_t ttl;
	size_t n_derived_from;
	uint8_t type; /* enum bh_entry_type */
	bool searchable;
	bool compressed;
	bool counts_second; /* is the counter of a second version, which is alive */
	bool exclusive;     /* of counter: its one lease shares it with no other */
	/* What a lease needs, beside the id that it is found by. */
	uint64_t mark; /* the last lease that met it: see lease.c */
	uint64_t tokens;
	struct bh_stored_entry *counter; /* the version that counts leases: this one or the first */
	size_t leases;                   /* of counter: leases on either version */
	size_t holds;                    /* the store's and leases on this version */
	uint8_t *data;                   /* owned; the encoded map */
	size_t size;
	size_t id_size;
	char text[]; /* the id, then each item of derived_from, each with its NUL */
};

/* Encodes and copies an entry, which must be valid: see bh_store_add. The
 * caller has the first hold.
 * Errors: -EOVERFLOW, -ENOMEM. */
BH_MUST_CHECK
int bh_stored_entry_new(const struct bh_entry *entry, struct bh_stored_entry **ret,
                        struct bh_error *err);

/* A second version without content. `first` must be the first one and have a
 * summary; it is unchanged, but for being the counter where it is leased. The
 * caller has the first hold of the new one. -ENOMEM. */
BH_MUST_CHECK
int bh_stored_entry_new_compressed(struct bh_stored_entry *first, struct bh_stored_entry **ret,
                                   struct bh_error *err);

void bh_stored_entry_hold(struct bh_stored_entry *entry);
/* The entry may be gone afterwards. */
void bh_stored_entry_unhold(struct bh_stored_entry *entry);

struct bh_span bh_stored_entry_id(const struct bh_stored_entry *entry);
struct bh_span bh_stored_entry_encoded(const struct bh_stored_entry *entry);
/* The first item; each following one stands behind the NUL of the last. */
const char *bh_stored_entry_derived_from(const struct bh_stored_entry *entry);
void bh_stored_entry_view(const struct bh_stored_entry *entry, struct bh_entry_view *ret);

#endif
