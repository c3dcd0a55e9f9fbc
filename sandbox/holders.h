/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_HOLDERS_H
#define BH_SANDBOX_HOLDERS_H

/* holders.h: who holds the limits of a batch: cgroups where they can be had, for
 * all of its processes together; else resource limits, for each. */

#include <stdbool.h>

#include "bulkhead/error.h"

struct bh_launcher;

/* Makes the cgroups of the slots, as far as they can be had: what isn't is told in
 * `missing` of the plan's. `owner` is the pid for their name. */
void bh_launcher_make_cgroups(struct bh_launcher *l, unsigned int owner);

/* Tells the supervisor of them, where there are some: before anything can go wrong,
 * for when its power is given up the launcher can't remove them. */
BH_MUST_CHECK
int bh_launcher_say_cgroups(const struct bh_launcher *l, struct bh_error *err);

/* Goes on without: joining turned out to be refused. */
void bh_launcher_give_up_cgroups(struct bh_launcher *l, const char *why);

/* Plans the resource limits for what the cgroups don't hold. `count_processes`
 * says that the kernel counts them by user namespace. Again after each change. */
void bh_launcher_plan_rlimits(struct bh_launcher *l, bool count_processes);

#endif
