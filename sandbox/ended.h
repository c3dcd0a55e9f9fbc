/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_ENDED_H
#define BH_SANDBOX_ENDED_H

/* ended.h: how a batch's end is told: what became of its processes, and what all of
 * them together have used. */

#include "ipc/wire/message.h"
#include "sandbox/slot.h"

struct bh_launcher;

/* What the slot's own processes tell: how they ended, and what was waited for. */
void bh_ended_by_processes(const struct bh_slot *slot, struct bh_message_ended *ret);

/* A batch that no process was made for, for the step that failed. */
void bh_ended_refused(enum bh_child_step step, const struct bh_error *why,
                      struct bh_message_ended *ret);

/* What the slot's cgroups tell; they end the batch with it. The processes' times are
 * in `ret` already. */
void bh_ended_by_cgroup(const struct bh_launcher *l, struct bh_slot *slot,
                        struct bh_message_ended *ret);

#endif
