/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/slot.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/child.h"
#include "sandbox/rawcall.h"

#define GUARD_SIZE ((size_t)64 << 10) /* a multiple of every page size */

const char *bh_child_step_name(enum bh_child_step step)
{
	static const char *const names[] = {
		[BH_STEP_NONE] = "",
		[BH_STEP_REAPER] = "pid-namespace",
		[BH_STEP_PROC] = "proc",
		[BH_STEP_CLONE] = "clone",
		[BH_STEP_CLEANER] = "pid-namespace",
		[BH_STEP_CGROUP] = "cgroup",
		[BH_STEP_SESSION] = "session",
		[BH_STEP_CGROUP_NAMESPACE] = "cgroup-namespace",
		[BH_STEP_IDS] = "ids",
		[BH_STEP_SCRATCH] = "scratch",
		[BH_STEP_USER_NAMESPACE] = "user-namespace",
		[BH_STEP_RLIMITS] = "rlimits",
		[BH_STEP_CAPABILITIES] = "capabilities",
		[BH_STEP_LANDLOCK] = "landlock",
		[BH_STEP_SECCOMP] = "seccomp",
		[BH_STEP_DESCRIPTORS] = "descriptors",
		[BH_STEP_SIGNALS] = "signals",
		[BH_STEP_EXEC] = "exec",
	};

	return (size_t)step < BH_COUNT_OF(names) ? names[step] : "unknown";
}

char *bh_slot_stack_top(const struct bh_slot *slot, enum bh_slot_stack which)
{
	return slot->stacks + ((size_t)which + 1) * (GUARD_SIZE + BH_STACK_SIZE);
}

/* ---- the spawner: raw calls only, see sandbox/child.c ---- */

static void wake(uint32_t *word, uint64_t key)
{
	bh_keyed(key, SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL);
}

static void answer(struct bh_slot *slot, uint64_t key)
{
	__atomic_add_fetch(&slot->answered, 1, __ATOMIC_RELEASE);
	wake(&slot->answered, key);
}

static void fail(struct bh_slot *slot, enum bh_child_step step, long code)
{
	slot->failed_step = step;
	slot->failed_code = (int)-code;
}

/* The filter is of the spawner's thread alone: the launcher's own is not under it. */
static bool take_filter(struct bh_slot *slot)
{
	if (!slot->plan->confined)
		return true;
	int listener = bh_filter_load(&slot->plan->filter);
	if (listener < 0)
		fail(slot, BH_STEP_SECCOMP, listener);
	else
		slot->listener = listener; /* in the table shared with the launcher */
	return listener >= 0;
}

/* The kernel writes `reaper` before it runs: nobody sees it end unnamed. */
static void clone_reaper(struct bh_slot *slot)
{
	unsigned long flags = CLONE_VM | CLONE_FILES | CLONE_PARENT_SETTID | SIGCHLD;

	if (slot->plan->namespaces)
		flags |= CLONE_NEWPID;
	long pid = bh_raw_clone(flags, bh_slot_stack_top(slot, BH_STACK_REAPER), &slot->reaper,
	                        bh_reaper_main, slot, slot->plan->key);
	if (pid < 0)
		fail(slot, BH_STEP_REAPER, pid);
}

static void spawner_main(void *arg)
{
	struct bh_slot *slot = arg;
	uint64_t key = slot->plan->key;

	if (take_filter(slot))
		for (uint32_t done = 0;; done++) {
			answer(slot, key);
			bh_await_word(&slot->asked, done, key);
			clone_reaper(slot);
		}
	answer(slot, 0);
	for (;;)
		bh_raw1(SYS_exit, 0);
}

/* ---- the launcher's side ---- */

