/* SPDX-License-Identifier: Apache-2.0 */
/* Everything here runs in borrowed memory (see child.h): raw system calls only,
 * nothing is allocated, nothing is freed, nothing returns. It runs under the
 * handler's filter too, which lets its calls pass by their key. */
#include "sandbox/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "ipc/wire/base.h"
#include "ipc/wire/message.h"
#include "sandbox/capabilities.h"
#include "sandbox/rawcall.h"
#include "sandbox/slot.h"

/* A system call with the slot's key. */
#define call0(slot, n)                bh_keyed((slot)->plan->key, n, 0, 0, 0, 0, 0)
#define call1(slot, n, a)             bh_keyed((slot)->plan->key, n, a, 0, 0, 0, 0)
#define call2(slot, n, a, b)          bh_keyed((slot)->plan->key, n, a, b, 0, 0, 0)
#define call3(slot, n, a, b, c)       bh_keyed((slot)->plan->key, n, a, b, c, 0, 0)
#define call4(slot, n, a, b, c, d)    bh_keyed((slot)->plan->key, n, a, b, c, d, 0)
#define call5(slot, n, a, b, c, d, e) bh_keyed((slot)->plan->key, n, a, b, c, d, e)

static _Noreturn void leave(const struct bh_slot *slot)
{
	for (;;)
		call1(slot, SYS_exit_group, 0);
}

/* Ends the child with the step that failed, unless it didn't. */
static void check(struct bh_slot *slot, enum bh_child_step step, long result)
{
	if (result >= 0)
		return;
	slot->failed_step = step;
	slot->failed_code = (int)-result;
	leave(slot);
}

void bh_await_word(const uint32_t *word, uint32_t value, uint64_t key)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
		bh_keyed(key, SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL);
}

/* ---- the handler, before its exec ---- */

/* The launcher's securebits keep the capabilities over this. */
static long become(const struct bh_slot *slot, uid_t id)
{
	long r = call3(slot, SYS_setresgid, id, id, id);

	return r < 0 ? r : call3(slot, SYS_setresuid, id, id, id);
}

/* An ordinary user has one id, the launcher's: a user namespace of the batch's
 * own makes it nobody there. Capabilities begin anew in it. */
static long become_nobody(const struct bh_slot *slot)
{
	long r = call1(slot, SYS_unshare, CLONE_NEWUSER);

	return r < 0 ? r : bh_capabilities_lock(slot->plan->key);
}

