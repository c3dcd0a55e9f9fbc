/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/measure.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ipc/wire/base.h"

uint64_t measure_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* The value below which `part` of them lie, between two where it must. */
static double quantile(const double *values, size_t n, double part)
{
	double sorted[MEASURE_MAX_ROUNDS];
	double place = part * (double)(n - 1);
	size_t below = (size_t)place;

	memcpy(sorted, values, n * sizeof(*values));
	qsort(sorted, n, sizeof(*sorted), compare);
	if (below + 1 == n)
		return sorted[below];
	return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}

void measure_add(const double *floors, const double *works, size_t rounds,
                 struct bench_figure figure, struct bench_report *report)
{
	double ratios[MEASURE_MAX_ROUNDS];

	assert(rounds > 0 && rounds <= MEASURE_MAX_ROUNDS);
	assert(report->n_figures < BENCH_MAX_FIGURES);
	for (size_t i = 0; i < rounds; i++)
		ratios[i] = works[i] / floors[i];
	figure.rounds = rounds;
	figure.floor = quantile(floors, rounds, 0.5);
	figure.measured = quantile(works, rounds, 0.5);
	figure.ratio = quantile(ratios, rounds, 0.5);
	figure.low = quantile(ratios, rounds, 0.25);
	figure.high = quantile(ratios, rounds, 0.75);
	report->figures[report->n_figures++] = figure;
}

static double scaled(enum scale scale, uint64_t ns, size_t times, double amount)
{
	double ns_each = (double)(ns ? ns : 1) / (double)times;

	switch (scale) {
	case SCALE_US:
		return ns_each / 1e3;
	case SCALE_US_PER:
		return ns_each / 1e3 / amount;
	case SCALE_NS_PER:
		return ns_each / amount;
	case SCALE_MIB_PER_S:
		return amount / (1 << 20) / (ns_each / 1e9);
	case SCALE_PER_S:
		return amount / (ns_each / 1e9);
	}
	return 0;
}

static const char *unit_of(enum scale scale)
{
	switch (scale) {
	case SCALE_US:
	case SCALE_US_PER:
		return "us";
	case SCALE_NS_PER:
		return "ns";
	case SCALE_MIB_PER_S:
		return "MiB/s";
	case SCALE_PER_S:
		return "1/s";
	}
	return "";
}

static int run_round(const struct schedule *schedule, const struct side *floor,
                     const struct side *work, uint64_t *floor_ns, uint64_t *work_ns,
                     struct bh_error *err)
{
	int r = 0;

	*floor_ns = *work_ns = 0;
	for (size_t i = 0; r == 0 && i < schedule->chunks; i++) {
		r = floor->run(floor->userdata, schedule->floor_times, floor_ns, err);
		if (r == 0)
			r = work->run(work->userdata, schedule->work_times, work_ns, err);
	}
	return r;
}

int measure(const struct schedule *schedule, struct side floor, struct side work, enum scale scale,
            double amount, struct bench_figure figure, struct bench_report *report,
            struct bh_error *err)
{
	double floors[MEASURE_MAX_ROUNDS], works[MEASURE_MAX_ROUNDS];
	uint64_t floor_ns = 0, work_ns = 0;

	int r = floor.run(floor.userdata, 1, &floor_ns, err); /* to warm up */
	if (r == 0)
		r = work.run(work.userdata, 1, &work_ns, err);
	for (size_t i = 0; r == 0 && i < schedule->rounds; i++) {
		r = run_round(schedule, &floor, &work, &floor_ns, &work_ns, err);
		floors[i] =
		        scaled(scale, floor_ns, schedule->chunks * schedule->floor_times, amount);
		works[i] = scaled(scale, work_ns, schedule->chunks * schedule->work_times, amount);
	}
	if (r < 0)
		return r;
	figure.unit = unit_of(scale);
	measure_add(floors, works, schedule->rounds, figure, report);
	return 0;
}

int measure_sides(const struct schedule *schedule, const struct side *sides, size_t n_sides,
                  double (*ret)[MEASURE_MAX_ROUNDS], struct bh_error *err)
{
	int r = 0;

	/* round 0 is to warm up: its figures are overwritten */
	for (size_t round = 0; r == 0 && round <= schedule->rounds; round++)
		for (size_t i = 0; r == 0 && i < n_sides; i++) {
			size_t at = (i + round) % n_sides;
			size_t side = round % 2 ? n_sides - 1 - at : at;
			uint64_t ns = 0;
			r = sides[side].run(sides[side].userdata, schedule->work_times, &ns, err);
			ret[side][round ? round - 1 : 0] =
			        scaled(SCALE_US, ns, schedule->work_times, 0);
		}
	return r;
}
