/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_ROSTER_H
#define BH_CLI_ROSTER_H

/* roster.h: how far a run is, and which batches are under way, kept from events.
 *
 * A batch is under way from its first lease to its end, the waits between its
 * attempts included. Those before that are only counted. Tasks are done when their
 * batch has ended, or as soon as its handler has written a record of them; where
 * all of the batch is run again, they are not done any more.
 * Source: bulkhead/event.h. */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/event.h"
#include "bulkhead/result.h"

enum bh_roster_state {
	BH_ROSTER_LEASED,  /* its handler is being started */
	BH_ROSTER_STARTED, /* it was executed */
	BH_ROSTER_GRACE,   /* its time ran out and it was told to end */
	BH_ROSTER_WAITS,   /* for its next attempt */
};

#define BH_ROSTER_TASK_SIZE 64

struct bh_roster_batch {
	size_t index;
	const char *batch_id; /* borrowed, as long as the batch */
	uint32_t attempt;     /* the last one, from 1 */
	enum bh_roster_state state;
	uint64_t begun_us; /* its first lease */
	uint64_t since_us; /* when it came into the state */
	uint64_t due_us;   /* WAITS: when the next attempt may begin */
	int64_t pid;       /* as in bh_event */
	enum bh_kind kind; /* WAITS: how the last attempt failed */
	size_t n_tasks;
	size_t n_done;
	size_t task_size; /* of the id of the task that it is at; 0 where it doesn't tell */
	size_t task_kept; /* bytes of that in `task` */
	char task[BH_ROSTER_TASK_SIZE];
};

struct bh_roster {
	uint64_t started_us; /* of the run */
	size_t n_batches;    /* of the run, and their tasks */
	uint64_t n_tasks;
	uint64_t n_ended;              /* with a result that counts */
	uint64_t n_absent;             /* ended before they began */
	uint64_t n_ended_tasks;        /* of these */
	uint64_t n_running_tasks_done; /* of those under way */
	uint64_t n_task_errors;
	uint64_t kinds[BH_KINDS];        /* of those that ended; [BH_KIND_NONE]: successes */
	uint64_t n_events;               /* so that a reader knows whether something is new */
	struct bh_roster_batch *batches; /* owned: under way, in no order */
	size_t n, capacity;
	size_t *places; /* owned: by index, one more than the place in `batches`; 0 for none */
};
#define BH_ROSTER_UNSET ((struct bh_roster){ .n_batches = 0 })

/* Of a run of `n_batches` with `n_tasks`, whose indexes are below `n_batches`.
 * -ENOMEM. */
BH_MUST_CHECK
int bh_roster_init(struct bh_roster *roster, size_t n_batches, uint64_t n_tasks,
                   uint64_t started_us);
void bh_roster_done(struct bh_roster *roster);

/* Takes one event in. Where there is no memory for one more batch, it is counted
 * as if it waited. */
void bh_roster_event(struct bh_roster *roster, const struct bh_event *event);

/* Neither under way nor ended. */
uint64_t bh_roster_waiting(const struct bh_roster *roster);

/* Never more than there are. */
uint64_t bh_roster_tasks_done(const struct bh_roster *roster);

/* The one that began first of those with a handler, or about to have one; NULL where
 * none has. */
const struct bh_roster_batch *bh_roster_slowest(const struct bh_roster *roster);

/* Puts those under way in the order in which they began. */
void bh_roster_sort(struct bh_roster *roster);

#endif
