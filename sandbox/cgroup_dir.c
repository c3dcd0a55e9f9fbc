/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ipc/wire/base.h"

#define PREFIX "bulkhead-"

/* A killed process leaves its cgroup when it has ended, not at once. */
#define REMOVE_TRIES    200
#define REMOVE_PAUSE_NS (1000 * 1000)

/* A name that was taken for a dead launcher's is made once more. */
#define MAKE_TRIES 8

int bh_cgroup_dir_name(unsigned int owner, char ret[BH_CGROUP_NAME_SIZE], struct bh_error *err)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return bh_fail(err, errno, "random bytes for the name of a cgroup");
	snprintf(ret, BH_CGROUP_NAME_SIZE, PREFIX "%u-%016" PRIx64, owner, number);
	return 0;
}

bool bh_cgroup_dir_is_ours(const char *name)
{
	return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && !strchr(name, '/');
}

/* Whether the directory has still that name: it may have been removed, and made again. */
static bool is_named(int dir, int parent, const char *name)
{
	struct stat info, named;

	return fstat(dir, &info) == 0 && fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       info.st_dev == named.st_dev && info.st_ino == named.st_ino;
}

int bh_cgroup_dir_make(int parent, const char *name, int *ret, struct bh_error *err)
{
	for (int i = 0; i < MAKE_TRIES; i++) {
		if (mkdirat(parent, name, 0755) < 0)
			return bh_fail(err, errno, "make a cgroup");
		BH_CLEANUP(bh_fd_done)
		int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0 && flock(dir, LOCK_EX) == 0 && is_named(dir, parent, name)) {
			*ret = BH_TAKE(dir, -1);
			return 0;
		}
		int code = errno;
		if (faccessat(parent, name, F_OK, 0) == 0) {
			unlinkat(parent, name, AT_REMOVEDIR);
			return bh_fail(err, code, "open and lock a cgroup");
		}
	}
	return bh_fail_plain(err, EAGAIN, "a new cgroup is removed again and again");
}

/* ---- killing ---- */

/* Version 2, since Linux 5.14. */
static bool kill_at_once(int dir)
{
	BH_CLEANUP(bh_fd_done) int fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "1", 1) == 1;
}

static void kill_each(int dir)
{
	int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	int pid;

	if (!file) {
		bh_fd_done(&fd);
		return;
	}
	while (fscanf(file, "%d", &pid) == 1)
		if (pid > 1 && pid != getpid()) /* 0: of a PID namespace that we don't see */
			kill(pid, SIGKILL);
	fclose(file);
}

void bh_cgroup_dir_kill(int dir)
{
	if (!kill_at_once(dir))
		kill_each(dir);
}

/* ---- removing ---- */

static void remove_one(int parent, const char *name)
{
	const struct timespec pause = { .tv_nsec = REMOVE_PAUSE_NS };

	for (int i = 0; i < REMOVE_TRIES; i++) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
			return;
		BH_CLEANUP(bh_fd_done)
		int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0)
			bh_cgroup_dir_kill(dir);
		nanosleep(&pause, NULL);
	}
}

static bool is_directory(int parent, const struct dirent *entry)
{
	struct stat info;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(parent, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(info.st_mode);
}

/* Calls `visit` for the directories in `dir` whose names begin so. */
static void for_each_dir(int dir, const char *prefix, void (*visit)(int dir, const char *name))
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!stream) {
		bh_fd_done(&fd);
		return;
	}
	while ((entry = readdir(stream)))
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && is_directory(dir, entry))
			visit(dir, entry->d_name);
	closedir(stream);
}

static void remove_tree(int parent, const char *name)
{
	BH_CLEANUP(bh_fd_done)
	int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	for_each_dir(dir, "slot", remove_one);
	remove_one(parent, name);
}

/* Once more where it is still there: for want of descriptors or memory, it may be. */
void bh_cgroup_dir_remove(int parent, const char *name)
{
	remove_tree(parent, name);
	if (faccessat(parent, name, F_OK, 0) == 0)
		remove_tree(parent, name);
}

/* Whoever has the lock on what has the name may remove it, and nobody else. */
static void remove_if_stale(int parent, const char *name)
{
	BH_CLEANUP(bh_fd_done)
	int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0 && is_named(dir, parent, name))
		remove_tree(parent, name);
}

void bh_cgroup_dir_remove_stale(int parent)
{
	for_each_dir(parent, PREFIX, remove_if_stale);
}
