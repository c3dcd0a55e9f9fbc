/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HOSTILE_TRIAL_H
#define BH_TESTS_HOSTILE_TRIAL_H

/* trial.h: one attack in the sandbox, through the library. */

#include "bait.h"
#include "rows.h"

struct trial {
	struct bait bait;
	struct bh_store *store;
	struct bh_executor *executor;
	char program[512], launcher[512];
	size_t fds_before, processes_before;
	char missing_layers[BH_LAYERS_TEXT_SIZE]; /* "" where isolation is strict */
};

#define TRIAL_CAPACITY ((int64_t)16 << 20) /* of descriptor 4: the default */

/* Starts an executor for the row's program and options, with `jobs` at a time.
 * Where strict isolation can't be had it is what can, but for `trial_reopen` with
 * BH_ISOLATION_NONE. */
void trial_init(struct trial *trial, const struct row *row, size_t jobs);
/* Another executor, with these options but the launcher's and the isolation's. */
void trial_reopen(struct trial *trial, const struct bh_executor_options *wanted);
/* Checks that nothing is left: no process, no lease, no descriptor. */
void trial_done(struct trial *trial);

/* A batch of one task, and its result in the end. */
struct trial_batch {
	struct bh_batch batch;
	struct bh_task task;
	const struct bh_task *pointer;
	msgpack_sbuffer params;
	struct bh_result *result;
};
struct params trial_params(const struct trial *trial, const struct row *row);
void trial_submit(struct trial *trial, struct trial_batch *batch, const struct params *params);
void trial_run(struct trial *trial);
void trial_batch_done(struct trial_batch *batch);

/* What an attack reported of itself. */
struct report {
	bool there, gained, absent;
	int64_t from_ms, until_ms; /* on the monotonic clock */
	char detail[512];
};
struct report report_read(const void *value, size_t size);
struct report report_of(const struct bh_result *result);

/* True where one of the layers, named with spaces between, is missing. */
bool trial_lacks(const struct bh_result *result, const char *layers);

/* Whether anything stands between it and the host's files: a root of its own or Landlock. */
bool trial_has_wall(const struct bh_result *result);

void not_run(const char *what, const char *way, const char *why);

/* Descendants of this process, without launchers and what they have made ahead for
 * batches to come, which runs in their image. */
size_t count_descendants(void);

#endif
