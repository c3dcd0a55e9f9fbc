/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_RETRY_H
#define BH_SUPERVISOR_RETRY_H

/* retry.h: whether an attempt is followed by another, and when. Decisions only:
 * nothing here waits or runs. Source: docs/semantics.md, "Retries". */

#include "bulkhead/error.h"
#include "bulkhead/retry.h"

/* -EINVAL for kinds that are never tried again, or that there are not, and for a
 * first wait above the longest. */
BH_MUST_CHECK
int bh_retry_check(const struct bh_retry *retry, struct bh_error *err);

/* True where a batch that came to this outcome after `attempts` of them is tried
 * again. */
bool bh_retry_wants(const struct bh_retry *retry, const struct bh_outcome *outcome,
                    uint32_t attempts);

/* How long to wait after the `attempts`-th one: between 0 and the longest wait of
 * its turn, as the 64 random bits say. */
uint64_t bh_retry_delay_us(const struct bh_retry *retry, uint32_t attempts, uint64_t random);

/* The next 64 bits of a sequence that no two executors share. `*state` is 0 at
 * first. Not for secrets. */
uint64_t bh_retry_random(uint64_t *state);

#endif
