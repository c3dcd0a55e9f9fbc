/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hostile.h"

/* Makes itself the parent of orphans, and has itself told of its parent's death,
 * with a process group for each child. */
void attack(struct attack *a)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGURG, 0, 0, 0);
	for (int i = 0; i < 2; i++) {
		if (fork() != 0)
			continue;
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		if (fork() == 0)
			setpgid(0, 0);
		sleep(60);
		_exit(0);
	}
	sleep_ms(50);
	note(a, "left a family");
}
