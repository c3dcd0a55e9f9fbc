/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_STORE_INTERNAL_H
#define BH_SUPERVISOR_STORE_INTERNAL_H

/* store_internal.h: the inside of a store, for leases and the planner. */

#include <stdint.h>

#include "bulkhead/store.h"
#include "supervisor/idmap.h"

struct bh_lease_request;
struct bh_stored_entry;

/* Leases that wait, and what they wait for: see lease_queue.h. */
struct bh_lease_queue {
	struct bh_idmap places;       /* ids that requests wait at */
	size_t n_exclusive;           /* entries held exclusively */
	uint64_t last_number;         /* of the last request that was looked at */
	struct bh_lease_request *due; /* to be looked at again */
	struct bh_lease_request **due_end;
};

struct bh_store {
	struct bh_idmap by_id;         /* to struct bh_stored_entry; the keys are theirs */
	struct bh_stored_entry *first; /* in insertion order */
	struct bh_stored_entry *last;
	struct bh_lease_stats leases;
	struct bh_lease_queue lease_queue;
	uint64_t last_mark; /* of the last lease that was made ready */
};

/* NULL where the id is unknown. */
struct bh_stored_entry *bh_store_find(const struct bh_store *store, const char *id);

#endif
