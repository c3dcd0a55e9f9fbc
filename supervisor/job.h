/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_JOB_H
#define BH_SUPERVISOR_JOB_H

/* job.h: one batch that was submitted, from there to the delivery of its result,
 * over as many attempts as it takes.
 *
 *   submit ──▶ QUEUED ──slot──▶ RUNNING ──▶ (delivered), or DONE until it is taken
 *               │  ▲ │           │   ▲
 *               │  │ └▶ LEASING ─┼───┘ granted
 *               │  └─due─ BACKOFF◀┘ tried again
 *            cancel    │  │
 *               ▼      ▼  ▼ cancel
 *             ENDED ◀───────           its result is made, without a slot
 *
 * A job is small, for a million may wait; what only some of them need hangs on
 * `course`. Jobs are found by their index; each is in one list
 * or one slot. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/result.h"

struct bh_course;
struct bh_lease_request;

enum bh_job_state {
	BH_JOB_QUEUED,  /* waits for a slot */
	BH_JOB_RUNNING, /* is in a slot */
	BH_JOB_LEASING, /* waits for others to release its entries */
	BH_JOB_BACKOFF, /* waits for the time of its next attempt */
	BH_JOB_ENDED,   /* cancelled while it waited; its result is still to be made */
	BH_JOB_DONE,    /* its result waits to be taken */
};

struct bh_job {
	struct bh_job *next, *previous; /* in its list */
	struct bh_job *chained;         /* in its bucket of the table */
	const struct bh_batch *batch;   /* borrowed */
	void (*on_result)(struct bh_result *result, void *userdata); /* NULL: it is taken */
	void *userdata;
	struct bh_course *course; /* owned; NULL before the second attempt is due */
	size_t index;
	union {
		size_t slot;                      /* RUNNING */
		struct bh_lease_request *request; /* LEASING: owned */
		size_t place;                     /* BACKOFF: in the heap */
		struct bh_result *result;         /* DONE: owned */
	};
	enum bh_job_state state;
	bool cancelled;     /* it gets no other attempt */
	bool past_deadline; /* that was why */
};

struct bh_job_list {
	struct bh_job *first, *last;
	size_t n;
};
void bh_job_list_append(struct bh_job_list *list, struct bh_job *job);
void bh_job_list_prepend(struct bh_job_list *list, struct bh_job *job);
void bh_job_list_remove(struct bh_job_list *list, struct bh_job *job);
/* The first one, taken out; NULL where there is none. */
struct bh_job *bh_job_list_pop(struct bh_job_list *list);

/* All jobs of an executor by index. */
struct bh_job_table {
	struct bh_job **buckets; /* owned */
	size_t n_buckets;        /* 0, or a power of 2 */
	size_t n;
};
/* -ENOMEM where there is no room for even one. */
BH_MUST_CHECK
int bh_job_table_add(struct bh_job_table *table, struct bh_job *job);
void bh_job_table_remove(struct bh_job_table *table, const struct bh_job *job);
/* NULL where there is none. */
struct bh_job *bh_job_table_find(const struct bh_job_table *table, size_t index);
/* Frees the table; the jobs are not its own. */
void bh_job_table_done(struct bh_job_table *table);

#endif
