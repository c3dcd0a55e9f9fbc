/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/ended.h"

#include <stdio.h>

#include "bulkhead/result.h"
#include "ipc/wire/base.h"
#include "sandbox/launcher.h"

void bh_ended_by_processes(const struct bh_slot *slot, struct bh_message_ended *ret)
{
	const struct rusage *usage = &slot->usage;

	if (slot->failed_step != BH_STEP_NONE) {
		ret->by = slot->failed_step == BH_STEP_EXEC ? BH_ENDED_NO_EXEC
		                                            : BH_ENDED_NO_SANDBOX;
		snprintf(ret->stage, sizeof(ret->stage), "%s",
		         bh_child_step_name(slot->failed_step));
		bh_fail(&ret->error, slot->failed_code, "%s",
		        ret->by == BH_ENDED_NO_EXEC ? "execute the handler"
		                                    : "set up a handler's process");
	} else if (slot->ended) {
		ret->by = BH_ENDED_EXITED;
		ret->wait_status = slot->wait_status;
	} else {
		ret->by = BH_ENDED_KILLED;
	}
	ret->user_us = (uint64_t)usage->ru_utime.tv_sec * 1000000 +
	               (uint64_t)usage->ru_utime.tv_usec;
	ret->system_us = (uint64_t)usage->ru_stime.tv_sec * 1000000 +
	                 (uint64_t)usage->ru_stime.tv_usec;
	ret->max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024;
	ret->minor_faults = (uint64_t)usage->ru_minflt;
	ret->major_faults = (uint64_t)usage->ru_majflt;
	ret->voluntary_switches = (uint64_t)usage->ru_nvcsw;
	ret->involuntary_switches = (uint64_t)usage->ru_nivcsw;
}

void bh_ended_refused(enum bh_child_step step, const struct bh_error *why,
                      struct bh_message_ended *ret)
{
	ret->by = BH_ENDED_NO_SANDBOX;
	ret->error = *why;
	snprintf(ret->stage, sizeof(ret->stage), "%s", bh_child_step_name(step));
}

/* Where the cgroup tells only the sum of user and system time, it is parted as
 * that of the processes that were waited for; what a template tells of these can be
 * any numbers. */
static void describe_time(const struct bh_cgroup_usage *usage, struct bh_message_ended *ret)
{
	uint64_t waited_us = bh_add_saturated(ret->user_us, ret->system_us);

	if (!usage->has_time)
		return;
	if (usage->has_split) {
		ret->user_us = usage->user_us;
		ret->system_us = usage->system_us;
		return;
	}
	double share = waited_us > 0 ? (double)ret->user_us / (double)waited_us : 1;
	ret->user_us = (uint64_t)(share * (double)usage->time_us);
	ret->system_us = usage->time_us - ret->user_us;
}

void bh_ended_by_cgroup(const struct bh_launcher *l, struct bh_slot *slot,
                        struct bh_message_ended *ret)
{
	struct bh_cgroup_usage usage;

	ret->memory_held_by = l->memory_held_by;
	ret->memory_held_files = l->memory_limits_files;
	/* a template that lives on is not left behind */
	bool lives_on = l->plan.warm != BH_WARM_OFF && slot->reaper != 0;
	bh_cgroup_end(&l->plan.cgroup, &slot->cgroup, !l->plan.namespaces && !lives_on, &usage);
	describe_time(&usage, ret);
	ret->memory_peak_bytes = usage.peak_bytes;
	ret->oom_kills = usage.oom_kills;
	ret->host_oom_kills = usage.host_kills;
	ret->pids_hits = usage.pids_hits;
	ret->cpu_exceeded = slot->cgroup.cpu_exceeded;
}
