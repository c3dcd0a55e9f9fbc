/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_INPUTS_H
#define BH_CLI_INPUTS_H

/* inputs.h: all that a command reads before anything starts: entries, then tasks
 * or batches, then the plan. */

#include <stddef.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/planner.h"
#include "cli/arena.h"
#include "cli/batches.h"
#include "cli/entries.h"
#include "cli/tasks.h"

struct bh_complaint;
struct bh_settings;

struct bh_inputs {
	struct bh_arena arena;
	struct bh_entries entries;
	struct bh_tasks tasks;
	struct bh_batches given;        /* with --batches */
	struct bh_plan plan;            /* without */
	const struct bh_batch *batches; /* of either */
	size_t n_batches;
};
#define BH_INPUTS_UNSET ((struct bh_inputs){ .n_batches = 0 })
void bh_inputs_done(struct bh_inputs *inputs);

/* Reads and plans. `ret` is unset, and to be done also on failure. */
BH_MUST_CHECK
int bh_inputs_load(struct bh_inputs *ret, const struct bh_settings *settings,
                   struct bh_complaint *complaint);

#endif
