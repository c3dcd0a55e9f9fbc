/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_TRIAL_H
#define BH_SANDBOX_TRIAL_H

/* trial.h: one child that goes the whole way but for the exec, so that a layer that
 * can't be had shows before the first batch, by its name. */

#include "bulkhead/error.h"

struct bh_launcher;

/* Tries it in the first slot, which is left as new. A layer that may be missing (a
 * cgroup; an id of its own where there are no namespaces) is given up in the plan,
 * and tried without; any other is an error, with its name in `stage`. */
BH_MUST_CHECK
int bh_launcher_try(struct bh_launcher *l, const char **stage, struct bh_error *err);

#endif
