/* SPDX-License-Identifier: Apache-2.0 */

/* row_parallel.c: batches that need 5 ms of CPU each, two at a time over one at
 * a time. */

#include <stdio.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/runner.h"

#define ENTRY_BYTES 4096
#define AT_ONCE     80

int bench_parallel(const struct bench_options *options, struct bench_report *report,
                   struct bh_error *err)
{
	/* 400 batches on each side */
	const struct schedule full = {
		.rounds = 5, .chunks = 1, .floor_times = AT_ONCE, .work_times = AT_ONCE
	};
	const struct schedule tiny = {
		.rounds = 1, .chunks = 1, .floor_times = 20, .work_times = 20
	};
	const struct bench_figure figure = {
		.name = "parallel",
		.work = "batches of 5 ms of CPU with two jobs, over one job",
		.goal = BENCH_AT_LEAST,
		.goal_ratio = 1.8,
	};
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	BH_CLEANUP(runner_done) struct runner one = { .executor = NULL };
	BH_CLEANUP(runner_done) struct runner two = { .executor = NULL };

	int r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r == 0)
		r = runner_open(&one, "spin5", &corpus, 1, err);
	if (r == 0)
		r = runner_open(&two, "spin5", &corpus, 2, err);
	if (r < 0)
		return r;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		bench_note(report, "one CPU only: nothing to gain");
	return measure(options->is_short ? &tiny : &full, (struct side){ runner_run_all, &one },
	               (struct side){ runner_run_all, &two }, SCALE_PER_S, 1, figure, report, err);
}
