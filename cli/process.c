/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "ipc/wire/base.h"

int64_t bh_process_first_child(int64_t pid)
{
	char path[64], text[32];
	int64_t child = 0;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/task/%" PRId64 "/children", pid, pid);
	BH_CLEANUP(bh_fd_done) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text));
	/* "4711 4712 ": as many digits as a pid has at most */
	for (ssize_t i = 0; i < n && i < 10 && text[i] >= '0' && text[i] <= '9'; i++)
		child = 10 * child + (text[i] - '0');
	return child;
}
