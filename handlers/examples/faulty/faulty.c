/* SPDX-License-Identifier: Apache-2.0 */

/* faulty [WAY [TEXT]]: fails in every way, on request. For tests, and to see what
 * becomes of each.
 * The way is the "fail" of a task's params; else WAY, for tasks whose id contains
 * TEXT (all of them where it isn't given); else "none". */

#include <string.h>

#include "faulty.h"

static const struct way ways[] = {
	{ "none", tell_none },
	{ "task-error", tell_task_error },
	{ "batch-error", tell_batch_error },
	{ "secrets", tell_secrets },
	{ "echo", tell_context },

	{ "exit", die_exit },           /* params "status", 1 */
	{ "exit-zero", die_exit_zero }, /* with work left to do */
	{ "flaky", die_at_first },      /* params "passes_at", 2; "status", 1 */
	{ "segv", die_segv },
	{ "abort", die_abort },
	{ "kill-self", die_by_signal }, /* params "signal", SIGKILL */
	{ "close-all", die_closed },

	{ "hang", stay_asleep },
	{ "hang-ignoring-term", stay_asleep_ignoring_term },
	{ "spin", stay_busy },
	{ "spin-ignoring-xcpu", stay_busy_ignoring_xcpu },
	{ "stop-self", stay_stopped },
	{ "sleep", stay_a_while }, /* params "ms", 100 */

	{ "flood-stdout", flood_stdout }, /* params "bytes", 8 MiB; 0 for no end */
	{ "flood-stderr", flood_stderr }, /* the same */
	{ "flood-results", flood_results },
	{ "fill-results", flood_record },
	{ "big-file", flood_file }, /* params "bytes", 1 TiB */

	{ "fork", multiply_once },
	{ "fork-bomb", multiply_without_end }, /* params "generations", 8 */
	{ "fork-orphan", multiply_orphan },
	{ "threads", multiply_threads }, /* params "count", 16 */

	{ "socket", call_socket },
	{ "ptrace", call_ptrace },
	{ "unshare", call_unshare },
	{ "mount", call_mount },

	{ "garbage", lie_garbage },
	{ "truncated", lie_truncated },
	{ "deep", lie_deep },
	{ "bad-utf8", lie_utf8 },
	{ "bad-key", lie_key },
	{ "lie-length", lie_length },
	{ "trailing", lie_trailing },
	{ "duplicate", lie_duplicate },
	{ "unknown-task", lie_unknown_task },
	{ "missing-task", lie_missing_task },
	{ "seek-far", lie_seek },
};

int64_t param(const struct bh_handler_task *task, const char *name, int64_t otherwise)
{
	int64_t value;

	return bh_params_int(task, name, &value) ? value : otherwise;
}

static bool contains(struct bh_text text, const char *part)
{
	return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

static struct bh_text choose(const struct bh_handler_task *task, char **args)
{
	struct bh_text name;

	if (bh_params_text(task, "fail", &name))
		return name;
	if (args[0] && (!args[1] || contains(task->id, args[1])))
		return bh_text_from(args[0]);
	return bh_text_from("none");
}

static int run_task(struct bh_handler *handler, const struct bh_handler_task *task, char **args)
{
	struct bh_text name = choose(task, args);

	int r = bh_record_start(handler, task->id);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (bh_text_equals(name, ways[i].name))
			return ways[i].run(handler, task);
	return bh_task_error(handler, task->id, "params", "no such way to fail");
}

static int run_batch(char **args)
{
	struct bh_handler *handler;
	struct bh_handler_task task;

	int r = bh_handler_open(&handler);
	if (r < 0)
		return 1;
	for (uint32_t i = 0; r == 0 && bh_handler_task_at(handler, i, &task); i++)
		r = run_task(handler, &task, args);
	if (r == 0)
		r = bh_batch_done(handler);
	bh_handler_close(handler);
	return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	char *none[] = { NULL };
	int status = 0, r;

	while ((r = bh_handler_next(status)) > 0)
		status = run_batch(argc > 0 ? argv + 1 : none);
	return r < 0 ? 1 : status;
}
