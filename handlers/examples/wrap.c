/* SPDX-License-Identifier: Apache-2.0 */

/* wrap TOOL [ARG…]: runs a command-line tool once for each entry of a task, with
 * the entry's content (or its summary) on standard input.
 * A task's result is a map: entry id → {exit, stdout}. A tool that can't be
 * started, or that a signal ends, fails its task. Needs `--max-procs 2`: the
 * handler and the tool; more where the tool starts others. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkhead/handler.h"

struct tool {
	char **argv;
	int in;  /* -1 while unset */
	int out; /* read end; -1 while unset */
	pid_t pid;
	char *output;
	size_t size;
	size_t capacity;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A file in memory: unlike a pipe it takes everything at once, so that a tool
 * that writes before it has read can't block us. */
static int open_input(struct tool *tool, struct bh_text text)
{
	tool->in = memfd_create("input", MFD_CLOEXEC);
	if (tool->in < 0)
		return -errno;
	for (size_t at = 0; at < text.size;) {
		ssize_t n = pwrite(tool->in, text.data + at, text.size - at, (off_t)at);
		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return 0;
}

/* The tool gets the three standard descriptors and none of ours. */
static int spawn(struct tool *tool, int out)
{
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawn_file_actions_adddup2(&actions, tool->in, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (r == 0)
		r = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	if (r == 0)
		r = posix_spawnp(&tool->pid, tool->argv[0], &actions, NULL, tool->argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int start(struct tool *tool, struct bh_text text)
{
	int ends[2];

	int r = open_input(tool, text);
	if (r < 0)
		return r;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	tool->out = ends[0];
	r = spawn(tool, ends[1]);
	close(ends[1]);
	return r;
}

static int read_output(struct tool *tool)
{
	for (;;) {
		if (tool->size == tool->capacity) {
			size_t capacity = tool->capacity ? 2 * tool->capacity : 65536;
			char *output = realloc(tool->output, capacity);
			if (!output)
				return -ENOMEM;
			tool->output = output;
			tool->capacity = capacity;
		}
		ssize_t n = read(tool->out, tool->output + tool->size, tool->capacity - tool->size);
		if (n <= 0)
			return n < 0 ? -errno : 0;
		tool->size += (size_t)n;
	}
}

/* Runs the tool to its end. Negative where it could not be run. */
static int run(struct tool *tool, struct bh_text text, int *ret_status)
{
	tool->size = 0;
	int r = start(tool, text);
	if (r == 0) {
		r = read_output(tool);
		if (r < 0)
			kill(tool->pid, SIGKILL);
		if (waitpid(tool->pid, ret_status, 0) < 0 && r == 0)
			r = -errno;
	}
	close_fd(&tool->in);
	close_fd(&tool->out);
	return r;
}

static int run_on_entry(struct bh_handler *handler, struct tool *tool,
                        const struct bh_handler_entry *entry)
{
	struct bh_text text = entry->content.data ? entry->content : entry->summary;
	int status = 0;

	int r = run(tool, text, &status);
	if (r < 0)
		return bh_fail_task(handler, "tool", "%s could not be run: %s", tool->argv[0],
		                    strerror(-r));
	if (WIFSIGNALED(status))
		return bh_fail_task(handler, "tool", "%s was ended by SIG%s on entry %.*s",
		                    tool->argv[0], sigabbrev_np(WTERMSIG(status)),
		                    (int)entry->id.size, entry->id.data);
	bh_result_key_text(handler, entry->id);
	bh_result_map(handler, 2);
	bh_result_key(handler, "exit");
	bh_result_int(handler, WEXITSTATUS(status));
	bh_result_key(handler, "stdout");
	return bh_result_bytes(handler, tool->output, tool->size);
}

static int run_on_task(struct bh_handler *handler, const struct bh_handler_task *task,
                       void *userdata)
{
	struct tool *tool = userdata;
	struct bh_handler_entry entry;
	bool *seen = calloc(bh_handler_batch(handler)->n_entries + 1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	int r = bh_result_map_open(handler);
	for (uint32_t i = 0; r == 0 && i < task->n_required_entry_ids; i++) {
		if (!bh_handler_task_entry(handler, task, i, &entry) || seen[entry.index])
			continue;
		seen[entry.index] = true;
		r = run_on_entry(handler, tool, &entry);
	}
	free(seen);
	return r != 0 ? r : bh_result_close(handler);
}

int main(int argc, char **argv)
{
	struct tool tool = { .argv = argv + 1, .in = -1, .out = -1 };

	if (argc < 2) {
		static const char usage[] = "usage: wrap TOOL [ARG...]\n";
		ssize_t n = write(STDERR_FILENO, usage, sizeof(usage) - 1);
		return n < 0 ? 3 : 2;
	}
	int status = bh_handler_run(run_on_task, &tool);
	free(tool.output);
	return status;
}
