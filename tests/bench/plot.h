/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

/* plot.h: the cost against the load, as SVG: a panel for each `enum bench_load`,
 * with a point for each figure that has one, its ratio and the quartiles. */

#include "tests/bench/bench.h"

#define PLOT_MAX_POINTS 32

struct plot {
	struct bench_figure points[PLOT_MAX_POINTS];
	size_t n_points;
};

/* Keeps the figures of a row that are points. */
void plot_add(struct plot *plot, const struct bench_report *report);
BH_MUST_CHECK
int plot_write(const struct plot *plot, const char *path, struct bh_error *err);

#endif
