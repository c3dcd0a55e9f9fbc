/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

/* An orphan in a session of its own that holds on to every descriptor, and takes
 * no SIGTERM. */
void attack(struct attack *a)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		if (fork() == 0)
			for (int i = 0; i < 60; i++)
				sleep(1);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	note(a, "%s", pid < 0 ? "no fork" : "forked twice");
}
