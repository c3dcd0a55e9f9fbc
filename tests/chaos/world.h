/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_CHAOS_WORLD_H
#define BH_TESTS_CHAOS_WORLD_H

/* world.h: a store, two executors over it, and a heap of batches of mixed fate that
 * are submitted, cancelled and disturbed at random until all have their result. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world_report {
	size_t n_batches;
	size_t n_as_forecast;
	size_t n_cancelled;
	size_t n_disturbed; /* by the vandal or a shortage: not as forecast, and may not be */
	size_t n_forgotten; /* of an executor that was freed before their end */
	size_t n_strikes;
};

/* Plays one world through, all of whose choices come from `seed`. Adds to `report`.
 * False, and a line on standard error, where anything was not as it has to be. */
bool world_play(uint64_t seed, struct world_report *report);

#endif
