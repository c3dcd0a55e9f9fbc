/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hostile.h"

/* Nothing is ever written to: to be let open it is the gain. */
static void open_to_write(struct attack *a, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		gain(a, "%s opens for writing", path);
	close(fd);
}

static void replace_itself(struct attack *a)
{
	char self[1024] = { 0 }, aside[1040];

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return note(a, "no /proc/self/exe");
	open_to_write(a, self);
	snprintf(aside, sizeof(aside), "%s.old", self);
	gain_if(a, "rename", rename(self, aside));
	gain_if(a, "chmod", chmod(a->gained ? aside : self, 0700));
	gain_if(a, "setxattr", setxattr(self, "user.hostile", "", 0, 0));
	open_to_write(a, "/proc/self/exe");
}

/* The files of the host, by the names that they have there. */
static void write_to_host(struct attack *a)
{
	char path[64];

	open_to_write(a, bait_path(a, "bulkhead-launcher"));
	open_to_write(a, text_of(a, "handler"));
	snprintf(path, sizeof(path), "/proc/%d/exe", getppid());
	open_to_write(a, path);
}

static void write_anywhere(struct attack *a)
{
	static const char *const folders[] = { "/",        "/usr", "/bin",     "/lib",
		                               "/etc",     "/dev", "/tmp",     "/proc",
		                               "/handler", "/var", "/var/tmp", "/dev/shm" };
	static const char *const files[] = { "/usr/bin/env", "/etc/passwd", "/etc/group",
		                             "/etc/ld.so.cache" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		/* without a name: it is gone with its descriptor */
		if (open(folders[i], O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600) >= 0)
			gain(a, "%s can be written to", folders[i]);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		open_to_write(a, files[i]);
	if (number_of(a, "control"))
		open_to_write(a, bait_path(a, "secret"));
	gain_if(a, "a folder in /tmp",
	        mkdir(number_of(a, "control") ? bait_path(a, "made") : "/tmp/bulkhead-hostile",
	              0700));
}

void attack(struct attack *a)
{
	if (is_way(a, "itself"))
		replace_itself(a);
	else if (is_way(a, "launcher and handler"))
		write_to_host(a);
	else
		write_anywhere(a);
}
