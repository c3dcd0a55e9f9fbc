/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_CHAOS_VANDAL_H
#define BH_TESTS_CHAOS_VANDAL_H

/* vandal.h: kills a process of ours, chosen at random: a launcher, a reaper or a
 * handler. */

#include <stdbool.h>
#include <stdint.h>

enum victim {
	VICTIM_NONE, /* there was none, or it was gone before */
	VICTIM_LAUNCHER,
	VICTIM_BELOW, /* a reaper or a handler */
};

enum victim vandal_strike(uint64_t random);

#endif
