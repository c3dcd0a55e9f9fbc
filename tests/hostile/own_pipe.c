/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "hostile.h"

/* Has SIGIO sent to whoever it likes when something moves in a pipe. */
void attack(struct attack *a)
{
	gain_if(a, "F_SETOWN", fcntl(STDOUT_FILENO, F_SETOWN, getppid()));
	gain_if(a, "F_SETSIG", fcntl(STDOUT_FILENO, F_SETSIG, SIGKILL));
	if (fcntl(STDOUT_FILENO, F_SETFL, O_ASYNC) < 0)
		note(a, "no O_ASYNC");
}
