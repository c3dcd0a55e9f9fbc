/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_FILTER_H
#define BH_SANDBOX_FILTER_H

/* filter.h: a profile compiled to a program that the kernel can load.
 * Compiled once a launcher, loaded in each handler. Source: seccomp(2). */

#include <linux/filter.h>
#include <stdbool.h>

#include "bulkhead/error.h"
#include "sandbox/profile.h"

struct bh_filter {
	struct sock_fprog program; /* `filter` is owned */
};
#define BH_FILTER_UNSET ((struct bh_filter){ .program = { .filter = NULL } })

/* Compiles. System calls of another ABI than the native one are reported like a
 * forbidden call. */
BH_MUST_CHECK
int bh_filter_compile(const struct bh_profile *profile, bool allow_forks, struct bh_filter *ret,
                      struct bh_error *err);
void bh_filter_done(struct bh_filter *filter);

/* Loads it into this process for good, by raw calls only. Needs no_new_privs or
 * CAP_SYS_ADMIN. Returns the descriptor at which reported calls wait, or a
 * negative errno value. */
int bh_filter_load(const struct bh_filter *filter);

#endif
