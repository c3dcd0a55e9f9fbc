/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_NAMESPACES_H
#define BH_SANDBOX_NAMESPACES_H

/* namespaces.h: the namespaces that all handlers of a launcher share. Empty or
 * read-only, so that they are no channel between batches.
 * Source: namespaces(7). */

#include "bulkhead/error.h"

/* Leaves for new mount, network, IPC and UTS namespaces; each handler has a
 * cgroup namespace of its own. `*ret_stage` names the one that failed. */
BH_MUST_CHECK
int bh_namespaces_enter(const char **ret_stage, struct bh_error *err);

#endif
