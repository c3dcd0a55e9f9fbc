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

/* The flags that a mount has already and, in a user namespace, must keep. */
static unsigned long kept_flags(const char *path)
{
	static const struct {
		unsigned long from, to;
	} rows[] = { { ST_NOSUID, MS_NOSUID },         { ST_NODEV, MS_NODEV },
		     { ST_NOEXEC, MS_NOEXEC },         { ST_NOATIME, MS_NOATIME },
		     { ST_NODIRATIME, MS_NODIRATIME }, { ST_RELATIME, MS_RELATIME } };
	struct statvfs info;
	unsigned long flags = 0;

	if (statvfs(path, &info) < 0)
		return 0;
	for (size_t i = 0; i < BH_COUNT_OF(rows); i++)
		if (info.f_flag & rows[i].from)
			flags |= rows[i].to;
	return flags;
}

/* Before Linux 5.12: one mount after another, as the mount table lists them. */
static int protect_each(const char *path, struct bh_error *err)
{
	char whole[PATH_MAX];
	struct mntent entry;
	char line[3 * PATH_MAX];

	if (!realpath(path, whole))
		return bh_fail(err, errno, "resolve %s in the new root", path);
	size_t length = strlen(whole);
	FILE *table = setmntent("/proc/self/mounts", "re");
	if (!table)
		return bh_fail(err, errno, "read the mount table");
	int r = 0;
	while (r == 0 && getmntent_r(table, &entry, line, sizeof(line))) {
		const char *at = entry.mnt_dir;
		if (strncmp(at, whole, length) != 0 || (at[length] != '/' && at[length] != '\0'))
			continue;
		unsigned long flags = kept_flags(at) | MS_NOSUID | MS_NODEV;
		if (mount(NULL, at, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0)
			r = bh_fail(err, errno, "make %s read-only", at);
	}
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
