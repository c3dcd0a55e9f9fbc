/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/prctl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

/* The kernel raises SIGSYS for a call that user dispatch takes. */
static void be_dispatched(struct attack *a)
{
	static volatile char selector = SYSCALL_DISPATCH_FILTER_BLOCK;

	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector) < 0) {
		a->absent = errno == EINVAL; /* before Linux 5.11 */
		gain_if(a, "user dispatch", -1);
	} else {
		syscall(SYS_getpid);
	}
	selector = SYSCALL_DISPATCH_FILTER_ALLOW;
}

void attack(struct attack *a)
{
	if (is_way(a, "abort"))
		abort();
	else if (is_way(a, "raise"))
		raise((int)number_of(a, "signal"));
	else if (is_way(a, "dispatch"))
		be_dispatched(a);
	else
		kill(getpid(), (int)number_of(a, "signal"));
}
