/* SPDX-License-Identifier: Apache-2.0 */

/* warm.c: a handler that is started once for many batches.
 *
 * The template waits until its socket is readable and forks; the fork receives
 * the batch and never comes back to the socket. So the template holds nothing of
 * any batch. See bulkhead/warm.h. */

#include "bulkhead/warm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkhead/handler.h"
#include "handler_state.h"

#define N_FDS    4 /* that come with a batch */
#define NO_BATCH 3 /* /dev/null while there is none */

/* Where they belong, in the order in which they come. */
static const int places[N_FDS] = { STDOUT_FILENO, STDERR_FILENO, 3, 4 };

/* What of the handler's life is over. Set by bh_handler_next alone. */
static enum { BEFORE, IN_COLD_BATCH, IN_FORK, IN_REUSE } phase;

static bool say(const struct bh_warm_word *word)
{
	ssize_t n;

	do
		n = write(BH_WARM_FD, word, sizeof(*word));
	while (n < 0 && errno == EINTR);
	return n == sizeof(*word);
}

/* What a template prints while it warms up goes to its first batch; from then on
 * each batch has pipes of its own. */
static int leave_output(void)
{
	if (dup2(NO_BATCH, STDOUT_FILENO) < 0 || dup2(NO_BATCH, STDERR_FILENO) < 0)
		return -errno;
	return 0;
}

static int take_places(const int *fds)
{
	for (size_t i = 0; i < N_FDS; i++) {
		if (fds[i] == places[i])
			continue;
		if (dup2(fds[i], places[i]) < 0)
			return -errno;
		close(fds[i]);
	}
	return 0;
}

/* What is received takes the lowest numbers that are free. So in a fresh fork, where no
 * thread could take them before, the places are made free; where that can't be done, or
 * there is a gap, the descriptors are moved. */
static void free_places(void)
{
	if (fcntl(STDIN_FILENO, F_GETFD) >= 0)
		(void)!close_range((unsigned int)places[0], (unsigned int)places[N_FDS - 1], 0);
}

/* Returns 1 with a batch on its descriptors, 0 where there will be none. */
static int receive(struct bh_warm_batch *ret, int flags)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(N_FDS * sizeof(int))];
	} control;
	struct iovec part = { .iov_base = ret, .iov_len = sizeof(*ret) };
	struct msghdr message = { .msg_iov = &part,
		                  .msg_iovlen = 1,
		                  .msg_control = control.bytes,
		                  .msg_controllen = sizeof(control.bytes) };
	int fds[N_FDS];
	ssize_t n;

	do
		n = recvmsg(BH_WARM_FD, &message, flags);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : 0;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (n != sizeof(*ret) || ret->abi != 1 || !header ||
	    header->cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EPROTO;
	memcpy(fds, CMSG_DATA(header), sizeof(fds));
	int r = take_places(fds);
	return r < 0 ? r : 1;
}

/* ---- forks ---- */

/* Out of the template's process group, by which it could be signalled, and held
 * to the limit that the template is not. Then nothing of the socket is left. */
static int become_fork(void)
{
	struct bh_warm_batch batch;

	phase = IN_FORK;
	if (setsid() < 0)
		return -errno;
	free_places();
	int r = receive(&batch, 0);
	close(BH_WARM_FD);
	if (r == 1 && batch.cpu_seconds > 0) {
		struct rlimit limit = { .rlim_cur = batch.cpu_seconds,
			                .rlim_max = batch.cpu_seconds + 1 };
		if (setrlimit(RLIMIT_CPU, &limit) < 0)
			return -errno;
	}
	return r;
}

