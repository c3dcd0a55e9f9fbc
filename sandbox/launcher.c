/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead-launcher: sets a sandbox up once and clones handlers into it.
 *
 * Started by the library with its end of a socket at descriptor 3 and nothing
 * else of the caller: no environment, no arguments, no memory, no descriptors.
 * As pid 1 of a PID namespace it takes every handler with it when it ends; it
 * ends when the socket does. See ipc/wire/message.h for what is said. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkhead/executor.h"
#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "ipc/wire/message.h"
#include "sandbox/arguments.h"
#include "sandbox/capabilities.h"
#include "sandbox/child.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/root.h"
#include "sandbox/user_namespace.h"

#define SOCKET_FD 3 /* given */
#define SIGNAL_FD 4 /* made first, so that descriptors of batches come after it */

#define MAX_RUNNING BH_INSIDE_IDS

struct launcher {
	struct bh_child_plan plan;
	struct bh_arguments arguments;
	char script[sizeof(BH_ROOT_HANDLER_DIR) + 256];
	struct bh_slot *slots; /* `n_slots` of them */
	size_t n_slots;
	size_t n_running;
};

/* ---- start ---- */

/* Whatever the caller ignored or blocked is not for handlers. SIGCHLD is read
 * from a descriptor. */
static int reset_signals(struct bh_error *err)
{
	sigset_t chld;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* fails for two, which can't be changed */
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &chld, NULL) < 0)
		return bh_fail(err, errno, "set the signal mask");
	int fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return bh_fail(err, errno, "signal descriptor");
	if (fd != SIGNAL_FD)
		return bh_fail_plain(err, EBADF, "signal descriptor is %d, expected %d", fd,
		                     SIGNAL_FD);
	return 0;
}

static int start_alone(struct bh_error *err)
{
	/* nobody else of this user looks into it or a reaper, and they leave no core */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return bh_fail(err, errno, "make the launcher not dumpable");
	umask(022);
	setsid(); /* fails where it leads its group already, which is as good */
	return reset_signals(err);
}

/* ---- set-up ---- */

static bool is_script(int fd)
{
	char head[2];

	return pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, "#!", 2) == 0;
}

/* Where the handler is executed from: a descriptor for a program, a path for a
 * script, whose interpreter opens it once more. */
static int plan_executable(struct launcher *l, const char *path, int handler_fd,
                           struct bh_error *err)
{
	l->plan.executable = -1;
	l->plan.script = path;
	if (is_script(handler_fd))
		return 0;
	l->plan.executable = l->plan.sandboxed ? open(path, O_RDONLY | O_CLOEXEC)
	                                       : fcntl(handler_fd, F_DUPFD_CLOEXEC, 0);
	if (l->plan.executable < 0)
		return bh_fail(err, errno, "open the handler at %s", path);
	return 0;
}

/* Root's power has done its work: from here on there is none on the host. The
 * locked securebits keep the capabilities inside when a handler's process takes
 * its id, to go on with the set-up; it drops them at the end. */
static int give_up_power(const char **stage, struct bh_error *err)
{
	*stage = "user-namespace";
	int r = bh_user_namespace_leave(SOCKET_FD, err);
	if (r < 0)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return bh_fail(err, errno, "make the launcher not dumpable");
	*stage = "capabilities";
	r = bh_capabilities_lock();
	return r < 0 ? bh_fail(err, -r, "lock the capabilities") : 0;
}

static int enter_sandbox(struct launcher *l, const struct bh_message_configure *configure,
                         int handler_fd, const char **stage, struct bh_error *err)
{
	int r = bh_namespaces_enter(stage, err);

	if (r < 0)
		return r;
	*stage = "root";
	r = bh_root_enter(handler_fd, configure->handler_name, err);
	if (r < 0)
		return r;
	if (l->plan.own_id)
		r = give_up_power(stage, err);
	if (r < 0)
		return r;
	*stage = "no-new-privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return bh_fail(err, errno, "set no_new_privs");
	*stage = "landlock";
	r = bh_landlock_plan(&l->plan.landlock, err);
	if (r < 0)
		return r;
	*stage = "seccomp";
	r = bh_filter_compile(&bh_profile_compute, configure->limits.max_procs > 1, &l->plan.filter,
	                      err);
	*stage = "";
	snprintf(l->script, sizeof(l->script), "%s/%s", BH_ROOT_HANDLER_DIR,
	         configure->handler_name);
	return r;
}

/* Makes one child go the whole way but for the exec, so that a layer that can't
 * be had shows before the first batch. */
