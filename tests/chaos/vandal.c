/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/chaos/vandal.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define MOST_DEPTH  8
#define MOST_FOUND  128
#define LAUNCHER_IN 8 /* one strike in so many is at a launcher */

static pid_t parent_of(pid_t pid)
{
	char path[64], line[512];
	int parent = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	const char *name_end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	if (!name_end || sscanf(name_end + 1, " %*c %d", &parent) != 1)
		parent = -1;
	fclose(file);
	return parent;
}

/* 1 for a child of ours, 2 for its child, …; 0 where it is none. */
static int depth_of(pid_t pid)
{
	for (int depth = 1; depth < MOST_DEPTH && pid > 1; depth++) {
		pid = parent_of(pid);
		if (pid == getpid())
			return depth;
	}
	return 0;
}

static size_t find(pid_t *found, bool launchers)
{
	DIR *directory = opendir("/proc");
	const struct dirent *entry;
	size_t n = 0;

	while (directory && n < MOST_FOUND && (entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		int depth = depth_of(pid);
		if (launchers ? depth == 1 : depth > 1)
			found[n++] = pid;
	}
	if (directory)
		closedir(directory);
	return n;
}

/* A number may have got another owner since it was read: what is killed is held
 * first and looked at again. */
static bool kill_ours(pid_t pid)
{
	int fd = pidfd_open(pid, 0);
	bool killed = fd >= 0 && depth_of(pid) > 0 && pidfd_send_signal(fd, SIGKILL, NULL, 0) == 0;

	if (fd >= 0)
		close(fd);
	return killed;
}

enum victim vandal_strike(uint64_t random)
{
	pid_t found[MOST_FOUND];
	bool launchers = random % LAUNCHER_IN == 0;
	size_t n = find(found, launchers);

	if (n == 0 || !kill_ours(found[random / LAUNCHER_IN % n]))
		return VICTIM_NONE;
	return launchers ? VICTIM_LAUNCHER : VICTIM_BELOW;
}