static int allocate_stacks(struct bh_slot *slot, struct bh_error *err)
{
	const size_t each = GUARD_SIZE + BH_STACK_SIZE;
	char *stacks = mmap(NULL, BH_SLOT_STACKS * each, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (stacks == MAP_FAILED)
		return bh_fail(err, errno, "stacks of a batch");
	for (size_t i = 0; i < BH_SLOT_STACKS; i++) {
		if (mprotect(stacks + i * each, GUARD_SIZE, PROT_NONE) == 0)
			continue;
		int code = errno;
		munmap(stacks, BH_SLOT_STACKS * each);
		return bh_fail(err, code, "guard the stacks of a batch");
	}
	slot->stacks = stacks;
	return 0;
}

/* Waits for the spawner, which waits for nothing but the kernel. */
static void await_answer(struct bh_slot *slot, uint32_t before)
{
	while (__atomic_load_n(&slot->answered, __ATOMIC_ACQUIRE) == before)
		bh_await_word(&slot->answered, before, 0);
}

int bh_slot_open(struct bh_slot *slot, struct bh_error *err)
{
	const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
	                            CLONE_THREAD | CLONE_SYSVSEM;

	int r = allocate_stacks(slot, err);
	if (r < 0)
		return r;
	slot->asked = slot->answered = 0;
	slot->listener = -1;
	slot->failed_step = BH_STEP_NONE;
	long tid = bh_raw_clone(flags, bh_slot_stack_top(slot, BH_STACK_SPAWNER), NULL,
	                        spawner_main, slot, 0);
	if (tid < 0)
		fail(slot, BH_STEP_REAPER, tid);
	else
		await_answer(slot, 0);
	if (slot->failed_step == BH_STEP_NONE)
		return 0;
	/* a spawner that failed is on the last of its stack: that is never used again */
	slot->stacks = NULL;
	return bh_fail(err, slot->failed_code, "start the spawner of a batch");
}

void bh_slot_clear(struct bh_slot *slot)
{
	slot->doomed = false;
	slot->failed_step = BH_STEP_NONE;
	slot->failed_code = 0;
	slot->handler_pidfd = -1;
	slot->handler = 0;
	slot->ended = false;
	slot->usage = (struct rusage){ .ru_maxrss = 0 };
}

bool bh_slot_is_over(struct bh_slot *slot)
{
	return __atomic_exchange_n(&slot->over, 0, __ATOMIC_ACQ_REL) != 0;
}

int bh_slot_prepare(struct bh_slot *slot, struct bh_error *err)
{
	if (slot->reaper != 0)
		return 0;
	slot->go = slot->over = 0;
	slot->reaper_killed = false;
	slot->mount_namespace = -1;
	bh_slot_clear(slot);

	uint32_t before = slot->answered;
	__atomic_add_fetch(&slot->asked, 1, __ATOMIC_RELEASE);
	wake(&slot->asked, 0);
	await_answer(slot, before);
	/* a reaper that failed since then is one that has ended */
	if (slot->reaper != 0)
		return 0;
	return bh_fail(err, slot->failed_code, "clone a reaper");
}

void bh_slot_go(struct bh_slot *slot)
{
	__atomic_store_n(&slot->go, 1, __ATOMIC_RELEASE);
	wake(&slot->go, 0);
}

bool bh_slot_signal(const struct bh_slot *slot, int number)
{
	int pidfd = __atomic_load_n(&slot->handler_pidfd, __ATOMIC_SEQ_CST);

	/* the number is there a little before the descriptor */
	return pidfd >= 0 && !slot->reaper_killed &&
	       (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) == 0 || errno == ESRCH);
}

/* The handler dies first and by name, so that its reaper still tells what it used;
 * the reaper's end is that of the namespace. Without one, the handler's process
 * group and cgroup go too, and the reaper sees to the rest: a handler that it clones
 * at this moment is either seen here, or the reaper sees that it is doomed. */
void bh_slot_kill(struct bh_slot *slot)
{
	const struct bh_child_plan *plan = slot->plan;

	if (slot->reaper == 0)
		return; /* the numbers that are left may be those of others by now */
	__atomic_store_n(&slot->doomed, true, __ATOMIC_SEQ_CST);
	if (!bh_slot_signal(slot, SIGKILL) && plan->namespaces)
		bh_slot_kill_reaper(slot);
	if (plan->namespaces)
		return;
	if (slot->handler > 0)
		kill(-slot->handler, SIGKILL);
	bh_cgroup_kill(&plan->cgroup, &slot->cgroup); /* and what has left the group */
}

void bh_slot_kill_reaper(struct bh_slot *slot)
{
	if (slot->reaper <= 0)
		return;
	slot->reaper_killed = true;
	kill(slot->reaper, SIGKILL);
}
