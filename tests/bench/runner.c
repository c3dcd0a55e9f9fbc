/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/runner.h"

#include <assert.h>
#include <stdio.h>

#include "ipc/wire/base.h"

int runner_open(struct runner *runner, const char *handler, const struct corpus *corpus,
                size_t jobs, struct bh_error *err)
{
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;

	options.jobs = jobs;
	return runner_open_with(runner, handler, corpus, options, err);
}

int runner_open_with(struct runner *runner, const char *handler, const struct corpus *corpus,
                     struct bh_executor_options options, struct bh_error *err)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", BH_HANDLERS, handler);
	options.handler = path;
	*runner = (struct runner){ .batch = corpus_batch(corpus) };
	return bh_executor_new(corpus->store, &options, &runner->executor, err);
}

void runner_done(struct runner *runner)
{
	bh_executor_free(runner->executor);
	runner->executor = NULL;
}

int runner_take(struct bh_result *result, struct bh_error *err)
{
	int r = 0;

	if (!result->success)
		r = bh_fail_plain(err, EPROTO, "batch %s ended as %s: %s", result->batch_id,
		                  bh_kind_name(result->outcome.kind), result->outcome.message);
	bh_result_free(result);
	return r;
}

int runner_run(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct runner *runner = userdata;
	uint64_t begun_ns = measure_now_ns();
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct bh_result *result;
		r = bh_execute_batch(runner->executor, &runner->batch, &result, err);
		if (r == 0)
			r = runner_take(result, err);
	}
	*ns += measure_now_ns() - begun_ns;
	return r;
}

int runner_run_all(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct runner *runner = userdata;
	struct bh_batch batches[RUNNER_AT_ONCE];
	struct bh_result *results[RUNNER_AT_ONCE];
	size_t n_results;

	assert(n <= RUNNER_AT_ONCE);
	for (size_t i = 0; i < n; i++)
		batches[i] = runner->batch;
	uint64_t begun_ns = measure_now_ns();
	int r = bh_execute_all(runner->executor, batches, n, false, results, &n_results, err);
	*ns += measure_now_ns() - begun_ns;
	for (size_t i = 0; i < n_results; i++) {
		int taken = runner_take(results[i], r == 0 ? err : NULL);
		if (r == 0)
			r = taken;
	}
	return r;
}
