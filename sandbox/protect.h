/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_PROTECT_H
#define BH_SANDBOX_PROTECT_H

/* protect.h: mounts that nothing can be written to.
 * Source: mount_setattr(2); mount(2), "Remounting an existing mount". */

#include "bulkhead/error.h"

/* Makes the mount at `path` and all below it read-only, without set-user-id
 * programs and devices. The mounts are this namespace's own, and no new ones can
 * come meanwhile. */
BH_MUST_CHECK
int bh_mount_protect(const char *path, struct bh_error *err);

#endif
