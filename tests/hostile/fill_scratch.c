/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hostile.h"

/* Where the scratch can't be written to at all, which is no attack. */
#define NO_SCRATCH 3

#define STEP      ((int64_t)1 << 20)
#define ATTRIBUTE 65536

/* The folder to fill: the scratch, or the bait's. */
static const char *folder;
static char block[STEP];

static const char *path_of(int64_t number)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/fill-%lld", folder, (long long)number);
	return path;
}

static int open_file(int64_t number)
{
	return open(path_of(number), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
}

/* ---- steps: each takes something more, and is false where there is no more ---- */

static bool write_block(int fd)
{
	ssize_t n = fd < 0 ? -1 : write(fd, block, STEP);

	if (n >= 0 && n < STEP) /* the last ones: what comes next tells why */
		n = write(fd, block, (size_t)(STEP - n));
	return n >= 0;
}

static bool grow_file(int64_t number)
{
	static int fd = -1;

	if (number == 0)
		fd = open_file(0);
	return write_block(fd);
}

static bool reserve(int64_t number)
{
	static int fd = -1;

	if (number == 0)
		fd = open_file(0);
	return fd >= 0 && fallocate(fd, 0, number * STEP, STEP) == 0;
}

/* Without a name, and open. */
static bool write_unlinked(int64_t number)
{
	int fd = open_file(number);

	return fd >= 0 && unlink(path_of(number)) == 0 && write_block(fd);
}

static bool make_file(int64_t number)
{
	int fd = open_file(number);

	return fd >= 0 && close(fd) == 0;
}

static bool make_folder(int64_t number)
{
	return mkdir(path_of(number), 0700) == 0;
}

static bool make_link(int64_t number)
{
	char first[1024];

	if (number == 0)
		return make_file(0);
	strcpy(first, path_of(0));
	return link(first, path_of(number)) == 0;
}

static bool make_symlink(int64_t number)
{
	char target[120] = { 0 };

	memset(target, 'x', sizeof(target) - 1);
	return symlink(target, path_of(number)) == 0;
}

/* Some of each file's. */
static bool add_attribute(int64_t number)
{
	const int64_t each = STEP / ATTRIBUTE;
	char name[64];

	if (!make_file(number))
		return false;
	for (int64_t i = 0; i < each; i++) {
		snprintf(name, sizeof(name), "user.fill-%lld", (long long)i);
		if (setxattr(path_of(number), name, block, ATTRIBUTE, 0) < 0)
			return false;
	}
	return true;
}

static const struct {
	const char *way;
	bool (*step)(int64_t number);
	bool counts_bytes; /* STEP of them each; else one file of some kind */
} ways[] = {
	{ "one file", grow_file, true },      { "reserved", reserve, true },
	{ "unlinked", write_unlinked, true }, { "attributes", add_attribute, true },
	{ "files", make_file, false },        { "folders", make_folder, false },
	{ "links", make_link, false },        { "symbolic links", make_symlink, false },
};

/* One step more than there may be is the gain. */
static void fill(struct attack *a, bool (*step)(int64_t number), int64_t allowed)
{
	int64_t n = 0;

	while (n <= allowed && step(n))
		n++;
	int error = errno;
	if (n == 0 && (error == EACCES || error == EROFS))
		_exit(NO_SCRATCH);
	if (n > allowed)
		gain(a, "%lld steps, where %lld are allowed", (long long)n, (long long)allowed);
	else
		note(a, "step %lld: %s", (long long)n, strerrorname_np(error));
}

void attack(struct attack *a)
{
	static char copy[512];

	snprintf(copy, sizeof(copy), "%s", number_of(a, "control") ? text_of(a, "folder") : "/tmp");
	folder = copy;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (is_way(a, ways[i].way))
			fill(a, ways[i].step,
			     ways[i].counts_bytes ? number_of(a, "bytes") / STEP
			                          : number_of(a, "allowed"));
}
