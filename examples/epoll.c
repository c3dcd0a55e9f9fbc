/* SPDX-License-Identifier: Apache-2.0 */

/* epoll HANDLER FILE…: runs the handler over each file, a batch a file, from a
 * plain epoll loop that has something else to do as well: a timer.
 *
 * All that an executor asks of a loop: while its descriptor is readable, step it.
 * The queue is bounded, so that the files are read as they are needed: after each
 * step there may be room for more.
 *
 * Build: cc epoll.c $(pkg-config --cflags --libs bulkhead) */

#include <bulkhead/bulkhead.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define MAX_QUEUED 4

/* A batch with one task over one entry, and all that has to outlive it. */
struct work {
	const char *path;
	struct bh_task task;
	const struct bh_task *tasks[1];
	struct bh_batch batch;
};

struct program {
	struct bh_store *store;
	struct bh_executor *executor;
	struct work *works;
	size_t n_works;
	size_t next; /* to be submitted */
	int failures;
};

static int fail(const struct bh_error *err)
{
	fprintf(stderr, "epoll: %s\n", err->text);
	return 1;
}

/* The whole file as an entry with its path as id. */
static int add_entry(struct bh_store *store, const char *path, struct bh_error *err)
{
	static char content[1 << 20];
	FILE *file = fopen(path, "rbe");
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	if (!file) {
		snprintf(err->text, sizeof(err->text), "%s can't be opened", path);
		return -1;
	}
	entry.id = entry.source = path;
	entry.content = (struct bh_span){ content, fread(content, 1, sizeof(content), file) };
	fclose(file);
	return bh_store_add(store, &entry, err);
}

static void on_result(struct bh_result *result, void *userdata)
{
	struct program *program = userdata;

	printf("%s: %s, %zu records\n", result->batch_id,
	       result->success ? "success" : bh_kind_name(result->outcome.kind),
	       result->n_task_results);
	program->failures += !result->success;
	bh_result_free(result);
}

static int submit(struct program *program, struct work *work, struct bh_error *err)
{
	int r = add_entry(program->store, work->path, err);

	if (r < 0)
		return r;
	work->task = (struct bh_task){ .id = work->path,
		                       .required_entry_ids = &work->path,
		                       .n_required_entry_ids = 1 };
	work->tasks[0] = &work->task;
	work->batch =
	        (struct bh_batch){ .batch_id = work->path, .tasks = work->tasks, .n_tasks = 1 };
	return bh_executor_submit(program->executor, &work->batch, on_result, program, NULL, err);
}

/* As many as there is room for. */
static void submit_more(struct program *program)
{
	struct bh_error err = BH_ERROR_UNSET;

	while (program->next < program->n_works && bh_executor_room(program->executor) > 0) {
		if (submit(program, &program->works[program->next++], &err) < 0)
			program->failures += fail(&err);
	}
}

static int watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* What the program does besides: it counts tenths of a second. */
static int open_clock(void)
{
	const struct itimerspec tenth = { .it_value.tv_nsec = 100000000,
		                          .it_interval.tv_nsec = 100000000 };
	int clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (clock >= 0 && timerfd_settime(clock, 0, &tenth, NULL) < 0)
		perror("epoll: timer");
	return clock;
}

static int loop(struct program *program, int epoll, int clock, struct bh_error *err)
{
	uint64_t tenths = 0, ticks;
	struct epoll_event event;

	while (program->next < program->n_works || bh_executor_pending(program->executor) > 0) {
		if (epoll_wait(epoll, &event, 1, -1) < 1)
			continue;
		if (event.data.fd == clock) {
			tenths += read(clock, &ticks, sizeof(ticks)) > 0 ? ticks : 0;
		} else {
			int r = bh_executor_step(program->executor, err);
			if (r < 0)
				return r;
		}
		submit_more(program);
	}
	fprintf(stderr, "epoll: done after %" PRIu64 " tenths of a second\n", tenths);
	return 0;
}

static int run(struct program *program)
{
	struct bh_error err = BH_ERROR_UNSET;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	int clock = open_clock();
	int r = -1;

	submit_more(program);
	if (epoll >= 0 && clock >= 0 && watch(epoll, clock) == 0 &&
	    watch(epoll, bh_executor_fd(program->executor)) == 0)
		r = loop(program, epoll, clock, &err);
	close(clock);
	close(epoll);
	return r < 0 ? fail(&err) : program->failures > 0;
}

int main(int argc, char **argv)
{
	struct program program = { .n_works = argc > 2 ? (size_t)argc - 2 : 0 };
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	struct bh_error err = BH_ERROR_UNSET;

	if (argc < 3) {
		fprintf(stderr, "usage: epoll HANDLER FILE...\n");
		return 2;
	}
	options.handler = argv[1];
	options.max_queued = MAX_QUEUED;
	options.isolation = BH_ISOLATION_BEST_EFFORT;
	program.works = calloc(program.n_works, sizeof(*program.works));
	program.store = bh_store_new();
	if (!program.works || !program.store)
		return 1;
	for (size_t i = 0; i < program.n_works; i++)
		program.works[i].path = argv[i + 2];
	if (bh_executor_new(program.store, &options, &program.executor, &err) < 0)
		return fail(&err);
	int status = run(&program);
	bh_executor_free(program.executor);
	bh_store_free(program.store);
	free(program.works);
	return status;
}
