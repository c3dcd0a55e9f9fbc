/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_EXECUTOR_INTERNAL_H
#define BH_SUPERVISOR_EXECUTOR_INTERNAL_H

/* executor_internal.h: what the parts of an executor share.
 *
 *   executor.c          the caller's side: submit, cancel, take results, close
 *   executor_make.c     making and freeing one
 *   executor_step.c     the loop: what is ready, deadlines, then the rest
 *   executor_start.c    from the queue into a slot
 *   executor_settle.c   from a slot, or from the queue, to a result
 *   executor_sandbox.c  the launcher: starting it, losing it
 *
 * A step handles what is ready, then deadlines, then starts what the free slots
 * allow, then sets the timer for the next deadline. A callback runs only when
 * its batch is nowhere any more, so it finds the executor whole and may submit
 * and cancel. A launcher that is lost takes its attempts with it; the next batch
 * that is started brings a new one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/executor.h"
#include "supervisor/attempt.h"
#include "supervisor/backoff.h"
#include "supervisor/binds.h"
#include "supervisor/course.h"
#include "supervisor/executor.h"
#include "supervisor/job.h"
#include "supervisor/loop.h"
#include "supervisor/notice.h"
#include "supervisor/program.h"
#include "supervisor/python.h"
#include "sandbox/profile_catalog.h"

/* Batches taken from the queue in one step, beside one for each slot: those that
 * end without a handler need no slot for long. */
#define BH_EXTRA_STARTS 64

struct bh_slot {
	struct bh_attempt attempt;
	struct bh_job *job; /* NULL where the slot is free */
};

struct bh_executor {
	struct bh_attempt_rules rules;
	enum bh_isolation isolation;
	struct bh_binds binds;
	uint64_t scratch_bytes;
	enum bh_warm_mode warm;
	uint64_t max_reuse;
	struct bh_python python;
	char *launcher;
	struct bh_profile profile;
	struct bh_program program;
	struct bh_loop loop;
	struct bh_sandbox *sandbox; /* NULL where there is none at present */
	uint32_t sandbox_generation;
	struct bh_error sandbox_error; /* code not 0: it has to be given up */
	bool sent; /* something was asked of it: it may have taken in events meanwhile */
	struct bh_slot *slots;
	size_t n_slots;
	size_t n_running; /* slots that are taken */
	struct bh_job_table jobs;
	struct bh_job_list queue;
	struct bh_lease_asker asker; /* whose requests are those of the jobs that wait */
	size_t n_leasing;
	struct bh_backoff backoff;
	struct bh_retry retry;
	enum bh_poison poison;
	uint64_t random;          /* see bh_retry_random */
	struct bh_job_list ended; /* cancelled while they waited */
	struct bh_job_list done;  /* results to be taken */
	size_t next_index;
	size_t max_queued; /* SIZE_MAX for no bound */
	bool was_full;     /* a submission was refused since there was room */
	void (*on_room)(void *userdata);
	void *room_userdata;
	uint64_t deadline_us; /* when everything is cancelled; UINT64_MAX for never */
	bool past_deadline;
	bool closed;
	struct bh_audience audience;
	uint64_t watch_us;     /* between looks at what runs; 0 for none */
	uint64_t next_look_us; /* when the next is due */
	bool stepping;
	bool will_step; /* before the descriptor is waited for */
};

/* ---- executor.c ---- */

/* Batches that wait, for whatever. */
size_t bh_executor_waiting(const struct bh_executor *executor);
/* Cancels everything; results are made in steps. */
void bh_executor_cancel_all(struct bh_executor *executor);
/* Makes the executor's descriptor readable now. */
void bh_executor_wake(struct bh_executor *executor);

/* ---- executor_start.c ---- */

/* Starts what free slots allow, and ends what was cancelled. */
BH_MUST_CHECK
int bh_executor_start_queued(struct bh_executor *executor, struct bh_error *err);

/* ---- executor_settle.c ---- */

/* Whom events of a job are about. */
struct bh_subject bh_executor_subject(const struct bh_executor *executor, const struct bh_job *job,
                                      uint32_t attempt);
/* An attempt is ENDED: its slot becomes free, and its job goes on to where it
 * belongs, which may be the caller. */
void bh_executor_settle(struct bh_executor *executor, struct bh_slot *slot);
/* A job that was cancelled while it waited. -ENOMEM where not even its result can
 * be made: it is then left as it was. */
BH_MUST_CHECK
int bh_executor_end_cancelled(struct bh_executor *executor, struct bh_job *job,
                              struct bh_error *err);
/* Frees a job that is in no list and no slot. */
void bh_executor_forget(struct bh_executor *executor, struct bh_job *job);

/* ---- executor_sandbox.c ---- */

BH_MUST_CHECK
int bh_executor_start_sandbox(struct bh_executor *executor, char stage[BH_STAGE_TEXT_SIZE],
                              struct bh_error *err);
/* Kills the launcher, and with it whatever runs. */
void bh_executor_drop_sandbox(struct bh_executor *executor);
/* The first reason is kept; bh_executor_lose_sandbox acts on it. */
void bh_executor_give_up_sandbox(struct bh_executor *executor, const struct bh_error *error);
/* Ends all attempts that run. */
void bh_executor_lose_sandbox(struct bh_executor *executor);
/* The same where it was given up. */
void bh_executor_lose_given_up(struct bh_executor *executor);
/* A failure that another launcher would not cure. */
bool bh_is_shortage(int code);

#endif
