/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/landlock.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/rawcall.h"

/* The numbers of linux/landlock.h, which is older than the kernel on some
 * systems. */
#define CREATE_VERSION  1u
#define RULE_PATH       1
#define FS_EXECUTE      ((uint64_t)1 << 0)
#define FS_WRITE_FILE   ((uint64_t)1 << 1)
#define FS_READ_FILE    ((uint64_t)1 << 2)
#define FS_READ_DIR     ((uint64_t)1 << 3)
#define FS_ALL_OF_ABI_1 (((uint64_t)1 << 13) - 1)
#define FS_REFER        ((uint64_t)1 << 13)
#define FS_TRUNCATE     ((uint64_t)1 << 14)
#define FS_IOCTL_DEV    ((uint64_t)1 << 15)
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

int bh_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return abi > 0 ? (int)abi : 0;
}

static struct ruleset_attr attr_of(int abi, size_t *ret_size)
{
	struct ruleset_attr attr = { .handled_access_fs = FS_ALL_OF_ABI_1 };

	*ret_size = sizeof(attr.handled_access_fs);
	if (abi >= 2)
		attr.handled_access_fs |= FS_REFER;
	if (abi >= 3)
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

static int allow(int ruleset, const char *path, uint64_t access, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return bh_fail(err, errno, "open %s for a Landlock rule", path);
	struct path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };
	if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) < 0)
		return bh_fail(err, errno, "Landlock rule for %s", path);
	return 0;
}

int bh_landlock_plan(int *ret, struct bh_error *err)
{
	int abi = bh_landlock_abi();
	size_t size;

	if (abi == 0) {
		*ret = -1;
		return 0;
	}
	struct ruleset_attr attr = attr_of(abi, &size);
	BH_CLEANUP(bh_fd_done)
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (ruleset < 0)
		return bh_fail(err, errno, "make a Landlock rule set");
	int r = allow(ruleset, "/", FS_EXECUTE | FS_READ_FILE | FS_READ_DIR, err);
	if (r == 0)
		r = allow(ruleset, "/dev", FS_WRITE_FILE, err);
	if (r < 0)
		return r;
	*ret = BH_TAKE(ruleset, -1);
	return 0;
}

int bh_landlock_enter(int ruleset)
{
	if (ruleset < 0)
		return 0;
	return (int)bh_raw2(SYS_landlock_restrict_self, ruleset, 0);
}
