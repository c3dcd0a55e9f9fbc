/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "hostile.h"

/* Without headers yet; the numbers are those of every architecture. */
#define CALL_FCHMODAT2    452
#define CALL_SETXATTRAT   463
#define CALL_FILE_SETATTR 469

/* A file of the user's, and a descriptor of it that is open for reading. */
struct target {
	const char *path;
	int fd;
};

static void change_mode(struct attack *a, const struct target *t)
{
	gain_if(a, "chmod", chmod(t->path, 0600));
	gain_if(a, "fchmodat", syscall(SYS_fchmodat, AT_FDCWD, t->path, 0600));
	gain_if(a, "fchmod", fchmod(t->fd, 0600));
	gain_if(a, "fchmodat2", syscall(CALL_FCHMODAT2, AT_FDCWD, t->path, 0600, 0));
}

/* To those who own it: an owner may, and it takes set-user-id bits away. */
static void change_owner(struct attack *a, const struct target *t)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	gain_if(a, "chown", chown(t->path, uid, gid));
	gain_if(a, "lchown", lchown(t->path, uid, gid));
	gain_if(a, "fchown", fchown(t->fd, uid, gid));
	gain_if(a, "fchownat", fchownat(AT_FDCWD, t->path, uid, gid, 0));
}

static void change_times(struct attack *a, const struct target *t)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	const struct timeval old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	const struct utimbuf older = { 1, 1 };

	gain_if(a, "utimensat", utimensat(AT_FDCWD, t->path, times, 0));
	gain_if(a, "futimens", futimens(t->fd, times));
#ifdef SYS_utime
	gain_if(a, "utime", syscall(SYS_utime, t->path, &older));
	gain_if(a, "utimes", syscall(SYS_utimes, t->path, old));
	gain_if(a, "futimesat", syscall(SYS_futimesat, AT_FDCWD, t->path, old));
#endif
	(void)old, (void)older;
}

static void change_extended(struct attack *a, const struct target *t)
{
	const uint64_t args[2] = { (uint64_t)(uintptr_t) "x", 1 };

	gain_if(a, "setxattr", setxattr(t->path, "user.hostile", "x", 1, 0));
	gain_if(a, "lsetxattr", lsetxattr(t->path, "user.hostile", "x", 1, 0));
	gain_if(a, "fsetxattr", fsetxattr(t->fd, "user.hostile", "x", 1, 0));
	gain_if(a, "setxattrat",
	        syscall(CALL_SETXATTRAT, AT_FDCWD, t->path, 0, "user.hostile", args, sizeof(args)));
	gain_if(a, "removexattr", removexattr(t->path, "user.hostile"));
}

static void change_flags(struct attack *a, const struct target *t)
{
	const uint64_t nothing[3] = { 0 };
	int flags = FS_NODUMP_FL;

	gain_if(a, "FS_IOC_SETFLAGS", ioctl(t->fd, FS_IOC_SETFLAGS, &flags));
	gain_if(a, "file_setattr",
	        syscall(CALL_FILE_SETATTR, AT_FDCWD, t->path, nothing, sizeof(nothing), 0));
}

static const struct {
	const char *way;
	void (*change)(struct attack *a, const struct target *target);
} ways[] = {
	{ "mode", change_mode },           { "owner", change_owner }, { "times", change_times },
	{ "attributes", change_extended }, { "flags", change_flags },
};

void attack(struct attack *a)
{
	struct target target = { .path = bait_path(a, "secret") };

	target.fd = open(target.path, O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (is_way(a, ways[i].way))
			ways[i].change(a, &target);
}
