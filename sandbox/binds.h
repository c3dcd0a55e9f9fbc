/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_BINDS_H
#define BH_SANDBOX_BINDS_H

/* binds.h: files and folders of the host, put into a new root.
 * Source: open_tree(2), move_mount(2). */

#include <stddef.h>

#include "bulkhead/error.h"
#include "sandbox/bound.h"

/* Copies of mounts that are nowhere yet: all that was mounted below a bound file or
 * folder is in its copy. */
struct bh_bind_trees {
	const struct bh_bound *bounds; /* borrowed; outer ones before those inside them */
	int *fds;                      /* owned: a tree for each */
	size_t n;
};
#define BH_BIND_TREES_UNSET ((struct bh_bind_trees){ .n = 0 })

/* Copies the mounts of `bounds` in the current mount namespace. */
BH_MUST_CHECK
int bh_binds_clone(const struct bh_bound *bounds, size_t n, struct bh_bind_trees *ret,
                   struct bh_error *err);
void bh_bind_trees_done(struct bh_bind_trees *trees);

/* Mounts them at their places below the working directory, read-only, without
 * set-user-id programs and devices. Folders on the way that are missing are made. */
BH_MUST_CHECK
int bh_binds_attach(const struct bh_bind_trees *trees, struct bh_error *err);

#endif
