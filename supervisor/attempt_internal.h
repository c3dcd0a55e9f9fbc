/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_ATTEMPT_INTERNAL_H
#define BH_SUPERVISOR_ATTEMPT_INTERNAL_H

/* attempt_internal.h: what attempt_begin.c, attempt.c and attempt_finish.c share. */

#include "supervisor/attempt.h"

/* The one place that changes the state. An edge that isn't drawn in attempt.h is
 * a mistake of ours. */
void bh_attempt_move_to(struct bh_attempt *attempt, enum bh_attempt_state to);

/* What the loop tells when a descriptor of this attempt is readable. */
struct bh_source bh_attempt_source(const struct bh_attempt *attempt, enum bh_source_kind kind);

/* We can't go on with it; the first reason is kept. */
void bh_attempt_note_failure(struct bh_attempt *attempt, const struct bh_error *error);

/* Calls that were notified and not read when the end came: they outrank the wait
 * status. At most one waits for each thread that there was. */
void bh_attempt_drain_listener(struct bh_attempt *attempt);

#endif
