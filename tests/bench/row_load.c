/* SPDX-License-Identifier: Apache-2.0 */

/* row_load.c: how the cost of a batch goes with what it is given, and how the
 * throughput goes with the batches at a time. The figures are points of a plot:
 * see plot.h. */

#include <stdio.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/floor.h"
#include "tests/bench/runner.h"

#define MOST_JOBS   16
#define ENTRY_BYTES 4096

/* ---- the context ---- */

static int measure_entry(size_t entry_bytes, const struct schedule *schedule,
                         struct bench_report *report, struct bh_error *err)
{
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	BH_CLEANUP(floor_done) struct floor floor = FLOOR_UNSET;
	BH_CLEANUP(runner_done) struct runner runner = { .executor = NULL };
	struct bench_figure figure = { .load = BENCH_LOAD_CONTEXT,
		                       .load_amount = (double)entry_bytes };

	snprintf(figure.name, sizeof(figure.name), "load-context-%zuk", entry_bytes >> 10);
	snprintf(figure.work, sizeof(figure.work), "a batch with an entry of %zu KiB, over its run",
	         entry_bytes >> 10);
	int r = corpus_make(&corpus, 1, entry_bytes, 1, 1, err);
	if (r == 0)
		r = floor_open(&floor, BH_HANDLERS "/noop", &corpus, err);
	if (r == 0)
		r = runner_open(&runner, "noop", &corpus, 1, err);
	if (r < 0)
		return r;
	return measure(schedule, (struct side){ floor_run, &floor },
	               (struct side){ runner_run, &runner }, SCALE_US, 0, figure, report, err);
}

int bench_load_context(const struct bench_options *options, struct bench_report *report,
                       struct bh_error *err)
{
	const size_t largest = options->is_short ? (size_t)64 << 10 : (size_t)16 << 20;
	const struct schedule schedule = {
		.rounds = options->is_short ? 1 : 25, .chunks = 1, .floor_times = 2, .work_times = 2
	};
	int r = 0;

	for (size_t bytes = ENTRY_BYTES; r == 0 && bytes <= largest; bytes *= 4)
		r = measure_entry(bytes, &schedule, report, err);
	return r;
}

/* ---- batches at a time ---- */

static int measure_jobs(struct runner *one, size_t jobs, const struct corpus *corpus,
                        const struct schedule *schedule, struct bench_report *report,
                        struct bh_error *err)
{
	BH_CLEANUP(runner_done) struct runner many = { .executor = NULL };
	struct bench_figure figure = { .load = BENCH_LOAD_JOBS, .load_amount = (double)jobs };

	snprintf(figure.name, sizeof(figure.name), "load-jobs-%zu", jobs);
	snprintf(figure.work, sizeof(figure.work),
	         "batches a second of 5 ms of CPU with -j%zu, over -j1", jobs);
	int r = runner_open(&many, "spin5", corpus, jobs, err);
	if (r < 0)
		return r;
	return measure(schedule, (struct side){ runner_run_all, one },
	               (struct side){ runner_run_all, &many }, SCALE_PER_S, 1, figure, report, err);
}

int bench_load_jobs(const struct bench_options *options, struct bench_report *report,
                    struct bh_error *err)
{
	const size_t most = options->is_short ? 2 : MOST_JOBS;
	const struct schedule schedule = { .rounds = options->is_short ? 1 : 7,
		                           .chunks = 1,
		                           .floor_times = options->is_short ? 4 : 32,
		                           .work_times = options->is_short ? 4 : 32 };
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	BH_CLEANUP(runner_done) struct runner one = { .executor = NULL };

	int r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r == 0)
		r = runner_open(&one, "spin5", &corpus, 1, err);
	for (size_t jobs = 1; r == 0 && jobs <= most; jobs *= 2)
		r = measure_jobs(&one, jobs, &corpus, &schedule, report, err);
	bench_note(report, "%ld CPUs are online", sysconf(_SC_NPROCESSORS_ONLN));
	return r;
}
