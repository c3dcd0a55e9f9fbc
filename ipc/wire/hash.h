/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_WIRE_HASH_H
#define BH_IPC_WIRE_HASH_H

/* hash.h: a keyed hash for tables of ids that someone may have chosen to
 * collide. SipHash-1-3, each table with a key of its own from getrandom(2).
 * Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF". */

#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/span.h"

struct bh_hash_key {
	uint64_t half[2];
};

/* A new random key. getrandom's -errno; `*ret` is then untouched. */
BH_MUST_CHECK
int bh_hash_key_init(struct bh_hash_key *ret);

uint64_t bh_hash(const struct bh_hash_key *key, struct bh_span bytes);

#endif
