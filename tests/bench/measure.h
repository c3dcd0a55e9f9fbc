/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

/* measure.h: floor and work by turns.
 *
 * A round has some chunks; a chunk does the floor some times, then the work some
 * times. What else the machine does meets both alike. The figure of a round is
 * the ratio of its two sums; that of a run is the median over its rounds, and its
 * spread what lies between their quartiles. */

#include "tests/bench/bench.h"

#define MEASURE_MAX_ROUNDS 128

/* One side. `run` does it `n` times and adds to `*ns` the time that counts. */
struct side {
	int (*run)(void *userdata, size_t n, uint64_t *ns, struct bh_error *err);
	void *userdata;
};

struct schedule {
	size_t rounds;      /* at most MEASURE_MAX_ROUNDS */
	size_t chunks;      /* in a round */
	size_t floor_times; /* in a chunk */
	size_t work_times;
};

/* Turns nanoseconds of one time into the unit of the figure. */
enum scale {
	SCALE_US,        /* microseconds for each time */
	SCALE_US_PER,    /* microseconds for each of `amount` in a time */
	SCALE_NS_PER,    /* nanoseconds for each of `amount` in a time */
	SCALE_MIB_PER_S, /* of `amount` bytes for each time; more is better */
	SCALE_PER_S,     /* of `amount` for each time; more is better */
};

uint64_t measure_now_ns(void);

/* Warms both sides up, measures, and adds `figure`, whose name, work and goal
 * are set. */
BH_MUST_CHECK
int measure(const struct schedule *schedule, struct side floor, struct side work, enum scale scale,
            double amount, struct bench_figure figure, struct bench_report *report,
            struct bh_error *err);

/* The same for any number of sides, each done `work_times` in a round, for a row
 * that compares them in its own way: microseconds for each time, by side and
 * round. Each round begins with another side and goes the other way round, for a
 * side may leave work behind that its next neighbour feels. */
BH_MUST_CHECK
int measure_sides(const struct schedule *schedule, const struct side *sides, size_t n_sides,
                  double (*ret)[MEASURE_MAX_ROUNDS], struct bh_error *err);

/* The last step of `measure`, for a row that has its own rounds: the two sides
 * of each round in the figure's unit. */
void measure_add(const double *floors, const double *works, size_t rounds,
                 struct bench_figure figure, struct bench_report *report);

#endif
