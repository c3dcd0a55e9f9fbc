/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_DIRECTORY_H
#define BH_CLI_DIRECTORY_H

/* directory.h: the regular files below a directory, in a fixed order.
 *
 * Names are taken in the order of their bytes, a directory's contents in the
 * place of its name. A symbolic link to a regular file inside the directory
 * counts as a file under the link's own name; one to a directory inside is passed
 * over, for the files there are visited anyway; one that leads outside, nowhere
 * or in a circle is an error. So is a FIFO, a socket, a device, a name that is
 * not UTF-8 and nesting deeper than BH_DIRECTORY_MAX_DEPTH. */

#include "bulkhead/error.h"

struct bh_complaint;

#define BH_DIRECTORY_MAX_DEPTH 200

/* Called for each file, with its path (for messages), the part of it below the
 * directory, and a descriptor to read, which stays the walk's. A status other
 * than BH_STATUS_OK ends the walk. */
struct bh_directory_visitor {
	int (*visit)(const char *path, const char *relative, int fd, void *userdata,
	             struct bh_complaint *complaint);
	void *userdata;
};

BH_MUST_CHECK
int bh_directory_walk(const char *path, const struct bh_directory_visitor *visitor,
                      struct bh_complaint *complaint);

#endif
