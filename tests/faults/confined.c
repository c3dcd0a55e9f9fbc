/* SPDX-License-Identifier: Apache-2.0 */
/* A handler that tries what each layer is there to refuse, and prints what became
 * of it: "NAME RESULT" a line, where a result is that of the call or the name of
 * its error. The layers are looked at from outside too; this is what they do. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <unistd.h>

#include "bulkhead/handler.h"

static void say(const char *name, long result)
{
	if (result < 0)
		printf("%s %s\n", name, strerrorname_np(errno));
	else
		printf("%s %ld\n", name, result);
}

static long try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* The root, and what of /proc is to be seen. */
static void try_files(void)
{
	say("shadow", try_open("/etc/shadow", O_RDONLY));
	say("home", try_open("/home", O_RDONLY));
	say("sys", try_open("/sys", O_RDONLY));
	say("device", try_open("/dev/kmsg", O_RDONLY));
	say("write-root", try_open("/new", O_WRONLY | O_CREAT));
	say("write-usr", try_open("/usr/new", O_WRONLY | O_CREAT));
	say("write-tmp", mkdir("/tmp/new", 0700));
	say("proc-of-others", try_open("/proc/3", O_RDONLY));
	say("proc-of-reaper", try_open("/proc/1/mem", O_RDONLY));
	say("proc-of-host", try_open("/proc/uptime", O_RDONLY));
	say("proc-write", try_open("/proc/self/oom_score_adj", O_WRONLY));
}

/* Where devices are concerned Landlock alone says no: the filter lets this pass. */
static void try_landlock(void)
{
	struct termios unused;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	say("landlock-device", ioctl(fd, TCGETS, &unused));
	say("landlock-signal", kill(getppid(), 0));
	close(fd);
}

static void try_limits(void)
{
	static char page[4096];
	struct rlimit more = { .rlim_cur = 4096, .rlim_max = 4096 };

	say("raise-limit", setrlimit(RLIMIT_NOFILE, &more));
	say("lock-memory", mlock(page, sizeof(page)));
	say("priority", setpriority(PRIO_PROCESS, 0, -1));
}

static void try_power(void)
{
	say("no-new-privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	say("become-root", setuid(0));
	say("own", chown("/handler", 0, 0));
	say("session", setsid());
	say("pid", getpid());
	say("parent", getppid());
}

static void try_filter(void)
{
	say("socket", socket(AF_UNIX, SOCK_STREAM, 0));
	say("io-uring", syscall(SYS_io_uring_setup, 1, NULL));
	say("memory-segment", syscall(SYS_shmget, 0, 4096, 0600));
}

static void try_descriptors(void)
{
	char byte = 0;

	say("stdin", read(0, &byte, 1));
	say("context-write", pwrite(3, &byte, 1, 0));
	say("results-grow", ftruncate(4, (off_t)32 << 20));
	say("descriptor-5", fcntl(5, F_GETFD));
}

/* What a file of /proc/self says, in one line. */
static void print_file(const char *name, const char *path)
{
	char text[1024];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0) {
		say(name, -1);
		return;
	}
	text[n] = '\0';
	for (char *at = text; (at = strchr(at, '\n')); at++)
		*at = ' ';
	printf("%s %s\n", name, text);
	close(fd);
}

int main(void)
{
	struct bh_handler *handler;
	struct utsname host = { 0 };

	if (bh_handler_open(&handler) < 0)
		return 1;
	try_files();
	try_landlock();
	try_limits();
	try_power();
	try_filter();
	try_descriptors();
	uname(&host);
	printf("host %s\n", host.nodename);
	print_file("cgroup", "/proc/self/cgroup");
	fflush(stdout);
	return bh_batch_done(handler) < 0;
}
