/* SPDX-License-Identifier: Apache-2.0 */

/* row_plan.c: what a task costs to plan, to lease and to encode, as the tasks
 * and entries become more; over what it costs with a thousand of each. */

#include <stdio.h>

#include "bulkhead/planner.h"
#include "ipc/wire/base.h"
#include "tests/bench/corpus.h"
#include "tests/bench/measure.h"

#define ENTRY_BYTES   16
#define MOST_REQUIRED 3
#define SIZES         4
#define TASKS_A_ROUND 100000 /* small sizes are planned again and again */

static int plan_once(const struct corpus *corpus, struct bh_planner *planner, struct bh_error *err)
{
	BH_CLEANUP(bh_plan_done) struct bh_plan plan = BH_PLAN_UNSET;

	int r = bh_planner_plan(planner, corpus->store, corpus->tasks, corpus->n_tasks, &plan, err);
	for (size_t i = 0; r == 0 && i < plan.n_batches; i++)
		r = corpus_encode(corpus, &plan.batches[i], err);
	return r;
}

/* Microseconds for each task. */
static int plan_round(const struct corpus *corpus, struct bh_planner *planner, double *ret,
                      struct bh_error *err)
{
	size_t times = corpus->n_tasks < TASKS_A_ROUND ? TASKS_A_ROUND / corpus->n_tasks : 1;
	uint64_t begun_ns = measure_now_ns();
	int r = 0;

	for (size_t i = 0; r == 0 && i < times; i++)
		r = plan_once(corpus, planner, err);
	*ret = (double)(measure_now_ns() - begun_ns) / 1e3 / (double)times /
	       (double)corpus->n_tasks;
	return r;
}

static void add_figures(double costs[SIZES][MEASURE_MAX_ROUNDS], const struct corpus *corpora,
                        size_t n_sizes, size_t rounds, struct bench_report *report)
{
	for (size_t i = 1; i < n_sizes; i++) {
		struct bench_figure figure = { .unit = "us/task",
			                       .goal = BENCH_AT_MOST,
			                       .goal_ratio = 1.5 };
		snprintf(figure.name, sizeof(figure.name), "plan-%zu", corpora[i].n_tasks);
		snprintf(figure.work, sizeof(figure.work),
		         "plan, lease, encode a task of %zu, over one of %zu", corpora[i].n_tasks,
		         corpora[0].n_tasks);
		measure_add(costs[0], costs[i], rounds, figure, report);
	}
}

static int run_rounds(const struct corpus *corpora, size_t n_sizes, size_t rounds,
                      struct bench_report *report, struct bh_error *err)
{
	double costs[SIZES][MEASURE_MAX_ROUNDS];
	struct bh_planner *planner;

	int r = bh_planner_new(&BH_PLANNER_DEFAULT, &planner, err);
	if (r < 0)
		return r;
	/* the first round is to warm up: its figures are overwritten */
	for (size_t round = 0; r == 0 && round <= rounds; round++)
		for (size_t i = 0; r == 0 && i < n_sizes; i++)
			r = plan_round(&corpora[i], planner, &costs[i][round ? round - 1 : 0], err);
	bh_planner_free(planner);
	if (r == 0)
		add_figures(costs, corpora, n_sizes, rounds, report);
	return r;
}

int bench_plan(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err)
{
	static const size_t sizes[SIZES] = { 1000, 10000, 100000, 1000000 };
	struct corpus corpora[SIZES] = { { .store = NULL } };
	size_t n_sizes = options->is_short ? 2 : SIZES;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_sizes; i++)
		r = corpus_make(&corpora[i], sizes[i], ENTRY_BYTES, sizes[i], MOST_REQUIRED, err);
	if (r == 0)
		r = run_rounds(corpora, n_sizes, options->is_short ? 1 : 5, report, err);
	for (size_t i = 0; i < n_sizes; i++)
		corpus_done(&corpora[i]);
	return r;
}
