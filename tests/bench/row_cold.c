/* SPDX-License-Identifier: Apache-2.0 */

/* row_cold.c: one batch of one task and one entry of 4 KiB, in a process of its
 * own, over the least that the same process costs. */

#include <stdio.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/floor.h"
#include "tests/bench/runner.h"

#define ENTRY_BYTES 4096

static int measure_cold(const char *handler, const struct schedule *schedule,
                        struct bench_figure figure, struct bench_report *report,
                        struct bh_error *err)
{
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	BH_CLEANUP(floor_done) struct floor floor = FLOOR_UNSET;
	BH_CLEANUP(runner_done) struct runner runner = { .executor = NULL };
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", BH_HANDLERS, handler);
	int r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r == 0)
		r = floor_open(&floor, path, &corpus, err);
	if (r == 0)
		r = runner_open(&runner, handler, &corpus, 1, err);
	if (r < 0)
		return r;
	return measure(schedule, (struct side){ floor_run, &floor },
	               (struct side){ runner_run, &runner }, SCALE_US, 0, figure, report, err);
}

/* They cost more than those of version 2. An ordinary user's batches get none. */
static bool has_cgroups_of_version_1(void)
{
	return geteuid() == 0 && access("/sys/fs/cgroup/memory/cgroup.procs", F_OK) == 0;
}

int bench_cold(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err)
{
	const struct schedule full = {
		.rounds = 100, .chunks = 1, .floor_times = 5, .work_times = 5
	};
	const struct schedule tiny = {
		.rounds = 2, .chunks = 1, .floor_times = 2, .work_times = 2
	};
	const struct bench_figure figure = {
		.name = "cold",
		.work = "a batch, over vfork+execveat+wait of its handler",
		.goal = BENCH_AT_MOST,
		.goal_ratio = has_cgroups_of_version_1() ? 1.7 : 1.5,
	};

	return measure_cold("noop", options->is_short ? &tiny : &full, figure, report, err);
}

static bool has_msgpack(const struct corpus *corpus)
{
	BH_CLEANUP(floor_done) struct floor floor = FLOOR_UNSET;
	struct bh_error ignored;
	uint64_t ns = 0;

	return floor_open(&floor, BH_HANDLERS "/summary_msgpack.py", corpus, &ignored) == 0 &&
	       floor_run(&floor, 1, &ns, &ignored) == 0;
}

int bench_cold_python(const struct bench_options *options, struct bench_report *report,
                      struct bh_error *err)
{
	const struct schedule full = {
		.rounds = 12, .chunks = 1, .floor_times = 3, .work_times = 3
	};
	const struct schedule tiny = {
		.rounds = 1, .chunks = 1, .floor_times = 1, .work_times = 1
	};
	const struct bench_figure figure = {
		.name = "cold-python",
		.work = "a batch of a Python handler, over vfork+exec of the same",
		.goal = BENCH_AT_MOST,
		.goal_ratio = 1.2,
	};
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };

	int r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r < 0)
		return r;
	if (!has_msgpack(&corpus)) {
		report->skipped = true;
		bench_note(report, "its handler does not run here: it needs python3-msgpack");
		return 0;
	}
	return measure_cold("summary_msgpack.py", options->is_short ? &tiny : &full, figure, report,
	                    err);
}
