/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_RESTRICTED_H
#define BH_SANDBOX_RESTRICTED_H

/* restricted.h: permissions that are taken away, whatever the profile says: what a
 * profile allows of these is answered otherwise, what it doesn't allow is left to it.
 * Source: docs/profiles.md, "What no profile decides". */

#include <stddef.h>
#include <stdint.h>

#include "sandbox/separate.h"

struct bh_restricted {
	int32_t number; /* of the system call */
	struct bh_restriction restriction;
};

/* Of all tables together, and how many of one call there are. */
#define BH_RESTRICTED_MOST           48
#define BH_RESTRICTED_MOST_OF_A_CALL 4

/* Where there may be one process: what makes another. Each table has those of one
 * call side by side. */
const struct bh_restricted *bh_restricted_forks(size_t *ret_n);

/* Where handlers can name files of the host: what changes modes, owners, times and
 * attributes, in which Landlock has no say. Each fails with EPERM. */
const struct bh_restricted *bh_restricted_attributes(size_t *ret_n);

/* The same where Landlock has no say in truncating, before its version 3: what cuts a
 * file that isn't open for writing fails with EPERM; openat2, whose flags lie in
 * memory, with ENOSYS. Source: landlock(7); truncate(2); open(2). */
const struct bh_restricted *bh_restricted_lengths(size_t *ret_n);

#endif
