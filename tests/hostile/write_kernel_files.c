/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "hostile.h"

/* Nothing is written: to be let open it is the gain. */
void attack(struct attack *a)
{
	static const char *const paths[] = { "/proc/sys/kernel/core_pattern",
		                             "/proc/sys/kernel/hostname",
		                             "/proc/sys/net/ipv4/ip_forward",
		                             "/proc/sys/vm/drop_caches",
		                             "/proc/sysrq-trigger",
		                             "/proc/self/attr/current",
		                             "/proc/self/uid_map",
		                             "/proc/self/loginuid",
		                             "/proc/self/coredump_filter",
		                             "/proc/self/comm",
		                             "/proc/self/mem",
		                             "/proc/self/clear_refs",
		                             "/proc/self/timerslack_ns",
		                             "/proc/self/sched",
		                             "/proc/1/oom_score_adj",
		                             "/sys/kernel/mm/transparent_hugepage/enabled",
		                             "/sys/fs/cgroup/cgroup.procs",
		                             "/sys/fs/cgroup/unified/cgroup.procs",
		                             "/sys/fs/cgroup/memory/cgroup.procs",
		                             "/sys/fs/cgroup/memory/memory.limit_in_bytes",
		                             "/sys/fs/cgroup/pids/cgroup.procs" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_WRONLY | O_CLOEXEC);
		if (fd >= 0)
			gain(a, "%s", paths[i]);
		close(fd);
	}
}
