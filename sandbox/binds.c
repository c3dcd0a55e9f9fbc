/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/binds.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "ipc/wire/base.h"
#include "sandbox/protect.h"

static int clone_tree(const struct bh_bound *bound, int *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = -1;

	int r = bh_bound_open(bound, &fd, err);
	if (r < 0)
		return r;
	*ret = (int)syscall(SYS_open_tree, fd, "",
	                    AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (*ret < 0)
		return bh_fail(err, errno, "copy the mounts of %s", bound->path);
	return 0;
}

int bh_binds_clone(const struct bh_bound *bounds, size_t n, struct bh_bind_trees *ret,
                   struct bh_error *err)
{
	BH_CLEANUP(bh_bind_trees_done) struct bh_bind_trees made = { .bounds = bounds };

	made.fds = calloc(n + 1, sizeof(*made.fds));
	if (!made.fds)
		return bh_fail(err, ENOMEM, "bind %zu paths", n);
	for (; made.n < n; made.n++) {
		int r = clone_tree(&bounds[made.n], &made.fds[made.n], err);
		if (r < 0)
			return r;
	}
	*ret = BH_TAKE(made, BH_BIND_TREES_UNSET);
	return 0;
}

void bh_bind_trees_done(struct bh_bind_trees *trees)
{
	for (size_t i = 0; i < trees->n; i++)
		bh_fd_done(&trees->fds[i]);
	free(trees->fds);
	*trees = BH_BIND_TREES_UNSET;
}

/* Moves `*dir` on to the entry `name`, which is made where it isn't there and can
 * be. No link is followed: in a folder that is bound, anybody may have made one. */
static int step(int *dir, const char *name, bool is_dir, const char *dest, struct bh_error *err)
{
	struct stat info;

	if (is_dir)
		mkdirat(*dir, name, 0755);
	else
		mknodat(*dir, name, S_IFREG | 0444, 0);
	int fd = openat(*dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return bh_fail(err, errno, "place %s in the new root", dest);
	bh_fd_done(dir);
	*dir = fd;
	if (fstat(fd, &info) < 0)
		return bh_fail(err, errno, "look at %s in the new root", dest);
	if (!(is_dir ? S_ISDIR(info.st_mode) : S_ISREG(info.st_mode)))
		return bh_fail(err, is_dir ? ENOTDIR : EEXIST, "place %s in the new root", dest);
	return 0;
}

/* Opens the place where a folder, or a file, is to be mounted. */
static int open_place(const char *dest, bool is_dir, int *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char parts[PATH_MAX];
	char *rest = parts;
	int r = 0;

	if (dir < 0)
		return bh_fail(err, errno, "open the new root");
	if (strlen(dest) >= sizeof(parts))
		return bh_fail(err, ENAMETOOLONG, "place %.40s… in the new root", dest);
	snprintf(parts, sizeof(parts), "%s", dest + 1);
	while (r == 0 && rest) {
		const char *name = strsep(&rest, "/");
		r = step(&dir, name, rest || is_dir, dest, err);
	}
	if (r == 0)
		*ret = BH_TAKE(dir, -1);
	return r;
}

static int attach(int tree, const char *dest, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int place = -1;
	struct stat info;

	if (fstat(tree, &info) < 0)
		return bh_fail(err, errno, "look at what is bound to %s", dest);
	int r = open_place(dest, S_ISDIR(info.st_mode), &place, err);
	if (r < 0)
		return r;
	if (syscall(SYS_move_mount, tree, "", place, "",
	            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return bh_fail(err, errno, "mount %s in the new root", dest);
	return bh_mount_protect(dest + 1, err);
}

int bh_binds_attach(const struct bh_bind_trees *trees, struct bh_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < trees->n; i++)
		r = attach(trees->fds[i], trees->bounds[i].dest, err);
	return r;
}
