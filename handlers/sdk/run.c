/* SPDX-License-Identifier: Apache-2.0 */

/* run.c: the per-task form of a handler. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "handler_state.h"

/* Standard error by hand: stdio costs a small handler more than its work. */
static void say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n; /* nobody is left to tell */
}

static int complain(const char *text)
{
	say("bulkhead handler: ");
	say(text);
	say("\n");
	return 1;
}

static const char *open_error_text(int error)
{
	switch (error) {
	case -EBADF:
		return "no context on descriptor 3 and results on 4: start it with `bulkhead run`";
	case -EPROTO:
		return "descriptor 3 holds no context of this ABI version";
	default:
		return "out of memory";
	}
}

static int tell_failure(struct bh_handler *handler, const struct bh_handler_task *task)
{
	const struct bh_failure *failure = handler->failure;

	if (!failure->is_set)
		return bh_task_error(handler, task->id, NULL, "the task failed");
	return bh_task_error(handler, task->id, failure->has_type ? failure->type : NULL,
	                     failure->message);
}

/* Returns 0 to go on, negative to end the batch. */
static int run_task(struct bh_handler *handler, const struct bh_handler_task *task,
                    int (*on_task)(struct bh_handler *, const struct bh_handler_task *, void *),
                    void *userdata)
{
	handler->failure->is_set = false;
	bh_record_start(handler, task->id);
	int r = bh_record_begin_result(handler, task->id);
	if (r == 0)
		r = on_task(handler, task, userdata);
	if (r < 0)
		return r;
	return r > 0 ? tell_failure(handler, task) : bh_record_end(handler);
}

static const char *batch_error_text(int error)
{
	switch (error) {
	case -EINVAL:
		return "the handler built a result that is not one whole value";
	case -ENOMEM:
		return "the handler is out of memory";
	case -EPROTO:
		return "the handler was given a broken context";
	default:
		return "the handler gave up";
	}
}

/* Returns the exit status. A batch error that was published says it all. */
static int give_up(struct bh_handler *handler, int error)
{
	struct bh_builder *builder = handler->builder;

	if (builder->state == BH_BUILDER_FINAL)
		return 0;
	const char *text = batch_error_text(builder->error < 0 ? builder->error : error);
	if (bh_batch_error(handler, NULL, text) == 0)
		return 0;
	return complain(builder->error == -ENOSPC ? "descriptor 4 is full" : text);
}

static int run_batch(int (*on_task)(struct bh_handler *, const struct bh_handler_task *, void *),
                     void *userdata)
{
	struct bh_handler *handler;
	struct bh_handler_task task;

	int r = bh_handler_open(&handler);
	if (r < 0)
		return complain(open_error_text(r));
	for (uint32_t i = 0; r == 0 && bh_handler_task_at(handler, i, &task); i++)
		r = run_task(handler, &task, on_task, userdata);
	if (r == 0)
		r = bh_batch_done(handler);
	int status = r == 0 ? 0 : give_up(handler, r);
	if (!bh_handler_has_last_batch()) /* the process's end does it in less time */
		bh_handler_close(handler);
	return status;
}

int bh_handler_run(int (*on_task)(struct bh_handler *handler, const struct bh_handler_task *task,
                                  void *userdata),
                   void *userdata)
{
	int status = 0;
	int r;

	while ((r = bh_handler_next(status)) > 0)
		status = run_batch(on_task, userdata);
	return r < 0 ? complain("no batch could be received: is descriptor 5 that of a launcher?")
	             : status;
}
