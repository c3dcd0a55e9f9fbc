/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

/* All that is there must be what docs/handler-abi.md lists. */
static void in_environment(struct attack *a)
{
	static const char *const known[] = { "BULKHEAD_", "PATH=", "LANG=", "HOME=/tmp",
		                             "TMPDIR=" };

	for (char **variable = environ; *variable; variable++) {
		bool is_known = false;
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			is_known |= strncmp(*variable, known[i], strlen(known[i])) == 0;
		if (!is_known)
			gain(a, "%s", *variable);
	}
}

static void in_descriptors(struct attack *a)
{
	for (int fd = 5; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			gain(a, "descriptor %d", fd);
}

static void in_command_lines(struct attack *a)
{
	char path[300], text[4096];
	DIR *proc = opendir("/proc");

	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
		close(fd);
		if (n > 0 && memmem(text, (size_t)n, "secret of the host", 18))
			gain(a, "%s", path);
	}
}

static void in_paths(struct attack *a)
{
	static const char *const paths[] = { "/etc/shadow", "/root",         "/home",
		                             "/run",        "/var",          "/sys",
		                             "/boot",       "/mnt",          "/srv",
		                             "/opt",        "/proc/cmdline", "/proc/mounts",
		                             "/proc/net",   "/proc/version" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			gain(a, "%s", paths[i]);
		close(fd);
	}
	int fd = open(bait_path(a, "secret"), O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		gain(a, "the file that is the bait");
	close(fd);
}

/* The names of mounts tell where things are on the host. */
static void in_mounts(struct attack *a)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[1024];

	while (mounts && fgets(line, sizeof(line), mounts))
		if (strstr(line, text_of(a, "folder")) || strstr(line, "cgroup"))
			gain(a, "%s", line);
	if (mounts)
		fclose(mounts);
}

static void in_cwd(struct attack *a)
{
	char cwd[1024];

	if (getcwd(cwd, sizeof(cwd)) && strcmp(cwd, "/") != 0)
		gain(a, "cwd is %s", cwd);
	if (open("..", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0 && chdir("../../..") == 0 &&
	    access(bait_path(a, "secret"), F_OK) == 0)
		gain(a, "there is a way up");
}

void attack(struct attack *a)
{
	if (is_way(a, "environment")) {
		in_environment(a);
	} else if (is_way(a, "descriptors")) {
		in_descriptors(a);
	} else if (is_way(a, "command lines")) {
		in_command_lines(a);
	} else if (is_way(a, "mounts")) {
		in_mounts(a);
	} else if (is_way(a, "cwd")) {
		in_cwd(a);
	} else {
		in_paths(a);
	}
}
