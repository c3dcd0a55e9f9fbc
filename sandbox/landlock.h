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

#include <stdint.h>

#include "bulkhead/error.h"

/* Which ABI the kernel offers; 0 for none. */
int bh_landlock_abi(void);

/* Makes a rule set for the current root: everything below it may be read and
 * executed, devices may be written to, and nothing else. `*ret` is a descriptor
 * of the caller's, close-on-exec; -1 where the kernel has no Landlock. */
BH_MUST_CHECK
int bh_landlock_plan(int *ret, struct bh_error *err);

/* The same where there is no root of our own: what programs need of the host's
 * may be read and executed, and the handler, open at `handler_fd`. Not /proc:
 * nothing in it could be told apart. */
BH_MUST_CHECK
int bh_landlock_plan_host(int handler_fd, int *ret, struct bh_error *err);

/* Takes the rule set on, for good, by raw calls only; needs no_new_privs. A
 * negative `ruleset` is a no-op; `key` is for a filter that the caller may be
 * under (sandbox/filter.h). Returns 0 or a negative errno value. */
int bh_landlock_enter(int ruleset, uint64_t key);

#endif
