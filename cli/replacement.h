/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_REPLACEMENT_H
#define BH_CLI_REPLACEMENT_H

/* replacement.h: a file that appears under its name only when it is whole. It is
 * written beside its place and renamed at the end; a file of that name is then
 * replaced. */

#include "bulkhead/error.h"

struct bh_complaint;

struct bh_replacement {
	const char *path; /* borrowed */
	char *temporary;  /* owned; NULL while unset */
	int fd;           /* owned */
};
#define BH_REPLACEMENT_UNSET ((struct bh_replacement){ .fd = -1 })

/* Refuses a path where there is something other than a regular file. */
BH_MUST_CHECK
int bh_replacement_open(const char *path, struct bh_replacement *ret,
                        struct bh_complaint *complaint);

BH_MUST_CHECK
int bh_replacement_commit(struct bh_replacement *replacement, struct bh_complaint *complaint);

/* Removes what was not committed. A no-op on an unset one. */
void bh_replacement_done(struct bh_replacement *replacement);

#endif
