/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

/* Takes all the processes it can get, none of which ends. The limit is that on
 * processes and threads together. */
#define MOST 100

void attack(struct attack *a)
{
	int64_t made = 1;

	for (int tries = 0; tries < 4 * MOST && made < MOST; tries++) {
		pid_t pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		made += pid > 0;
	}
	if (made > number_of(a, "allowed"))
		gain(a, "%lld processes", (long long)made);
	note(a, "made %lld", (long long)made);
}
