/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_OUTCOME_H
#define BH_SUPERVISOR_OUTCOME_H

/* outcome.h: the one place that says why a batch ended.
 *
 * Everything known about an attempt is gathered as evidence first; one function
 * turns it into one outcome. Evidence of the supervisor's own acts outranks what
 * the handler can stage: a kill of ours is never reported as a signal, nor a
 * signal of the handler's own as a kill of ours.
 * Source: docs/cli.md, "Error kinds". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/limits.h"
#include "bulkhead/result.h"
#include "ipc/codec/records.h"
#include "ipc/wire/message.h"

/* What kept the handler from being started, where something did. */
enum bh_not_started {
	BH_NOT_STARTED_NO,        /* a launcher was asked for it: `ended` tells the rest */
	BH_NOT_STARTED_BOUNDS,    /* more entries than allowed */
	BH_NOT_STARTED_CANCELLED, /* cancelled while queued */
	BH_NOT_STARTED_INTERNAL,  /* out of memory or descriptors, …: `error` */
	BH_NOT_STARTED_SANDBOX,   /* no launcher could be set up: `error`, `stage` */
};

struct bh_evidence {
	enum bh_not_started not_started;
	struct bh_error error;
	char stage[BH_STAGE_SIZE];
	uint32_t attempts; /* that came before */
	uint64_t entry_count;
	uint64_t max_entries;
	struct bh_limits limits;
	bool strict_results;
	/* acts of the supervisor */
	bool timed_out;     /* SIGTERM was sent for the timeout */
	bool grace_ran_out; /* and SIGKILL after the grace period */
	bool cancelled;     /* killed for a cancellation */
	bool past_deadline; /* of the whole run: that was why it was cancelled */
	bool launcher_lost; /* `error` says how */
	bool gave_up;       /* we could not go on with it ourselves: `error` says why */
	/* what was seen while it ran */
	bool violated;    /* a forbidden call was notified */
	bool has_syscall; /* and could be read */
	struct bh_syscall syscall;
	uint64_t refused_forks;
	bool killed_for_forks; /* after too many of them */
	/* what was there at the end */
	struct bh_message_ended ended;
	bool results_full;                /* the offset of descriptor 4 is at the capacity */
	const struct bh_records *records; /* NULL where none could be read */
	size_t n_unknown;                 /* records for tasks that the batch lacks */
};

/* Decides. `ret->task_id` is left NULL: the caller sets it to the running task
 * where `bh_outcome_names_culprit`. Never fails. */
void bh_outcome_decide(const struct bh_evidence *evidence, struct bh_outcome *ret);

/* That of a batch that came to a good end all the same. */
void bh_outcome_clear(struct bh_outcome *outcome);

/* True where the task that was running when the handler ended is to blame. */
bool bh_outcome_names_culprit(enum bh_kind kind);

#endif
