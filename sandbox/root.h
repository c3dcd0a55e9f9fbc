/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_ROOT_H
#define BH_SANDBOX_ROOT_H

/* root.h: the file tree that handlers see.
 *
 * A fresh tmpfs with the host's /usr and what belongs to it, the few files of
 * /etc that programs need to start, five devices, an empty /tmp, the handler
 * itself, and what the caller binds, all read-only. Nothing else of the host is
 * there. What it needs is listed in sandbox/bound.c, too.
 * Source: mount_namespaces(7), pivot_root(2), mount_setattr(2). */

#include "bulkhead/error.h"

struct bh_bind_trees;

/* Where the handler file is put. */
#define BH_ROOT_HANDLER_DIR "/handler"

/* Where the Python SDK is put, if it isn't below /usr. */
#define BH_ROOT_PYTHON_DIR "/bulkhead/python"

/* Builds the root in the current mount namespace, which must be private, and
 * makes it the root of this process. The handler is copied from `handler_fd`, so
 * that what runs is what was checked, whatever happens to the file: it becomes
 * BH_ROOT_HANDLER_DIR/`handler_name`, readable and executable for all. `binds`
 * were copied in the same namespace, before the new root covers anything. The folder
 * `python_dir` of the host is shown at BH_ROOT_PYTHON_DIR; NULL for none. */
BH_MUST_CHECK
int bh_root_enter(int handler_fd, const char *handler_name, const char *python_dir,
                  const struct bh_bind_trees *binds, struct bh_error *err);

#endif
