/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/complaint.h"
#include "ipc/wire/base.h"

#define FIRST_CAPACITY ((size_t)64 << 10)

const char *bh_file_type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
		return "a character device";
	case S_IFBLK:
		return "a block device";
	case S_IFLNK:
		return "a symbolic link";
	default:
		return "of an unknown type";
	}
}

/* A pipe that never had a name lives in pipefs. */
static bool is_unnamed_pipe(int fd)
{
	struct statfs filesystem;

	return fstatfs(fd, &filesystem) == 0 && filesystem.f_type == PIPEFS_MAGIC;
}

static int check_type(const char *path, int or_pipe, int fd, struct bh_complaint *complaint)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return bh_complain_errno(complaint, errno, "%s", path);
	if (S_ISREG(status.st_mode))
		return BH_STATUS_OK;
	if (or_pipe && S_ISFIFO(status.st_mode) && is_unnamed_pipe(fd)) {
		if (fcntl(fd, F_SETFL, O_RDONLY) < 0) /* no O_NONBLOCK any more */
			return bh_complain_errno(complaint, errno, "%s", path);
		return BH_STATUS_OK;
	}
	return bh_complain(complaint, BH_STATUS_INPUT, "%s: is %s, expected a regular file", path,
	                   bh_file_type_name(status.st_mode));
}

int bh_file_open(const char *path, int or_pipe, int *ret_fd, struct bh_complaint *complaint)
{
	struct stat status;

	/* opening a socket or some devices fails with errors that explain nothing */
	if (stat(path, &status) < 0)
		return bh_complain_errno(complaint, errno, "%s", path);
	if (!S_ISREG(status.st_mode) && !(or_pipe && S_ISFIFO(status.st_mode)))
		return bh_complain(complaint, BH_STATUS_INPUT, "%s: is %s, expected a regular file",
		                   path, bh_file_type_name(status.st_mode));

	BH_CLEANUP(bh_fd_done) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return bh_complain_errno(complaint, errno, "%s", path);
	int r = check_type(path, or_pipe, fd, complaint);
	if (r != BH_STATUS_OK)
		return r;
	*ret_fd = BH_TAKE(fd, -1);
	return BH_STATUS_OK;
}

void bh_bytes_done(struct bh_bytes *bytes)
{
	free(bytes->data);
	*bytes = BH_BYTES_UNSET;
}

/* Makes room for at least one more byte. */
static bool grow(struct bh_bytes *bytes)
{
	size_t capacity = bytes->capacity ? bytes->capacity : FIRST_CAPACITY;

	if (bytes->size < bytes->capacity)
		return true;
	if (bytes->capacity && __builtin_mul_overflow(capacity, 2, &capacity))
		return false;
	char *grown = realloc(bytes->data, capacity);
	if (!grown)
		return false;
	bytes->data = grown;
	bytes->capacity = capacity;
	return true;
}

int bh_file_read(int fd, const char *path, struct bh_bytes *bytes, struct bh_complaint *complaint)
{
	bytes->size = 0;
	for (;;) {
		if (!grow(bytes))
			return bh_complain_errno(complaint, ENOMEM, "read %s", path);
		ssize_t n = read(fd, bytes->data + bytes->size, bytes->capacity - bytes->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bh_complain_errno(complaint, errno, "read %s", path);
		if (n == 0)
			return BH_STATUS_OK;
		bytes->size += (size_t)n;
		if (bytes->size > BH_FILE_MOST)
			return bh_complain_errno(complaint, EFBIG, "read %s: at most %zu bytes",
			                         path, BH_FILE_MOST);
	}
}
