/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signals.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/complaint.h"
#include "ipc/wire/base.h"

static const int taken[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGWINCH };

static int add_unless_ignored(sigset_t *set, int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) < 0)
		return -1;
	return action.sa_handler == SIG_IGN ? 0 : sigaddset(set, number);
}

static int fail(struct bh_complaint *complaint)
{
	return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "set up signals: %s",
	                   strerrordesc_np(errno));
}

int bh_signals_defer_report(struct bh_complaint *complaint)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? fail(complaint) : BH_STATUS_OK;
}

int bh_signals_open(int *ret_fd, struct bh_complaint *complaint)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < BH_COUNT_OF(taken); i++)
		if (add_unless_ignored(&set, taken[i]) < 0)
			return fail(complaint);
	/* a reader that went away and a file that may grow no further are errors of write */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0 ||
	    sigaction(SIGXFSZ, &ignore, NULL) < 0)
		return fail(complaint);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return fail(complaint);
	*ret_fd = fd;
	return BH_STATUS_OK;
}

int bh_signals_read(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}
