/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_FILTER_H
#define BH_SANDBOX_FILTER_H

/* filter.h: a profile compiled to a program that the kernel can load.
 * Compiled once a launcher and loaded once a slot: loading is dear (a JIT run, and
 * a walk through the program for each call number), inheriting is free. So who
 * sets a handler up is under the filter too, and its calls carry a key.
 * Source: seccomp(2). */

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "sandbox/profile.h"

struct bh_filter {
	struct sock_fprog program; /* `filter` is owned */
};
#define BH_FILTER_UNSET ((struct bh_filter){ .program = { .filter = NULL } })

struct bh_filter_options {
	bool allow_forks;
	bool keep_attributes; /* of files: see below */
	bool keep_lengths;    /* of files: see below */
	bool warm;            /* batches come in messages: recvmsg on BH_WARM_FD is allowed */
	uint64_t key;         /* see below */
};

/* Compiles. System calls of another ABI than the native one are reported like a
 * forbidden call, whatever the profile says.
 * Without `allow_forks`, what the profile allows and what makes a process is
 * reported: fork, vfork, and clone without CLONE_THREAD; clone3, whose flags lie
 * in memory, fails with ENOSYS.
 * With `keep_attributes`, what the profile allows and what changes the mode, owner,
 * times or attributes of a file fails with EPERM: for handlers that can name files
 * of the host. Landlock has no say in these.
 * With `keep_lengths`, what the profile allows and what cuts a file without opening it
 * for writing fails with EPERM, and openat2 with ENOSYS, for the same handlers where
 * Landlock is older than that.
 * The calls that a batch is set up by (bh_filter_own_calls) are allowed where their
 * sixth argument, which they don't use, is `key`: a secret number that nobody else
 * can know. It is in the launcher's memory and in registers that an exec clears; a
 * guess that is wrong is answered as without one.
 * Errors: -E2BIG for a profile too large for the kernel; libseccomp's. */
BH_MUST_CHECK
int bh_filter_compile(const struct bh_profile *profile, const struct bh_filter_options *options,
                      struct bh_filter *ret, struct bh_error *err);
void bh_filter_done(struct bh_filter *filter);

/* The numbers of the calls that pass with the key. */
const int32_t *bh_filter_own_calls(size_t *ret_n);

/* Loads it into this thread for good, by raw calls only. Needs no_new_privs or
 * CAP_SYS_ADMIN. Returns the descriptor at which reported calls wait, or a
 * negative errno value. */
int bh_filter_load(const struct bh_filter *filter);

#endif
