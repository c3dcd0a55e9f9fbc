/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_ATTEMPT_H
#define BH_SUPERVISOR_ATTEMPT_H

/* attempt.h: one handler's run over one batch, from lease to result.
 *
 *   IDLE ──begin──▶ PREPARED ──spawn──▶ SPAWNING ──started──▶ RUNNING
 *    ▲      │          │                   │ │ └──────┐       │ │ │
 *    │      │        refuse                │ └──────┐ └─────┐ │ │ │
 *    │      │          │                   │      deadline─┼─┘ │ kill
 *    │      │          │                   │        ▼      ▼   │ │
 *    │      ▼          ▼                   ▼      GRACE ─▶ KILLED ◀
 *    └───finish───── ENDED ◀───────────────┴────────┴───────┴──┘
 *
 * An attempt owns everything of its batch that has to be given back: lease,
 * regions, pipes, listener. One function gives it all back. What happened is
 * collected as evidence; bh_outcome_decide makes the one verdict of it.
 * Source: docs/architecture.md; docs/semantics.md, "Leases", "Executing". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/limits.h"
#include "bulkhead/result.h"
#include "bulkhead/store.h"
#include "ipc/wire/message.h"
#include "ipc/wire/region.h"
#include "supervisor/capture.h"
#include "supervisor/lease.h"
#include "supervisor/lease_queue.h"
#include "supervisor/loop.h"
#include "supervisor/notice.h"
#include "supervisor/outcome.h"
#include "supervisor/watch.h"

struct bh_sandbox;

enum bh_attempt_state {
	BH_ATTEMPT_IDLE,     /* nothing is owned */
	BH_ATTEMPT_PREPARED, /* leased, descriptors made; no process was asked for */
	BH_ATTEMPT_SPAWNING, /* a handler was asked for */
	BH_ATTEMPT_RUNNING,  /* it was executed */
	BH_ATTEMPT_GRACE,    /* its time ran out and SIGTERM was sent */
	BH_ATTEMPT_KILLED,   /* SIGKILL was sent to all of its processes */
	BH_ATTEMPT_ENDED,    /* no process is left, or none ever was */
};
#define BH_ATTEMPT_STATES (BH_ATTEMPT_ENDED + 1)

/* What is the same for all attempts of an executor. */
struct bh_attempt_rules {
	struct bh_store *store;
	struct bh_lease_asker *asker; /* borrowed */
	struct bh_limits limits;
	uint64_t max_entries;
	bool strict_results;
	bool forks; /* templates that fork make the batches' processes */
};

struct bh_attempt {
	enum bh_attempt_state state;
	struct bh_loop *loop;         /* borrowed */
	const struct bh_batch *batch; /* borrowed */
	uint32_t slot;                /* its id in the sandbox */
	uint32_t generation;
	uint32_t number;           /* of the batch's attempts, from 1 */
	struct bh_subject subject; /* of its events */
	struct bh_watch watch;
	uint64_t begun_us;    /* when the lease was asked for */
	uint64_t deadline_us; /* of the state; UINT64_MAX for none */
	struct bh_lease lease;
	struct bh_region context;
	struct bh_region results;
	struct bh_capture out;
	struct bh_capture err;
	int out_writer; /* owned until the spawn */
	int err_writer;
	int listener;       /* owned; -1 where there is none; the slot's, from attempt to attempt */
	bool call_vanished; /* a notified call was gone before it could be read */
	bool warming;       /* a template was started for it and is not ready yet */
	bool may_fork;      /* the template, once, to make the batch's process */
	struct bh_evidence evidence;
	struct bh_result *result; /* owned, made first, so that there always is one */
};
#define BH_ATTEMPT_UNSET                                  \
	((struct bh_attempt){ .state = BH_ATTEMPT_IDLE,   \
	                      .context = BH_REGION_UNSET, \
	                      .results = BH_REGION_UNSET, \
	                      .out = BH_CAPTURE_UNSET,    \
	                      .err = BH_CAPTURE_UNSET,    \
	                      .out_writer = -1,           \
	                      .err_writer = -1,           \
	                      .listener = -1 })

