/* SPDX-License-Identifier: Apache-2.0 */

/* execute.c: the blocking forms, on top of an executor's step. */

#include <limits.h>
#include <poll.h>

#include "bulkhead/executor.h"
#include "ipc/wire/base.h"
#include "supervisor/executor.h"

/* Waits for either descriptor. Returns 1 for `stop_fd`, 0 for the executor. */
static int wait_for(const struct bh_executor *executor, int stop_fd, struct bh_error *err)
{
	struct pollfd waits[] = { { .fd = bh_executor_fd(executor), .events = POLLIN },
		                  { .fd = stop_fd, .events = POLLIN } };
	int n;

	do
		n = poll(waits, BH_COUNT_OF(waits), -1); /* a negative descriptor is ignored */
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return bh_fail(err, errno, "wait for batches");
	return waits[1].revents != 0;
}

static int wait_and_step(struct bh_executor *executor, int stop_fd, struct bh_error *err)
{
	int r = wait_for(executor, stop_fd, err);

	if (r < 0)
		return r;
	if (r == 1)
		return bh_fail_plain(err, ECANCELED, "stopped by the caller");
	return bh_executor_step(executor, err);
}

int bh_executor_drain(struct bh_executor *executor, int stop_fd, struct bh_error *err)
{
	int r = 0;

	while (r == 0 && bh_executor_pending(executor) > 0)
		r = wait_and_step(executor, stop_fd, err);
	return r;
}

static int check_idle(const struct bh_executor *executor, struct bh_error *err)
{
	if (bh_executor_pending(executor) > 0)
		return bh_fail_plain(err, EBUSY, "other batches are pending");
	return 0;
}

static void keep_one(struct bh_result *result, void *userdata)
{
	*(struct bh_result **)userdata = result;
}

int bh_execute_batch(struct bh_executor *executor, const struct bh_batch *batch,
                     struct bh_result **ret, struct bh_error *err)
{
	struct bh_result *result = NULL;

	int r = check_idle(executor, err);
	if (r < 0)
		return r;
	bh_executor_will_step(executor, true);
	r = bh_executor_submit(executor, batch, keep_one, &result, NULL, err);
	if (r < 0) {
		bh_executor_will_step(executor, false);
		return r;
	}
	r = bh_executor_step(executor, err);
	if (r == 0)
		r = bh_executor_drain(executor, -1, err);
	if (r < 0) {
		bh_executor_abandon(executor); /* it would write to `result` later */
		return r;
	}
	*ret = result;
	return 0;
}

/* What bh_execute_all gathers. */
struct gathering {
	struct bh_executor *executor;
	struct bh_result **results; /* by place in the input; NULL where absent */
	size_t first_index;         /* the executor's number for place 0 */
	bool stop_on_error;
	bool stopped;
};

static void stop(struct gathering *gathering)
{
	gathering->stopped = true;
	bh_executor_cancel(gathering->executor);
}

static void gather(struct bh_result *result, void *userdata)
{
	struct gathering *gathering = userdata;
	size_t place = result->index - gathering->first_index;

	if (gathering->stopped && result->outcome.kind == BH_KIND_CANCELLED &&
	    result->attempts == 0) {
		bh_result_free(result); /* never started: absent */
		return;
	}
	result->index = place;
	gathering->results[place] = result;
	if (!result->success && gathering->stop_on_error && !gathering->stopped)
		stop(gathering);
}

/* Submits as many as can start, so that a stop finds few that have to be
 * cancelled. Returns how many: for these, a step is due. */
static int submit_some(struct gathering *gathering, const struct bh_batch *batches,
                       size_t n_batches, size_t *next, struct bh_error *err)
{
	struct bh_executor *executor = gathering->executor;
	int n = 0;
	int r = 0;

	bh_executor_will_step(executor, true);
	while (r == 0 && !gathering->stopped && *next < n_batches && n < INT_MAX &&
	       bh_executor_busy(executor) < bh_executor_jobs(executor)) {
		r = bh_executor_submit(executor, &batches[*next], gather, gathering, NULL, err);
		*next += r == 0;
		n += r == 0;
	}
	bh_executor_will_step(executor, r == 0 && n > 0);
	return r < 0 ? r : n;
}

static int run_all(struct gathering *gathering, const struct bh_batch *batches, size_t n_batches,
                   struct bh_error *err)
{
	struct bh_executor *executor = gathering->executor;
	size_t next = 0;
	int r;

	do {
		int n = submit_some(gathering, batches, n_batches, &next, err);
		if (n < 0)
			return n;
		if (n > 0)
			r = bh_executor_step(executor, err);
		else
			r = bh_executor_pending(executor) > 0 ? wait_and_step(executor, -1, err)
			                                      : 0;
	} while (r == 0 &&
	         (bh_executor_pending(executor) > 0 || (next < n_batches && !gathering->stopped)));
	return r;
}

static size_t pack(struct bh_result **results, size_t n)
{
	size_t n_packed = 0;

	for (size_t i = 0; i < n; i++)
		if (results[i])
			results[n_packed++] = results[i];
	return n_packed;
}

int bh_execute_all(struct bh_executor *executor, const struct bh_batch *batches, size_t n_batches,
                   bool stop_on_error, struct bh_result **results, size_t *n_results,
                   struct bh_error *err)
{
	struct gathering gathering = { .executor = executor,
		                       .results = results,
		                       .first_index = bh_executor_next_index(executor),
		                       .stop_on_error = stop_on_error };

	*n_results = 0;
	int r = check_idle(executor, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_batches; i++)
		results[i] = NULL;
	r = run_all(&gathering, batches, n_batches, err);
	if (r < 0 && bh_executor_pending(executor) > 0) {
		stop(&gathering);
		if (bh_executor_drain(executor, -1, NULL) < 0)
			bh_executor_abandon(executor);
	}
	*n_results = pack(results, n_batches);
	return r;
}
