/* SPDX-License-Identifier: Apache-2.0 */

/* row_warm.c: the batch of row_cold.c by warm handlers: in a fork of one, over the
 * least that forking such a process costs, and in one process for all, over the
 * least that two processes need to ask and answer. */

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/measure.h"
#include "tests/bench/runner.h"

#define ENTRY_BYTES 4096

/* The other process of a floor, at one end of a socket pair. */
struct other {
	pid_t pid;
	int socket;
};
#define OTHER_UNSET ((struct other){ .socket = -1 })

static void other_done(struct other *other)
{
	bh_fd_done(&other->socket); /* which ends it */
	if (other->pid > 0)
		waitpid(other->pid, NULL, 0);
	other->pid = 0;
}

static void echo(int socket)
{
	char byte;

	while (read(socket, &byte, 1) == 1)
		if (write(socket, &byte, 1) != 1)
			break;
	_exit(0);
}

static void be_forker(int socket)
{
	char *const argv[] = { (char *)(uintptr_t) "forker", NULL };

	if (dup2(socket, STDIN_FILENO) >= 0 && dup2(socket, STDOUT_FILENO) >= 0)
		execv(BH_HANDLERS "/forker", argv);
	_exit(127);
}

static int other_start(struct other *other, void (*be)(int socket), struct bh_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return bh_fail(err, errno, "socket pair");
	other->socket = pair[0];
	other->pid = fork();
	if (other->pid == 0) {
		close(pair[0]);
		be(pair[1]);
	}
	int code = errno;
	close(pair[1]);
	return other->pid < 0 ? bh_fail(err, code, "fork") : 0;
}

static int run_forks(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct other *other = userdata;
	uint64_t times = n, taken_ns;

	if (write(other->socket, &times, sizeof(times)) != sizeof(times) ||
	    read(other->socket, &taken_ns, sizeof(taken_ns)) != sizeof(taken_ns))
		return bh_fail_plain(err, EPIPE, "the process that forks has ended");
	*ns += taken_ns;
	return 0;
}

static int run_round_trips(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct other *other = userdata;
	uint64_t begun_ns = measure_now_ns();
	char byte = 'x';

	for (size_t i = 0; i < n; i++)
		if (write(other->socket, &byte, 1) != 1 || read(other->socket, &byte, 1) != 1)
			return bh_fail_plain(err, EPIPE, "the process that answers has ended");
	*ns += measure_now_ns() - begun_ns;
	return 0;
}

static int measure_warm(enum bh_warm_mode warm, void (*be)(int socket),
                        int (*floor_run)(void *, size_t, uint64_t *, struct bh_error *),
                        const struct schedule *schedule, struct bench_figure figure,
                        struct bench_report *report, struct bh_error *err)
{
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	BH_CLEANUP(other_done) struct other other = OTHER_UNSET;
	BH_CLEANUP(runner_done) struct runner runner = { .executor = NULL };
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;

	options.handler = BH_HANDLERS "/noop";
	options.jobs = 1;
	options.warm = warm;
	int r = other_start(&other, be, err);
	if (r == 0)
		r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r < 0)
		return r;
	runner.batch = corpus_batch(&corpus);
	r = bh_executor_new(corpus.store, &options, &runner.executor, err);
	if (r < 0)
		return r;
	return measure(schedule, (struct side){ floor_run, &other },
	               (struct side){ runner_run, &runner }, SCALE_US, 0, figure, report, err);
}

int bench_warm(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err)
{
	const struct schedule full = {
		.rounds = 100, .chunks = 1, .floor_times = 10, .work_times = 10
	};
	const struct schedule tiny = {
		.rounds = 2, .chunks = 1, .floor_times = 2, .work_times = 2
	};
	const struct bench_figure figure = {
		.name = "warm",
		.work = "a batch in a fork, over fork+_exit+wait in such a process",
		.goal = BENCH_AT_MOST,
		.goal_ratio = 1.5,
	};

	return measure_warm(BH_WARM_FORK, be_forker, run_forks, options->is_short ? &tiny : &full,
	                    figure, report, err);
}

int bench_reuse(const struct bench_options *options, struct bench_report *report,
                struct bh_error *err)
{
	const struct schedule full = {
		.rounds = 100, .chunks = 1, .floor_times = 50, .work_times = 20
	};
	const struct schedule tiny = {
		.rounds = 2, .chunks = 1, .floor_times = 2, .work_times = 2
	};
	const struct bench_figure figure = {
		.name = "reuse",
		.work = "a batch in one process for all, over a 1-byte round trip",
		.goal = BENCH_AT_MOST,
		.goal_ratio = 5,
	};

	return measure_warm(BH_WARM_REUSE, echo, run_round_trips, options->is_short ? &tiny : &full,
	                    figure, report, err);
}
