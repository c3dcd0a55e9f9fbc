/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

static const struct {
	const char *way;
	int flag;
} kinds[] = {
	{ "user", CLONE_NEWUSER },     { "mount", CLONE_NEWNS },  { "net", CLONE_NEWNET },
	{ "pid", CLONE_NEWPID },       { "ipc", CLONE_NEWIPC },   { "uts", CLONE_NEWUTS },
	{ "cgroup", CLONE_NEWCGROUP }, { "time", CLONE_NEWTIME },
};

static void by_clone(struct attack *a, int flag)
{
	long pid = syscall(SYS_clone, flag | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	gain_unless_refused(a, "clone", pid);
	waitpid(-1, NULL, 0);
}

static void by_clone3(struct attack *a, int flag)
{
	struct clone_args args = { .flags = (unsigned int)flag, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0)
		_exit(0);
	gain_unless_refused(a, "clone3", pid);
	waitpid(-1, NULL, 0);
}

void attack(struct attack *a)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (is_way(a, kinds[i].way))
			gain_unless_refused(a, "unshare", unshare(kinds[i].flag));
	}
	if (is_way(a, "clone"))
		by_clone(a, CLONE_NEWUSER);
	else if (is_way(a, "clone, mount and user"))
		by_clone(a, CLONE_NEWUSER | CLONE_NEWNS);
	else if (is_way(a, "clone3"))
		by_clone3(a, CLONE_NEWUSER);
	else if (is_way(a, "setns"))
		gain_unless_refused(a, "setns",
		                    setns(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), 0));
}
