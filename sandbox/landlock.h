/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_LANDLOCK_H
#define BH_SANDBOX_LANDLOCK_H

/* landlock.h: a second wall around files, and one around what has no path.
 *
 * A rule set is made once a launcher and taken on by each handler, which so gets
 * a domain of its own: processes of other batches can't be looked into even
 * where they could be named. The newest ABI that the kernel offers is used: files
 * (1 to 3), TCP (4), device ioctls (5), abstract sockets and signals (6). The
 * namespaces keep the promise alone where a kernel has none of it.
 * Source: landlock(7). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

struct bh_bound;

/* Which ABI the kernel offers; 0 for none. */
int bh_landlock_abi(void);

/* The first ABI that has a say in truncating: landlock(7). */
#define BH_LANDLOCK_TRUNCATES 3

struct bh_landlock {
	int abi;      /* 0 where the kernel has none */
	int ruleset;  /* a descriptor, close-on-exec; -1 where there is none */
	bool scratch; /* each handler makes a rule set of its own, for its own scratch */
};
#define BH_LANDLOCK_UNSET ((struct bh_landlock){ .ruleset = -1 })

/* Makes a rule set for the current root: everything below it may be read and
 * executed, devices may be written to, and nothing else; with `scratch`, files
 * below BH_SCRATCH_DIR, too. A rule holds for what is mounted there when it is
 * made, so that one is made by each handler. The launcher keeps what it gets to its
 * end. */
BH_MUST_CHECK
int bh_landlock_plan(bool scratch, struct bh_landlock *ret, struct bh_error *err);

/* The same where there is no root of our own: what programs need of the host's
 * may be read and executed, as what is bound, and the handler, open at
 * `handler_fd`. Not /proc: nothing in it could be told apart. */
BH_MUST_CHECK
int bh_landlock_plan_host(int handler_fd, const struct bh_bound *bounds, size_t n_bounds,
                          struct bh_landlock *ret, struct bh_error *err);

/* Takes the rules on, for good, by raw calls only; needs no_new_privs. A no-op
 * where the kernel has none. `key` is for a filter that the caller may be under
 * (sandbox/filter.h). Returns 0 or a negative errno value. */
int bh_landlock_enter(const struct bh_landlock *landlock, uint64_t key);

#endif
