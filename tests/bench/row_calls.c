/* SPDX-License-Identifier: Apache-2.0 */

/* row_calls.c: a handler that makes a million allowed system calls, isolated over
 * not isolated. The cheapest call there is shows the cost at its worst; one that
 * reads the context shows it for a call that does something. */

#include <stdio.h>

#include "ipc/wire/base.h"
#include "tests/bench/runner.h"

#define ENTRY_BYTES 4096
#define N_CALLS     1000000 /* see calls.c */

static int measure_kind(const char *kind, const struct corpus *corpus,
                        const struct schedule *schedule, struct bench_report *report,
                        struct bh_error *err)
{
	BH_CLEANUP(runner_done) struct runner none = { .executor = NULL };
	BH_CLEANUP(runner_done) struct runner strict = { .executor = NULL };
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	const char *const args[] = { kind, NULL };
	struct bench_figure figure = { .goal = BENCH_AT_MOST, .goal_ratio = 1.1 };

	snprintf(figure.name, sizeof(figure.name), "calls-%s", kind);
	snprintf(figure.work, sizeof(figure.work), "each of 10^6 calls, over isolation none");
	options.jobs = 1;
	options.limits.timeout_us = BH_UNLIMITED; /* for any machine */
	options.handler_args = args;
	int r = runner_open_with(&strict, "calls", corpus, options, err);
	options.isolation = BH_ISOLATION_NONE;
	if (r == 0)
		r = runner_open_with(&none, "calls", corpus, options, err);
	if (r < 0)
		return r;
	return measure(schedule, (struct side){ runner_run, &none },
	               (struct side){ runner_run, &strict }, SCALE_NS_PER, N_CALLS, figure, report,
	               err);
}

int bench_calls(const struct bench_options *options, struct bench_report *report,
                struct bh_error *err)
{
	static const char *const kinds[] = { "getppid", "clock_gettime", "pread" };
	const struct schedule schedule = {
		.rounds = options->is_short ? 1 : 15, .chunks = 1, .floor_times = 1, .work_times = 1
	};
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };

	int r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(kinds); i++)
		r = measure_kind(kinds[i], &corpus, &schedule, report, err);
	return r;
}
