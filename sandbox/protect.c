/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/protect.h"

#include <fcntl.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

#include "ipc/wire/base.h"

/* A line of the mount table: a source, a path and options, some characters as \NNN. */
#define LINE_SIZE (16 * PATH_MAX)

/* The flags that a mount has already and, in a user namespace, must keep. */
static int find_kept_flags(const char *path, unsigned long *ret, struct bh_error *err)
{
	static const struct {
		unsigned long from, to;
	} rows[] = { { ST_NOSUID, MS_NOSUID },         { ST_NODEV, MS_NODEV },
		     { ST_NOEXEC, MS_NOEXEC },         { ST_NOATIME, MS_NOATIME },
		     { ST_NODIRATIME, MS_NODIRATIME }, { ST_RELATIME, MS_RELATIME } };
	struct statvfs info;
	unsigned long flags = 0;

	if (statvfs(path, &info) < 0)
		return bh_fail(err, errno, "look at the mount %s", path);
	for (size_t i = 0; i < BH_COUNT_OF(rows); i++)
		if (info.f_flag & rows[i].from)
			flags |= rows[i].to;
	*ret = flags;
	return 0;
}

static int protect_one(const char *at, struct bh_error *err)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV;
	unsigned long kept = 0;

	int r = find_kept_flags(at, &kept, err);
	if (r < 0)
		return r;
	if (mount(NULL, at, NULL, flags | kept, NULL) < 0)
		return bh_fail(err, errno, "make %s read-only", at);
	return 0;
}

static int protect_listed(FILE *table, const char *top, struct bh_error *err)
{
	size_t length = strlen(top);
	char line[LINE_SIZE];
	struct mntent entry;
	int r = 0;

	while (r == 0 && getmntent_r(table, &entry, line, sizeof(line))) {
		const char *at = entry.mnt_dir;
		if (strncmp(at, top, length) == 0 && (at[length] == '/' || at[length] == '\0'))
			r = protect_one(at, err);
	}
	/* its end and an error look the same to getmntent_r(3) */
	return r == 0 && ferror(table) ? bh_fail(err, EIO, "read the mount table") : r;
}

/* Before Linux 5.12: one mount after another, as the mount table lists them. */
static int protect_each(const char *path, struct bh_error *err)
{
	char top[PATH_MAX];

	if (!realpath(path, top))
		return bh_fail(err, errno, "resolve %s in the new root", path);
	FILE *table = setmntent("/proc/self/mounts", "re");
	if (!table)
		return bh_fail(err, errno, "read the mount table");
	int r = protect_listed(table, top, err);
	endmntent(table);
	return r;
}

int bh_mount_protect(const char *path, struct bh_error *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
		                               MOUNT_ATTR_NODEV };

	if (syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &attr, sizeof(attr)) == 0)
		return 0;
	if (errno != ENOSYS)
		return bh_fail(err, errno, "make %s read-only in the new root", path);
	return protect_each(path, err);
}