static int try_child(struct launcher *l, const char **stage, struct bh_error *err)
{
	struct bh_slot *slot = &l->slots[0];
	pid_t pid;

	slot->trial = true;
	slot->context = slot->results = slot->out = slot->err = STDIN_FILENO;
	int r = bh_slot_start(slot, err);
	if (r < 0) {
		*stage = bh_child_step_name(BH_STEP_REAPER);
		return r;
	}
	do
		pid = waitpid(slot->reaper, NULL, __WALL);
	while (pid < 0 && errno == EINTR);
	slot->reaper = 0;
	slot->trial = false;
	bh_fd_done(&slot->handler_pidfd);
	bh_fd_done(&slot->mount_namespace);
	if (slot->failed_step == BH_STEP_NONE)
		return 0;
	*stage = bh_child_step_name(slot->failed_step);
	return bh_fail(err, slot->failed_code, "set up a child, at step %s", *stage);
}

static int allocate_slots(struct launcher *l, uint64_t max_running, struct bh_error *err)
{
	if (max_running == 0 || max_running > MAX_RUNNING)
		return bh_fail_plain(err, EINVAL, "%llu batches at a time, expected 1 to %u",
		                     (unsigned long long)max_running, MAX_RUNNING);
	l->slots = calloc(max_running, sizeof(*l->slots));
	if (!l->slots)
		return bh_fail(err, ENOMEM, "slots for %llu batches",
		               (unsigned long long)max_running);
	l->n_slots = max_running;
	for (size_t i = 0; i < l->n_slots; i++) {
		l->slots[i].plan = &l->plan;
		l->slots[i].id = (uint32_t)i;
		l->slots[i].handler_pidfd = -1;
		l->slots[i].mount_namespace = -1;
	}
	return bh_slot_allocate(&l->slots[0], err);
}

static int set_up(struct launcher *l, const struct bh_message_configure *configure, const int *fds,
                  const char **stage, struct bh_error *err)
{
	if (configure->version != BH_MESSAGE_VERSION)
		return bh_fail_plain(err, EPROTO, "the library speaks version %u, the launcher %d",
		                     configure->version, BH_MESSAGE_VERSION);
	int r = bh_arguments_unpack(fds[1], &l->arguments, err);
	if (r < 0)
		return r;
	l->plan.sandboxed = configure->isolation == BH_ISOLATION_STRICT;
	l->plan.own_id = l->plan.sandboxed && !configure->in_user_namespace;
	l->plan.first_id = BH_FIRST_INSIDE_ID;
	l->plan.socket = SOCKET_FD;
	l->plan.argv = l->arguments.argv;
	l->plan.envp = l->arguments.envp;

	if (l->plan.sandboxed)
		r = enter_sandbox(l, configure, fds[0], stage, err);
	if (r == 0)
		r = plan_executable(l, l->plan.sandboxed ? l->script : l->arguments.path, fds[0],
		                    err);
	if (r == 0)
		r = allocate_slots(l, configure->max_running, err);
	if (r < 0)
		return r;
	*stage = "rlimits";
	r = bh_rlimits_lower_common(err);
	if (r < 0)
		return r;
	bh_rlimits_plan(&configure->limits, false, &l->plan.rlimits);
	r = try_child(l, stage, err);
	if (r == 0 && l->plan.sandboxed)
		bh_rlimits_plan(&configure->limits, l->slots[0].counts_processes, &l->plan.rlimits);
	return r;
}

/* ---- serving ---- */

static void describe_end(const struct bh_slot *slot, struct bh_message_ended *ret)
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

static void close_batch(struct bh_slot *slot)
{
	bh_fd_done(&slot->context);
	bh_fd_done(&slot->results);
	bh_fd_done(&slot->out);
	bh_fd_done(&slot->err);
	bh_fd_done(&slot->handler_pidfd);
}

static int send_message(const struct bh_message *message, struct bh_error *err)
{
	return bh_channel_send(SOCKET_FD, message, sizeof(*message), NULL, 0, err);
}

static int end_slot(struct launcher *l, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_ENDED, .id = slot->id };

	slot->reaper = 0;
	l->n_running--;
	close_batch(slot);
	describe_end(slot, &message.ended);
	int r = send_message(&message, err);
	bh_fd_done(&slot->mount_namespace); /* takes the mounts down */
	return r;
}

/* A batch that could not even be cloned. */
static int refuse_spawn(struct bh_slot *slot, const struct bh_error *why, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_ENDED, .id = slot->id };

	close_batch(slot);
	message.ended.by = BH_ENDED_NO_SANDBOX;
	message.ended.error = *why;
	snprintf(message.ended.stage, sizeof(message.ended.stage), "%s",
	         bh_child_step_name(BH_STEP_REAPER));
	return send_message(&message, err);
}

static int spawn(struct launcher *l, struct bh_slot *slot, const int *fds, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;

	if (slot->reaper != 0)
		return bh_fail_plain(err, EPROTO, "spawn for %u, which runs", slot->id);
	slot->context = fds[0];
	slot->results = fds[1];
	slot->out = fds[2];
	slot->err = fds[3];
	int r = slot->stacks ? 0 : bh_slot_allocate(slot, &why);
	if (r == 0)
		r = bh_slot_start(slot, &why);
	if (r < 0)
		return refuse_spawn(slot, &why, err);
	l->n_running++;
	return 0;
}

