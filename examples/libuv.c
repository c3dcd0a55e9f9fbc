/* SPDX-License-Identifier: Apache-2.0 */

/* libuv HANDLER TEXT…: runs the handler over each text, a batch a text, in the
 * default loop of libuv, with a timer of its own beside.
 *
 * The executor's descriptor is polled for reading; its callback steps. Results are
 * taken after the step instead of being handed to a callback. A loop of libuv
 * ends when nothing is active: so the poll is stopped when the last batch is done.
 *
 * Build: cc libuv.c $(pkg-config --cflags --libs bulkhead libuv) */

#include <bulkhead/bulkhead.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define MAX_TEXTS 64

/* A batch with one task over one entry. */
struct work {
	char id[16];
	const char *entry_ids[1];
	struct bh_task task;
	const struct bh_task *tasks[1];
	struct bh_batch batch;
};

struct program {
	struct bh_store *store;
	struct bh_executor *executor;
	struct work works[MAX_TEXTS];
	uv_poll_t poll;
	uv_timer_t timer;
	int failures;
};

static int fail(const char *text)
{
	fprintf(stderr, "libuv: %s\n", text);
	return 1;
}

static void print_results(struct program *program)
{
	struct bh_result *result;

	while ((result = bh_executor_next_result(program->executor, NULL))) {
		printf("%s: %s\n", result->batch_id,
		       result->success ? "success" : bh_kind_name(result->outcome.kind));
		program->failures += !result->success;
		bh_result_free(result);
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct program *program = poll->data;
	struct bh_error err = BH_ERROR_UNSET;

	(void)events;
	if (status < 0 || bh_executor_step(program->executor, &err) < 0) {
		program->failures += fail(status < 0 ? uv_strerror(status) : err.text);
		bh_executor_cancel(program->executor);
	}
	print_results(program);
	if (bh_executor_pending(program->executor) > 0)
		return;
	uv_poll_stop(poll);
	uv_timer_stop(&program->timer);
}

static void on_timer(uv_timer_t *timer)
{
	const struct program *program = timer->data;

	fprintf(stderr, "libuv: %zu batches to go\n", bh_executor_pending(program->executor));
}

static int submit(struct program *program, struct work *work, size_t number, const char *text,
                  struct bh_error *err)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	snprintf(work->id, sizeof(work->id), "text %zu", number);
	work->entry_ids[0] = work->id;
	work->task = (struct bh_task){ .id = work->id,
		                       .required_entry_ids = work->entry_ids,
		                       .n_required_entry_ids = 1 };
	work->tasks[0] = &work->task;
	work->batch = (struct bh_batch){ .batch_id = work->id, .tasks = work->tasks, .n_tasks = 1 };
	entry.id = work->id;
	entry.source = "command line";
	entry.content = (struct bh_span){ text, strlen(text) };
	int r = bh_store_add(program->store, &entry, err);
	if (r < 0)
		return r;
	return bh_executor_submit(program->executor, &work->batch, NULL, NULL, NULL, err);
}

static int run(struct program *program)
{
	uv_loop_t *loop = uv_default_loop();

	program->poll.data = program->timer.data = program;
	uv_poll_init(loop, &program->poll, bh_executor_fd(program->executor));
	uv_timer_init(loop, &program->timer);
	uv_poll_start(&program->poll, UV_READABLE, on_readable);
	uv_timer_start(&program->timer, on_timer, 1000, 1000);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&program->poll, NULL);
	uv_close((uv_handle_t *)&program->timer, NULL);
	uv_run(loop, UV_RUN_DEFAULT); /* lets both be closed */
	uv_loop_close(loop);
	return program->failures > 0;
}

int main(int argc, char **argv)
{
	static struct program program;
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	struct bh_error err = BH_ERROR_UNSET;
	int status = 0;

	if (argc < 3 || argc - 2 > MAX_TEXTS)
		return fail("usage: libuv HANDLER TEXT...") + 1;
	options.handler = argv[1];
	options.isolation = BH_ISOLATION_BEST_EFFORT;
	program.store = bh_store_new();
	if (!program.store || bh_executor_new(program.store, &options, &program.executor, &err) < 0)
		return fail(err.text);
	for (int i = 2; i < argc && status == 0; i++)
		if (submit(&program, &program.works[i - 2], (size_t)i - 1, argv[i], &err) < 0)
			status = fail(err.text);
	if (status == 0)
		status = run(&program);
	bh_executor_free(program.executor);
	bh_store_free(program.store);
	return status;
}
