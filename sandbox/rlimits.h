/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_RLIMITS_H
#define BH_SANDBOX_RLIMITS_H

/* rlimits.h: the resource limits of a handler's processes, worked out once.
 * Source: getrlimit(2). */

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>

#include "bulkhead/error.h"
#include "bulkhead/limits.h"

struct bh_rlimit_row {
	__rlimit_resource_t resource; /* RLIMIT_… */
	struct rlimit value;
};

#define BH_RLIMIT_ROWS 6

struct bh_rlimits {
	struct bh_rlimit_row rows[BH_RLIMIT_ROWS];
	size_t n_rows;
};

/* Sets the limits that are the same for every handler on this process, whose
 * children inherit them. */
BH_MUST_CHECK
int bh_rlimits_lower_common(struct bh_error *err);

/* Turns the other limits into rows for setrlimit(2), none above what this process may
 * give. `count_processes`: RLIMIT_NPROC counts the processes of one batch only,
 * which is so in a user namespace of its own since Linux 5.14. */
void bh_rlimits_plan(const struct bh_limits *limits, bool count_processes, struct bh_rlimits *ret);

/* RLIMIT_CPU's soft limit for that much CPU time; 0 for none. */
uint64_t bh_rlimits_cpu_seconds(uint64_t cpu_time_us);

#endif
