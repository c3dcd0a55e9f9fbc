/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/loop.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ipc/wire/base.h"

static uint64_t pack(struct bh_source source)
{
	return (uint64_t)source.kind << 56 | (uint64_t)source.slot << 32 | source.generation;
}

static struct bh_source unpack(uint64_t packed)
{
	return (struct bh_source){ .kind = (enum bh_source_kind)(packed >> 56),
		                   .slot = (uint32_t)(packed >> 32) % BH_LOOP_MAX_SLOTS,
		                   .generation = (uint32_t)packed };
}

int bh_loop_init(struct bh_loop *loop, struct bh_error *err)
{
	BH_CLEANUP(bh_loop_done) struct bh_loop made = BH_LOOP_UNSET;

	made.armed = UINT64_MAX;
	made.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (made.epoll < 0)
		return bh_fail(err, errno, "create epoll descriptor");
	made.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (made.timer < 0)
		return bh_fail(err, errno, "create timer descriptor");
	int r = bh_loop_add(&made, made.timer, (struct bh_source){ .kind = BH_SOURCE_TIMER }, err);
	if (r < 0)
		return r;

	*loop = BH_TAKE(made, BH_LOOP_UNSET);
	return 0;
}

void bh_loop_done(struct bh_loop *loop)
{
	bh_fd_done(&loop->epoll);
	bh_fd_done(&loop->timer);
}

int bh_loop_add(struct bh_loop *loop, int fd, struct bh_source source, struct bh_error *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = pack(source) };

	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return bh_fail(err, errno, "add descriptor to epoll");
	return 0;
}

void bh_loop_remove(struct bh_loop *loop, int fd)
{
	if (fd >= 0)
		(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int bh_loop_arm(struct bh_loop *loop, uint64_t deadline_us, struct bh_error *err)
{
	/* a zero time would disarm it: one nanosecond after boot is as good */
	struct itimerspec when = { .it_value.tv_nsec = deadline_us == 0 };

	if (deadline_us >= loop->armed)
		return 0;
	if (deadline_us != UINT64_MAX && deadline_us != 0) {
		when.it_value.tv_sec = (time_t)(deadline_us / 1000000);
		when.it_value.tv_nsec = (long)(deadline_us % 1000000) * 1000;
	}
	if (timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		return bh_fail(err, errno, "set timer");
	loop->armed = deadline_us;
	return 0;
}

static void take_expiry(struct bh_loop *loop)
{
	uint64_t expirations;

	/* EAGAIN: it was set anew since epoll saw it, and is still to come */
	if (read(loop->timer, &expirations, sizeof(expirations)) > 0)
		loop->armed = UINT64_MAX;
}

int bh_loop_ready(struct bh_loop *loop, struct bh_source ret[BH_LOOP_BATCH], size_t *ret_n,
                  struct bh_error *err)
{
	struct epoll_event events[BH_LOOP_BATCH];
	int n;

	*ret_n = 0;
	do
		n = epoll_wait(loop->epoll, events, BH_LOOP_BATCH, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return bh_fail(err, errno, "wait for epoll descriptor");
	for (int i = 0; i < n; i++) {
		struct bh_source source = unpack(events[i].data.u64);
		if (source.kind == BH_SOURCE_TIMER)
			take_expiry(loop);
		else
			ret[(*ret_n)++] = source;
	}
	return 0;
}
