/* SPDX-License-Identifier: Apache-2.0 */

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faulty.h"

WAY(die_exit)
{
	(void)handler;
	exit((int)param(task, "status", 1));
}

WAY(die_exit_zero)
{
	(void)handler;
	(void)task;
	exit(0);
}

/* Does well from one attempt on. */
WAY(die_at_first)
{
	if ((int64_t)bh_handler_batch(handler)->attempt < param(task, "passes_at", 2))
		exit((int)param(task, "status", 1));
	return tell_none(handler, task);
}

/* Writes to a page that may not be written to: a fault at a valid address, which
 * no compiler can take for undefined behaviour. */
WAY(die_segv)
{
	char *page = mmap(NULL, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)handler;
	(void)task;
	if (page != MAP_FAILED)
		*(volatile char *)page = 1;
	return -1;
}

WAY(die_abort)
{
	(void)handler;
	(void)task;
	abort();
}

WAY(die_by_signal)
{
	kill(getpid(), (int)param(task, "signal", SIGKILL));
	return tell_none(handler, task); /* a signal that ends nothing */
}

WAY(die_closed)
{
	(void)handler;
	(void)task;
	close_range(0, ~0U, 0);
	exit(0);
}
