/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/no_processes.h"

#include <fcntl.h>
#include <signal.h>

#include "ipc/wire/base.h"
#include "tests/fuzz/input.h"

struct nobodies nobodies;

void nobodies_init(struct bh_launcher *launcher)
{
	nobodies = (struct nobodies){ .launcher = launcher, .last_pid = 1000 };
	for (size_t i = 0; i < MOST_SLOTS; i++)
		nobodies.of[i].theirs = -1;
}

struct nobody *nobody_of(const struct bh_slot *slot)
{
	must(slot->id < nobodies.launcher->n_slots);
	must(slot == &nobodies.launcher->slots[slot->id]);
	return &nobodies.of[slot->id];
}

static int descriptor(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

	must(fd >= 0);
	return fd;
}

static void must_be_open(int fd)
{
	must(fcntl(fd, F_GETFD) >= 0);
}

/* ---- sandbox/slot.h ---- */

const char *bh_child_step_name(enum bh_child_step step)
{
	return step == BH_STEP_NONE ? "" : "step";
}

static int fail(struct bh_slot *slot, enum bh_child_step step, struct bh_error *err)
{
	slot->failed_step = step;
	slot->failed_code = ENOMEM;
	return bh_fail(err, ENOMEM, "nobody");
}

int bh_slot_open(struct bh_slot *slot, struct bh_error *err)
{
	static char stacks;

	must(nobody_of(slot) && !slot->stacks);
	if (BH_TAKE(nobodies.next_fails, false))
		return fail(slot, BH_STEP_SECCOMP, err);
	slot->stacks = &stacks;
	slot->failed_step = BH_STEP_NONE;
	slot->listener = slot->plan->confined ? descriptor() : -1;
	return 0;
}

/* What is forgotten here and was open still is missed at the end. */
static void forget_batch(struct bh_slot *slot)
{
	slot->failed_step = BH_STEP_NONE;
	slot->failed_code = 0;
	slot->handler_pidfd = -1;
	slot->handler = 0;
	slot->ended = false;
	slot->usage = (struct rusage){ .ru_maxrss = 0 };
}

bool bh_slot_is_over(struct bh_slot *slot)
{
	must(slot->plan->last_pid >= 0);
	return BH_TAKE(slot->over, 0) != 0;
}

void bh_slot_clear(struct bh_slot *slot)
{
	must(nobody_of(slot) && !slot->running && slot->handler_pidfd < 0);
	forget_batch(slot);
}

int bh_slot_prepare(struct bh_slot *slot, struct bh_error *err)
{
	must(nobody_of(slot) && slot->stacks);
	if (slot->reaper != 0)
		return 0;
	slot->go = slot->over = 0;
	slot->mount_namespace = -1;
	forget_batch(slot);
	if (BH_TAKE(nobodies.next_fails, false))
		return fail(slot, BH_STEP_REAPER, err);
	slot->reaper = ++nobodies.last_pid;
	nobody_of(slot)->dies = false;
	if (slot->plan->namespaces && slot->plan->last_pid < 0)
		slot->mount_namespace = descriptor();
	return 0;
}

void bh_slot_go(struct bh_slot *slot)
{
	struct nobody *nobody = nobody_of(slot);

	must(slot->running && slot->reaper > 0 && slot->go == 0 && slot->handler_pidfd < 0);
	must_be_open(slot->context);
	must_be_open(slot->results);
	must_be_open(slot->out);
	must_be_open(slot->err);
	slot->go = 1;
	if (BH_TAKE(nobodies.next_fails, false)) {
		slot->failed_step = BH_STEP_EXEC;
		slot->failed_code = ENOENT;
		nobody->dies = true;
		return;
	}
	slot->handler_pidfd = descriptor();
	slot->handler = 2;
	if (slot->plan->warm == BH_WARM_OFF)
		return;
	must_be_open(slot->template.control);
	must_be_open(slot->template.theirs);
	must(nobody->theirs < 0);
	nobody->theirs = BH_TAKE(slot->template.theirs, -1);
	nobody->has_cleaner = slot->plan->warm == BH_WARM_FORK;
	slot->template.cleaner.orders = 0;
	slot->template.cleaner.cleaned = 0;
	slot->template.cleaner.failed = 0;
}

bool bh_slot_signal(const struct bh_slot *slot, int number)
{
	struct nobody *nobody = nobody_of(slot);

	must(number == SIGTERM || number == SIGKILL);
	if (slot->handler_pidfd < 0)
		return false;
	must(slot->reaper > 0);
	must_be_open(slot->handler_pidfd);
	nobody->dies |= number == SIGKILL;
	return true;
}

void bh_slot_kill_reaper(struct bh_slot *slot)
{
	nobody_of(slot)->dies |= slot->reaper > 0;
}

void bh_slot_kill(struct bh_slot *slot)
{
	bh_slot_kill_reaper(slot);
}

/* ---- sandbox/cleaner.h ---- */

void bh_cleaner_order(struct bh_cleaner *cleaner, uint32_t orders)
{
	for (size_t i = 0; i < nobodies.launcher->n_slots; i++)
		if (cleaner == &nobodies.launcher->slots[i].template.cleaner) {
			must(nobodies.of[i].has_cleaner);
			cleaner->orders |= orders;
			return;
		}
	abort();
}

bool bh_cleaner_has_cleaned(struct bh_cleaner *cleaner)
{
	return BH_TAKE(cleaner->cleaned, 0) != 0;
}

/* ---- sandbox/cgroup.h ---- */

int bh_cgroup_begin(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot,
                    struct bh_error *err)
{
	(void)cgroup;
	if (BH_TAKE(nobodies.next_fails, false))
		return bh_fail(err, ENOSPC, "nobody's cgroup");
	slot->check_us = 0;
	slot->cpu_exceeded = false;
	return 0;
}

void bh_cgroup_end(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot, bool may_be_left,
                   struct bh_cgroup_usage *ret)
{
	(void)cgroup;
	(void)slot;
	(void)may_be_left;
	*ret = (struct bh_cgroup_usage){ .has_time = true, .time_us = NOBODYS_TIME_US };
}

bool bh_cgroup_cpu_is_exceeded(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot,
                               uint64_t now_us)
{
	(void)cgroup;
	(void)now_us;
	slot->cpu_exceeded |= nobodies.out_of_time;
	return nobodies.out_of_time;
}

void bh_cgroup_rest(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot)
{
	(void)cgroup;
	(void)slot;
}

int64_t bh_cgroup_tasks(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot)
{
	(void)cgroup;
	(void)slot;
	return nobodies.tasks;
}
