/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/runner.h"

#include <stdio.h>

#include "ipc/wire/base.h"

int runner_open(struct runner *runner, const char *handler, const struct corpus *corpus,
                size_t jobs, struct bh_error *err)
{
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", BH_HANDLERS, handler);
	options.handler = path;
	options.jobs = jobs;
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
