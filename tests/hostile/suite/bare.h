/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HOSTILE_BARE_H
#define BH_TESTS_HOSTILE_BARE_H

/* bare.h: the control: one attack with nothing that holds it: no sandbox, no
 * limits, nobody who cleans up. It runs in namespaces of its own (PID, mount, IPC,
 * network, UTS, and a user namespace where it isn't root), which end with it. */

#include "trial.h"

struct bare {
	struct report report;
	int wait_status;               /* of the handler */
	bool stayed;                   /* it was alive at the end of its time, and was killed */
	bool changed;                  /* the results, after its end */
	size_t survivors;              /* processes that were there after its end */
	int64_t printed, offset, size; /* bytes on 1 and 2; of the results */
	int64_t cpu_ms;
	bool unpacked; /* a plain reader didn't refuse the results */
};

struct bare_trial {
	struct row row;
	bool pair;     /* one that leaves, and one that finds by the row's way … */
	bool together; /* … while the first one is there */
};

/* Why there can be no control here; NULL where there can. Outside of a test, too. */
const char *bare_lacks(void);
/* Each in namespaces of its own, some at a time; into `ret[0]` and so on. */
void bare_run(const struct bare_trial *trials, size_t n, struct bare *ret);

#endif
