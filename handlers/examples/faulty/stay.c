/* SPDX-License-Identifier: Apache-2.0 */

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "faulty.h"

WAY(stay_asleep)
{
	(void)handler;
	(void)task;
	for (;;)
		pause();
}

WAY(stay_asleep_ignoring_term)
{
	signal(SIGTERM, SIG_IGN);
	return stay_asleep(handler, task);
}

WAY(stay_busy)
{
	(void)handler;
	(void)task;
	for (volatile unsigned int i = 0;; i++)
		;
}

WAY(stay_busy_ignoring_xcpu)
{
	signal(SIGXCPU, SIG_IGN);
	return stay_busy(handler, task);
}

WAY(stay_stopped)
{
	kill(getpid(), SIGSTOP);
	return tell_none(handler, task);
}

WAY(stay_a_while)
{
	int64_t ms = param(task, "ms", 100);
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0)
		;
	return tell_none(handler, task);
}
