/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_SETUP_H
#define BH_SANDBOX_SETUP_H

/* setup.h: makes of a configuration what is the same for all batches.
 *
 *   slots ─▶ cgroups ─▶ namespaces, root, no power ─▶ Landlock, filter ─▶ trial
 *
 * The order is that of the power that each step needs: cgroups are opened before
 * the root is left, and the last of it is given up before anything of the
 * handler's is looked at. See docs/architecture.md, "How the sandbox is set up". */

#include "bulkhead/error.h"
#include "ipc/wire/message.h"

struct bh_launcher;

/* Sets up what CONFIGURE asks for; `socket` of the plan is set, and all else unset.
 * `fds` are those of the message (handler, strings, profile) and stay the caller's.
 * Says CGROUPS and MAP_IDS on the way. After a failure, which `stage` names the
 * layer of ("" for none), bh_cgroup_done is still to be called. */
BH_MUST_CHECK
int bh_launcher_set_up(struct bh_launcher *l, const struct bh_message_configure *configure,
                       const int *fds, const char **stage, struct bh_error *err);

#endif
