/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/landlock.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/bound.h"
#include "sandbox/rawcall.h"
#include "sandbox/scratch.h"

/* The numbers of linux/landlock.h, which is older than the kernel on some
 * systems. */
#define CREATE_VERSION  1u
#define RULE_PATH       1
#define FS_EXECUTE      ((uint64_t)1 << 0)
#define FS_WRITE_FILE   ((uint64_t)1 << 1)
#define FS_READ_FILE    ((uint64_t)1 << 2)
#define FS_READ_DIR     ((uint64_t)1 << 3)
#define FS_REMOVE_DIR   ((uint64_t)1 << 4)
#define FS_REMOVE_FILE  ((uint64_t)1 << 5)
#define FS_MAKE_DIR     ((uint64_t)1 << 7)
#define FS_MAKE_REG     ((uint64_t)1 << 8)
#define FS_MAKE_SOCK    ((uint64_t)1 << 9)
#define FS_MAKE_FIFO    ((uint64_t)1 << 10)
#define FS_MAKE_SYM     ((uint64_t)1 << 12)
#define FS_ALL_OF_ABI_1 (((uint64_t)1 << 13) - 1)
#define FS_REFER        ((uint64_t)1 << 13)
#define FS_TRUNCATE     ((uint64_t)1 << 14)
#define FS_IOCTL_DEV    ((uint64_t)1 << 15)
#define FS_READ         (FS_EXECUTE | FS_READ_FILE | FS_READ_DIR)
/* All but to execute, and to make devices. */
#define FS_SCRATCH                                                                          \
	(FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_DIR | FS_REMOVE_FILE |      \
	 FS_MAKE_DIR | FS_MAKE_REG | FS_MAKE_SOCK | FS_MAKE_FIFO | FS_MAKE_SYM | FS_REFER | \
	 FS_TRUNCATE)
#define NET_BIND_TCP    ((uint64_t)1 << 0)
#define NET_CONNECT_TCP ((uint64_t)1 << 1)
#define SCOPE_ABSTRACT  ((uint64_t)1 << 0)
#define SCOPE_SIGNAL    ((uint64_t)1 << 1)

struct ruleset_attr {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* ABI 4 */
	uint64_t scoped;             /* ABI 6 */
};

struct path_beneath_attr {
	uint64_t allowed_access;
	int32_t parent_fd;
} __attribute__((packed));

/* The newest ABI, 0 where the kernel was built or started without Landlock, or the
 * negative errno value of what keeps it from telling. */
static int ask_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	if (abi >= 0)
		return (int)abi;
	return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
}

int bh_landlock_abi(void)
{
	int abi = ask_abi();

	return abi > 0 ? abi : 0;
}

static struct ruleset_attr attr_of(int abi, size_t *ret_size)
{
	struct ruleset_attr attr = { .handled_access_fs = FS_ALL_OF_ABI_1 };

	*ret_size = sizeof(attr.handled_access_fs);
	if (abi >= 2)
		attr.handled_access_fs |= FS_REFER;
	if (abi >= BH_LANDLOCK_TRUNCATES)
		attr.handled_access_fs |= FS_TRUNCATE;
	if (abi >= 4) {
		attr.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
		*ret_size += sizeof(attr.handled_access_net);
	}
	if (abi >= 5)
		attr.handled_access_fs |= FS_IOCTL_DEV;
	if (abi >= 6) {
		attr.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
		*ret_size += sizeof(attr.scoped);
	}
	return attr;
}

static int allow_fd(int ruleset, int fd, uint64_t access, const char *name, struct bh_error *err)
{
	struct path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) < 0)
		return bh_fail(err, errno, "Landlock rule for %s", name);
	return 0;
}

/* What isn't there needs no rule. */
static int allow(int ruleset, const char *path, uint64_t access, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : bh_fail(err, errno, "open %s for Landlock", path);
	return allow_fd(ruleset, fd, access, path, err);
}

static int find_abi(int *ret, struct bh_error *err)
{
	*ret = ask_abi();
	return *ret < 0 ? bh_fail(err, -*ret, "ask for the version of Landlock") : 0;
}

static int make_ruleset(int abi, int *ret, struct bh_error *err)
{
	size_t size;
	struct ruleset_attr attr = attr_of(abi, &size);

	*ret = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (*ret < 0)
		return bh_fail(err, errno, "make a Landlock rule set");
	return 0;
}

/* What holds in a root of our own. The scratch is last. */
static const struct {
	const char *path;
	uint64_t access;
} own_root[] = { { "/", FS_READ }, { "/dev", FS_WRITE_FILE }, { BH_SCRATCH_DIR, FS_SCRATCH } };

