/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_BACKOFF_H
#define BH_SUPERVISOR_BACKOFF_H

/* backoff.h: jobs that wait for a time, the earliest first: a binary heap. */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "supervisor/job.h"

struct bh_backoff_place;

struct bh_backoff {
	struct bh_backoff_place *places; /* owned */
	size_t n, capacity;
};
#define BH_BACKOFF_UNSET ((struct bh_backoff){ .n = 0 })
void bh_backoff_done(struct bh_backoff *backoff);

/* -ENOMEM; the job is then in no heap. */
BH_MUST_CHECK
int bh_backoff_add(struct bh_backoff *backoff, struct bh_job *job, uint64_t due_us);
void bh_backoff_remove(struct bh_backoff *backoff, struct bh_job *job);

/* When the first is due; UINT64_MAX where there is none. */
uint64_t bh_backoff_due_us(const struct bh_backoff *backoff);
/* The first one; NULL where there is none. It stays in the heap. */
struct bh_job *bh_backoff_first(const struct bh_backoff *backoff);

#endif
