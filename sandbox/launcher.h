/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_LAUNCHER_H
#define BH_SANDBOX_LAUNCHER_H

/* launcher.h: all that a launcher knows, in one struct, which goes one way:
 *
 *   CONFIGURE ──▶ setup.h ──▶ trial.h ──▶ serve.h ──▶ the supervisor's end
 *                 plan, and    tries one    changes slots and
 *                 limits       child        templates alone
 *
 * launcher.c is the program around them; request.h says what it may be told,
 * holders.h who holds the limits, ended.h how a batch's end is told. */

#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/limits.h"
#include "sandbox/arguments.h"
#include "sandbox/root.h"
#include "sandbox/slot.h"
#include "sandbox/template.h"

struct bh_launcher {
	int signals; /* readable when a child has ended: signalfd(2) */

	/* made by the set-up */
	struct bh_child_plan plan;     /* `socket` is set before */
	struct bh_arguments arguments; /* of which the plan points to strings */
	char script[sizeof(BH_ROOT_HANDLER_DIR) + 256];
	struct bh_limits limits;  /* as configured */
	uint32_t memory_held_by;  /* enum bh_memory_holder */
	bool memory_limits_files; /* the memory limit is that of each file, too */

	/* what serving changes */
	struct bh_slot *slots; /* `n_slots` of them, as old as the launcher */
	size_t n_slots;
	struct bh_templates templates;
};
#define BH_LAUNCHER_UNSET                                                 \
	((struct bh_launcher){ .signals = -1,                             \
	                       .plan = { .socket = -1,                    \
	                                 .last_pid = -1,                  \
	                                 .over = -1,                      \
	                                 .executable = -1,                \
	                                 .landlock = BH_LANDLOCK_UNSET }, \
	                       .templates = BH_TEMPLATES_UNSET })

#endif
