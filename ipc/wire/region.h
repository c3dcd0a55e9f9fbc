/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_WIRE_REGION_H
#define BH_IPC_WIRE_REGION_H

/* region.h: memory that a supervisor and a handler share, as memfds.
 *
 * A context region is written once and sealed: readable, never writable again.
 * A result region has a fixed capacity, which the handler fills; it is parsed
 * only from a private copy, made when no process can write to it any more.
 * Source: docs/handler-abi.md, "fd 3" and "fd 4"; memfd_create(2); fcntl(2),
 * F_ADD_SEALS. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bulkhead/error.h"

struct iovec;

struct bh_region {
	int fd;      /* owned, close-on-exec; -1 while unset */
	size_t size; /* bytes: length of a context, capacity of a result region */
};
#define BH_REGION_UNSET ((struct bh_region){ .fd = -1 })

/* Copies `parts`, in order, into a new memfd of at most `max_bytes`, sealed
 * against write, grow, shrink and further seals, and not executable where the
 * kernel can (6.3 and newer). `parts` stay the caller's; `*ret` owns the
 * descriptor on success and is not touched on failure.
 * Errors: -EOVERFLOW when the lengths don't add up, -E2BIG past `max_bytes`,
 * else the failing call's -errno; `err` (optional) names the step. */
BH_MUST_CHECK
int bh_region_seal(const struct iovec *parts, size_t n_parts, size_t max_bytes,
                   struct bh_region *ret, struct bh_error *err);

/* The least capacity of a result region, from `least` (at most SIZE_MAX / 2) on, that
 * writes can fill to its end. Kernels write in steps, and refuse a step as a whole that
 * would reach past the end of a sealed file. A step ends at a page's end, but, where
 * files in memory may have large folios, at that of the largest one: 2 MiB on x86-64
 * with Linux 6.12, or later where transparent_hugepage/shmem_enabled of sysfs says so.
 * Which it is, is found by trying. Errors: the failing call's -errno. */
BH_MUST_CHECK
int bh_region_find_capacity(size_t least, size_t *ret, struct bh_error *err);

/* A new memfd of `capacity` bytes, rounded up to whole pages, sealed against
 * grow, shrink and further seals. A write that reaches the end of it stops
 * there, so that a full region has its offset at exactly `ret->size`, where that
 * is of bh_region_find_capacity. -EINVAL for a capacity of 0. */
BH_MUST_CHECK
int bh_region_open_results(size_t capacity, struct bh_region *ret, struct bh_error *err);

/* Copies what was committed: the bytes up to the descriptor's offset and no
 * further than the capacity. Call it once no process can write any more. `*ret`
 * is malloc'ed and the caller's (NULL where nothing was committed). */
BH_MUST_CHECK
int bh_region_copy_committed(const struct bh_region *region, uint8_t **ret, size_t *ret_size,
                             struct bh_error *err);

/* Reads up to `size` bytes that a live handler has committed, from `offset` on:
 * news, which it may change later. `*ret_committed` is how far it has come. Takes
 * no lock that a handler can hold: lseek(2) waits for a write in progress on the
 * same open file, proc(5)'s fdinfo does not. Returns the number of bytes; -ENOENT
 * and the like where there is no /proc. */
BH_MUST_CHECK
ssize_t bh_region_peek_committed(const struct bh_region *region, size_t offset, void *buffer,
                                 size_t size, size_t *ret_committed);

/* Closes and resets. A no-op on BH_REGION_UNSET, so twice is safe. */
void bh_region_done(struct bh_region *region);

#endif
