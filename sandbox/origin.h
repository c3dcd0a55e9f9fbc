/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_ORIGIN_H
#define BH_SANDBOX_ORIGIN_H

/* origin.h: which file an address of another process belongs to.
 * Source: proc_pid_maps(5). */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bulkhead/error.h"

/* Looks `address` up in the maps of process `pid`, which waits. `*ret_offset` is
 * its offset in the file; the path is that of the process's own root, cut to
 * `file_size` where it is longer. Returns 0, or -ENOENT where the address is in
 * no file or the maps can't be read: `file` is then "".
 * The process has no say in this beyond the text of the maps: of that no more is
 * read than a well-behaved program has, and none of its locks is waited for but
 * that of its address space, which no call of its own can hold for long. */
BH_MUST_CHECK
int bh_origin_find(pid_t pid, uint64_t address, char *file, size_t file_size, uint64_t *ret_offset);

/* The same, in the text of a maps file. -EAGAIN where the line is not there. */
BH_MUST_CHECK
int bh_origin_parse(const char *line, uint64_t address, char *file, size_t file_size,
                    uint64_t *ret_offset);

#endif
