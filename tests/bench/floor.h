/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

/* floor.h: the least that it costs to run a handler once.
 *
 * vfork, execveat of the same file and wait, with the same argument vector and
 * environment as the launcher gives. The handler needs its two descriptors to
 * run the same code, so it gets a context and a result region that are made once
 * and used for every run: making them is what bulkhead is measured for. Standard
 * input and output are inherited. */

#include "ipc/wire/region.h"
#include "tests/bench/corpus.h"
#include "tests/bench/measure.h"

struct floor {
	const char *path; /* borrowed */
	int executable;   /* -1 for a script: its interpreter opens the path */
	struct bh_region context;
	struct bh_region results;
};
#define FLOOR_UNSET \
	((struct floor){ .executable = -1, .context = BH_REGION_UNSET, .results = BH_REGION_UNSET })

BH_MUST_CHECK
int floor_open(struct floor *floor, const char *path, const struct corpus *corpus,
               struct bh_error *err);
void floor_done(struct floor *floor);

/* A side of `measure` whose userdata is a floor. -EPROTO where the handler
 * fails. */
int floor_run(void *userdata, size_t n, uint64_t *ns, struct bh_error *err);

#endif
