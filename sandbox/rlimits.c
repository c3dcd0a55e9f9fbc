/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/rlimits.h"

#include "ipc/wire/base.h"

#define OPEN_FILES      1024
#define STACK_BYTES     ((rlim_t)8 << 20)
#define PENDING_SIGNALS 1024

/* Address space beside what may be written to: programs map files and reserve
 * ranges that they never touch. Only a backstop for shared memory, which
 * RLIMIT_DATA does not count. */
#define ADDRESS_SPACE_FACTOR 4
#define ADDRESS_SPACE_EXTRA  ((uint64_t)1 << 30)

/* No more than this process may give. */
static struct rlimit within(__rlimit_resource_t resource, uint64_t soft, uint64_t hard)
{
	struct rlimit inherited;
	rlim_t most = RLIM_INFINITY;

	if (getrlimit(resource, &inherited) == 0)
		most = inherited.rlim_max;
	return (struct rlimit){ .rlim_cur = soft < most ? soft : most,
		                .rlim_max = hard < most ? hard : most };
}

int bh_rlimits_lower_common(struct bh_error *err)
{
	static const struct {
		const char *name;
		__rlimit_resource_t resource;
		rlim_t most;
	} rows[] = { { "core size", RLIMIT_CORE, 0 },
		     { "stack size", RLIMIT_STACK, STACK_BYTES },
		     { "message queues", RLIMIT_MSGQUEUE, 0 },
		     { "locked memory", RLIMIT_MEMLOCK, 0 },
		     { "real-time priority", RLIMIT_RTPRIO, 0 },
		     { "nice value", RLIMIT_NICE, 0 },
		     { "pending signals", RLIMIT_SIGPENDING, PENDING_SIGNALS } };

	for (size_t i = 0; i < BH_COUNT_OF(rows); i++) {
		struct rlimit value = within(rows[i].resource, rows[i].most, rows[i].most);
		if (setrlimit(rows[i].resource, &value) < 0)
			return bh_fail(err, errno, "lower the limit of %s", rows[i].name);
	}
	return 0;
}

static void add(struct bh_rlimits *plan, __rlimit_resource_t resource, uint64_t soft, uint64_t hard)
{
	plan->rows[plan->n_rows++] =
	        (struct bh_rlimit_row){ .resource = resource,
		                        .value = within(resource, soft, hard) };
}

static void add_same(struct bh_rlimits *plan, __rlimit_resource_t resource, uint64_t value)
{
	add(plan, resource, value, value);
}

/* BH_UNLIMITED and RLIM_INFINITY are the same number, so limits go in as they
 * are. */
_Static_assert(BH_UNLIMITED == (uint64_t)RLIM_INFINITY, "unlimited is the kernel's infinity");

static uint64_t address_space(uint64_t memory)
{
	uint64_t size;

	if (__builtin_mul_overflow(memory, ADDRESS_SPACE_FACTOR, &size))
		return BH_UNLIMITED;
	return bh_add_saturated(size, ADDRESS_SPACE_EXTRA);
}

uint64_t bh_rlimits_cpu_seconds(uint64_t cpu_time_us)
{
	uint64_t seconds = cpu_time_us / 1000000 + (cpu_time_us % 1000000 != 0);

	if (cpu_time_us == BH_UNLIMITED)
		return 0;
	return seconds > 0 ? seconds : 1; /* the kernel takes 0 for "at once", at its next tick */
}

/* SIGXCPU at the limit; SIGKILL a second later where that was ignored. */
static void add_cpu_time(struct bh_rlimits *plan, uint64_t cpu_time_us)
{
	uint64_t seconds = bh_rlimits_cpu_seconds(cpu_time_us);

	if (seconds > 0)
		add(plan, RLIMIT_CPU, seconds, seconds + 1);
}

void bh_rlimits_plan(const struct bh_limits *limits, bool count_processes, struct bh_rlimits *ret)
{
	*ret = (struct bh_rlimits){ .n_rows = 0 };
	add_same(ret, RLIMIT_NOFILE, OPEN_FILES);
	add_same(ret, RLIMIT_FSIZE, limits->file_size_bytes);
	add_same(ret, RLIMIT_DATA, limits->memory_bytes);
	add_same(ret, RLIMIT_AS, address_space(limits->memory_bytes));
	add_cpu_time(ret, limits->cpu_time_us);
	if (count_processes)
		add_same(ret, RLIMIT_NPROC,
		         bh_add_saturated(limits->max_procs, limits->max_threads));
}
