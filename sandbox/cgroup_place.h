/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CGROUP_PLACE_H
#define BH_SANDBOX_CGROUP_PLACE_H

/* cgroup_place.h: where this process stands in the host's cgroups.
 *
 * A host has one hierarchy of version 2, any number of version 1 with some
 * controllers each, or both. What a process may see of one can begin below its
 * top: then the mount shows that part alone.
 * Source: cgroups(7); proc_pid_cgroup(5); proc_pid_mountinfo(5). */

#include <limits.h>
#include <stdbool.h>

struct bh_cgroup_place {
	int hierarchy;      /* number of the kernel's; 0 for version 2 */
	char own[PATH_MAX]; /* directory of the cgroup that this process is in */
	char top[PATH_MAX]; /* directory at which the hierarchy is mounted */
};

/* Looks in `root`/proc/self for the hierarchy of a version 1 controller, or of
 * version 2 where `controller` is NULL. `root` is "" but in tests, and goes
 * before the paths found. False where there is none that can be seen. */
bool bh_cgroup_place_find(const char *root, const char *controller, struct bh_cgroup_place *ret);

#endif
