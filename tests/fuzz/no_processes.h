/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_FUZZ_NO_PROCESSES_H
#define BH_TESTS_FUZZ_NO_PROCESSES_H

/* no_processes.h: slots, cleaners and cgroups without a process, in the place of
 * sandbox/slot.c, cleaner.c and cgroup.c. What they are asked for is checked: the slot
 * exists and is in the state that the headers want, and the descriptors that its
 * handler would get are open. What the processes would do by themselves, an input
 * makes happen. */

#include <stdbool.h>
#include <stddef.h>

#include "sandbox/launcher.h"

#define MOST_SLOTS      3
#define NOBODYS_TIME_US 54321 /* that each batch takes, as cgroups tell */

/* What the processes of one slot would know. */
struct nobody {
	int theirs;       /* owned: the handler's end of its control socket; -1 where none */
	bool has_cleaner; /* which waits for orders */
	bool dies;        /* killed, or at its end: its reaper's end has to come */
};

struct nobodies {
	struct bh_launcher *launcher;
	struct nobody of[MOST_SLOTS];
	pid_t last_pid;
	bool next_fails;  /* whatever the next is, that can */
	bool out_of_time; /* what cgroups say of CPU time */
	int64_t tasks;    /* … and how many processes are in each */
};
extern struct nobodies nobodies;

void nobodies_init(struct bh_launcher *launcher);
struct nobody *nobody_of(const struct bh_slot *slot);

#endif
