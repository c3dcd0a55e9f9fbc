/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_BALLAST_H
#define BENCH_BALLAST_H

/* ballast.h: memory that a process has touched and does nothing with. */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

/* Available to new programs, as the kernel estimates it (proc_meminfo(5),
 * MemAvailable); 0 where unknown. */
uint64_t ballast_available(void);

/* In small pages, each with a page table entry of its own, as a heap that grew
 * has them. Never given back: it ends with the process. -ENOMEM. */
BH_MUST_CHECK
int ballast_take(size_t size, struct bh_error *err);

#endif
