/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hostile.h"

static void spare_from_oom(struct attack *a)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return gain_if(a, "oom_score_adj", -1);
	gain_if(a, "oom_score_adj", write(fd, "-1000", 5));
}

static void raise_hard_limit(struct attack *a)
{
	static const int resources[] = { RLIMIT_NOFILE, RLIMIT_MEMLOCK,    RLIMIT_RTPRIO,
		                         RLIMIT_NICE,   RLIMIT_SIGPENDING, RLIMIT_MSGQUEUE,
		                         RLIMIT_STACK };

	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		struct rlimit limit;
		getrlimit((__rlimit_resource_t)resources[i], &limit);
		if (limit.rlim_max == RLIM_INFINITY) {
			gain(a, "there is no limit %d", resources[i]);
			continue;
		}
		limit.rlim_max++;
		if (setrlimit((__rlimit_resource_t)resources[i], &limit) == 0)
			gain(a, "raised %d", resources[i]);
	}
}

static void dump_core(struct attack *a)
{
	struct rlimit limit;

	getrlimit(RLIMIT_CORE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_CORE, &limit);
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0 && limit.rlim_cur > 0)
		gain(a, "cores of %llu bytes", (unsigned long long)limit.rlim_cur);
}

void attack(struct attack *a)
{
	if (is_way(a, "oom_score_adj"))
		spare_from_oom(a);
	else if (is_way(a, "hard limits"))
		raise_hard_limit(a);
	else if (is_way(a, "core"))
		dump_core(a);
	else if (is_way(a, "securebits"))
		gain_if(a, "PR_SET_SECUREBITS", prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
	else
		gain_if(a, "PR_SET_KEEPCAPS", prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
}
