/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/rawcall.h"
#include "sandbox/user_namespace.h"

#define STACK_SIZE      ((size_t)32 << 10)
#define END_PATIENCE_MS 5000 /* for a launcher that was asked to end */

/* What the child needs, worked out before the clone. */
struct plan {
	const char *path;
	int socket;
	bool new_user_namespace;
	char uid_map[32];
	char gid_map[32];
	int failed;              /* set by the child: positive errno value */
	const char *failed_step; /* in words */
};

static _Noreturn void leave(void)
{
	for (;;)
		bh_raw1(SYS_exit_group, 1);
}

static void check(struct plan *plan, const char *step, long result)
{
	if (result >= 0)
		return;
	plan->failed = (int)-result;
	plan->failed_step = step;
	leave();
}

static long write_file(const char *path, const char *text)
{
	long fd = bh_raw4(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC, 0);

	if (fd < 0)
		return fd;
	long r = bh_raw3(SYS_write, fd, text, strlen(text));
	bh_raw1(SYS_close, fd);
	return r;
}

/* The caller's ids are root inside. Before the exec, which would take the
 * capabilities of an id without a name; and no groups, without which a map of
 * groups is refused: user_namespaces(7). */
static void map_ids(struct plan *plan)
{
	check(plan, "deny setgroups", write_file("/proc/self/setgroups", "deny"));
	check(plan, "map the user id", write_file("/proc/self/uid_map", plan->uid_map));
	check(plan, "map the group id", write_file("/proc/self/gid_map", plan->gid_map));
}

/* Leaves /dev/null as 0 to 2 and the socket as 3. */
static long arrange_descriptors(const struct plan *plan)
{
	/* up first, out of the way */
	long socket = bh_raw3(SYS_fcntl, plan->socket, F_DUPFD_CLOEXEC, 4);
	long null = bh_raw4(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
	long high = null < 0 ? null : bh_raw3(SYS_fcntl, null, F_DUPFD_CLOEXEC, 4);
	long r = socket < 0 ? socket : high;

	for (int fd = 0; r >= 0 && fd < 3; fd++)
		r = bh_raw3(SYS_dup3, high, fd, 0);
	if (r >= 0)
		r = bh_raw3(SYS_dup3, socket, 3, 0);
	return r < 0 ? r : bh_raw3(SYS_close_range, 4, ~0u, 0);
}

/* In the caller's memory until the exec: raw calls only. */
static void child_main(void *arg)
{
	struct plan *plan = arg;
	char *const argv[] = { (char *)(uintptr_t) "bulkhead-launcher", NULL };
	char *const envp[] = { NULL };

	if (plan->new_user_namespace)
		map_ids(plan);
	check(plan, "arrange descriptors", arrange_descriptors(plan));
	check(plan, "execute", bh_raw3(SYS_execve, plan->path, argv, envp));
	leave();
}

/* Clones with every signal blocked: a handler of the caller's must not run in
 * the child, which shares its memory. */
static long clone_child(unsigned long flags, struct plan *plan, char *stack, int *pidfd)
{
	sigset_t all, before;

	sigfillset(&all);
	int code = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (code != 0)
		return -code;
	long pid = bh_raw_clone(CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | flags,
	                        stack + STACK_SIZE, pidfd, child_main, plan, 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static void unmap_stack(char **stack)
{
	if (*stack)
		munmap(*stack, STACK_SIZE);
}

static int clone_launcher(struct plan *plan, bool isolate, struct bh_launched *made,
                          struct bh_error *err)
{
	BH_CLEANUP(unmap_stack) char *stack = NULL;

	void *mapped =
	        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mapped == MAP_FAILED)
		return bh_fail(err, errno, "stack for the launcher's start");
	stack = mapped;

	int has_ids = isolate ? bh_host_ids_mapped(bh_unused_host_id(getpid()), err) : 1;
	if (has_ids < 0)
		return has_ids;
	/* as root, where it has ids to give: without a user namespace, or not at all. A
	 * handler would have root's own id outside, which host files obey. */
	long pid = -EPERM;
	if (has_ids)
		pid = clone_child(isolate ? CLONE_NEWPID : 0, plan, stack, &made->pidfd);
	if (pid == -EPERM && isolate && (!has_ids || geteuid() != 0)) {
		plan->new_user_namespace = true;
		pid = clone_child(CLONE_NEWPID | CLONE_NEWUSER, plan, stack, &made->pidfd);
		made->in_user_namespace = true;
	}
	if (pid < 0)
		return bh_fail(err, (int)-pid, "clone the launcher%s",
		               isolate ? " into a new user and PID namespace" : "");
	made->pid = (pid_t)pid;
	return 0;
}

int bh_launch(const char *path, bool isolate, struct bh_launched *ret, struct bh_error *err)
{
	struct bh_launched made = BH_LAUNCHED_UNSET;
	BH_CLEANUP(bh_fd_done) int theirs = -1;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return bh_fail(err, errno, "socket for the launcher");
	made.socket = pair[0];
	theirs = pair[1];

	struct plan plan = { .path = path, .socket = theirs };
	snprintf(plan.uid_map, sizeof(plan.uid_map), "0 %u 1", geteuid());
	snprintf(plan.gid_map, sizeof(plan.gid_map), "0 %u 1", getegid());
	int r = clone_launcher(&plan, isolate, &made, err);
	if (r == 0 && plan.failed)
		r = bh_fail(err, plan.failed, "start the launcher %s: %s", path, plan.failed_step);
	if (r < 0) {
		bh_launched_end(&made, true);
		return r;
	}
	*ret = made;
	return 0;
}

void bh_launched_end(struct bh_launched *launched, bool at_once)
{
	bh_fd_done(&launched->socket);
	if (launched->pidfd < 0)
		return;
	struct pollfd polled = { .fd = launched->pidfd, .events = POLLIN };
	if (at_once || poll(&polled, 1, END_PATIENCE_MS) <= 0)
		syscall(SYS_pidfd_send_signal, launched->pidfd, SIGKILL, NULL, 0);
	/* a caller that waits for all of its children may have reaped it already */
	while (waitid(P_PIDFD, (id_t)launched->pidfd, NULL, WEXITED) < 0 && errno == EINTR)
		;
	bh_fd_done(&launched->pidfd);
}