static long set_rlimits(const struct bh_slot *slot)
{
	const struct bh_rlimits *rlimits = &slot->plan->rlimits;

	for (size_t i = 0; i < rlimits->n_rows; i++) {
		long r = call4(slot, SYS_prlimit64, 0, rlimits->rows[i].resource,
		               &rlimits->rows[i].value, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static void nothing(void *slot)
{
	leave(slot);
}

/* With a limit of two, a second process can be cloned only where processes of
 * other namespaces don't count: the user has more than two by now. */
static long find_how_processes_count(struct bh_slot *slot)
{
	struct rlimit two = { .rlim_cur = 2, .rlim_max = 2 };
	/* on the lower half of the handler's own stack */
	char *stack_top = bh_slot_stack_top(slot, BH_STACK_HANDLER) - BH_STACK_SIZE / 2;

	long r = call4(slot, SYS_prlimit64, 0, RLIMIT_NPROC, &two, NULL);
	if (r < 0)
		return r;
	long pid = bh_raw_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, stack_top, NULL, nothing, slot,
	                        slot->plan->key);
	slot->counts_processes = pid > 0;
	if (pid < 0)
		return pid == -EAGAIN ? 0 : pid;
	call4(slot, SYS_wait4, pid, NULL, __WALL, NULL);
	return 0;
}

static long take_id(const struct bh_slot *slot)
{
	const struct bh_child_plan *plan = slot->plan;

	return become(slot, plan->one_id ? plan->first_id : plan->first_id + slot->id);
}

static void enter_namespaces(struct bh_slot *slot)
{
	/* from inside its own cgroup, which it so sees as the top */
	check(slot, BH_STEP_CGROUP_NAMESPACE, call1(slot, SYS_unshare, CLONE_NEWCGROUP));
	if (slot->plan->own_id)
		check(slot, BH_STEP_IDS, take_id(slot));
	/* with the handler's id, and as long as mounts can be made */
	check(slot, BH_STEP_SCRATCH, bh_scratch_mount(&slot->plan->scratch, slot->plan->key));
	if (!slot->plan->own_id)
		check(slot, BH_STEP_USER_NAMESPACE, become_nobody(slot));
}

/* A process without a PID namespace ends with its reaper. After the change of
 * ids, which would take that back. */
static void follow_reaper(struct bh_slot *slot)
{
	if (slot->plan->own_id)
		check(slot, BH_STEP_IDS, take_id(slot));
	check(slot, BH_STEP_SESSION, call2(slot, SYS_prctl, PR_SET_PDEATHSIG, SIGKILL));
}

/* The filter came with the clone. */
static void confine(struct bh_slot *slot)
{
	const struct bh_child_plan *plan = slot->plan;

	check(slot, BH_STEP_CAPABILITIES, bh_capabilities_drop(plan->key));
	check(slot, BH_STEP_LANDLOCK, bh_landlock_enter(&plan->landlock, plan->key));
}

/* Where the executable stands until the exec: behind the handler's own. */
static int executable_fd(const struct bh_child_plan *plan)
{
	return plan->warm == BH_WARM_OFF ? 5 : BH_WARM_FD + 1;
}

/* Leaves exactly descriptors 0 to 4, the control socket of a template at 5, and the
 * executable behind them until the exec. A template gets no batch yet, but
 * something in its place, so that nothing else comes to stand there. The table was
 * shared so far; what has to be moved is above all of these, but for the executable
 * without a template. */
static long arrange_descriptors(const struct bh_slot *slot)
{
	const struct bh_child_plan *plan = slot->plan;
	bool warm = plan->warm != BH_WARM_OFF && !slot->trial;
	/* a template prints to it while it has no batch */
	int flags = (warm ? O_RDWR : O_RDONLY) | O_CLOEXEC;
	unsigned int first_closed = warm ? BH_WARM_FD + 1 : 5;

	long r = call3(slot, SYS_close_range, ~0u - 1, ~0u, CLOSE_RANGE_UNSHARE);
	if (r < 0)
		return r;
	/* opened anew: a shared description would carry flags between batches */
	long null = call4(slot, SYS_openat, AT_FDCWD, "/dev/null", flags, 0);
	if (null < 0)
		return null;
	const int wanted[][2] = { { slot->out, 1 },
		                  { slot->err, 2 },
		                  { warm ? (int)null : slot->context, 3 },
		                  { warm ? (int)null : slot->results, 4 },
		                  { warm ? slot->template.theirs : -1, BH_WARM_FD } };
	r = call3(slot, SYS_dup3, null, 0, 0);
	for (size_t i = 0; r >= 0 && i < BH_COUNT_OF(wanted); i++)
		if (wanted[i][0] >= 0)
			r = call3(slot, SYS_dup3, wanted[i][0], wanted[i][1], 0);
	if (r >= 0 && plan->executable >= 0) {
		first_closed = (unsigned int)executable_fd(plan) + 1;
		if (plan->executable != executable_fd(plan))
			r = call3(slot, SYS_dup3, plan->executable, executable_fd(plan), O_CLOEXEC);
	}
	return r < 0 ? r : call3(slot, SYS_close_range, first_closed, ~0u, 0);
}

static long unblock_signals(const struct bh_slot *slot)
{
	uint64_t none = 0;

	return call4(slot, SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

static long execute(const struct bh_slot *slot)
{
	const struct bh_child_plan *plan = slot->plan;

	if (plan->executable >= 0)
		return call5(slot, SYS_execveat, executable_fd(plan), "", plan->argv, plan->envp,
		             AT_EMPTY_PATH);
	return call5(slot, SYS_execveat, AT_FDCWD, plan->script, plan->argv, plan->envp, 0);
}

static void handler_main(void *arg)
{
	struct bh_slot *slot = arg;
	const struct bh_child_plan *plan = slot->plan;

	/* outside of the cgroup, and with the power to kill what is in it */
	if (plan->namespaces && plan->warm == BH_WARM_FORK)
		check(slot, BH_STEP_CLEANER,
		      bh_cleaner_start(&slot->template.cleaner,
		                       bh_slot_stack_top(slot, BH_STACK_CLEANER), plan->key));
	check(slot, BH_STEP_CGROUP, bh_cgroup_join(&plan->cgroup, &slot->cgroup, plan->key));
	check(slot, BH_STEP_SESSION, call0(slot, SYS_setsid));
	if (plan->namespaces)
		enter_namespaces(slot);
	else
		follow_reaper(slot);
	check(slot, BH_STEP_RLIMITS, set_rlimits(slot));
	if (slot->trial && plan->namespaces)
		check(slot, BH_STEP_RLIMITS, find_how_processes_count(slot));
	if (plan->confined)
		confine(slot);
	check(slot, BH_STEP_DESCRIPTORS, arrange_descriptors(slot));
	check(slot, BH_STEP_SIGNALS, unblock_signals(slot));
	if (!slot->trial)
		check(slot, BH_STEP_EXEC, execute(slot));
	leave(slot);
}

/* ---- the reaper ---- */

/* A /proc of the batch's own PID namespace, in a mount namespace of its own. It shows
 * no process that the reader may not look into, as the reaper, which counts what it
 * has waited for. Of a reaper that doesn't stay, the launcher keeps the mounts until it
 * has told of the batch's end: taking them down waits for other processors, which the
 * last process would have to do. */
static long mount_proc(struct bh_slot *slot)
{
	long r = call1(slot, SYS_unshare, CLONE_NEWNS);

	if (r >= 0)
		r = call5(slot, SYS_mount, "proc", "/proc", "proc",
		          MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "subset=pid,hidepid=2");
	if (r >= 0 && slot->plan->last_pid < 0)
		r = call4(slot, SYS_openat, AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC, 0);
	if (r >= 0 && slot->plan->last_pid < 0)
		slot->mount_namespace = (int)r;
	return r;
}

/* Without a PID namespace: it ends with the launcher, and inherits orphans. */
static void prepare_without(struct bh_slot *slot)
{
	check(slot, BH_STEP_REAPER, call2(slot, SYS_prctl, PR_SET_PDEATHSIG, SIGKILL));
	check(slot, BH_STEP_REAPER, call2(slot, SYS_prctl, PR_SET_CHILD_SUBREAPER, 1));
}

/* Tells the supervisor that the handler was executed. Of a template the launcher
 * tells, for what it says of the template's batches must come after. One that is gone is no
 * concern of the reaper's: the launcher notices too. */
static void say_started(struct bh_slot *slot)
{
	struct bh_message message = { .type = BH_MESSAGE_STARTED, .id = slot->id };
	struct iovec part = { .iov_base = &message, .iov_len = sizeof(message) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	while (call3(slot, SYS_sendmsg, slot->plan->socket, &header, MSG_NOSIGNAL) == -EINTR)
		;
}

/* What is told of. */
static void add_usage(struct rusage *sum, const struct rusage *more)
{
	timeradd(&sum->ru_utime, &more->ru_utime, &sum->ru_utime);
	timeradd(&sum->ru_stime, &more->ru_stime, &sum->ru_stime);
	if (more->ru_maxrss > sum->ru_maxrss)
		sum->ru_maxrss = more->ru_maxrss;
	sum->ru_minflt += more->ru_minflt;
	sum->ru_majflt += more->ru_majflt;
	sum->ru_nvcsw += more->ru_nvcsw;
	sum->ru_nivcsw += more->ru_nivcsw;
}

/* Waits for any child, as wait4(2) does, and adds what it has used. */
static long reap(struct bh_slot *slot, int *status, int options)
{
	struct rusage usage;
	long pid = call4(slot, SYS_wait4, -1, status, options | __WALL, &usage);

	if (pid > 0)
		add_usage(&slot->usage, &usage);
	return pid;
}

/* Waits until the handler has ended; orphans of the batch are reaped on the way. */
static void await_handler(struct bh_slot *slot)
{
	int status;

	for (;;) {
		long pid = reap(slot, &status, 0);
		if (pid == slot->handler)
			break;
		if (pid != -EINTR)
			check(slot, BH_STEP_REAPER, pid); /* its end takes the handler with it */
	}
	slot->wait_status = status;
	slot->ended = true;
}

/* Without a PID namespace: kills what the handler left behind. Orphans come to
 * the reaper, which is their subreaper. */
static void kill_children(struct bh_slot *slot)
{
	char list[4096];

	for (;;) {
		long fd = call4(slot, SYS_openat, AT_FDCWD, "/proc/thread-self/children",
		                O_RDONLY | O_CLOEXEC, 0);
		if (fd < 0)
			return;
		long n = call3(slot, SYS_read, fd, list, sizeof(list));
		call1(slot, SYS_close, fd);
		long pid = 0;
		for (long i = 0; i < n; i++) {
			if (list[i] >= '0' && list[i] <= '9') {
				pid = pid * 10 + (list[i] - '0');
				continue;
			}
			if (pid > 0)
				call2(slot, SYS_kill, pid, SIGKILL);
			pid = 0;
		}
		if (reap(slot, NULL, 0) == -ECHILD)
			return;
	}
}

/* Kills and reaps what the handler left behind, if there is anything. None can escape
 * by a fork meanwhile: the kernel fails a fork of a process that is being killed. Only
 * pid 1 may say "all"; where it can't be done, the reaper's own end does it. */
static void clear_namespace(struct bh_slot *slot)
{
	int options = WNOHANG;

	for (;;) {
		long pid = reap(slot, NULL, options);
		if (pid == -ECHILD)
			return;
		if (pid < 0 && pid != -EINTR)
			leave(slot);
		if (pid != 0)
			continue;
		if (call0(slot, SYS_getpid) != 1 || call2(slot, SYS_kill, -1, SIGKILL) < 0)
			leave(slot);
		options = 0;
	}
}

/* The next process gets number 2, whatever there was before. */
static bool count_anew(const struct bh_slot *slot)
{
	return call4(slot, SYS_pwrite64, slot->plan->last_pid, "1", 1, 0) == 1;
}

/* From `over` on the slot is the launcher's. It may see that before it is told to look:
 * then nothing is taken back. */
static bool say_over(struct bh_slot *slot)
{
	const uint64_t one = 1;

	slot->go = 0;
	__atomic_store_n(&slot->over, 1, __ATOMIC_RELEASE);
	return call3(slot, SYS_write, slot->plan->over, &one, sizeof(one)) == sizeof(one) ||
	       !bh_slot_is_over(slot);
}

/* Whether the reaper is there for another batch. Where it can't be, its end tells of
 * this one's. */
static bool stay(struct bh_slot *slot)
{
	if (slot->plan->last_pid < 0)
		return false;
	clear_namespace(slot);
	bool counts_anew = count_anew(slot);
	if (!slot->trial)
		return counts_anew && say_over(slot);
	slot->counts_anew = counts_anew;
	return false;
}

/* The template has it: from here on its end can be seen. Should the reaper be killed
 * between the two, the number must not be closed once more: it may be another's then. */
static void close_theirs(struct bh_slot *slot)
{
	int theirs = slot->template.theirs;

	if (slot->plan->warm == BH_WARM_OFF || theirs < 0)
		return;
	__atomic_store_n(&slot->template.theirs, -1, __ATOMIC_SEQ_CST);
	call1(slot, SYS_close, theirs);
}

static void run_batch(struct bh_slot *slot)
{
	const struct bh_child_plan *plan = slot->plan;

	long pid = bh_raw_clone(CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | SIGCHLD,
	                        bh_slot_stack_top(slot, BH_STACK_HANDLER), &slot->handler_pidfd,
	                        handler_main, slot, plan->key);
	check(slot, BH_STEP_CLONE, pid);
	slot->handler = (pid_t)pid;
	if (__atomic_load_n(&slot->doomed, __ATOMIC_SEQ_CST))
		call2(slot, SYS_kill, pid, SIGKILL);

	/* the handler was executed or has ended: CLONE_VFORK */
	if (slot->failed_step == BH_STEP_NONE && !slot->trial && plan->tell_started &&
	    plan->warm == BH_WARM_OFF)
		say_started(slot);
	close_theirs(slot);
	await_handler(slot);
	if (!plan->namespaces)
		kill_children(slot);
}

void bh_reaper_main(void *arg)
{
	struct bh_slot *slot = arg;

	if (slot->plan->namespaces)
		check(slot, BH_STEP_PROC, mount_proc(slot));
	else
		prepare_without(slot);
	do {
		bh_await_word(&slot->go, 0, slot->plan->key);
		run_batch(slot);
	} while (stay(slot));
	leave(slot);
}
