/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire/region.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc/wire/base.h"

/* Since Linux 6.3; older headers lack it and older kernels answer EINVAL. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

#define CONTEXT_SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)
#define RESULT_SEALS  (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

#define MOST_STEP ((size_t)1 << 30) /* of a write */

/* A sealable memfd that can't be executed, where the kernel knows how. */
static int open_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

/* Writes at most `n_parts` (<= IOV_MAX) parts, of which the first `skip` bytes
 * are written already, to `offset`. Returns what pwritev(2) does. */
static ssize_t write_some(int fd, const struct iovec *parts, size_t n_parts, size_t skip,
                          off_t offset)
{
	if (skip == 0)
		return pwritev(fd, parts, (int)n_parts, offset);
	return pwrite(fd, (const char *)parts[0].iov_base + skip, parts[0].iov_len - skip, offset);
}

/* The file's own offset stays at its beginning, for who reads. */
static int write_parts(int fd, const struct iovec *parts, size_t n_parts, struct bh_error *err)
{
	size_t skip = 0; /* bytes of parts[0] that are written */
	off_t offset = 0;

	while (n_parts > 0) {
		size_t n = n_parts < IOV_MAX ? n_parts : IOV_MAX;
		ssize_t written = write_some(fd, parts, n, skip, offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return bh_fail(err, errno, "write context");

		offset += written;
		skip += (size_t)written;
		while (n_parts > 0 && skip >= parts[0].iov_len) {
			skip -= parts[0].iov_len;
			parts++;
			n_parts--;
		}
	}
	return 0;
}

int bh_region_seal(const struct iovec *parts, size_t n_parts, size_t max_bytes,
                   struct bh_region *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_region_done) struct bh_region made = BH_REGION_UNSET;

	for (size_t i = 0; i < n_parts; i++)
		if (__builtin_add_overflow(made.size, parts[i].iov_len, &made.size))
			return bh_fail(err, EOVERFLOW, "add up the %zu parts of a context",
			               n_parts);
	if (made.size > max_bytes)
		return bh_fail(err, E2BIG, "context of %zu bytes, at most %zu", made.size,
		               max_bytes);

	made.fd = open_memfd("bulkhead-context");
	if (made.fd < 0)
		return bh_fail(err, errno, "create context memfd");
	int r = write_parts(made.fd, parts, n_parts, err);
	if (r < 0)
		return r;
	if (fcntl(made.fd, F_ADD_SEALS, CONTEXT_SEALS) < 0)
		return bh_fail(err, errno, "seal context memfd");

	*ret = BH_TAKE(made, BH_REGION_UNSET);
	return 0;
}

static size_t round_up(size_t size, size_t step)
{
	return (size + step - 1) / step * step;
}

int bh_region_open_results(size_t capacity, struct bh_region *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_region_done) struct bh_region made = BH_REGION_UNSET;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (capacity == 0)
		return bh_fail(err, EINVAL, "result region of 0 bytes");
	if (capacity > SSIZE_MAX - page)
		return bh_fail(err, EOVERFLOW, "result region of %zu bytes", capacity);
	made.size = round_up(capacity, page);

	made.fd = open_memfd("bulkhead-results");
	if (made.fd < 0)
		return bh_fail(err, errno, "create result memfd");
	if (ftruncate(made.fd, (off_t)made.size) < 0)
		return bh_fail(err, errno, "size result memfd to %zu bytes", made.size);
	if (fcntl(made.fd, F_ADD_SEALS, RESULT_SEALS) < 0)
		return bh_fail(err, errno, "seal result memfd");

	*ret = BH_TAKE(made, BH_REGION_UNSET);
	return 0;
}

/* Whether a write that reaches past the end of such a region stops there: 1 or 0. */
static int stops_at_end(size_t size, struct bh_error *err)
{
	BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;

	int r = bh_region_open_results(size, &region, err);
	if (r < 0)
		return r;
	ssize_t n = pwrite(region.fd, "ab", 2, (off_t)(size - 1));
	if (n < 0 && errno != EPERM)
		return bh_fail(err, errno, "try how a result region is filled");
	return n == 1;
}

int bh_region_find_capacity(size_t least, size_t *ret, struct bh_error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), step = page;
	int r;

	while ((r = stops_at_end(step, err)) == 0 && step < MOST_STEP)
		step *= 2;
	if (r < 0)
		return r;
	*ret = round_up(least, r ? step : page); /* where none does, none is better */
	return 0;
}

int bh_region_copy_committed(const struct bh_region *region, uint8_t **ret, size_t *ret_size,
                             struct bh_error *err)
{
	BH_CLEANUP(bh_free_done) uint8_t *copy = NULL;

	off_t offset = lseek(region->fd, 0, SEEK_CUR);
	if (offset < 0)
		return bh_fail(err, errno, "read offset of result memfd");
	size_t size = (uint64_t)offset < region->size ? (size_t)offset : region->size;

	if (size > 0) {
		copy = malloc(size);
		if (!copy)
			return bh_fail(err, ENOMEM, "copy %zu result bytes", size);
	}
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(region->fd, copy + done, size - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bh_fail(err, errno, "read results");
		if (n == 0)
			return bh_fail_plain(err, EIO, "read results: end at %zu of %zu bytes",
			                     done, size);
		done += (size_t)n;
	}

	*ret = BH_TAKE(copy, NULL);
	*ret_size = size;
	return 0;
}

/* The offset of an open file, from the first line of its fdinfo: "pos:\t123". */
static int peek_offset(int fd, uint64_t *ret)
{
	char path[40], text[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	BH_CLEANUP(bh_fd_done) int info = open(path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return -errno;
	ssize_t n = read(info, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return sscanf(text, "pos: %" SCNu64, ret) == 1 ? 0 : -EIO;
}

ssize_t bh_region_peek_committed(const struct bh_region *region, size_t offset, void *buffer,
                                 size_t size, size_t *ret_committed)
{
	uint64_t position;
	int r = peek_offset(region->fd, &position);

	if (r < 0)
		return r;
	size_t committed = position < region->size ? (size_t)position : region->size;
	size_t left = offset < committed ? committed - offset : 0;
	ssize_t n = pread(region->fd, buffer, left < size ? left : size, (off_t)offset);
	if (n < 0)
		return -errno;
	*ret_committed = committed;
	return n;
}

void bh_region_done(struct bh_region *region)
{
	bh_fd_done(&region->fd);
	region->size = 0;
}
