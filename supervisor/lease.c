/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/lease.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "ipc/wire/base.h"
#include "supervisor/growth.h"
#include "supervisor/idmap.h"
#include "supervisor/lease_queue.h"
#include "supervisor/store_internal.h"
#include "supervisor/stored_entry.h"

/* Entries are gathered without being held, so that giving up has nothing to
 * undo; holding them all at the end can't fail. An entry that was met already
 * carries the gathering's mark, so that only missing ids need a set. */

/* Every id that a batch names, in the order of a context. */
struct walk {
	const struct bh_batch *batch;
	size_t task; /* past the last one, ids are the batch's own */
	size_t id;
};

static const char *next_id(struct walk *walk)
{
	const struct bh_batch *batch = walk->batch;

	for (; walk->task < batch->n_tasks; walk->task++, walk->id = 0) {
		const struct bh_task *task = batch->tasks[walk->task];

		if (walk->id < task->n_required_entry_ids)
			return task->required_entry_ids[walk->id++];
	}
	return walk->id < batch->n_entry_ids ? batch->entry_ids[walk->id++] : NULL;
}

/* Ids are looked up so many at a time: see bh_idmap_find_each. */
#define WINDOW 32

static size_t next_keys(struct walk *walk, struct bh_span keys[WINDOW])
{
	const char *id;
	size_t n = 0;

	while (n < WINDOW && (id = next_id(walk)))
		keys[n++] = bh_idmap_key(id);
	return n;
}

int bh_batch_count_entries(const struct bh_batch *batch, uint64_t *ret)
{
	BH_CLEANUP(bh_idmap_done) struct bh_idmap ids = BH_IDMAP_UNSET;
	struct walk walk = { .batch = batch };
	const char *id;

	while ((id = next_id(&walk))) {
		int r = bh_idmap_insert(&ids, bh_idmap_key(id), (union bh_idmap_value){ 0 });
		if (r < 0 && r != -EEXIST)
			return r;
	}
	*ret = ids.count;
	return 0;
}

struct gathering {
	struct bh_lease lease; /* owns its arrays; holds no entry yet */
	size_t entries_capacity;
	size_t missing_capacity;
	struct bh_idmap missing;
	uint64_t mark;
};

static void gathering_done(struct gathering *gathering)
{
	free(gathering->lease.entries);
	free(gathering->lease.missing_ids);
	bh_idmap_done(&gathering->missing);
}

static int gather_missing(struct gathering *gathering, struct bh_span key)
{
	struct bh_lease *lease = &gathering->lease;

	int r = bh_idmap_insert(&gathering->missing, key, (union bh_idmap_value){ 0 });
	if (r == -EEXIST)
		return 0;
	if (r < 0)
		return r;
	const char **grown = bh_grown(lease->missing_ids, &gathering->missing_capacity,
	                              lease->n_missing_ids + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;

	lease->missing_ids = grown;
	lease->missing_ids[lease->n_missing_ids++] = key.data;
	return 0;
}

static int gather_found(struct gathering *gathering, struct bh_stored_entry *entry)
{
	struct bh_lease *lease = &gathering->lease;

	if (entry->mark == gathering->mark)
		return 0;
	struct bh_stored_entry **grown = bh_grown(lease->entries, &gathering->entries_capacity,
	                                          lease->n_entries + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;

	entry->mark = gathering->mark;
	lease->entries = grown;
	lease->entries[lease->n_entries++] = entry;
	lease->total_tokens = bh_add_saturated(lease->total_tokens, entry->tokens);
	return 0;
}

static int gather(struct gathering *gathering, const struct bh_batch *batch)
{
	struct walk walk = { .batch = batch };
	union bh_idmap_value *found[WINDOW];
	struct bh_span keys[WINDOW];
	size_t n;

	while ((n = next_keys(&walk, keys)) > 0) {
		bh_idmap_find_each(&gathering->lease.store->by_id, keys, n, found);
		for (size_t i = 0; i < n; i++) {
			int r = found[i] ? gather_found(gathering, found[i]->pointer)
			                 : gather_missing(gathering, keys[i]);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

void bh_lease_hold(struct bh_lease *lease)
{
	struct bh_lease_stats *stats = &lease->store->leases;

	for (size_t i = 0; i < lease->n_entries; i++) {
		bh_stored_entry_hold(lease->entries[i]);
		if (lease->entries[i]->counter->leases++ == 0)
			stats->entries_in_use++;
	}
	stats->entries_taken += lease->n_entries;
	stats->leases_taken++;
}

int bh_lease_take(struct bh_store *store, const struct bh_batch *batch, struct bh_lease *ret,
                  struct bh_error *err)
{
	BH_CLEANUP(gathering_done)
	struct gathering gathering = {
		.lease = { .store = store },
		.mark = ++store->last_mark,
	};

	int r = gather(&gathering, batch);
	if (r < 0)
		return bh_fail(err, -r, "take a lease on the entries of a batch");

	bh_lease_hold(&gathering.lease);
	*ret = BH_TAKE(gathering.lease, BH_LEASE_UNSET);
	return 0;
}

void bh_lease_release(struct bh_lease *lease)
{
	if (!lease->store)
		return;

	struct bh_store *store = lease->store;
	struct bh_lease_stats *stats = &store->leases;
	for (size_t i = 0; i < lease->n_entries; i++) {
		if (--lease->entries[i]->counter->leases == 0) {
			stats->entries_in_use--;
			bh_lease_queue_on_free(store, lease->entries[i]);
		}
		bh_stored_entry_unhold(lease->entries[i]);
	}
	stats->entries_released += lease->n_entries;
	stats->leases_released++;
	free(lease->entries);
	free(lease->missing_ids);
	*lease = BH_LEASE_UNSET;
	bh_lease_queue_settle(store);
}

struct bh_span bh_lease_encoded(const struct bh_lease *lease, size_t index)
{
	assert(index < lease->n_entries);
	return bh_stored_entry_encoded(lease->entries[index]);
}
