/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/trial.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/holders.h"
#include "sandbox/launcher.h"

#define NOBODY 65534 /* the kernel's overflow id: user_namespaces(7) */

static int try_child(struct bh_launcher *l, const char **stage, struct bh_error *err)
{
	struct bh_slot *slot = &l->slots[0];
	pid_t pid;

	slot->trial = true;
	slot->context = slot->results = slot->out = slot->err = STDIN_FILENO;
	int r = slot->stacks ? 0 : bh_slot_open(slot, err);
	if (r == 0)
		r = bh_slot_prepare(slot, err);
	if (r < 0) {
		*stage = bh_child_step_name(slot->failed_step);
		return r;
	}
	bh_slot_go(slot);
	do
		pid = waitpid(slot->reaper, NULL, __WALL);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return bh_fail(err, errno, "wait for the trial child");
	slot->reaper = 0;
	slot->trial = false;
	slot->context = slot->results = slot->out = slot->err = -1;
	bh_fd_done(&slot->handler_pidfd);
	bh_fd_done(&slot->mount_namespace);
	if (!slot->counts_anew)
		bh_fd_done(&l->plan.last_pid);
	if (slot->failed_step == BH_STEP_NONE)
		return 0;
	*stage = bh_child_step_name(slot->failed_step);
	return bh_fail(err, slot->failed_code, "set up a child, at step %s", *stage);
}

/* What a child may not have, in spite of all that was found, it does without:
 * its cgroup, or, where there are no namespaces, an id of its own. */
static bool do_with_less(struct bh_launcher *l, const struct bh_error *why)
{
	enum bh_child_step failed = l->slots[0].failed_step;

	if (failed == BH_STEP_CGROUP) {
		bh_launcher_give_up_cgroups(l, why->text);
	} else if (failed == BH_STEP_IDS && !l->plan.namespaces && !l->plan.one_id) {
		l->plan.one_id = true;
		l->plan.first_id = NOBODY;
	} else if (failed == BH_STEP_IDS && !l->plan.namespaces && l->plan.own_id) {
		l->plan.own_id = false;
	} else {
		return false;
	}
	return true;
}

int bh_launcher_try(struct bh_launcher *l, const char **stage, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;
	int r;

	do {
		bh_launcher_plan_rlimits(l, false);
		r = try_child(l, stage, &why);
	} while (r < 0 && do_with_less(l, &why));
	if (r < 0) {
		*err = why;
		return r;
	}
	*stage = "";
	if (l->plan.namespaces)
		bh_launcher_plan_rlimits(l, l->slots[0].counts_processes);
	return 0;
}
