/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_RUNNER_H
#define BENCH_RUNNER_H

/* runner.h: whole batches through the library. */

#include "bulkhead/executor.h"
#include "tests/bench/corpus.h"
#include "tests/bench/measure.h"

struct runner {
	struct bh_executor *executor;
	struct bh_batch batch;
};

/* `handler` is a name in the handlers of the build tree; options are the defaults. */
BH_MUST_CHECK
int runner_open(struct runner *runner, const char *handler, const struct corpus *corpus,
                size_t jobs, struct bh_error *err);
/* With other options, whose `handler` is set here. */
BH_MUST_CHECK
int runner_open_with(struct runner *runner, const char *handler, const struct corpus *corpus,
                     struct bh_executor_options options, struct bh_error *err);
void runner_done(struct runner *runner);

/* A side of `measure` whose userdata is a runner: its batch, one after another.
 * -EPROTO where one fails. */
int runner_run(void *userdata, size_t n, uint64_t *ns, struct bh_error *err);

/* The same with as many at a time as the executor runs. `n` is at most
 * RUNNER_AT_ONCE. */
#define RUNNER_AT_ONCE 80
int runner_run_all(void *userdata, size_t n, uint64_t *ns, struct bh_error *err);

/* Frees the result; -EPROTO where it is no success. */
int runner_take(struct bh_result *result, struct bh_error *err);

#endif
