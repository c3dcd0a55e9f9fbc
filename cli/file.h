/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_FILE_H
#define BH_CLI_FILE_H

/* file.h: opens and reads input files without ever waiting for one.
 *
 * FIFOs, sockets and devices are refused: opening one can block or have effects.
 * Sizes are not believed: a file is read until its end. */

#include <stddef.h>
#include <sys/types.h>

#include "bulkhead/error.h"

struct bh_complaint;

/* In words: "a FIFO", "a directory", … */
const char *bh_file_type_name(mode_t mode);

/* Opens a regular file for reading, following links. Pipes without a name are
 * taken too where `or_pipe`: a shell's <(command) is one. `path` is for the
 * message as well. Returns a status; `*ret_fd` is close-on-exec. */
BH_MUST_CHECK
int bh_file_open(const char *path, int or_pipe, int *ret_fd, struct bh_complaint *complaint);

/* Bytes on the heap that grow as needed and are used again. */
struct bh_bytes {
	char *data; /* owned */
	size_t size;
	size_t capacity;
};
#define BH_BYTES_UNSET ((struct bh_bytes){ .data = NULL })
void bh_bytes_done(struct bh_bytes *bytes);

/* Reads all of `fd` into `bytes`; `data` is not NULL afterwards, also for an
 * empty file. At most BH_FILE_MOST bytes. `path` is for the message. */
#define BH_FILE_MOST ((size_t)UINT32_MAX)
BH_MUST_CHECK
int bh_file_read(int fd, const char *path, struct bh_bytes *bytes, struct bh_complaint *complaint);

#endif
