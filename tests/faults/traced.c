/* SPDX-License-Identifier: Apache-2.0 */
/* traced NUMBER… -- PROGRAM ARGUMENT…: waits for a byte on standard input, then becomes
 * the program, which stops for its tracer at the system calls of these numbers; at every
 * one where there is none. A program of its own, since it is spawned some hundred times,
 * and a fork of the test costs as much as the whole run.
 * Source: seccomp(2); ptrace(2), PTRACE_O_TRACESECCOMP. */

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MOST_CALLS = 16, NOT_EXECUTED = 126 };

static const struct sock_filter load_number =
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
static const struct sock_filter stop = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
static const struct sock_filter go_on = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

static unsigned short make_filter(char *const numbers[], int n, struct sock_filter *ret)
{
	unsigned short made = 0;

	ret[made++] = load_number;
	for (int i = 0; i < n; i++) {
		unsigned int number = (unsigned int)atoi(numbers[i]);
		ret[made++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
		ret[made++] = stop;
	}
	ret[made++] = n > 0 ? go_on : stop;
	return made;
}

static int load_filter(char *const numbers[], int n)
{
	struct sock_filter filter[2 * MOST_CALLS + 2];
	struct sock_fprog program = { .filter = filter };

	if (n > MOST_CALLS)
		return -1;
	program.len = make_filter(numbers, n, filter);
	if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* Standard input was for the byte only; others may be of whoever started the test. */
static int clean_descriptors(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		return -1;
	return close_range(STDERR_FILENO + 1, ~0U, 0);
}

int main(int argc, char **argv)
{
	int at = 1;
	char byte;

	while (at < argc && strcmp(argv[at], "--") != 0)
		at++;
	if (at + 1 >= argc || read(STDIN_FILENO, &byte, 1) != 1 || clean_descriptors() < 0 ||
	    load_filter(argv + 1, at - 1) < 0)
		return NOT_EXECUTED;
	execv(argv[at + 1], argv + at + 1);
	return NOT_EXECUTED;
}
