/* SPDX-License-Identifier: Apache-2.0 */

/* row_big_parent.c: the cold batch from a process that has touched much memory,
 * over the same from one that has not. Two processes, of which one works at a
 * time: it is told over a socket how many batches to run, and answers with the
 * time that they took. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/ballast.h"
#include "tests/bench/runner.h"

#define ENTRY_BYTES 4096
#define GIB         ((size_t)1 << 30)

struct worker {
	pid_t pid;
	int socket;
};
#define WORKER_UNSET ((struct worker){ .socket = -1 })

struct answer {
	int result;
	uint64_t ns;
	struct bh_error error;
};

/* `n` is 0 for a worker that should only get ready. */
static int serve(int socket, size_t ballast_bytes, struct bh_error *err)
{
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	BH_CLEANUP(runner_done) struct runner runner = { .executor = NULL };
	size_t n;

	int r = ballast_bytes > 0 ? ballast_take(ballast_bytes, err) : 0;
	if (r == 0)
		r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r == 0)
		r = runner_open(&runner, "noop", &corpus, 1, err);
	while (r == 0 && recv(socket, &n, sizeof(n), 0) == sizeof(n)) {
		struct answer answer = { .ns = 0 };
		answer.result = runner_run(&runner, n, &answer.ns, &answer.error);
		if (send(socket, &answer, sizeof(answer), MSG_NOSIGNAL) < 0)
			return 0;
	}
	return r;
}

static _Noreturn void be_worker(int socket, size_t ballast_bytes)
{
	struct answer answer = { .ns = 0 };

	answer.result = serve(socket, ballast_bytes, &answer.error);
	if (answer.result < 0)
		(void)!send(socket, &answer, sizeof(answer), MSG_NOSIGNAL);
	_exit(0);
}

static int worker_start(struct worker *worker, size_t ballast_bytes, struct bh_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return bh_fail(err, errno, "socket of a worker");
	worker->socket = pair[0];
	worker->pid = fork();
	if (worker->pid == 0) {
		close(pair[0]);
		be_worker(pair[1], ballast_bytes);
	}
	int code = errno;
	close(pair[1]);
	return worker->pid < 0 ? bh_fail(err, code, "fork a worker") : 0;
}

/* It ends with its socket. */
static void worker_done(struct worker *worker)
{
	bh_fd_done(&worker->socket);
	if (worker->pid > 0)
		waitpid(worker->pid, NULL, 0);
}

static int worker_run(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct worker *worker = userdata;
	struct answer answer;

	if (send(worker->socket, &n, sizeof(n), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return bh_fail(err, errno, "ask a worker");
	if (recv(worker->socket, &answer, sizeof(answer), 0) != sizeof(answer))
		return bh_fail_plain(err, EPROTO, "a worker ended early");
	*ns += answer.ns;
	if (answer.result < 0 && err)
		*err = answer.error;
	return answer.result;
}

static size_t choose_ballast(const struct bench_options *options, struct bench_report *report)
{
	uint64_t available = ballast_available();

	if (options->is_short)
		return GIB / 16;
	if (available >= 8 * (uint64_t)GIB)
		return 4 * GIB;
	bench_note(report, "1 GiB instead of 4, as %.1f GiB are available",
	           (double)available / (double)GIB);
	return GIB;
}

int bench_cold_big_parent(const struct bench_options *options, struct bench_report *report,
                          struct bh_error *err)
{
	const struct schedule full = {
		.rounds = 100, .chunks = 1, .floor_times = 5, .work_times = 5
	};
	const struct schedule tiny = {
		.rounds = 2, .chunks = 1, .floor_times = 2, .work_times = 2
	};
	struct bench_figure figure = { .name = "cold-big-parent",
		                       .goal = BENCH_AT_MOST,
		                       .goal_ratio = 1.1 };
	BH_CLEANUP(worker_done) struct worker small = WORKER_UNSET;
	BH_CLEANUP(worker_done) struct worker big = WORKER_UNSET;

	size_t ballast_bytes = choose_ballast(options, report);
	snprintf(figure.work, sizeof(figure.work), "cold from %zu MiB of heap, over cold",
	         ballast_bytes >> 20);
	int r = worker_start(&small, 0, err);
	if (r == 0)
		r = worker_start(&big, ballast_bytes, err);
	if (r < 0)
		return r;
	return measure(options->is_short ? &tiny : &full, (struct side){ worker_run, &small },
	               (struct side){ worker_run, &big }, SCALE_US, 0, figure, report, err);
}
