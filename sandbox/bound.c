/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/bound.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "ipc/wire/base.h"
#include "sandbox/root.h"
#include "sandbox/scratch.h"

static bool has_numbers_of(const struct stat *info, const struct bh_bound *bound)
{
	return info->st_dev == bound->device && info->st_ino == bound->inode;
}

int bh_bound_open(const struct bh_bound *bound, int *ret_fd, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = open(bound->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat info;

	if (fd < 0)
		return bh_fail(err, errno, "bind %s to %s", bound->path, bound->dest);
	if (fstat(fd, &info) < 0)
		return bh_fail(err, errno, "look at %s", bound->path);
	if (!has_numbers_of(&info, bound))
		return bh_fail_plain(err, ESTALE,
		                     "bind %s to %s: another file is there now than was opened",
		                     bound->path, bound->dest);
	*ret_fd = BH_TAKE(fd, -1);
	return 0;
}

bool bh_bound_is_in_place(const struct bh_bound *bound)
{
	struct stat info;

	return stat(bound->dest, &info) == 0 && has_numbers_of(&info, bound);
}

bool bh_path_is_at_or_below(const char *path, const char *top)
{
	size_t length = strlen(top);

	return strncmp(path, top, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

const char *bh_bound_conflict(const char *dest, const char *handler_name, bool scratch)
{
	static const char *const whole[] = {
		"/usr",
		"/bin",
		"/sbin",
		"/lib",
		"/lib32",
		"/lib64",
		"/libx32",
		"/dev",
		"/proc",
		"/etc/group",
		"/etc/passwd",
		"/etc/nsswitch.conf",
		"/etc/ld.so.cache",
		"/etc/localtime",
		"/etc/alternatives",
	};
	/* others may stand beside what is in these */
	static const char *const folders[] = { "/etc", BH_ROOT_HANDLER_DIR };
	size_t dir = strlen(BH_ROOT_HANDLER_DIR "/");

	for (size_t i = 0; i < BH_COUNT_OF(whole); i++)
		if (bh_path_is_at_or_below(dest, whole[i]))
			return whole[i];
	for (size_t i = 0; i < BH_COUNT_OF(folders); i++)
		if (strcmp(dest, folders[i]) == 0)
			return folders[i];
	if (strncmp(dest, BH_ROOT_HANDLER_DIR "/", dir) == 0 &&
	    bh_path_is_at_or_below(dest + dir, handler_name))
		return "the handler";
	if (scratch && bh_path_is_at_or_below(dest, BH_SCRATCH_DIR))
		return "the scratch at " BH_SCRATCH_DIR;
	return NULL;
}
