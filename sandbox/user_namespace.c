/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/user_namespace.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "ipc/wire/message.h"
#include "sandbox/request.h"

#define FIRST_UNUSED_ID   1900000000u
#define IDS_OF_A_LAUNCHER 2048u
#define LAUNCHERS_APART   65536u

uid_t bh_unused_host_id(pid_t pid)
{
	return FIRST_UNUSED_ID + (uid_t)pid % LAUNCHERS_APART * IDS_OF_A_LAUNCHER;
}

/* One line of the map for each range: inside, outside, count. Without the file there
 * are no user namespaces. */
static int map_covers(const char *path, uid_t first, struct bh_error *err)
{
	unsigned long long inside, outside, count;
	int covered = 0;

	FILE *map = fopen(path, "re");
	if (!map)
		return errno == ENOENT ? 0 : bh_fail(err, errno, "open %s", path);
	while (!covered && fscanf(map, "%llu %llu %llu", &inside, &outside, &count) == 3)
		covered = first >= inside && first - inside + BH_INSIDE_IDS < count;
	if (ferror(map))
		covered = bh_fail(err, errno, "read %s", path);
	fclose(map);
	return covered;
}

int bh_host_ids_mapped(uid_t first, struct bh_error *err)
{
	int r = map_covers("/proc/self/uid_map", first, err);

	return r == 1 ? map_covers("/proc/self/gid_map", first, err) : r;
}

static int ask_for_maps(int socket, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_MAP_IDS };
	int fds[BH_CHANNEL_MAX_FDS];

	int r = bh_channel_send(socket, &message, sizeof(message), NULL, 0, err);
	if (r < 0)
		return r;
	r = bh_request_receive(socket, &message, fds, err);
	if (r < 0)
		return r;
	bh_channel_close(fds);
	if (r == 0 || message.type != BH_MESSAGE_MAPPED)
		return bh_fail(err, EPROTO, "wait for the maps of the user namespace");
	return 0;
}

int bh_user_namespace_leave(int socket, struct bh_error *err)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return bh_fail(err, errno, "create a user namespace");
	int r = ask_for_maps(socket, err);
	if (r < 0)
		return r;
	if (setgroups(0, NULL) < 0)
		return bh_fail(err, errno, "leave every group");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return bh_fail(err, errno, "become root of the user namespace");
	return 0;
}

static int write_map(pid_t pid, const char *name, const char *map, struct bh_error *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	BH_CLEANUP(bh_fd_done) int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return bh_fail(err, errno, "open %s", path);
	if (write(fd, map, strlen(map)) < 0)
		return bh_fail(err, errno, "write %s", path);
	return 0;
}

int bh_user_namespace_map(pid_t pid, uid_t first, struct bh_error *err)
{
	char map[128];

	snprintf(map, sizeof(map), "0 %u 1\n%u %u %u\n", first, BH_FIRST_INSIDE_ID, first + 1,
	         BH_INSIDE_IDS);
	int r = write_map(pid, "uid_map", map, err);
	return r < 0 ? r : write_map(pid, "gid_map", map, err);
}
