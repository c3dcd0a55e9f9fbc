/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_ARGUMENTS_H
#define BH_SANDBOX_ARGUMENTS_H

/* arguments.h: the strings that a handler is executed with, on their way to the
 * launcher. They may be megabytes, so they travel in a sealed region: three
 * counts, then NUL-terminated strings. Source: execve(2), "Limits on size". */

#include <stddef.h>

#include "bulkhead/error.h"
#include "ipc/wire/region.h"

struct bh_arguments {
	char *memory; /* owned: the strings */
	char *path;   /* of the handler file; for running without a root of its own */
	char **argv;  /* owned; NULL-terminated */
	char **envp;  /* owned; NULL-terminated */
};
#define BH_ARGUMENTS_UNSET ((struct bh_arguments){ .memory = NULL })

/* Packs the strings. Lists are NULL-terminated; `args` may be NULL. */
BH_MUST_CHECK
int bh_arguments_pack(const char *path, const char *argv0, const char *const *args,
                      const char *const *env, struct bh_region *ret, struct bh_error *err);

/* Reads them back from descriptor `fd`, which stays the caller's. -EPROTO for
 * bytes that bh_arguments_pack would not make. */
BH_MUST_CHECK
int bh_arguments_unpack(int fd, struct bh_arguments *ret, struct bh_error *err);
void bh_arguments_done(struct bh_arguments *arguments);

#endif
