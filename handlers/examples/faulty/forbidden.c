/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>

#include "faulty.h"

WAY(call_socket)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return say_outcome(handler, task, fd < 0 ? errno : 0);
}

WAY(call_ptrace)
{
	long r = ptrace(PTRACE_TRACEME, 0, NULL, NULL);

	return say_outcome(handler, task, r < 0 ? errno : 0);
}

WAY(call_unshare)
{
	int r = unshare(CLONE_NEWUSER);

	return say_outcome(handler, task, r < 0 ? errno : 0);
}

WAY(call_mount)
{
	/* No such folder: it does no harm where nobody forbids it. */
	int r = mount("none", "/no/such/folder", "tmpfs", 0, NULL);

	return say_outcome(handler, task, r < 0 ? errno : 0);
}
