/* SPDX-License-Identifier: Apache-2.0 */
/* Everything here runs in borrowed memory (see child.h): raw system calls only,
 * nothing is allocated, nothing is freed, nothing returns. */
#include "sandbox/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ipc/wire/base.h"
#include "ipc/wire/message.h"
#include "sandbox/capabilities.h"
#include "sandbox/rawcall.h"

#define STACK_SIZE ((size_t)64 << 10)
#define GUARD_SIZE ((size_t)64 << 10) /* a multiple of every page size */

const char *bh_child_step_name(enum bh_child_step step)
{
	static const char *const names[] = {
		[BH_STEP_NONE] = "",
		[BH_STEP_REAPER] = "pid-namespace",
		[BH_STEP_CLONE] = "clone",
		[BH_STEP_CGROUP] = "cgroup",
		[BH_STEP_SESSION] = "session",
		[BH_STEP_CGROUP_NAMESPACE] = "cgroup-namespace",
		[BH_STEP_PROC] = "proc",
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
		[BH_STEP_ANNOUNCE] = "listener",
	};

	return (size_t)step < BH_COUNT_OF(names) ? names[step] : "unknown";
}

/* A call that a handler's process makes for us when its filter is loaded already.
 * None of these has a sixth argument; with the key there the filter lets it pass. */
