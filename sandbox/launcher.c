/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead-launcher: sets a sandbox up once and clones handlers into it.
 *
 * Started by the library with its end of a socket at descriptor 3 and nothing
 * else of the caller: no environment, no arguments, no memory, no descriptors.
 * As pid 1 of a PID namespace it takes every handler with it when it ends; it
 * ends when the socket does. See ipc/wire/message.h for what is said. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "ipc/wire/message.h"
#include "sandbox/launcher.h"
#include "sandbox/probe.h"
#include "sandbox/rawcall.h"
#include "sandbox/request.h"
#include "sandbox/serve.h"
#include "sandbox/setup.h"

#define SOCKET_FD 3 /* given */
#define SIGNAL_FD 4 /* made first, so that descriptors of batches come after it */

/* Whatever the caller ignored or blocked is not for handlers. SIGCHLD is read
 * from a descriptor. */
static int reset_signals(struct bh_error *err)
{
	static const uint64_t as_usual[4]; /* the kernel's struct sigaction: SIG_DFL, no flags */
	sigset_t chld;

	/* raw: the C library keeps two for itself, which its posix_spawn(3) leaves ignored */
	for (int number = 1; number < NSIG; number++) {
		long r = bh_raw4(SYS_rt_sigaction, number, as_usual, NULL, NSIG / 8);
		if (r < 0 && r != -EINVAL) /* there are two that can't be changed */
			return bh_fail(err, (int)-r, "reset signal %d", number);
	}
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
	if (chdir("/") < 0)
		return bh_fail(err, errno, "change to the root directory");
	setsid(); /* fails where it leads its group already, which is as good */
	return reset_signals(err);
}

static int say(const struct bh_message *message, struct bh_error *err)
{
	return bh_channel_send(SOCKET_FD, message, sizeof(*message), NULL, 0, err);
}

/* A supervisor that is gone needs no answer. */
static void say_failed(const char *stage, const struct bh_error *why)
{
	struct bh_message message = { .type = BH_MESSAGE_FAILED, .failed = { .error = *why } };
	struct bh_error ignored;

	snprintf(message.failed.stage, sizeof(message.failed.stage), "%s", stage);
	if (say(&message, &ignored) < 0)
		return;
}

/* A template has its control socket at BH_WARM_FD and its executable behind that:
 * what they are made from must not lie there. Once all that is given is closed. */
static int reserve_descriptors(const struct bh_launcher *l, struct bh_error *err)
{
	int fd = SIGNAL_FD;

	while (l->plan.warm != BH_WARM_OFF && fd <= BH_WARM_FD) {
		fd = fcntl(SIGNAL_FD, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return bh_fail(err, errno, "reserve descriptors");
	}
	return 0;
}

static int say_ready(const struct bh_launcher *l, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_READY };
	const struct bh_cgroup *cgroup = &l->plan.cgroup;

	memcpy(message.ready.cgroup_missing, cgroup->missing, sizeof(cgroup->missing));
	message.ready.landlocked = l->plan.landlock.abi > 0;
	return say(&message, err);
}

/* Tries every layer and tells of each. A supervisor that is gone needs no answer. */
static void probe(void)
{
	struct bh_message message;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < BH_LAYERS; i++) {
		message = (struct bh_message){ .type = BH_MESSAGE_LAYER, .id = i };
		message.layer.code = bh_probe_layer((enum bh_layer_id)i, message.layer.detail,
		                                    sizeof(message.layer.detail));
		r = say(&message, NULL);
	}
	message = (struct bh_message){ .type = BH_MESSAGE_READY };
	if (r < 0 || say(&message, NULL) < 0)
		return;
}

int main(void)
{
	static struct bh_launcher launcher; /* its children run in it, on stacks of theirs */
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];
	const char *stage = "";

	int r = start_alone(&err);
	if (r < 0) {
		say_failed("process", &err);
		return EXIT_FAILURE;
	}
	r = bh_request_receive(SOCKET_FD, &message, fds, &err);
	if (r == 1 && message.type == BH_MESSAGE_PROBE) {
		probe();
		return EXIT_SUCCESS;
	}
	if (r <= 0 || message.type != BH_MESSAGE_CONFIGURE)
		return EXIT_FAILURE;
	launcher = BH_LAUNCHER_UNSET;
	launcher.plan.socket = SOCKET_FD;
	launcher.signals = SIGNAL_FD;
	r = bh_launcher_set_up(&launcher, &message.configure, fds, &stage, &err);
	bh_channel_close(fds);
	if (r == 0)
		r = reserve_descriptors(&launcher, &err);
	if (r < 0) {
		say_failed(stage, &err);
		bh_cgroup_done(&launcher.plan.cgroup);
		return EXIT_FAILURE;
	}
	r = say_ready(&launcher, &err);
	if (r == 0)
		r = bh_serve(&launcher, &err);
	bh_cgroup_done(&launcher.plan.cgroup);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
