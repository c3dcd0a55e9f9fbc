/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_WARM_H
#define BULKHEAD_WARM_H

/* warm.h: what a template and its launcher say to each other on descriptor 5.
 *
 *   template                              launcher
 *   READY                            ──▶  what is left of its start is killed
 *                                    ◀──  BATCH (stdout, stderr, context, results)
 *   (is readable: forks; the fork
 *    takes BATCH and handles it)
 *   (throws away a BATCH that its
 *    fork died before it took)
 *   ENDED, of the fork               ──▶  what the fork left is killed
 *                                    ◀──  BATCH …
 *
 * With BULKHEAD_REUSE in its environment a template doesn't fork but takes BATCH
 * itself, handles it and says ENDED. Each message is one packet of exactly one of
 * these structs, in the machine's byte order. bh_handler_next speaks all of it;
 * this header is for those who write another. Source: docs/handler-abi.md, "Warm
 * mode". */

#include <stdint.h>

#define BH_WARM_FD 5

/* From the launcher, with four descriptors (SCM_RIGHTS), in this order: stdout,
 * stderr, context, results. */
struct bh_warm_batch {
	uint32_t abi; /* 1 */
	uint32_t zero;
	uint64_t cpu_seconds; /* RLIMIT_CPU that a fork sets itself; 0: none */
};

enum bh_warm_type {
	BH_WARM_READY = 1, /* waits for batches */
	BH_WARM_ENDED,     /* the batch's process has ended: all that is below */
	BH_WARM_NO_FORK,   /* there is none: `status` is an errno value */
};

/* From the template. */
struct bh_warm_word {
	uint32_t type;  /* enum bh_warm_type */
	int32_t status; /* as wait(2) gives it */
	/* of the process and those that it waited for, from wait4(2) */
	uint64_t user_us;
	uint64_t system_us;
	uint64_t max_rss_kib;
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t voluntary_switches;
	uint64_t involuntary_switches;
};

#endif
