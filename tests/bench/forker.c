/* SPDX-License-Identifier: Apache-2.0 */

/* forker: a process of a small handler's size, which forks when it is told to.
 * Reads how often (a uint64_t) from standard input, forks, waits for the fork,
 * which does nothing, that many times, and writes how long it took, in
 * nanoseconds, to standard output. */

#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bulkhead/handler.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		_exit(1);
}

int main(void)
{
	struct bh_handler *none;
	uint64_t n;

	/* the same code as the handler's lies in the program */
	if (bh_handler_open(&none) == 0)
		return EXIT_FAILURE;
	while (read(STDIN_FILENO, &n, sizeof(n)) == sizeof(n)) {
		uint64_t begun_ns = now_ns();
		for (uint64_t i = 0; i < n; i++)
			fork_once();
		uint64_t taken_ns = now_ns() - begun_ns;
		if (write(STDOUT_FILENO, &taken_ns, sizeof(taken_ns)) != sizeof(taken_ns))
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
