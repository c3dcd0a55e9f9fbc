/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

/* sched_setattr(2); Debian 12 has it in the kernel's headers only. */
struct sched_attr_v0 {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

/* The caller may use one CPU only: to use another is to leave what was given. */
static void leave_cpus(struct attack *a)
{
	cpu_set_t before, after;

	CPU_ZERO(&before);
	CPU_ZERO(&after);
	sched_getaffinity(0, sizeof(before), &before);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CPU_SET(cpu, &after);
	if (sched_setaffinity(0, sizeof(after), &after) < 0)
		return note(a, "the CPUs stay");
	sched_getaffinity(0, sizeof(after), &after);
	if (CPU_COUNT(&after) > CPU_COUNT(&before))
		gain(a, "%d CPUs instead of %d", CPU_COUNT(&after), CPU_COUNT(&before));
}

void attack(struct attack *a)
{
	struct sched_param one = { .sched_priority = 1 };
	struct sched_attr_v0 fifo = { .size = sizeof(fifo), .policy = SCHED_FIFO, .priority = 1 };

	if (is_way(a, "mlock"))
		gain_if(a, "mlock",
		        mlock(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		                   -1, 0),
		              4096));
	else if (is_way(a, "mlockall"))
		gain_if(a, "mlockall", mlockall(MCL_FUTURE));
	else if (is_way(a, "real-time"))
		gain_if(a, "sched_setscheduler",
		        syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &one));
	else if (is_way(a, "sched_setattr"))
		gain_if(a, "sched_setattr", syscall(SYS_sched_setattr, 0, &fifo, 0));
	else if (is_way(a, "nice"))
		gain_if(a, "setpriority", setpriority(PRIO_PROCESS, 0, -5));
	else if (is_way(a, "ioprio"))
		gain_if(a, "ioprio_set", syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4));
	else
		leave_cpus(a);
}
