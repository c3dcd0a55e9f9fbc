/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faulty.h"

static int flood(struct bh_handler *handler, const struct bh_handler_task *task, int fd)
{
	int64_t bytes = param(task, "bytes", (int64_t)8 << 20);
	char block[4096];

	memset(block, 'x', sizeof(block));
	block[sizeof(block) - 1] = '\n';
	for (int64_t written = 0; bytes == 0 || written < bytes;) {
		ssize_t n = write(fd, block, sizeof(block));
		if (n < 0)
			return say_outcome(handler, task, errno);
		written += n;
	}
	return say_outcome(handler, task, 0);
}

WAY(flood_stdout)
{
	return flood(handler, task, STDOUT_FILENO);
}

WAY(flood_stderr)
{
	return flood(handler, task, STDERR_FILENO);
}

/* One small record after another, until there is no room for the next. */
WAY(flood_results)
{
	int r = 0;

	while (r == 0)
		r = say_bytes(handler, task);
	return r;
}

/* One record that is larger than the region. */
WAY(flood_record)
{
	struct stat results;

	if (fstat(4, &results) < 0)
		return -errno;
	size_t size = (size_t)results.st_size;
	void *zeros = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (zeros == MAP_FAILED)
		return -ENOMEM;
	bh_record_begin_result(handler, task->id);
	bh_result_bin(handler, zeros, size);
	return bh_record_end(handler);
}

/* One byte so far out that the file is larger than any limit, and takes one page. */
WAY(flood_file)
{
	int64_t bytes = param(task, "bytes", (int64_t)1 << 40);
	int fd = memfd_create("big", MFD_CLOEXEC);

	if (fd < 0 || pwrite(fd, "x", 1, bytes - 1) < 0)
		return say_outcome(handler, task, errno);
	return say_outcome(handler, task, 0);
}
