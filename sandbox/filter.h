/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_FILTER_H
#define BH_SANDBOX_FILTER_H

/* filter.h: a profile compiled to a program that the kernel can load.
 * Compiled once a launcher, loaded in each handler. Source: seccomp(2). */

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "sandbox/profile.h"

struct bh_filter {
	struct sock_fprog program; /* `filter` is owned */
};
#define BH_FILTER_UNSET ((struct bh_filter){ .program = { .filter = NULL } })

/* Compiles. System calls of another ABI than the native one are reported like a
 * forbidden call, whatever the profile says.
 * Without `allow_forks`, what the profile allows and what makes a process is
 * reported: fork, vfork, and clone without CLONE_THREAD; clone3, whose flags lie
 * in memory, fails with ENOSYS.
 * The launcher's own calls between the load and the handler's exec (openat, dup3,
 * close_range, rt_sigprocmask, execveat, exit_group) are allowed where their
 * sixth argument, which they don't have, is `key`: a secret number that nobody
 * else can know.
 * Errors: -E2BIG for a profile too large for the kernel; libseccomp's. */
BH_MUST_CHECK
int bh_filter_compile(const struct bh_profile *profile, bool allow_forks, uint64_t key,
                      struct bh_filter *ret, struct bh_error *err);
void bh_filter_done(struct bh_filter *filter);

/* Loads it into this process for good, by raw calls only. Needs no_new_privs or
 * CAP_SYS_ADMIN. Returns the descriptor at which reported calls wait, or a
 * negative errno value. */
int bh_filter_load(const struct bh_filter *filter);

#endif
