/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_COURSE_H
#define BH_SUPERVISOR_COURSE_H

/* course.h: what came of the attempts of a batch that has had more than one.
 *
 * A batch whose first attempt is its last has no course. Source:
 * docs/semantics.md, "Retries". */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/result.h"
#include "supervisor/lease.h"

struct bh_course {
	struct bh_attempt_note *log; /* owned */
	size_t n_log, capacity;
	uint64_t delay_us;        /* of the wait before the next attempt */
	uint64_t since_us;        /* when that began */
	uint64_t held_us;         /* the time that a lease was held, up to then */
	struct bh_usage usage;    /* of all attempts */
	struct bh_lease lease;    /* kept over the wait; else unset */
	struct bh_result *result; /* owned: of the last attempt */
};

/* NULL when out of memory. */
struct bh_course *bh_course_new(void);
/* Releases the lease and frees. NULL is a no-op. */
void bh_course_free(struct bh_course *course);

/* Attempts that it has seen. */
uint32_t bh_course_attempts(const struct bh_course *course);

/* Takes the result of an attempt that another one follows, `delay_us` later, and
 * the lease (which may be unset) for that one. -ENOMEM: nothing was taken. */
BH_MUST_CHECK
int bh_course_take(struct bh_course *course, struct bh_result *result, struct bh_lease *lease,
                   uint64_t delay_us);

/* The wait is over; hands over the lease that was kept, or an unset one. */
struct bh_lease bh_course_go_on(struct bh_course *course);

/* Puts into the result of the last attempt what all of them came to. */
void bh_course_end(struct bh_course *course, struct bh_result *result);

/* Ends it while it waits: the result of the last attempt is handed over, with
 * `outcome` as its verdict. */
struct bh_result *bh_course_stop(struct bh_course *course, const struct bh_outcome *outcome);

#endif