static uint64_t microseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static bool say_ended(int status, const struct rusage *usage)
{
	const struct bh_warm_word word = {
		.type = BH_WARM_ENDED,
		.status = status,
		.user_us = microseconds(usage->ru_utime),
		.system_us = microseconds(usage->ru_stime),
		.max_rss_kib = (uint64_t)usage->ru_maxrss,
		.minor_faults = (uint64_t)usage->ru_minflt,
		.major_faults = (uint64_t)usage->ru_majflt,
		.voluntary_switches = (uint64_t)usage->ru_nvcsw,
		.involuntary_switches = (uint64_t)usage->ru_nivcsw,
	};

	return say(&word);
}

/* Processes that earlier batches made ours are dead: killed by the launcher. */
static void reap_leftovers(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/* A fork that was killed early has left its batch in the socket, where the next one would
 * find it. Without room for them, descriptors are not received. Returns false where the
 * socket can't be looked at. */
static bool discard_untaken(void)
{
	struct bh_warm_batch untaken;
	struct iovec part = { .iov_base = &untaken, .iov_len = sizeof(untaken) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(BH_WARM_FD, &message, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n >= 0 || errno == EAGAIN;
}

static bool await_fork(pid_t pid)
{
	struct rusage usage;
	int status;
	pid_t ended;

	do
		ended = wait4(pid, &status, 0, &usage);
	while (ended < 0 && errno == EINTR);
	return ended == pid && discard_untaken() && say_ended(status, &usage);
}

/* True when a batch is there; false at the launcher's end. */
static bool await_batch(void)
{
	struct pollfd polled = { .fd = BH_WARM_FD, .events = POLLIN };
	int r;

	do
		r = poll(&polled, 1, -1);
	while (r < 0 && errno == EINTR);
	return r == 1 && (polled.revents & POLLIN) && !(polled.revents & POLLHUP);
}

/* Returns in forks only, but for the end of it all: 0. */
static int serve_by_forks(void)
{
	while (await_batch()) {
		reap_leftovers();
		pid_t pid = fork();
		if (pid == 0)
			return become_fork();
		struct bh_warm_word failed = { .type = BH_WARM_NO_FORK, .status = errno };
		if (pid < 0 && !say(&failed))
			return 0;
		if (pid > 0 && !await_fork(pid))
			return 0;
	}
	return 0;
}

/* ---- one process for all ---- */

static int take_next(void)
{
	struct bh_warm_batch batch;

	phase = IN_REUSE;
	return receive(&batch, MSG_CMSG_CLOEXEC); /* another thread may execute something */
}

/* Usage since the last batch. */
static bool say_batch_ended(int status)
{
	static struct rusage before;
	struct rusage now, used;

	if (getrusage(RUSAGE_SELF, &now) < 0)
		return false;
	used = now;
	timersub(&now.ru_utime, &before.ru_utime, &used.ru_utime);
	timersub(&now.ru_stime, &before.ru_stime, &used.ru_stime);
	used.ru_minflt -= before.ru_minflt;
	used.ru_majflt -= before.ru_majflt;
	used.ru_nvcsw -= before.ru_nvcsw;
	used.ru_nivcsw -= before.ru_nivcsw;
	before = now;
	return say_ended((status & 0xff) << 8, &used);
}

static int begin(void)
{
	const struct bh_warm_word ready = { .type = BH_WARM_READY };

	if (!getenv("BULKHEAD_WARM")) {
		phase = IN_COLD_BATCH;
		return 1;
	}
	fflush(NULL); /* or each fork would print it again */
	int r = leave_output();
	if (r < 0)
		return r;
	if (!say(&ready))
		return -errno;
	return getenv("BULKHEAD_REUSE") ? take_next() : serve_by_forks();
}

bool bh_handler_has_last_batch(void)
{
	return phase == IN_COLD_BATCH || phase == IN_FORK;
}

int bh_handler_next(int status)
{
	switch (phase) {
	case BEFORE:
		return begin();
	case IN_COLD_BATCH:
	case IN_FORK:
		return 0;
	case IN_REUSE:
		fflush(NULL);
		return say_batch_ended(status) ? take_next() : 0;
	}
	return 0;
}
