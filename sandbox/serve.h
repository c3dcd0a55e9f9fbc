/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_SERVE_H
#define BH_SANDBOX_SERVE_H

/* serve.h: what a launcher does once it is set up: SPAWN and KILL in, STARTED,
 * LISTENER and ENDED out (ipc/wire/message.h).
 *
 *              ┌──────────── SPAWN ────────────┐
 *              │                               ▼
 *   slot:    free ◀── its reaper ended, or ── running ◀── KILL
 *                     says that it is over: ENDED
 *
 * A slot has one batch at a time, whose descriptors are its own from SPAWN to ENDED.
 * With warm handlers its template decides when a batch has ended
 * (sandbox/template.h). Everything that is done to processes goes by slot.h. All
 * errors are the supervisor's socket's or faults of what came from it; the launcher
 * ends by them. */

#include <stdint.h>
#include <sys/types.h>

#include "bulkhead/error.h"

struct bh_launcher;

/* Makes the slots, what reapers that stay share, where `last_pid` says that any do, and
 * what templates share, of which the plan says the mode; `max_reuse` is for templates
 * that are reused. Batches are served when the rest of the plan is there. Errors:
 * -EINVAL for more slots than there are ids, -ENOMEM; those of eventfd(2) and of
 * bh_templates_init. */
BH_MUST_CHECK
int bh_serve_init(struct bh_launcher *l, uint64_t max_running, uint64_t max_reuse,
                  struct bh_error *err);

/* Takes a message from the socket and does what it says. Returns 1, or 0 when the
 * supervisor is gone. -EPROTO for a message that request.h refuses, for a slot that
 * there isn't, or SPAWN for one that is taken. */
BH_MUST_CHECK
int bh_serve_message(struct bh_launcher *l, struct bh_error *err);

/* The child `pid` has ended and was waited for: its batch, if it had one, is over. */
BH_MUST_CHECK
int bh_serve_reaped(struct bh_launcher *l, pid_t pid, struct bh_error *err);

/* The plan's `over` is readable: ends the batches whose reapers say that they are. */
BH_MUST_CHECK
int bh_serve_over(struct bh_launcher *l, struct bh_error *err);

/* Does what falls due at a time: kills the batches whose processes have used up
 * their CPU time together, and templates that are past waiting for. */
void bh_serve_time(struct bh_launcher *l, uint64_t now_us);

/* Does all of this as it comes, until the supervisor is gone (0) or by an error. Then
 * everything that runs is killed and waited for. */
BH_MUST_CHECK
int bh_serve(struct bh_launcher *l, struct bh_error *err);

#endif
