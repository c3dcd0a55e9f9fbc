/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_BINDS_H
#define BH_SUPERVISOR_BINDS_H

/* binds.h: what a caller wants its handlers to see of the host, opened and checked.
 *
 * Each path is opened once, with the caller's rights; links are followed then, and
 * never again. Source: docs/cli.md, "Binds"; sandbox/bound.h. */

#include <stddef.h>

#include "bulkhead/error.h"
#include "bulkhead/executor.h"
#include "sandbox/bound.h"

struct bh_binds {
	struct bh_bound *items; /* owned, as are their strings; an outer one before inner ones */
	int *fds;               /* owned: as long as they are open, the numbers of items hold */
	size_t n;
};
#define BH_BINDS_UNSET ((struct bh_binds){ .n = 0 })

/* Opens and checks the binds of `options`, for a handler of this name.
 * Errors, each said in `err` with path and place: -EINVAL for a place that can't
 * be one, for two binds with one place, and for what is neither a regular file nor
 * a folder; -ENAMETOOLONG for a place; -ENOENT, -EACCES, … for a path that can't be
 * opened or read; -ENOMEM. */
BH_MUST_CHECK
int bh_binds_open(const struct bh_executor_options *options, const char *handler_name,
                  struct bh_binds *ret, struct bh_error *err);
void bh_binds_done(struct bh_binds *binds);

#endif
