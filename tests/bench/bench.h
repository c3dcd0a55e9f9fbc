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

/* What grows from figure to figure in the rows that are plotted. */
enum bench_load {
	BENCH_NO_LOAD,
	BENCH_LOAD_CONTEXT, /* bytes of the entry */
	BENCH_LOAD_JOBS,    /* batches at a time */
};

/* What one figure of a row is: set before it is measured. */
struct bench_figure {
	char name[32];
	char work[72];
	const char *unit; /* of `floor` and `measured` */
	double floor;     /* medians over the rounds; 0 where there is none */
	double measured;
	double ratio;
	double low; /* quartiles of the ratio over the rounds */
	double high;
	size_t rounds;
	enum bench_goal goal;
	double goal_ratio;
	enum bench_load load; /* a point of a plot: */
	double load_amount;
	const char *lacks; /* of a peer: what bulkhead does and it doesn't; NULL */
};

#define BENCH_MAX_FIGURES 24
#define BENCH_NOTE_SIZE   1024

/* What a row has to say. Lives in memory that its process shares with the
 * bench's own. */
struct bench_report {
	struct bench_figure figures[BENCH_MAX_FIGURES];
	size_t n_figures;
	char note[BENCH_NOTE_SIZE]; /* in words, some lines; "" for none */
	bool skipped;               /* can't run here: the note says why */
	bool failed;
	struct bh_error error;
};

struct bench_options {
	bool is_short;    /* tiny numbers: only to see that it works */
	uint64_t batches; /* of the soak */
};

/* Adds a line to the note; what doesn't fit is cut off. */
__attribute__((format(printf, 2, 3))) void bench_note(struct bench_report *report,
                                                      const char *format, ...);

/* A row measures and adds its figures. Negative errors as everywhere. */
int bench_cold(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err);
int bench_cold_big_parent(const struct bench_options *options, struct bench_report *report,
                          struct bh_error *err);
int bench_cold_python(const struct bench_options *options, struct bench_report *report,
                      struct bh_error *err);
int bench_cold_scratch(const struct bench_options *options, struct bench_report *report,
                       struct bh_error *err);
int bench_warm(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err);
int bench_reuse(const struct bench_options *options, struct bench_report *report,
                struct bh_error *err);
int bench_layers(const struct bench_options *options, struct bench_report *report,
                 struct bh_error *err);
int bench_start(const struct bench_options *options, struct bench_report *report,
                struct bh_error *err);
int bench_calls(const struct bench_options *options, struct bench_report *report,
                struct bh_error *err);
int bench_instructions(const struct bench_options *options, struct bench_report *report,
                       struct bh_error *err);
int bench_load_context(const struct bench_options *options, struct bench_report *report,
                       struct bh_error *err);
int bench_load_jobs(const struct bench_options *options, struct bench_report *report,
                    struct bh_error *err);
int bench_peers(const struct bench_options *options, struct bench_report *report,
                struct bh_error *err);
int bench_context(const struct bench_options *options, struct bench_report *report,
                  struct bh_error *err);
int bench_results(const struct bench_options *options, struct bench_report *report,
                  struct bh_error *err);
int bench_parallel(const struct bench_options *options, struct bench_report *report,
                   struct bh_error *err);
int bench_plan(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err);
/* Runs cold batches and measures nothing: for a profiler. */
int bench_batches(const struct bench_options *options, struct bench_report *report,
                  struct bh_error *err);
/* Passes or fails: an error where something leaks. */
int bench_soak(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err);

#endif
