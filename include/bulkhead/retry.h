/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_RETRY_H
#define BULKHEAD_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/result.h"

/* retry.h: what becomes of a batch whose attempt failed.
 * Source: docs/semantics.md, "Retries". */

#define BH_KIND_BIT(kind) (UINT64_C(1) << (kind))

/* A retry runs the whole batch again, after a wait: a random part (from nothing to
 * all of it) of a time that doubles with each retry, so that batches which failed
 * together don't come back together. */
struct bh_retry {
	uint32_t retries;        /* attempts after the first, at most; 0: none */
	uint64_t backoff_us;     /* longest wait before the first retry */
	uint64_t backoff_max_us; /* and before any */
	/* BH_KIND_BIT of each kind that is tried again; 0: what can end otherwise by
	 * itself (`retryable` of the outcome). Never violation, bounds or cancelled. */
	uint64_t kinds;
	/* The entries stay leased while the batch waits, so that it gets the same once
	 * more. Otherwise each attempt takes a lease of its own. */
	bool keep_lease;
};

#define BH_RETRY_DEFAULT \
	((struct bh_retry){ .backoff_us = 100 * 1000, .backoff_max_us = 10 * 1000 * 1000 })

/* What becomes of a batch whose handler died (a signal, a timeout, a limit, a
 * violation) once its retries are used up. Tasks that have a record are not run
 * again, and the results of all rounds are put together. The task that is found to
 * blame gets the death as its error; the batch succeeds where nothing else fails.
 * Source: docs/semantics.md, "Poison". */
enum bh_poison {
	BH_POISON_OFF,    /* nothing more: the batch has failed */
	BH_POISON_SKIP,   /* goes on without the task that was running, where the handler told */
	BH_POISON_BISECT, /* the same, and finds it by halving where the handler did not */
};

#endif
