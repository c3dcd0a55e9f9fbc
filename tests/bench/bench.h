/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

/* bench.h: what the rows of the benchmark share.
 *
 * A row does the same work in two ways, the floor and ours, by turns in one run,
 * and reports how they compare: absolute times drift, their ratio does not. Each
 * row runs in a process of its own, so that none inherits the heap of another.
 * A missed goal is a finding, not a failure: only a row that could not run
 * fails. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

enum bench_goal {
	BENCH_NO_GOAL,
	BENCH_AT_MOST,
	BENCH_AT_LEAST,
};

/* What one figure of a row is: set before it is measured. */
struct bench_figure {
	char name[32];
	char work[72];
	const char *unit; /* of `floor` and `measured` */
	double floor;     /* medians over the rounds */
	double measured;
	double ratio;
	double low; /* quartiles of the ratio over the rounds */
	double high;
	size_t rounds;
	enum bench_goal goal;
	double goal_ratio;
};

#define BENCH_MAX_FIGURES 8
#define BENCH_NOTE_SIZE   256

/* What a row has to say. Lives in memory that its process shares with the
 * bench's own. */
struct bench_report {
	struct bench_figure figures[BENCH_MAX_FIGURES];
	size_t n_figures;
	char note[BENCH_NOTE_SIZE]; /* in words; "" for none */
	bool skipped;               /* can't run here: the note says why */
	bool failed;
	struct bh_error error;
};

struct bench_options {
	bool is_short;    /* tiny numbers: only to see that it works */
	uint64_t batches; /* of the soak */
};

/* A row measures and adds its figures. Negative errors as everywhere. */
int bench_cold(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err);
int bench_cold_big_parent(const struct bench_options *options, struct bench_report *report,
                          struct bh_error *err);
int bench_cold_python(const struct bench_options *options, struct bench_report *report,
                      struct bh_error *err);
int bench_context(const struct bench_options *options, struct bench_report *report,
                  struct bh_error *err);
int bench_results(const struct bench_options *options, struct bench_report *report,
                  struct bh_error *err);
int bench_parallel(const struct bench_options *options, struct bench_report *report,
                   struct bh_error *err);
int bench_plan(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err);
/* Passes or fails: an error where something leaks. */
int bench_soak(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err);

#endif
