/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "hostile.h"

/* Prints far more than anyone keeps, "endless" without an end, on one descriptor or on
 * both. "own reader": the pipe has a second reader, which never reads. */
void attack(struct attack *a)
{
	static char block[65536];
	int64_t left = number_of(a, "bytes");
	int fd = is_way(a, "stderr") ? STDERR_FILENO : STDOUT_FILENO;
	bool both = is_way(a, "both, endless");
	bool endless = both || is_way(a, "endless");

	if (is_way(a, "own reader") && open("/proc/self/fd/1", O_RDONLY | O_CLOEXEC) < 0)
		note(a, "no second reader");
	while (endless || left > 0) {
		if (write(fd, block, sizeof(block)) < 0 ||
		    (both && write(STDERR_FILENO, block, sizeof(block)) < 0))
			return gain_if(a, "write", -1);
		left -= (int64_t)sizeof(block);
	}
}
