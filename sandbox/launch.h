/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_LAUNCH_H
#define BH_SANDBOX_LAUNCH_H

/* launch.h: starts the launcher's process, apart from everything of the caller.
 *
 * The process gets one end of a socket as descriptor 3, /dev/null as 0 to 2, an
 * empty environment, and no other descriptor. It is cloned like vfork(2), so a
 * caller of any size pays for a small process. */

#include <stdbool.h>
#include <sys/types.h>

#include "bulkhead/error.h"

struct bh_launched {
	pid_t pid;
	int pidfd;  /* owned; -1 while unset */
	int socket; /* owned; -1 while unset */
	bool in_user_namespace;
};
#define BH_LAUNCHED_UNSET ((struct bh_launched){ .pidfd = -1, .socket = -1 })

/* Starts `path`. `isolate`: as pid 1 of a new PID namespace, in a new user
 * namespace too where this process may not make one without. */
BH_MUST_CHECK
int bh_launch(const char *path, bool isolate, struct bh_launched *ret, struct bh_error *err);

/* Kills the process (`at_once`) or lets it end by closing the socket, waits for
 * its end, and closes. Twice is safe. */
void bh_launched_end(struct bh_launched *launched, bool at_once);

#endif
