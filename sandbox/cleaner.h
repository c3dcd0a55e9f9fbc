/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CLEANER_H
#define BH_SANDBOX_CLEANER_H

/* cleaner.h: pid 1 of the PID namespace that a template's forks are born in.
 *
 * A template stands outside of that namespace, so that no fork of it can see,
 * signal or trace it; whatever a fork leaves behind comes to the cleaner, which
 * kills and reaps all of it. It is cloned by the template's own process before
 * the exec, runs in the launcher's memory with the launcher's power, and does
 * what it is ordered to. Source: pid_namespaces(7); clone(2); futex(2). */

#include <stdbool.h>
#include <stdint.h>

/* Bits. Several may be given before the first is carried out. */
enum bh_cleaner_order {
	BH_CLEANER_TERM = 1,  /* SIGTERM to every process of the namespace */
	BH_CLEANER_KILL = 2,  /* SIGKILL to the same */
	BH_CLEANER_PROC = 4,  /* covers the template's /proc with the namespace's own */
	BH_CLEANER_CLEAN = 8, /* kills, reaps, and says so at `wake` */
};

struct bh_cleaner {
	int wake;         /* eventfd of the launcher's */
	uint64_t key;     /* of the filter, which it is under */
	uint32_t orders;  /* enum bh_cleaner_order: written by both sides */
	uint32_t cleaned; /* set by the cleaner, taken by the launcher */
	int failed;       /* positive errno value of BH_CLEANER_PROC */
};

/* Called by the template's process, by raw calls only: makes the namespace for
 * its forks, and the cleaner in it, as a child of its own parent. `wake` is set.
 * Returns 0 or a negative errno value. */
long bh_cleaner_start(struct bh_cleaner *cleaner, void *stack_top, uint64_t key);

/* The launcher's side. */
void bh_cleaner_order(struct bh_cleaner *cleaner, uint32_t orders);
/* True once after each BH_CLEANER_CLEAN. */
bool bh_cleaner_has_cleaned(struct bh_cleaner *cleaner);

#endif
