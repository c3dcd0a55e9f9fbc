/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_TARGET_H
#define BH_CLI_TARGET_H

/* target.h: the file that --output names, or standard output. */

#include "bulkhead/error.h"

struct bh_complaint;

/* Opens and empties `path`; NULL and "-" stand for standard output. `*ret_fd` is
 * the caller's, a duplicate in that case. */
BH_MUST_CHECK
int bh_target_open(const char *path, int *ret_fd, struct bh_complaint *complaint);

#endif
