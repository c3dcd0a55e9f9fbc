/* SPDX-License-Identifier: Apache-2.0 */
/* A handler that does the one thing that its argument names and says how it went:
 * "ok", or the error. Linked statically and dynamically. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int say(long result)
{
	int code = errno;

	printf("%s\n", result >= 0 ? "ok" : strerrorname_np(code));
	return 0;
}

static void *nothing(void *arg)
{
	return arg;
}

static long start_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, nothing, NULL);
	if (errno != 0)
		return -1;
	return pthread_join(thread, NULL);
}

static long start_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : waitpid(pid, NULL, 0);
}

static long execute(void)
{
	return execl("/bin/true", "true", NULL);
}

static long open_file(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static long look_at_descriptor(void)
{
	struct stat info;

	return fstat(1, &info);
}

static long look_at_path(void)
{
	struct stat info;

	return stat("/etc/passwd", &info);
}

static long stream_pair(void)
{
	int pair[2];
	char byte = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	return send(pair[0], "x", 1, 0) == 1 ? recv(pair[1], &byte, 1, 0) : -1;
}

static long datagram_pair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
}

static long inet_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long namespaces(void)
{
	return unshare(CLONE_NEWUSER);
}

static long process_in_namespaces(void)
{
	return syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWNS | 17, 0, 0, 0, 0);
}

/* The upper half of an int argument is not looked at by the kernel. */
static long type_into_terminal(void)
{
	return syscall(SYS_ioctl, 1, ((long)1 << 32) | TIOCSTI, "x");
}

static long unnamed_call(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

/* As the launcher does it, without knowing the key. */
static long execute_like_launcher(void)
{
	char *const list[] = { NULL };

	return syscall(SYS_execveat, 1, "", list, list, AT_EMPTY_PATH, 1);
}

static long call_of_x32(void)
{
#ifdef __x86_64__
	return syscall(0x40000000 | SYS_getpid);
#else
	return -1;
#endif
}

static long call_of_i386(void)
{
#ifdef __x86_64__
	long result = 20; /* getpid */

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
	return result;
#else
	return -1;
#endif
}

static const struct {
	const char *name;
	long (*run)(void);
} acts[] = {
	{ "thread", start_thread },
	{ "process", start_process },
	{ "exec", execute },
	{ "open", open_file },
	{ "fstat", look_at_descriptor },
	{ "stat", look_at_path },
	{ "stream-pair", stream_pair },
	{ "datagram-pair", datagram_pair },
	{ "inet", inet_socket },
	{ "namespaces", namespaces },
	{ "process-in-namespaces", process_in_namespaces },
	{ "tiocsti", type_into_terminal },
	{ "unnamed", unnamed_call },
	{ "like-launcher", execute_like_launcher },
	{ "x32", call_of_x32 },
	{ "i386", call_of_i386 },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].name, argv[1]) == 0)
			return say(acts[i].run());
	return 9;
}
