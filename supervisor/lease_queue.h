/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_LEASE_QUEUE_H
#define BH_SUPERVISOR_LEASE_QUEUE_H

/* lease_queue.h: who may have a lease, and who waits for it.
 *
 * Two requests conflict at an entry that both name where one of them wants it
 * exclusively. A request is granted as soon as it conflicts neither with a lease
 * that is held nor with a request that came before it and still waits. So
 *
 * - one that conflicts with nothing never waits, whatever else does;
 * - nobody is overtaken by one that conflicts with it, so nobody starves;
 * - who waits holds nothing, and waits only for holders and for those before
 *   it: there is no circle to be locked in.
 *
 * What is waited for are ids. They are looked up when the request is granted, so
 * the lease is on what the store has then; an id that it lacks is waited for by
 * nobody. An entry that was taken out under its lease and added again is another
 * entry. Source: docs/semantics.md, "Leases". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "supervisor/lease.h"

struct bh_lease_request;
struct bh_loop;
struct bh_store;
struct bh_stored_entry;

struct bh_lease_list {
	struct bh_lease_request *first, *last;
};

/* Whoever asks, such as an executor: what it has to be told of. Zeroed but for
 * `loop`, it has asked for nothing yet. */
struct bh_lease_asker {
	struct bh_loop *loop;         /* borrowed; NULL where nobody is to be woken */
	struct bh_lease_list waiting; /* private */
	struct bh_lease_list granted; /* private; in the order they were granted */
};

/* Asks for a lease on the union of a batch, exclusive on what its exclusive tasks
 * require. Returns 0 with the lease in `*ret`, or 1 where it has to wait: then
 * `*ret_request` is its place in the queue, owned by the caller, and `batch` and
 * `asker` are borrowed until that is given back. `userdata` is what
 * bh_lease_request_userdata gives. When the request is granted, by a release on
 * whatever executor, the asker's loop is set to fire at once.
 * Errors, with nothing asked for: -ENOMEM, or getrandom's. */
BH_MUST_CHECK
int bh_lease_ask(struct bh_store *store, const struct bh_batch *batch, struct bh_lease_asker *asker,
                 void *userdata, struct bh_lease *ret, struct bh_lease_request **ret_request,
                 struct bh_error *err);

/* The request that was granted first and not yet claimed; NULL for none. */
struct bh_lease_request *bh_lease_asker_granted(const struct bh_lease_asker *asker);
/* Any request of the asker, granted ones first, each in its order; NULL for none. */
struct bh_lease_request *bh_lease_asker_first(const struct bh_lease_asker *asker);

void *bh_lease_request_userdata(const struct bh_lease_request *request);

/* Moves the lease of a granted request to `*ret` and frees the request. */
void bh_lease_request_claim(struct bh_lease_request *request, struct bh_lease *ret);

/* Gives up, waiting or granted, and frees; those behind may go on. NULL is a
 * no-op. */
void bh_lease_request_withdraw(struct bh_lease_request *request);

/* For bh_lease_release: an entry lost its last lease; then, when all of the
 * lease's entries are free, grants what can be. */
void bh_lease_queue_on_free(struct bh_store *store, struct bh_stored_entry *entry);
void bh_lease_queue_settle(struct bh_store *store);

#endif
