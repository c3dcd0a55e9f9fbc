/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/holders.h"

#include <string.h>
#include <sys/resource.h>

#include "bulkhead/result.h"
#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "ipc/wire/message.h"
#include "sandbox/launcher.h"

/* How much later a process's own limit of CPU time is than that of its batch. */
#define CPU_BACKSTOP_US (1000 * 1000)

/* Slots keep more descriptors open than a soft limit may allow; handlers get a
 * limit of their own. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* A template is a process beside those that its batch may have. */
static struct bh_limits with_template(const struct bh_launcher *l)
{
	struct bh_limits limits = l->limits;

	if (l->plan.warm == BH_WARM_FORK)
		limits.max_procs = bh_add_saturated(limits.max_procs, 1);
	return limits;
}

void bh_launcher_give_up_cgroups(struct bh_launcher *l, const char *why)
{
	for (size_t i = 0; i < l->n_slots; i++)
		bh_cgroup_slot_done(&l->plan.cgroup, &l->slots[i].cgroup);
	bh_cgroup_give_up(&l->plan.cgroup, why);
}

void bh_launcher_make_cgroups(struct bh_launcher *l, unsigned int owner)
{
	struct bh_error error = BH_ERROR_UNSET;
	int r = 0;

	allow_descriptors();
	struct bh_limits limits = with_template(l);
	bh_cgroup_find("", owner, &limits, &l->plan.cgroup);
	for (size_t i = 0; r == 0 && i < l->n_slots; i++)
		r = bh_cgroup_slot_open(&l->plan.cgroup, &l->slots[i].cgroup, l->slots[i].id,
		                        &error);
	if (r < 0)
		bh_launcher_give_up_cgroups(l, error.text);
}

int bh_launcher_say_cgroups(const struct bh_launcher *l, struct bh_error *err)
{
	const struct bh_cgroup *cgroup = &l->plan.cgroup;
	struct bh_message message = { .type = BH_MESSAGE_CGROUPS };
	int parents[BH_CGROUP_TREES];

	if (cgroup->n_trees == 0)
		return 0;
	memcpy(message.cgroups.name, cgroup->name, sizeof(cgroup->name));
	for (size_t i = 0; i < cgroup->n_trees; i++)
		parents[i] = cgroup->trees[i].parent;
	return bh_channel_send(l->plan.socket, &message, sizeof(message), parents, cgroup->n_trees,
	                       err);
}

static bool has_controller(const struct bh_launcher *l, unsigned int controller)
{
	return l->plan.cgroup.controllers & BH_CGROUP_BIT(controller);
}

/* The files that a confined handler can write to are in memory. Where no cgroup
 * counts them, none of them may be larger than that may be. */
static void find_memory_holder(struct bh_launcher *l)
{
	bool in_cgroup = has_controller(l, BH_CGROUP_MEMORY);

	l->memory_held_by = BH_MEMORY_HELD_BY_NONE;
	if (l->limits.memory_bytes != BH_UNLIMITED)
		l->memory_held_by = in_cgroup ? BH_MEMORY_HELD_BY_CGROUP : BH_MEMORY_HELD_BY_RLIMIT;
	l->memory_limits_files = l->plan.confined && !in_cgroup &&
	                         l->limits.memory_bytes < l->limits.file_size_bytes;
}

/* What a cgroup holds for the whole batch needs no limit for each process: that
 * would only be hit first, and then the batch's end would look like another. */
void bh_launcher_plan_rlimits(struct bh_launcher *l, bool count_processes)
{
	struct bh_limits limits = with_template(l);

	find_memory_holder(l);
	if (l->memory_limits_files)
		limits.file_size_bytes = limits.memory_bytes;
	if (has_controller(l, BH_CGROUP_MEMORY))
		limits.memory_bytes = BH_UNLIMITED;
	if (has_controller(l, BH_CGROUP_PIDS))
		count_processes = false;
	if (has_controller(l, BH_CGROUP_CPU)) /* late: a backstop */
		limits.cpu_time_us = bh_add_saturated(limits.cpu_time_us, CPU_BACKSTOP_US);
	/* a process that serves batch after batch has no end to its own */
	l->templates.cpu_seconds = bh_rlimits_cpu_seconds(limits.cpu_time_us);
	if (l->plan.warm != BH_WARM_OFF)
		limits.cpu_time_us = BH_UNLIMITED;
	bh_rlimits_plan(&limits, count_processes, &l->plan.rlimits);
}
