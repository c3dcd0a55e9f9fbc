/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/complaint.h"
#include "cli/file.h"
#include "ipc/wire/base.h"

#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define MOST_TRIES 10000

struct walk {
	const struct bh_directory_visitor *visitor;
	struct bh_complaint *complaint;
	int root;         /* borrowed */
	char *path;       /* owned: of what is looked at */
	size_t root_size; /* where its part below the directory begins */
	unsigned int depth;
};

static const char *relative_path(const struct walk *walk)
{
	return walk->path + walk->root_size;
}

static int fail(struct walk *walk, int code)
{
	return bh_complain_errno(walk->complaint, code, "%s", walk->path);
}

static int refuse(struct walk *walk, const char *why)
{
	return bh_complain(walk->complaint, BH_STATUS_INPUT, "%s: %s", walk->path, why);
}

static int refuse_type(struct walk *walk, mode_t mode)
{
	return bh_complain(walk->complaint, BH_STATUS_INPUT,
	                   "%s: is %s, expected regular files and directories", walk->path,
	                   bh_file_type_name(mode));
}

/* Hands over a descriptor once it is sure that it is a regular file's. */
static int visit(struct walk *walk, int fd)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(walk, errno);
	if (!S_ISREG(status.st_mode))
		return refuse_type(walk, status.st_mode);
	return walk->visitor->visit(walk->path, relative_path(walk), fd, walk->visitor->userdata,
	                            walk->complaint);
}

static int visit_file(struct walk *walk, int directory, const char *name)
{
	BH_CLEANUP(bh_fd_done) int fd = openat(directory, name, READ_FLAGS | O_NOFOLLOW);

	return visit(walk, fd);
}

/* Opens what a link leads to, from the root on and never out of it. Where a link goes
 * up, the kernel isn't sure while anything on the host is renamed or mounted, and wants
 * to be asked once more: openat2(2), EAGAIN. */
static int open_beneath(const struct walk *walk, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int tries = 0, fd;

	do
		fd = (int)syscall(SYS_openat2, walk->root, relative_path(walk), &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN && ++tries < MOST_TRIES);
	return fd;
}

static int refuse_link(struct walk *walk, int code)
{
	switch (code) {
	case EXDEV:
		return refuse(walk, "is a symbolic link that leads out of the directory");
	case ELOOP:
		return refuse(walk, "is a symbolic link that leads in a circle");
	case ENOENT:
		return refuse(walk, "is a symbolic link that leads nowhere");
	default:
		return fail(walk, code);
	}
}

static int visit_link(struct walk *walk)
{
	BH_CLEANUP(bh_fd_done) int target = open_beneath(walk, O_PATH | O_CLOEXEC);
	struct stat status;

	if (target < 0)
		return refuse_link(walk, errno);
	if (fstat(target, &status) < 0)
		return fail(walk, errno);
	if (S_ISDIR(status.st_mode))
		return BH_STATUS_OK;
	if (!S_ISREG(status.st_mode))
		return refuse_type(walk, status.st_mode);

	BH_CLEANUP(bh_fd_done) int fd = open_beneath(walk, READ_FLAGS);
	return visit(walk, fd);
}

static int walk_directory(struct walk *walk, int fd);

static int visit_directory(struct walk *walk, int directory, const char *name)
{
	BH_CLEANUP(bh_fd_done)
	int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return fail(walk, errno);
	return walk_directory(walk, fd);
}

static int visit_name(struct walk *walk, int directory, const char *name)
{
	struct stat status;

	if (!bh_utf8_valid(name, strlen(name)))
		return refuse(walk, "name is not valid UTF-8");
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(walk, errno);
	switch (status.st_mode & S_IFMT) {
	case S_IFREG:
		return visit_file(walk, directory, name);
	case S_IFDIR:
		return visit_directory(walk, directory, name);
	case S_IFLNK:
		return visit_link(walk);
	default:
		return refuse_type(walk, status.st_mode);
	}
}

/* Visits with the name appended to the path. */
static int enter_name(struct walk *walk, int directory, const char *name)
{
	char *outer = walk->path;

	if (asprintf(&walk->path, "%s/%s", outer, name) < 0) {
		walk->path = outer;
		return bh_complain_memory(walk->complaint);
	}
	int r = visit_name(walk, directory, name);
	free(walk->path);
	walk->path = outer;
	return r;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_not_dots(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int walk_directory(struct walk *walk, int fd)
{
	struct dirent **names;
	int r = BH_STATUS_OK;

	if (walk->depth == BH_DIRECTORY_MAX_DEPTH)
		return refuse(walk, "directories are nested too deep");
	int n = scandirat(fd, ".", &names, is_not_dots, compare_names);
	if (n < 0)
		return fail(walk, errno);
	walk->depth++;
	for (int i = 0; i < n; i++) {
		if (r == BH_STATUS_OK)
			r = enter_name(walk, fd, names[i]->d_name);
		free(names[i]);
	}
	walk->depth--;
	free(names);
	return r;
}

/* Without slashes at the end; "" for the root directory. */
static char *trimmed_dup(const char *path)
{
	size_t size = strlen(path);

	while (size > 0 && path[size - 1] == '/')
		size--;
	return strndup(path, size);
}

int bh_directory_walk(const char *path, const struct bh_directory_visitor *visitor,
                      struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_fd_done) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	BH_CLEANUP(bh_free_done) char *root = NULL;

	if (fd < 0)
		return bh_complain_errno(complaint, errno, "%s", path);
	root = trimmed_dup(path);
	if (!root)
		return bh_complain_memory(complaint);

	struct walk walk = { visitor, complaint, fd, root, strlen(root) + 1, 0 };
	return walk_directory(&walk, fd);
}