int bh_landlock_plan(bool scratch, struct bh_landlock *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int ruleset = -1;
	int abi;

	int r = find_abi(&abi, err);
	if (r == 0 && abi > 0 && !scratch)
		r = make_ruleset(abi, &ruleset, err);
	for (size_t i = 0; r == 0 && ruleset >= 0 && i < BH_COUNT_OF(own_root) - 1; i++)
		r = allow(ruleset, own_root[i].path, own_root[i].access, err);
	if (r < 0)
		return r;
	*ret = (struct bh_landlock){ abi, BH_TAKE(ruleset, -1), scratch };
	return 0;
}

static int allow_host(int ruleset, int handler_fd, struct bh_error *err)
{
	static const char *const trees[] = { "/usr",   "/bin",   "/sbin",   "/lib",
		                             "/lib32", "/lib64", "/libx32", "/etc/alternatives" };
	static const char *const files[] = { "/etc/ld.so.cache", "/etc/localtime" };
	static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
		                               "/dev/urandom" };
	int r = allow_fd(ruleset, handler_fd, FS_EXECUTE | FS_READ_FILE, "the handler", err);

	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(trees); i++)
		r = allow(ruleset, trees[i], FS_READ, err);
	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(files); i++)
		r = allow(ruleset, files[i], FS_READ_FILE, err);
	for (size_t i = 0; r == 0 && i < BH_COUNT_OF(devices); i++)
		r = allow(ruleset, devices[i], FS_READ_FILE | FS_WRITE_FILE, err);
	return r;
}

static int allow_bound(int ruleset, const struct bh_bound *bound, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = -1;
	struct stat info;

	int r = bh_bound_open(bound, &fd, err);
	if (r < 0)
		return r;
	if (fstat(fd, &info) < 0)
		return bh_fail(err, errno, "look at %s", bound->path);
	return allow_fd(ruleset, fd, S_ISDIR(info.st_mode) ? FS_READ : FS_READ & ~FS_READ_DIR,
	                bound->path, err);
}

int bh_landlock_plan_host(int handler_fd, const struct bh_bound *bounds, size_t n_bounds,
                          struct bh_landlock *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int ruleset = -1;
	int abi;

	int r = find_abi(&abi, err);
	if (r == 0 && abi > 0)
		r = make_ruleset(abi, &ruleset, err);
	if (r == 0 && abi > 0)
		r = allow_host(ruleset, handler_fd, err);
	for (size_t i = 0; r == 0 && abi > 0 && i < n_bounds; i++)
		r = allow_bound(ruleset, &bounds[i], err);
	if (r < 0)
		return r;
	*ret = (struct bh_landlock){ abi, BH_TAKE(ruleset, -1), false };
	return 0;
}

/* ---- in the handler's process: raw calls only ---- */

static long add_own_root(long ruleset, uint64_t handled, uint64_t key)
{
	long r = 0;

	for (size_t i = 0; r >= 0 && i < BH_COUNT_OF(own_root); i++) {
		long fd = bh_keyed(key, SYS_openat, AT_FDCWD, own_root[i].path, O_PATH | O_CLOEXEC,
		                   0, 0);
		if (fd < 0)
			return fd;
		struct path_beneath_attr rule = { .allowed_access = own_root[i].access & handled,
			                          .parent_fd = (int32_t)fd };
		r = bh_keyed(key, SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0, 0);
		bh_keyed(key, SYS_close, fd, 0, 0, 0, 0);
	}
	return r;
}

/* The table of descriptors is shared with the launcher: none may stay open. */
static int enter_own(int abi, uint64_t key)
{
	size_t size;
	struct ruleset_attr attr = attr_of(abi, &size);

	long ruleset = bh_keyed(key, SYS_landlock_create_ruleset, &attr, size, 0, 0, 0);
	if (ruleset < 0)
		return (int)ruleset;
	long r = add_own_root(ruleset, attr.handled_access_fs, key);
	if (r >= 0)
		r = bh_keyed(key, SYS_landlock_restrict_self, ruleset, 0, 0, 0, 0);
	bh_keyed(key, SYS_close, ruleset, 0, 0, 0, 0);
	return (int)r;
}

int bh_landlock_enter(const struct bh_landlock *landlock, uint64_t key)
{
	if (landlock->abi == 0)
		return 0;
	if (landlock->scratch)
		return enter_own(landlock->abi, key);
	return (int)bh_keyed(key, SYS_landlock_restrict_self, landlock->ruleset, 0, 0, 0, 0);
}