/* An attempt that waits for an event: SPAWNING, RUNNING, GRACE or KILLED. */
bool bh_attempt_is_live(const struct bh_attempt *attempt);

/* From IDLE, with `loop`, `slot`, `generation`, `number` and `subject` set by the
 * caller, and with `lease` where it holds one already. Checks the bounds, takes the
 * lease and makes regions and pipes: then it is PREPARED. What stops that makes it
 * ENDED, to be finished like any other. Returns 1 where it has to wait for the
 * lease: `*ret_request` is then the caller's, with `owner` as its userdata, and the
 * attempt IDLE. -ENOMEM where there isn't even memory for a result: it stays IDLE. */
BH_MUST_CHECK
int bh_attempt_begin(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                     const struct bh_batch *batch, void *owner,
                     struct bh_lease_request **ret_request, struct bh_error *err);

/* From IDLE to ENDED: cancelled before anything was done. -ENOMEM as above. */
BH_MUST_CHECK
int bh_attempt_begin_cancelled(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                               const struct bh_batch *batch, struct bh_error *err);

/* From PREPARED to SPAWNING. On an error, which is that of bh_sandbox_spawn, it
 * stays PREPARED. */
BH_MUST_CHECK
int bh_attempt_spawn(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                     struct bh_sandbox *sandbox, struct bh_error *err);

/* From PREPARED to ENDED: there will be no handler. `stage` may be NULL. */
void bh_attempt_refuse(struct bh_attempt *attempt, enum bh_not_started why,
                       const struct bh_error *error, const char *stage);

/* Its handler was executed. `pid` as in bh_event. */
void bh_attempt_on_started(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                           const struct bh_message_started *started, int64_t pid);

/* Events of a live attempt. An error means that the launcher doesn't do what it
 * is asked: the sandbox has to be given up. */
BH_MUST_CHECK
int bh_attempt_on_output(struct bh_attempt *attempt, struct bh_sandbox *sandbox,
                         enum bh_source_kind which, struct bh_error *err);
BH_MUST_CHECK
int bh_attempt_on_listener(struct bh_attempt *attempt, struct bh_sandbox *sandbox, int max_calls,
                           struct bh_error *err);
BH_MUST_CHECK
int bh_attempt_on_deadline(struct bh_attempt *attempt, struct bh_sandbox *sandbox, uint64_t now_us,
                           struct bh_error *err);
BH_MUST_CHECK
int bh_attempt_cancel(struct bh_attempt *attempt, struct bh_sandbox *sandbox, struct bh_error *err);

/* Without a live attempt: nobody may make a call that waits for an answer. Kills
 * the template that did. */
BH_MUST_CHECK
int bh_attempt_on_idle_listener(struct bh_attempt *attempt, struct bh_sandbox *sandbox,
                                struct bh_error *err);

/* In any state: forbidden calls can't be told any more. */
void bh_attempt_close_listener(struct bh_attempt *attempt);

/* Tells what its handler has published since the last look. */
void bh_attempt_look(struct bh_attempt *attempt);

/* The two ends of a live attempt: every process of it is gone. */
void bh_attempt_on_ended(struct bh_attempt *attempt, const struct bh_message_ended *ended);
void bh_attempt_on_lost(struct bh_attempt *attempt, const struct bh_error *error);

/* From ENDED to IDLE: reads what the handler left, decides, gives everything
 * back, the lease included, and returns the result, which is the caller's. With
 * `ret_lease`, the lease is handed over instead of being released. */
struct bh_result *bh_attempt_finish(struct bh_attempt *attempt, struct bh_lease *ret_lease);

/* From any state to IDLE, without a result. No process may be left. */
void bh_attempt_done(struct bh_attempt *attempt);

#endif
