/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_PROGRAM_H
#define BH_SUPERVISOR_PROGRAM_H

/* program.h: a handler as it will be executed: file, arguments, environment.
 *
 * The file is opened once and checked; what runs later is what was opened.
 * Source: docs/handler-abi.md, "What a handler starts with"; execve(2). */

#include <stdbool.h>

#include "bulkhead/error.h"
#include "bulkhead/executor.h"

struct bh_program {
	int fd;         /* owned */
	char *path;     /* owned, absolute */
	char *name;     /* owned, the last part of the path that was given */
	char **args;    /* owned, as are its strings; NULL-terminated, without the name */
	char **env;     /* owned, as are its strings; NULL-terminated, the whole environment */
	bool is_python; /* a script whose #! line names it */
};
#define BH_PROGRAM_UNSET ((struct bh_program){ .fd = -1 })

/* Opens and checks `options->handler` and copies what goes with it.
 * Errors, each said in `err`: -ENOENT; -EACCES for a file that isn't regular or
 * may not be executed; -EISDIR; -ENOEXEC for one that is neither a program of
 * this machine nor a script whose interpreter is there; -EINVAL for an `env`
 * without key or "="; -ENAMETOOLONG for a name of 256 bytes and more; -ENOMEM. */
BH_MUST_CHECK
int bh_program_open(const struct bh_executor_options *options, struct bh_program *ret,
                    struct bh_error *err);
void bh_program_done(struct bh_program *program);

/* Adds "KEY=VALUE" to the environment, once, unless KEY is there. -ENOMEM. */
BH_MUST_CHECK
int bh_program_offer_variable(struct bh_program *program, const char *variable,
                              struct bh_error *err);

#endif
