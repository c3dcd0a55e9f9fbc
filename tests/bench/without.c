/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/without.h"

#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "ipc/wire/base.h"
#include "sandbox/cgroup.h"
/* the real one: what stands in for a call is made */
#undef bh_raw6
#include "sandbox/rawcall.h"

#ifndef WITHOUT
#error "the build defines WITHOUT, the name of the layer that is left out"
#endif

#define MAX_CALLS 3
#define ANY       (-1L) /* first argument */

struct call {
	long number;
	long first;
};

struct layer {
	const char *name;
	struct call calls[MAX_CALLS];
	bool no_cgroup;
};

static const struct layer layers[] = {
	{ .name = WITHOUT_NOTHING },
	{ .name = "cgroup", .no_cgroup = true },
	{ .name = "cgroup-namespace", .calls = { { SYS_unshare, CLONE_NEWCGROUP } } },
	/* root's handlers change their ids, an ordinary user's their user namespace */
	{ .name = "own-id",
	  .calls = { { SYS_setresuid, ANY },
	             { SYS_setresgid, ANY },
	             { SYS_unshare, CLONE_NEWUSER } } },
	{ .name = "rlimits", .calls = { { SYS_prlimit64, ANY } } },
	{ .name = "capabilities", .calls = { { SYS_capset, ANY } } },
	{ .name = "landlock", .calls = { { SYS_landlock_restrict_self, ANY } } },
	{ .name = "seccomp", .calls = { { SYS_seccomp, ANY } } },
};

static const struct layer *left_out;

/* Before main: nothing may ask earlier. */
__attribute__((constructor)) static void find_layer(void)
{
	for (size_t i = 0; i < BH_COUNT_OF(layers); i++)
		if (strcmp(layers[i].name, WITHOUT) == 0)
			left_out = &layers[i];
	if (!left_out)
		abort();
}

bool without_drops(long number, long first)
{
	for (size_t i = 0; i < MAX_CALLS && left_out->calls[i].number != 0; i++)
		if (left_out->calls[i].number == number &&
		    (left_out->calls[i].first == ANY || left_out->calls[i].first == first))
			return true;
	return false;
}

/* A filter gives a descriptor to listen at: one at which nothing ever comes
 * stands in for it. */
long without_answer(long number)
{
	return number == SYS_seccomp ? bh_raw2(SYS_eventfd2, 0, EFD_CLOEXEC) : 0;
}

/* The linker sends the launcher's call here (--wrap). Below a root that doesn't
 * exist none is found. */
void __real_bh_cgroup_find(const char *root, unsigned int owner, const struct bh_limits *limits,
                           struct bh_cgroup *ret);
void __wrap_bh_cgroup_find(const char *root, unsigned int owner, const struct bh_limits *limits,
                           struct bh_cgroup *ret);
void __wrap_bh_cgroup_find(const char *root, unsigned int owner, const struct bh_limits *limits,
                           struct bh_cgroup *ret)
{
	__real_bh_cgroup_find(left_out->no_cgroup ? "/nonexistent" : root, owner, limits, ret);
}
