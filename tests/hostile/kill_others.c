/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

/* 'T' where it is stopped, 0 where there is none. */
static char state_of(pid_t pid)
{
	char path[64], text[256] = { 0 };

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	char *end = strrchr(text, ')');
	return end ? end[2] : 0;
}

static void stop_parent(struct attack *a)
{
	pid_t parent = getppid();

	if (kill(parent, SIGSTOP) < 0)
		return note(a, "parent %d can't be stopped", parent);
	sleep_ms(50);
	if (state_of(parent) == 'T')
		gain(a, "stopped the parent");
	kill(parent, SIGCONT);
	if (!number_of(a, "control")) /* there the parent has to tell of it */
		kill(parent, SIGKILL);
}

void attack(struct attack *a)
{
	pid_t victim = (pid_t)number_of(a, "victim");

	if (is_way(a, "parent"))
		return stop_parent(a);
	if (is_way(a, "first"))
		kill(1, SIGKILL);
	else if (is_way(a, "all"))
		kill(-1, SIGKILL);
	else if (is_way(a, "host process"))
		kill(victim, SIGKILL);
	sleep_ms(50);
	/* the others can be seen only where nothing hides them */
	if (kill(victim, 0) < 0 && errno == ESRCH)
		note(a, "no process %d", victim);
	if (number_of(a, "control") && (state_of(victim) == 'Z' || state_of(victim) == 0))
		gain(a, "killed %d", victim);
}
