/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_EXAMPLES_FAULTY_H
#define BH_EXAMPLES_FAULTY_H

/* faulty.h: ways to fail, each a small function.
 *
 * A way is given one task, whose start is published already. It writes the
 * task's record, or does not, or does not return. 0 goes on with the next task;
 * a negative value ends the program with status 1. */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/handler.h"

struct way {
	const char *name;
	int (*run)(struct bh_handler *handler, const struct bh_handler_task *task);
};

/* The member of the task's params, or `otherwise`. */
int64_t param(const struct bh_handler_task *task, const char *name, int64_t otherwise);

/* ---- say.c: harmless records ---- */

/* The result {"ok": bool, "errno": name or nil} of a call that gave `error`, a
 * positive errno value or 0. */
int say_outcome(struct bh_handler *handler, const struct bh_handler_task *task, int error);
/* The result {"bytes": number}: of content in the entries that the task requires. */
int say_bytes(struct bh_handler *handler, const struct bh_handler_task *task);
/* {"task": id, "result": …}, with bytes of any kind for the value, past the SDK. */
int say_raw(const struct bh_handler_task *task, const void *value, size_t size);

#define WAY(function) int function(struct bh_handler *handler, const struct bh_handler_task *task)

/* ---- die.c: ends of the process ---- */
WAY(die_exit);
WAY(die_exit_zero);
WAY(die_at_first);
WAY(die_segv);
WAY(die_abort);
WAY(die_by_signal);
WAY(die_closed);

/* ---- stay.c: no end of the process ---- */
WAY(stay_asleep);
WAY(stay_asleep_ignoring_term);
WAY(stay_busy);
WAY(stay_busy_ignoring_xcpu);
WAY(stay_stopped);
WAY(stay_a_while);

/* ---- flood.c: too much of everything ---- */
WAY(flood_stdout);
WAY(flood_stderr);
WAY(flood_results);
WAY(flood_record);
WAY(flood_file);

/* ---- multiply.c: processes and threads ---- */
WAY(multiply_once);
WAY(multiply_without_end);
WAY(multiply_orphan);
WAY(multiply_threads);

/* ---- forbidden.c: system calls that a handler has no business with ---- */
WAY(call_socket);
WAY(call_ptrace);
WAY(call_unshare);
WAY(call_mount);

/* ---- lie.c: records that are none ---- */
WAY(lie_garbage);
WAY(lie_truncated);
WAY(lie_deep);
WAY(lie_utf8);
WAY(lie_key);
WAY(lie_length);
WAY(lie_trailing);
WAY(lie_duplicate);
WAY(lie_unknown_task);
WAY(lie_missing_task);
WAY(lie_seek);

/* ---- tell.c: what a handler can see ---- */
WAY(tell_none);
WAY(tell_task_error);
WAY(tell_batch_error);
WAY(tell_secrets);
WAY(tell_context);

#endif
