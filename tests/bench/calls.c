/* SPDX-License-Identifier: Apache-2.0 */

/* calls: makes a million system calls of one kind, then says that all is done. */

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bulkhead/handler.h"

#define N_CALLS 1000000

/* The least that a call can do: all but its way into the kernel and back. */
static void get_parent(void)
{
	for (long i = 0; i < N_CALLS; i++)
		syscall(SYS_getppid);
}

/* Not by the vDSO, which makes no system call of it. */
static void get_time(void)
{
	struct timespec now;

	for (long i = 0; i < N_CALLS; i++)
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
}

static void read_context(void)
{
	char bytes[4096];

	for (long i = 0; i < N_CALLS; i++)
		if (pread(3, bytes, sizeof(bytes), 0) <= 0)
			_exit(1);
}

int main(int argc, char **argv)
{
	struct bh_handler *handler;
	const char *kind = argc > 1 ? argv[1] : "";

	if (bh_handler_open(&handler) < 0)
		_exit(1);
	if (strcmp(kind, "getppid") == 0)
		get_parent();
	else if (strcmp(kind, "clock_gettime") == 0)
		get_time();
	else
		read_context();
	_exit(bh_batch_done(handler) < 0);
}
