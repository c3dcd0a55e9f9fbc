/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_LOOP_H
#define BH_SUPERVISOR_LOOP_H

/* loop.h: everything that an executor waits for, behind one descriptor.
 *
 * An epoll set with one timer in it. What is ready is told as a source, which
 * carries a generation: a source of an attempt that has ended since is told
 * apart from one of its slot's next attempt.
 * Source: epoll(7), timerfd_create(2). */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

enum bh_source_kind {
	BH_SOURCE_TIMER,
	BH_SOURCE_SANDBOX,
	BH_SOURCE_OUT,
	BH_SOURCE_ERR,
	BH_SOURCE_LISTENER,
};

struct bh_source {
	enum bh_source_kind kind;
	uint32_t slot;       /* < BH_LOOP_MAX_SLOTS */
	uint32_t generation; /* of what is in the slot */
};
#define BH_LOOP_MAX_SLOTS (UINT32_C(1) << 24)

struct bh_loop {
	int epoll;      /* owned */
	int timer;      /* owned, a member of `epoll` */
	uint64_t armed; /* when the timer fires at the latest, bh_now_us; UINT64_MAX for never */
};
#define BH_LOOP_UNSET ((struct bh_loop){ .epoll = -1, .timer = -1 })

BH_MUST_CHECK
int bh_loop_init(struct bh_loop *loop, struct bh_error *err);
void bh_loop_done(struct bh_loop *loop);

/* Adds a descriptor, for reading. */
BH_MUST_CHECK
int bh_loop_add(struct bh_loop *loop, int fd, struct bh_source source, struct bh_error *err);

/* Takes a descriptor out, to be done before it is closed: a copy of it in a
 * forked child of the host program would keep it in the set. -1 is a no-op. */
void bh_loop_remove(struct bh_loop *loop, int fd);

/* Sets the one timer: `deadline_us` as of bh_now_us, 0 for at once, UINT64_MAX
 * for never. Costs nothing where it is set so already. */
BH_MUST_CHECK
int bh_loop_arm(struct bh_loop *loop, uint64_t deadline_us, struct bh_error *err);

/* At most BH_LOOP_BATCH sources that are ready now, without waiting; `*ret_n`
 * says how many. A timer that fired is disarmed and not among them. */
#define BH_LOOP_BATCH 64
BH_MUST_CHECK
int bh_loop_ready(struct bh_loop *loop, struct bh_source ret[BH_LOOP_BATCH], size_t *ret_n,
                  struct bh_error *err);

#endif