/* Every process of the batch: through pid 1 of its namespace, or, where it has
 * none, the handler's process group; its reaper then sees to the rest. */
static void kill_all(const struct launcher *l, const struct bh_slot *slot)
{
	if (l->plan.sandboxed)
		kill(slot->reaper, SIGKILL);
	else if (slot->handler > 0)
		kill(-slot->handler, SIGKILL);
	if (!l->plan.sandboxed && slot->handler_pidfd >= 0)
		syscall(SYS_pidfd_send_signal, slot->handler_pidfd, SIGKILL, NULL, 0);
}

static void kill_slot(const struct launcher *l, const struct bh_slot *slot, uint32_t how)
{
	if (slot->reaper == 0)
		return;
	/* without a handler yet there is nothing that could end in grace */
	if (how == BH_KILL_TERM && slot->handler_pidfd >= 0)
		syscall(SYS_pidfd_send_signal, slot->handler_pidfd, SIGTERM, NULL, 0);
	else
		kill_all(l, slot);
}

static int handle_message(struct launcher *l, const struct bh_message *message, int *fds,
                          struct bh_error *err)
{
	if (message->id >= l->n_slots)
		return bh_fail_plain(err, EPROTO, "message for batch %u", message->id);
	struct bh_slot *slot = &l->slots[message->id];
	switch (message->type) {
	case BH_MESSAGE_SPAWN:
		return spawn(l, slot, fds, err);
	case BH_MESSAGE_KILL:
		kill_slot(l, slot, message->kill);
		return 0;
	default:
		return bh_fail_plain(err, EPROTO, "message of type %u", message->type);
	}
}

/* Reports every batch whose reaper has ended. */
static int reap(struct launcher *l, struct bh_error *err)
{
	struct signalfd_siginfo info;
	pid_t pid;

	if (read(SIGNAL_FD, &info, sizeof(info)) < 0 && errno != EAGAIN)
		return bh_fail(err, errno, "read signals");
	while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
		for (size_t i = 0; i < l->n_slots; i++) {
			if (l->slots[i].reaper != pid)
				continue;
			int r = end_slot(l, &l->slots[i], err);
			if (r < 0)
				return r;
			break;
		}
	return 0;
}

/* Returns 0 when the supervisor is gone. */
static int serve(struct launcher *l, struct bh_error *err)
{
	struct pollfd polled[] = { { .fd = SOCKET_FD, .events = POLLIN },
		                   { .fd = SIGNAL_FD, .events = POLLIN } };
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];
	int r = 0;

	while (r == 0) {
		if (poll(polled, BH_COUNT_OF(polled), -1) < 0) {
			if (errno == EINTR)
				continue;
			return bh_fail(err, errno, "poll");
		}
		if (polled[1].revents)
			r = reap(l, err);
		if (r < 0 || !polled[0].revents)
			continue;
		r = bh_channel_receive(SOCKET_FD, &message, sizeof(message), fds, err);
		if (r <= 0)
			return r;
		r = handle_message(l, &message, fds, err);
	}
	return r;
}

/* Without a PID namespace nothing else ends what runs. */
static void kill_everything(struct launcher *l)
{
	for (size_t i = 0; i < l->n_slots; i++)
		kill_slot(l, &l->slots[i], BH_KILL_ALL);
	while (l->n_running > 0 && waitpid(-1, NULL, __WALL) > 0)
		l->n_running--;
}

static void say(uint32_t type, const char *stage, const struct bh_error *why)
{
	struct bh_message message = { .type = type };
	struct bh_error ignored;

	if (why) {
		message.failed.error = *why;
		snprintf(message.failed.stage, sizeof(message.failed.stage), "%s", stage);
	}
	/* a supervisor that is gone needs no answer */
	if (send_message(&message, &ignored) < 0)
		return;
}

int main(void)
{
	static struct launcher launcher = { .plan = { .executable = -1, .landlock = -1 } };
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];
	const char *stage = "";

	int r = start_alone(&err);
	if (r < 0) {
		say(BH_MESSAGE_FAILED, "process", &err);
		return EXIT_FAILURE;
	}
	r = bh_channel_receive(SOCKET_FD, &message, sizeof(message), fds, &err);
	if (r <= 0 || message.type != BH_MESSAGE_CONFIGURE)
		return EXIT_FAILURE;
	r = set_up(&launcher, &message.configure, fds, &stage, &err);
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		bh_fd_done(&fds[i]);
	if (r < 0) {
		say(BH_MESSAGE_FAILED, stage, &err);
		return EXIT_FAILURE;
	}
	say(BH_MESSAGE_READY, "", NULL);
	r = serve(&launcher, &err);
	if (!launcher.plan.sandboxed)
		kill_everything(&launcher);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
