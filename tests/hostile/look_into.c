/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hostile.h"

/* What is behind /proc/PID: opened, and read where it is more than a number. */
static void look_at(struct attack *a, const char *pid)
{
	static const char *const names[] = { "environ", "maps",      "mem",   "root/etc", "fd",
		                             "cwd",     "map_files", "stack", "syscall",  "auxv" };
	char path[320], text[4096];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%s/%s", pid, names[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (strcmp(names[i], "mem") == 0 || readlink(path, text, sizeof(text)) > 0 ||
		    read(fd, text, sizeof(text)) > 0)
			gain(a, "%s", path);
		close(fd);
	}
	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	if (n > 0 && memmem(text, (size_t)n, "secret of the host", 18))
		gain(a, "%s", path);
	close(fd);
}

static void look_at_all(struct attack *a)
{
	DIR *proc = opendir("/proc");
	int seen = 0;

	if (!proc)
		return;
	for (struct dirent *entry; (entry = readdir(proc));)
		if (atoi(entry->d_name) > 0 && atoi(entry->d_name) != getpid()) {
			look_at(a, entry->d_name);
			seen++;
		}
	closedir(proc);
	note(a, "%d others", seen);
}

void attack(struct attack *a)
{
	pid_t victim = (pid_t)number_of(a, "victim");
	char byte = 0;
	struct iovec here = { &byte, 1 }, there = { &byte, 1 };

	if (is_way(a, "ptrace"))
		gain_unless_refused(a, "ptrace", ptrace(PTRACE_ATTACH, victim, NULL, NULL));
	else if (is_way(a, "traced"))
		gain_unless_refused(a, "ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	else if (is_way(a, "process_vm_readv"))
		gain_unless_refused(a, "process_vm_readv",
		                    process_vm_readv(victim, &here, 1, &there, 1, 0));
	else if (is_way(a, "process_vm_writev"))
		gain_unless_refused(a, "process_vm_writev",
		                    process_vm_writev(victim, &here, 1, &there, 1, 0));
	else if (is_way(a, "pidfd_getfd"))
		gain_unless_refused(
		        a, "pidfd_getfd",
		        syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, victim, 0), 1, 0));
	else if (is_way(a, "kcmp"))
		gain_unless_refused(a, "kcmp",
		                    syscall(SYS_kcmp, getpid(), victim, KCMP_FILES, 0, 0));
	else if (is_way(a, "process_madvise"))
		gain_unless_refused(a, "process_madvise",
		                    syscall(SYS_process_madvise, syscall(SYS_pidfd_open, victim, 0),
		                            &there, 1, 21, 0));
	else
		look_at_all(a);
}