#define keyed(key, n, a, b, c, d, e) \
	(bh_raw6((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(key)))

static _Noreturn void leave(uint64_t key)
{
	for (;;)
		keyed(key, SYS_exit_group, 0, 0, 0, 0, 0);
}

/* Ends the child with the step that failed, unless it didn't. */
static void check(struct bh_slot *slot, enum bh_child_step step, long result)
{
	if (result >= 0)
		return;
	slot->failed_step = step;
	slot->failed_code = (int)-result;
	leave(slot->plan->key);
}

/* ---- the handler, before its exec ---- */

/* A /proc of the batch's own PID namespace, in a mount namespace of its own. The
 * launcher keeps that alive until it has told of the batch's end: taking mounts
 * down waits for other processors, which the last process would have to do. */
static long mount_proc(struct bh_slot *slot)
{
	long r = bh_raw1(SYS_unshare, CLONE_NEWNS);

	if (r >= 0)
		r = bh_raw5(SYS_mount, "proc", "/proc", "proc",
		            MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "subset=pid");
	if (r >= 0)
		r = bh_raw4(SYS_openat, AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC, 0);
	if (r >= 0)
		slot->mount_namespace = (int)r;
	return r;
}

/* The launcher's securebits keep the capabilities over this. */
static long become(uid_t id)
{
	long r = bh_raw3(SYS_setresgid, id, id, id);

	return r < 0 ? r : bh_raw3(SYS_setresuid, id, id, id);
}

/* An ordinary user has one id, the launcher's: a user namespace of the batch's
 * own makes it nobody there. Capabilities begin anew in it. */
static long become_nobody(void)
{
	long r = bh_raw1(SYS_unshare, CLONE_NEWUSER);

	return r < 0 ? r : bh_capabilities_lock();
}

static long set_rlimits(const struct bh_rlimits *rlimits)
{
	for (size_t i = 0; i < rlimits->n_rows; i++) {
		long r = bh_raw4(SYS_prlimit64, 0, rlimits->rows[i].resource,
		                 &rlimits->rows[i].value, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static void nothing(void *unused)
{
	(void)unused;
	leave(0);
}

/* With a limit of two, a second process can be cloned only where processes of
 * other namespaces don't count: the user has more than two by now. */
static long find_how_processes_count(struct bh_slot *slot)
{
	struct rlimit two = { .rlim_cur = 2, .rlim_max = 2 };
	/* on the lower half of the handler's own stack */
	char *stack_top = slot->stacks + 2 * GUARD_SIZE + STACK_SIZE + STACK_SIZE / 2;

	long r = bh_raw4(SYS_prlimit64, 0, RLIMIT_NPROC, &two, NULL);
	if (r < 0)
		return r;
	long pid = bh_raw_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, stack_top, NULL, nothing, NULL);
	slot->counts_processes = pid > 0;
	if (pid < 0)
		return pid == -EAGAIN ? 0 : pid;
	bh_raw4(SYS_wait4, pid, NULL, __WALL, NULL);
	return 0;
}

static long take_id(const struct bh_slot *slot)
{
	const struct bh_child_plan *plan = slot->plan;

	return become(plan->one_id ? plan->first_id : plan->first_id + slot->id);
}

static void enter_namespaces(struct bh_slot *slot)
{
	/* from inside its own cgroup, which it so sees as the top */
	check(slot, BH_STEP_CGROUP_NAMESPACE, bh_raw1(SYS_unshare, CLONE_NEWCGROUP));
	check(slot, BH_STEP_PROC, mount_proc(slot));
	if (slot->plan->own_id)
		check(slot, BH_STEP_IDS, take_id(slot));
	/* with the handler's id, and as long as mounts can be made */
	check(slot, BH_STEP_SCRATCH, bh_scratch_mount(&slot->plan->scratch));
	if (!slot->plan->own_id)
		check(slot, BH_STEP_USER_NAMESPACE, become_nobody());
}

/* A process without a PID namespace ends with its reaper. After the change of
 * ids, which would take that back. */
static void follow_reaper(struct bh_slot *slot)
{
	if (slot->plan->own_id)
		check(slot, BH_STEP_IDS, take_id(slot));
	check(slot, BH_STEP_SESSION, bh_raw2(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL));
}

static void confine(struct bh_slot *slot)
{
	const struct bh_child_plan *plan = slot->plan;

	check(slot, BH_STEP_CAPABILITIES, bh_capabilities_drop());
	check(slot, BH_STEP_LANDLOCK, bh_landlock_enter(&plan->landlock));
	int listener = bh_filter_load(&plan->filter);
	check(slot, BH_STEP_SECCOMP, listener);
	slot->listener = listener; /* in the table shared with reaper and launcher */
}

/* Leaves exactly descriptors 0 to 4, and the executable at 5 until the exec. The
 * table was shared so far; all of the launcher's descriptors are above 4 but
 * its own five. */
static long arrange_descriptors(const struct bh_slot *slot)
{
	const int wanted[][2] = {
		{ slot->out, 1 }, { slot->err, 2 }, { slot->context, 3 }, { slot->results, 4 }
	};
	unsigned int first_closed = 5;
	uint64_t key = slot->plan->key;

	long r = keyed(key, SYS_close_range, ~0u - 1, ~0u, CLOSE_RANGE_UNSHARE, 0, 0);
	/* opened anew: a shared description would carry flags between batches */
	long null =
	        r < 0 ? r
	              : keyed(key, SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC, 0, 0);
	if (null < 0)
		return null;
	r = keyed(key, SYS_dup3, null, 0, 0, 0, 0);
	for (size_t i = 0; r >= 0 && i < BH_COUNT_OF(wanted); i++)
		r = keyed(key, SYS_dup3, wanted[i][0], wanted[i][1], 0, 0, 0);
	if (r >= 0 && slot->plan->executable >= 0) {
		first_closed = 6;
		if (slot->plan->executable != 5)
			r = keyed(key, SYS_dup3, slot->plan->executable, 5, O_CLOEXEC, 0, 0);
	}
	return r < 0 ? r : keyed(key, SYS_close_range, first_closed, ~0u, 0, 0, 0);
}

static long execute(const struct bh_child_plan *plan)
{
	if (plan->executable >= 0)
		return keyed(plan->key, SYS_execveat, 5, "", plan->argv, plan->envp, AT_EMPTY_PATH);
	return keyed(plan->key, SYS_execveat, AT_FDCWD, plan->script, plan->argv, plan->envp, 0);
}

static void handler_main(void *arg)
{
	struct bh_slot *slot = arg;
	const struct bh_child_plan *plan = slot->plan;
	uint64_t no_signals = 0;

	check(slot, BH_STEP_CGROUP, bh_cgroup_join(&plan->cgroup, &slot->cgroup));
	check(slot, BH_STEP_SESSION, bh_raw0(SYS_setsid));
	if (plan->namespaces)
		enter_namespaces(slot);
	else
		follow_reaper(slot);
	check(slot, BH_STEP_RLIMITS, set_rlimits(&plan->rlimits));
	if (slot->trial && plan->namespaces)
		check(slot, BH_STEP_RLIMITS, find_how_processes_count(slot));
	if (plan->confined)
		confine(slot);
	check(slot, BH_STEP_DESCRIPTORS, arrange_descriptors(slot));
	check(slot, BH_STEP_SIGNALS,
	      keyed(plan->key, SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL,
	            sizeof(no_signals), 0));
	if (!slot->trial)
		check(slot, BH_STEP_EXEC, execute(plan));
	leave(plan->key);
}

/* ---- the reaper ---- */

/* Tells the supervisor that the handler was executed, and gives it the listener. */
static long say_started(struct bh_slot *slot)
{
	struct bh_message message = { .type = BH_MESSAGE_STARTED, .id = slot->id };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
		                  .cmsg_type = SCM_RIGHTS,
		                  .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec part = { .iov_base = &message, .iov_len = sizeof(message) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (slot->listener >= 0) {
		memcpy(CMSG_DATA(&control.header), &slot->listener, sizeof(int));
		header.msg_control = control.bytes;
		header.msg_controllen = sizeof(control.bytes);
	}
	long r;
	do
		r = bh_raw3(SYS_sendmsg, slot->plan->socket, &header, MSG_NOSIGNAL);
	while (r == -EINTR);
	return r;
}

/* What a handler calls without a listener that somebody reads, nobody would see:
 * such a handler ends before the listener does. */
static void announce(struct bh_slot *slot)
{
	long r = say_started(slot);

	if (r >= 0)
		return;
	slot->failed_step = BH_STEP_ANNOUNCE;
	slot->failed_code = (int)-r;
	bh_raw2(SYS_kill, slot->handler, SIGKILL);
}

/* Waits until the handler has ended; orphans of the batch are reaped on the way. */
static void await_handler(struct bh_slot *slot)
{
	int status;

	for (;;) {
		long pid = bh_raw4(SYS_wait4, -1, &status, __WALL, NULL);
		if (pid == slot->handler)
			break;
		if (pid < 0 && pid != -EINTR)
			leave(0); /* can't be: the handler is ours until it was waited for */
	}
	slot->wait_status = status;
	slot->ended = true;
}

/* Without a PID namespace: kills what the handler left behind. Orphans come to
 * the reaper, which is their subreaper. */
static void kill_children(void)
{
	char list[4096];

	for (;;) {
		long fd = bh_raw4(SYS_openat, AT_FDCWD, "/proc/thread-self/children",
		                  O_RDONLY | O_CLOEXEC, 0);
		if (fd < 0)
			return;
		long n = bh_raw3(SYS_read, fd, list, sizeof(list));
		bh_raw1(SYS_close, fd);
		long pid = 0;
		for (long i = 0; i < n; i++) {
			if (list[i] >= '0' && list[i] <= '9') {
				pid = pid * 10 + (list[i] - '0');
				continue;
			}
			if (pid > 0)
				bh_raw2(SYS_kill, pid, SIGKILL);
			pid = 0;
		}
		if (bh_raw4(SYS_wait4, -1, NULL, __WALL, NULL) == -ECHILD)
			return;
	}
}

static void reaper_main(void *arg)
{
	struct bh_slot *slot = arg;
	bool namespaces = slot->plan->namespaces;

	if (!namespaces) {
		check(slot, BH_STEP_REAPER, bh_raw2(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL));
		check(slot, BH_STEP_REAPER, bh_raw2(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1));
	}
	long pid = bh_raw_clone(CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD,
	                        slot->stacks + 2 * (GUARD_SIZE + STACK_SIZE), &slot->handler_pidfd,
	                        handler_main, slot);
	check(slot, BH_STEP_CLONE, pid);
	slot->handler = (pid_t)pid;

	/* the handler was executed or has ended: CLONE_VFORK */
	if (slot->failed_step == BH_STEP_NONE && !slot->trial)
		announce(slot);
	if (slot->listener >= 0)
		bh_raw1(SYS_close, slot->listener);
	await_handler(slot);
	if (!namespaces)
		kill_children();
	bh_raw2(SYS_getrusage, RUSAGE_CHILDREN, &slot->usage);
	leave(0);
}

/* ---- the launcher's side ---- */

int bh_slot_allocate(struct bh_slot *slot, struct bh_error *err)
{
	char *stacks = mmap(NULL, 2 * (GUARD_SIZE + STACK_SIZE), PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (stacks == MAP_FAILED)
		return bh_fail(err, errno, "stacks of a batch");
	if (mprotect(stacks, GUARD_SIZE, PROT_NONE) < 0 ||
	    mprotect(stacks + GUARD_SIZE + STACK_SIZE, GUARD_SIZE, PROT_NONE) < 0) {
		int code = errno;
		munmap(stacks, 2 * (GUARD_SIZE + STACK_SIZE));
		return bh_fail(err, code, "guard the stacks of a batch");
	}
	slot->stacks = stacks;
	return 0;
}

int bh_slot_start(struct bh_slot *slot, struct bh_error *err)
{
	unsigned long flags = CLONE_VM | CLONE_FILES | SIGCHLD;

	if (slot->plan->namespaces)
		flags |= CLONE_NEWPID;
	slot->failed_step = BH_STEP_NONE;
	slot->failed_code = 0;
	slot->listener = -1;
	slot->mount_namespace = -1;
	slot->handler_pidfd = -1;
	slot->handler = 0;
	slot->ended = false;
	slot->usage = (struct rusage){ .ru_maxrss = 0 };

	long pid = bh_raw_clone(flags, slot->stacks + GUARD_SIZE + STACK_SIZE, NULL, reaper_main,
	                        slot);
	if (pid < 0)
		return bh_fail(err, (int)-pid, "clone a reaper");
	slot->reaper = (pid_t)pid;
	return 0;
}
