/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_PROFILE_H
#define BH_SANDBOX_PROFILE_H

/* profile.h: which system calls a handler may make, as data.
 *
 * What a profile does not name fails with ENOSYS, as on a kernel without it.
 * What libraries probe and live without fails with an errno. What nobody innocent
 * calls is reported to the supervisor, which ends the batch.
 * Source: docs/architecture.md, "System calls"; seccomp(2). */

#include <stddef.h>
#include <stdint.h>

enum bh_call_answer {
	BH_CALL_ALLOW,
	BH_CALL_ERRNO,  /* fails with `code` */
	BH_CALL_REPORT, /* waits for the supervisor's answer */
};

/* A rule for all uses of a call, or for those where `(argument & mask) ==
 * value`. Rules of one call never overlap; uses that no rule covers fail with
 * ENOSYS. */
struct bh_call_rule {
	const char *name; /* as in libseccomp; unknown names are left out */
	enum bh_call_answer answer;
	int code;              /* BH_CALL_ERRNO */
	unsigned int argument; /* 0 … 5 */
	uint64_t mask;         /* 0: the argument does not matter */
	uint64_t value;
};

struct bh_profile {
	const char *name;
	const struct bh_call_rule *rules;
	size_t n_rules;
	/* added where more than one process is allowed, and where not */
	const struct bh_call_rule *forks_allowed;
	size_t n_forks_allowed;
	const struct bh_call_rule *forks_refused;
	size_t n_forks_refused;
};

/* The default: computing, reading files, threads and memory. */
extern const struct bh_profile bh_profile_compute;

#endif
