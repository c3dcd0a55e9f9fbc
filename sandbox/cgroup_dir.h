/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CGROUP_DIR_H
#define BH_SANDBOX_CGROUP_DIR_H

/* cgroup_dir.h: the directory that a launcher makes in a hierarchy, from its
 * making to its removal.
 *
 *   PARENT/bulkhead-PID-RANDOM/slot0, slot1, …
 *
 * Its maker holds a lock on it for as long as it lives: who gets the lock knows
 * that the maker is gone, in whatever PID namespace it was. A cgroup can be
 * removed only when nothing is in it, so removal kills what is left.
 * Source: cgroups(7), "Destroying cgroups and removing processes"; flock(2). */

#include <stdbool.h>

#include "bulkhead/error.h"
#include "ipc/wire/message.h"

/* A new name for the launcher of the process `owner`. */
BH_MUST_CHECK
int bh_cgroup_dir_name(unsigned int owner, char ret[BH_CGROUP_NAME_SIZE], struct bh_error *err);

/* True for such a name, which is no path. */
bool bh_cgroup_dir_is_ours(const char *name);

/* Makes and locks the directory in `parent`. `*ret` is owned by the caller. */
BH_MUST_CHECK
int bh_cgroup_dir_make(int parent, const char *name, int *ret, struct bh_error *err);

/* Kills every process of a cgroup, once; it may take a moment to be empty. */
void bh_cgroup_dir_kill(int dir);

/* Removes the directory with all of its slots, and kills what is in them. What
 * can't be removed stays: another launcher will try. */
void bh_cgroup_dir_remove(int parent, const char *name);

/* Removes all directories in `parent` whose maker is gone. */
void bh_cgroup_dir_remove_stale(int parent);

#endif
