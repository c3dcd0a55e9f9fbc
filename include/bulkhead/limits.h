/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_LIMITS_H
#define BULKHEAD_LIMITS_H

#include <stdint.h>

/* limits.h: what one batch may use. Source: docs/cli.md, "Limits". */

#define BH_UNLIMITED UINT64_MAX

struct bh_limits {
	uint64_t timeout_us; /* wall clock of one attempt */
	uint64_t grace_us;   /* from SIGTERM to SIGKILL; BH_UNLIMITED: never SIGKILL */
	/* User and system time of all processes and threads; where no cgroup counts
	 * it, of each process, and in whole seconds, rounded up. */
	uint64_t cpu_time_us;
	/* Of all processes; where no cgroup counts it, address space that each may
	 * write to. */
	uint64_t memory_bytes;
	uint64_t max_procs;       /* processes at a time; 1: no forks */
	uint64_t max_threads;     /* threads at a time, beside the processes */
	uint64_t file_size_bytes; /* any file that a process writes, descriptor 4 included */
	/* Capacity of descriptor 4; must be finite. Rounded up to whole pages, or to what
	 * the kernel writes at once: 2 MiB on Linux 6.12, for one. */
	uint64_t results_bytes;
	uint64_t output_bytes; /* kept of stdout and of stderr, each; must be finite */
};

#define BH_LIMITS_DEFAULT                                         \
	((struct bh_limits){ .timeout_us = 30 * 1000 * 1000,      \
	                     .grace_us = 500 * 1000,              \
	                     .cpu_time_us = BH_UNLIMITED,         \
	                     .memory_bytes = (uint64_t)512 << 20, \
	                     .max_procs = 1,                      \
	                     .max_threads = 256,                  \
	                     .file_size_bytes = BH_UNLIMITED,     \
	                     .results_bytes = (uint64_t)16 << 20, \
	                     .output_bytes = (uint64_t)64 << 10 })

#endif
