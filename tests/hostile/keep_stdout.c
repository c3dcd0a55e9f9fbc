/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "hostile.h"

/* A child that outlives the handler and keeps its output pipes open. */
void attack(struct attack *a)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		sleep(60);
		_exit(0);
	}
	note(a, "%s", pid < 0 ? "no fork" : "forked");
}
