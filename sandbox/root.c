/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/root.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/binds.h"
#include "sandbox/executable.h"
#include "sandbox/protect.h"

/* Where the new root is put together: a directory that every system has. Paths
 * below are relative to it, which is the working directory while building. */
#define BUILD_DIR "/tmp"

static int make_dir(const char *path, struct bh_error *err)
{
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return bh_fail(err, errno, "make directory %s in the new root", path);
	return 0;
}

static int make_link(const char *target, const char *path, struct bh_error *err)
{
	if (symlink(target, path) < 0)
		return bh_fail(err, errno, "make link %s in the new root", path);
	return 0;
}

static int make_file(const char *path, const char *text, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	size_t size = strlen(text);

	if (fd < 0)
		return bh_fail(err, errno, "make file %s in the new root", path);
	if (write(fd, text, size) != (ssize_t)size)
		return bh_fail(err, EIO, "write file %s in the new root", path);
	return 0;
}

/* Copies all of `from` into a new file. */
static int copy_fd(int from, const char *path, mode_t mode, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (to < 0)
		return bh_fail(err, errno, "make file %s in the new root", path);
	int r = bh_executable_copy(from, to);
	if (r < 0)
		return bh_fail(err, -r, "copy to %s in the new root", path);
	if (fchmod(to, mode) < 0)
		return bh_fail(err, errno, "set the mode of %s in the new root", path);
	return 0;
}

static int bind_dir(const char *from, const char *path, struct bh_error *err)
{
	int r = make_dir(path, err);

	if (r < 0)
		return r;
	if (mount(from, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return bh_fail(err, errno, "bind %s into the new root", from);
	return bh_mount_protect(path, err);
}

/* ---- the parts ---- */

/* /bin and the like: a link on systems with a merged /usr, else a directory. */
static int add_programs(struct bh_error *err)
{
	static const char *const names[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32" };
	char host[16], target[PATH_MAX];

	int r = bind_dir("/usr", "usr", err);
	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(names); i++) {
		snprintf(host, sizeof(host), "/%s", names[i]);
		ssize_t n = readlink(host, target, sizeof(target) - 1);
		if (n >= 0) {
			target[n] = '\0';
			r = make_link(target, names[i], err);
		} else if (access(host, F_OK) == 0) {
			r = bind_dir(host, names[i], err);
		}
	}
	return r;
}

/* Copies a file of the host's /etc, or the link that it is; none is no error. */
static int add_host_file(const char *host, const char *path, struct bh_error *err)
{
	char target[PATH_MAX];

	ssize_t n = readlink(host, target, sizeof(target) - 1);
	if (n >= 0) {
		target[n] = '\0';
		return make_link(target, path, err);
	}
	BH_CLEANUP(bh_fd_done) int fd = open(host, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	return copy_fd(fd, path, 0644, err);
}

static int add_etc(struct bh_error *err)
{
	int r = make_dir("etc", err);

	if (r == 0)
		r = make_file("etc/passwd",
		              "root:x:0:0:root:/:/usr/sbin/nologin\n"
		              "nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n",
		              err);
	if (r == 0)
		r = make_file("etc/group", "root:x:0:\nnogroup:x:65534:\n", err);
	if (r == 0)
		r = make_file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n",
		              err);
	if (r == 0)
		r = add_host_file("/etc/ld.so.cache", "etc/ld.so.cache", err);
	if (r == 0)
		r = add_host_file("/etc/localtime", "etc/localtime", err);
	if (r == 0 && access("/etc/alternatives", F_OK) == 0)
		r = bind_dir("/etc/alternatives", "etc/alternatives", err);
	return r;
}

static int add_device(const char *name, struct bh_error *err)
{
	char host[32], path[32];

	snprintf(host, sizeof(host), "/dev/%s", name);
	snprintf(path, sizeof(path), "dev/%s", name);
	int r = make_file(path, "", err);
	if (r < 0)
		return r;
	if (mount(host, path, NULL, MS_BIND, NULL) < 0)
		return bh_fail(err, errno, "bind %s into the new root", host);
	return 0;
}

static int add_dev(struct bh_error *err)
{
	static const char *const devices[] = { "null", "zero", "full", "random", "urandom" };
	static const char *const links[][2] = { { "/proc/self/fd", "dev/fd" },
		                                { "/proc/self/fd/0", "dev/stdin" },
		                                { "/proc/self/fd/1", "dev/stdout" },
		                                { "/proc/self/fd/2", "dev/stderr" } };

	int r = make_dir("dev", err);
	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(devices); i++)
		r = add_device(devices[i], err);
	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(links); i++)
		r = make_link(links[i][0], links[i][1], err);
	return r;
}

static int add_handler(int fd, const char *name, struct bh_error *err)
{
	char path[sizeof(BH_ROOT_HANDLER_DIR) + NAME_MAX + 1];

	int r = make_dir(&BH_ROOT_HANDLER_DIR[1], err);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/%s", &BH_ROOT_HANDLER_DIR[1], name);
	return copy_fd(fd, path, 0555, err);
}

/* A /proc must be mounted already where handlers mount theirs: the kernel lets a
 * user namespace have one only where one is in full view. */
static int add_proc(struct bh_error *err)
{
	int r = make_dir("proc", err);

	if (r < 0)
		return r;
	if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return bh_fail(err, errno, "mount /proc in the new root");
	return 0;
}

/* By descriptor, as the new root may cover it by now. -1 for none. */
static int add_python(int dir, struct bh_error *err)
{
	char path[32];

	if (dir < 0)
		return 0;
	int r = make_dir("bulkhead", err);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	return bind_dir(path, &BH_ROOT_PYTHON_DIR[1], err);
}

static int switch_root(struct bh_error *err)
{
	if (mount(NULL, ".", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) <
	    0)
		return bh_fail(err, errno, "make the new root read-only");
	/* the old root ends up on top of the new one, and is taken off */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return bh_fail(err, errno, "switch to the new root");
	if (umount2(".", MNT_DETACH) < 0)
		return bh_fail(err, errno, "take the old root off");
	if (chdir("/") < 0)
		return bh_fail(err, errno, "enter the new root");
	return 0;
}

int bh_root_enter(int handler_fd, const char *handler_name, const char *python_dir,
                  const struct bh_bind_trees *binds, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int python = -1;

	if (python_dir) {
		python = open(python_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (python < 0)
			return bh_fail(err, errno, "open %s", python_dir);
	}
	if (mount("tmpfs", BUILD_DIR, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		return bh_fail(err, errno, "mount a tmpfs for the new root");
	if (chdir(BUILD_DIR) < 0)
		return bh_fail(err, errno, "enter the tmpfs for the new root");

	int r = add_programs(err);
	if (r == 0)
		r = add_etc(err);
	if (r == 0)
		r = add_dev(err);
	if (r == 0)
		r = add_handler(handler_fd, handler_name, err);
	if (r == 0)
		r = add_python(python, err);
	if (r == 0)
		r = add_proc(err);
	if (r == 0)
		r = make_dir("tmp", err);
	if (r == 0)
		r = bh_binds_attach(binds, err);
	return r < 0 ? r : switch_root(err);
}
