/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"

static void wait_for_ever(void)
{
	for (;;)
		pause();
}

/* Never ends by itself, and most ways not by request either. */
void attack(struct attack *a)
{
	if (is_way(a, "ignoring SIGTERM"))
		for (int number = 1; number < 65; number++)
			signal(number, SIG_IGN);
	if (is_way(a, "stopped"))
		kill(getpid(), SIGSTOP);
	if (is_way(a, "stopped group"))
		kill(0, SIGSTOP);
	if (is_way(a, "waiting for vfork") && vfork() == 0)
		wait_for_ever();
	wait_for_ever();
}
