/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_COURSE_H
#define BH_SUPERVISOR_COURSE_H

/* course.h: what came of the attempts of a batch that has had more than one.
 *
 * A batch whose first attempt is its last has no course. Source:
 * docs/semantics.md, "Retries" and "Poison". */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/result.h"
#include "bulkhead/retry.h"
#include "supervisor/lease.h"
#include "supervisor/rounds.h"

struct bh_course {
	struct bh_attempt_note *log; /* owned */
	size_t n_log, capacity;
	uint64_t delay_us;        /* of the wait before the next attempt */
	uint64_t since_us;        /* when that began */
	uint64_t held_us;         /* the time that a lease was held, up to then */
	struct bh_usage usage;    /* of all attempts */
	struct bh_lease lease;    /* kept over the wait; else unset */
	struct bh_result *result; /* owned: of the last attempt, where there are no rounds */
	struct bh_rounds *rounds; /* owned: with the result of all; NULL where there are none */
	uint32_t n_retries;       /* attempts that were made for a failed one */
	size_t n_tasks;           /* of the attempt that is made next */
};

/* For a batch of `n_tasks`. NULL when out of memory. */
struct bh_course *bh_course_new(size_t n_tasks);
/* Releases the lease and frees. NULL is a no-op. */
void bh_course_free(struct bh_course *course);

/* Attempts that it has seen. */
uint32_t bh_course_attempts(const struct bh_course *course);

/* What the next attempt runs, of the whole `batch`. */
const struct bh_batch *bh_course_batch(const struct bh_course *course,
                                       const struct bh_batch *batch);

/* Takes the result of an attempt that is tried again, `delay_us` later, and the
 * lease (which may be unset) for that. In rounds, what has no record is tried
 * again, and the lease is released. -ENOMEM: nothing was taken. */
BH_MUST_CHECK
int bh_course_retry(struct bh_course *course, struct bh_result *result, struct bh_lease *lease,
                    uint64_t delay_us);

/* Takes the result of an attempt as that of a round; before the first, the batch is
 * the whole one. 1 where another round follows, 0 where this one was the last;
 * -ENOMEM: nothing was taken. */
BH_MUST_CHECK
int bh_course_round(struct bh_course *course, const struct bh_batch *batch, enum bh_poison mode,
                    uint64_t max_output, struct bh_result *result);

/* The wait is over; hands over the lease that was kept, or an unset one. */
struct bh_lease bh_course_go_on(struct bh_course *course);

/* Makes the result of the whole: of `last`, an attempt that the course has not
 * taken yet, or, with NULL, of those that it has. It is the caller's. */
struct bh_result *bh_course_end(struct bh_course *course, struct bh_result *last);

/* The same where it was stopped while it waited: `outcome` is the verdict. */
struct bh_result *bh_course_stop(struct bh_course *course, const struct bh_outcome *outcome);

#endif
