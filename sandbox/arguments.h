/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_ARGUMENTS_H
#define BH_SANDBOX_ARGUMENTS_H

/* arguments.h: the strings that a handler is executed with, and what it is shown of
 * the host, on their way to the launcher. They may be megabytes, so they travel
 * in a sealed region: counts, the numbers of what is bound, then NUL-terminated
 * strings. Source: execve(2), "Limits on size". */

#include <stddef.h>

#include "bulkhead/error.h"
#include "ipc/wire/region.h"
#include "sandbox/bound.h"

struct bh_arguments {
	char *memory;            /* owned: the strings */
	char *path;              /* of the handler file; for running without a root of its own */
	char **argv;             /* owned; NULL-terminated */
	char **envp;             /* owned; NULL-terminated */
	struct bh_bound *bounds; /* owned, but not their strings */
	size_t n_bounds;
};
#define BH_ARGUMENTS_UNSET ((struct bh_arguments){ .memory = NULL })

/* What is packed; all of it stays the caller's. */
struct bh_arguments_given {
	const char *path;
	const char *argv0;
	const char *const *args; /* NULL-terminated; NULL for none */
	const char *const *env;  /* the same */
	const struct bh_bound *bounds;
	size_t n_bounds;
};
BH_MUST_CHECK
int bh_arguments_pack(const struct bh_arguments_given *given, struct bh_region *ret,
                      struct bh_error *err);

/* Reads them back from descriptor `fd`, which stays the caller's. -EPROTO for
 * bytes that bh_arguments_pack would not make. */
BH_MUST_CHECK
int bh_arguments_unpack(int fd, struct bh_arguments *ret, struct bh_error *err);
void bh_arguments_done(struct bh_arguments *arguments);

#endif
