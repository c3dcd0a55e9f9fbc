/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_EVENT_H
#define BULKHEAD_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/result.h"
#include "bulkhead/span.h"

/* event.h: what happens to batches, told while it happens.
 *
 * An executor made with `on_event` calls it for each event; without, none of
 * this costs anything. Of one batch, events come in this order:
 *
 *   QUEUED (LEASED (STARTED (TASK_STARTED | TASK_ENDED | RECORDS)*)? TIMED_OUT?)?
 *          ATTEMPT_FAILED? … once for each attempt … BATCH_ENDED
 *
 * where TIMED_OUT may have news of tasks behind it, too. BATCH_ENDED, just before the result is
 * delivered, is always the last one. Events of several batches are mixed. Batches that are
 * forgotten (by bh_executor_free) end without an event.
 *
 * TASK_STARTED, TASK_ENDED and RECORDS are what the handler itself publishes on
 * descriptor 4, read at intervals (`watch_us`) while it runs and once more at its
 * end. They are news, not a verdict: a handler can write what it likes and change
 * it later. What counts is in the result, which is read anew and whole when every
 * process is gone. Of a handler that writes more records than a batch of its size
 * can need, only the first are told.
 * Source: docs/semantics.md, "Events". */

enum bh_event_type {
	BH_EVENT_QUEUED,         /* submitted */
	BH_EVENT_LEASED,         /* an attempt holds its lease, and its context is made */
	BH_EVENT_STARTED,        /* its handler has been executed */
	BH_EVENT_TASK_STARTED,   /* the handler said so: `task_id` */
	BH_EVENT_TASK_ENDED,     /* a record of `task_id`: `failed` where it is an error */
	BH_EVENT_RECORDS,        /* more bytes of records: `record_bytes` */
	BH_EVENT_TIMED_OUT,      /* its time ran out, and SIGTERM was sent */
	BH_EVENT_ATTEMPT_FAILED, /* `outcome` says why */
	BH_EVENT_BATCH_ENDED,    /* `result` */
};
#define BH_EVENTS (BH_EVENT_BATCH_ENDED + 1)

/* The name as in JSONL, such as "task_started". */
BH_PUBLIC const char *bh_event_name(enum bh_event_type type);

/* What does not belong to the type is 0 or NULL. Everything is lent for the time
 * of the call. */
struct bh_event {
	enum bh_event_type type;
	uint64_t time_us;     /* CLOCK_MONOTONIC, when it was seen */
	size_t index;         /* of the batch, as in its result */
	const char *batch_id; /* the batch's own: lent as long as the batch */
	size_t n_tasks;       /* of the batch */
	uint32_t attempt;     /* from 1; 0 before the first, and of BATCH_ENDED */
	/* STARTED: the process that all those of the batch are below, the handler the first
	 * of them, as the caller's PID namespace has it; 0 where it isn't known, as of a
	 * batch that a warm handler takes. It may be gone by the time it is looked for. */
	int64_t pid;
	struct bh_span task_id;
	bool failed;
	uint64_t record_bytes; /* written by this attempt up to now */
	const struct bh_outcome *outcome;
	bool again;        /* ATTEMPT_FAILED: another attempt follows, */
	uint64_t delay_us; /* not before this time has passed, */
	/* and tasks that have a record are not run again: see "Poison" */
	bool keeps_records;
	const struct bh_result *result;
};

#endif
