/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HOSTILE_MEDIA_H
#define BH_TESTS_HOSTILE_MEDIA_H

/* media.h: by what leave_and_find passes a message from one process to another. */

#include "rows.h"

struct medium {
	const char *way;
	bool dies; /* with the process that left it: nothing to be found later */
	enum control_user user;
	const char *open; /* why it can't be closed, for those that run together; else NULL */
};

#define N_MEDIA 16
extern const struct medium media[N_MEDIA];

#endif
