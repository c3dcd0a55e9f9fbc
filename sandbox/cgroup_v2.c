/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire/base.h"
#include "sandbox/cgroup_version.h"

/* The time of a cgroup needs no controller. */
static const char *const controllers[BH_CGROUP_CONTROLLERS] = {
	[BH_CGROUP_MEMORY] = "memory",
	[BH_CGROUP_PIDS] = "pids",
	[BH_CGROUP_CPU] = NULL,
};

static const struct bh_cgroup_setting settings[] = {
	{ BH_CGROUP_MEMORY, "memory.max", BH_CGROUP_VALUE_MEMORY, false, false },
	{ BH_CGROUP_MEMORY, "memory.swap.max", BH_CGROUP_VALUE_ZERO, true, false },
	{ BH_CGROUP_MEMORY, "memory.oom.group", BH_CGROUP_VALUE_ONE, true, false },
	{ BH_CGROUP_PIDS, "pids.max", BH_CGROUP_VALUE_PIDS, false, false },
};

const struct bh_cgroup_version bh_cgroup_v2 = {
	.controllers = controllers,
	.join = "cgroup.procs", /* "cgroup.threads" is for threads of one process */
	.settings = settings,
	.n_settings = BH_COUNT_OF(settings),
	.files = { [BH_CGROUP_FILE_OOM] = "memory.events",
	           [BH_CGROUP_FILE_PEAK] = "memory.peak",
	           [BH_CGROUP_FILE_PIDS] = "pids.events",
	           [BH_CGROUP_FILE_TIME] = "cpu.stat",
	           [BH_CGROUP_FILE_TASKS] = "pids.current" },
	.owners = { [BH_CGROUP_FILE_OOM] = BH_CGROUP_MEMORY,
	            [BH_CGROUP_FILE_PEAK] = BH_CGROUP_MEMORY,
	            [BH_CGROUP_FILE_PIDS] = BH_CGROUP_PIDS,
	            [BH_CGROUP_FILE_TIME] = BH_CGROUP_CPU,
	            [BH_CGROUP_FILE_TASKS] = BH_CGROUP_PIDS },
	.sources = { [BH_CGROUP_OOM_KILLS] = { BH_CGROUP_FILE_OOM, "oom_kill", 1 },
	             [BH_CGROUP_OOMS] = { BH_CGROUP_FILE_OOM, "oom", 1 },
	             [BH_CGROUP_PIDS_HITS] = { BH_CGROUP_FILE_PIDS, "max", 1 },
	             [BH_CGROUP_TIME_NS] = { BH_CGROUP_FILE_TIME, "usage_usec", 1000 },
	             [BH_CGROUP_USER_NS] = { BH_CGROUP_FILE_TIME, "user_usec", 1000 },
	             [BH_CGROUP_SYSTEM_NS] = { BH_CGROUP_FILE_TIME, "system_usec", 1000 } },
};
