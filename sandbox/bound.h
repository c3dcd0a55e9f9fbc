/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_BOUND_H
#define BH_SANDBOX_BOUND_H

/* bound.h: a file or folder of the host that handlers see, read-only.
 *
 * The supervisor opens it with its caller's rights. A descriptor alone could not be
 * bound: it belongs to the mount namespace in which it was opened, and the
 * launcher's is another one (open_tree(2), EINVAL). So the descriptor stays with the
 * supervisor, which keeps the inode's number from being given away, and the
 * launcher opens the path once more and refuses anything that has other numbers:
 * what was opened is what is bound. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

struct bh_bound {
	char *path; /* on the host, without symbolic links */
	char *dest; /* in the root: absolute, no part of it empty, "." or ".." */
	uint64_t device;
	uint64_t inode;
};

/* Opens it with O_PATH in the current mount namespace. -ESTALE where something else
 * is there now. */
BH_MUST_CHECK
int bh_bound_open(const struct bh_bound *bound, int *ret_fd, struct bh_error *err);

/* True where it is at `dest` already, in the root of this process. */
bool bh_bound_is_in_place(const struct bh_bound *bound);

/* True where `path` is `top` or below it; both without "//" and the like. */
bool bh_path_is_at_or_below(const char *path, const char *top);

/* What of the root, as it is in sandbox/root.h, would be covered or changed by
 * something at `dest`; NULL where nothing is. */
const char *bh_bound_conflict(const char *dest, const char *handler_name, bool scratch);

#endif
