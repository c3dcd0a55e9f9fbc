/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire/base.h"
#include "sandbox/cgroup_version.h"

static const char *const controllers[BH_CGROUP_CONTROLLERS] = {
	[BH_CGROUP_MEMORY] = "memory",
	[BH_CGROUP_PIDS] = "pids",
	[BH_CGROUP_CPU] = "cpuacct",
};

/* Memory and swap together may not be less than memory alone, so it comes after.
 * Where swap is not accounted for, at least nothing is swapped by choice. */
static const struct bh_cgroup_setting settings[] = {
	{ BH_CGROUP_MEMORY, "memory.limit_in_bytes", BH_CGROUP_VALUE_MEMORY, false, false },
	{ BH_CGROUP_MEMORY, "memory.memsw.limit_in_bytes", BH_CGROUP_VALUE_MEMORY, true, false },
	{ BH_CGROUP_MEMORY, "memory.swappiness", BH_CGROUP_VALUE_ZERO, true, true },
	{ BH_CGROUP_PIDS, "pids.max", BH_CGROUP_VALUE_PIDS, false, false },
};

const struct bh_cgroup_version bh_cgroup_v1 = {
	.controllers = controllers,
	/* A thread that moves itself needs no lock against forks and exits, whose
	 * other side costs a wait for all processors, 10 ms and more, unless somebody
	 * moved a moment ago: cgroup_procs_write_start() in the kernel's
	 * kernel/cgroup/cgroup.c. With "cgroup.procs" it is taken. */
	.join = "tasks",
	.settings = settings,
	.n_settings = BH_COUNT_OF(settings),
	.files = { [BH_CGROUP_FILE_OOM] = "memory.oom_control",
	           [BH_CGROUP_FILE_PEAK] = "memory.max_usage_in_bytes",
	           [BH_CGROUP_FILE_PIDS] = "pids.events",
	           [BH_CGROUP_FILE_TIME] = "cpuacct.usage",
	           [BH_CGROUP_FILE_TASKS] = "pids.current" },
	.owners = { [BH_CGROUP_FILE_OOM] = BH_CGROUP_MEMORY,
	            [BH_CGROUP_FILE_PEAK] = BH_CGROUP_MEMORY,
	            [BH_CGROUP_FILE_PIDS] = BH_CGROUP_PIDS,
	            [BH_CGROUP_FILE_TIME] = BH_CGROUP_CPU,
	            [BH_CGROUP_FILE_TASKS] = BH_CGROUP_PIDS },
	/* user and system time are sampled by ticks here: worse than what wait4 says */
	.sources = { [BH_CGROUP_OOM_KILLS] = { BH_CGROUP_FILE_OOM, "oom_kill", 1 },
	             [BH_CGROUP_OOMS] = { BH_CGROUP_FILE_OOM, "", 1 },
	             [BH_CGROUP_PIDS_HITS] = { BH_CGROUP_FILE_PIDS, "max", 1 },
	             [BH_CGROUP_TIME_NS] = { BH_CGROUP_FILE_TIME, NULL, 1 },
	             [BH_CGROUP_USER_NS] = { BH_CGROUP_FILE_TIME, "", 1 },
	             [BH_CGROUP_SYSTEM_NS] = { BH_CGROUP_FILE_TIME, "", 1 } },
};
