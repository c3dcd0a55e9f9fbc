/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_PROFILE_WIRE_H
#define BH_SANDBOX_PROFILE_WIRE_H

/* profile_wire.h: a profile on its way to the launcher, which reads no JSON.
 *
 * A sealed region of 32-bit words and 64-bit pairs of them: a head, then each
 * rule with its conditions behind it, and nothing after the last. */

#include "bulkhead/error.h"
#include "ipc/wire/region.h"
#include "sandbox/profile.h"

BH_MUST_CHECK
int bh_profile_pack(const struct bh_profile *profile, struct bh_region *ret, struct bh_error *err);

/* Reads it back from descriptor `fd`, which stays the caller's. Nothing in the
 * bytes is believed: -EPROTO, with the reason, for any that bh_profile_pack would
 * not make. */
BH_MUST_CHECK
int bh_profile_unpack(int fd, struct bh_profile *ret, struct bh_error *err);

/* The same, from bytes. */
BH_MUST_CHECK
int bh_profile_unpack_bytes(const void *bytes, size_t size, struct bh_profile *ret,
                            struct bh_error *err);

#endif
