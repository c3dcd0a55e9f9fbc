/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sink.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/wire/base.h"

/* Where bytes written now would land: at the end with O_APPEND, else at the offset. */
static uint64_t next_offset(int fd, const struct stat *status)
{
	int flags = fcntl(fd, F_GETFL);
	off_t at = lseek(fd, 0, SEEK_CUR);

	if (flags >= 0 && (flags & O_APPEND) != 0)
		at = status->st_size;
	return at > 0 ? (uint64_t)at : 0;
}

void bh_sink_init(struct bh_sink *sink, int fd)
{
	struct stat status;

	*sink = (struct bh_sink){ .fd = fd, .interrupt_fd = -1 };
	if (fstat(fd, &status) < 0)
		return; /* the first write will say so */
	sink->regular = S_ISREG(status.st_mode);
	sink->pollable = !sink->regular;
	if (sink->regular)
		sink->base = next_offset(fd, &status);
}

void bh_sink_interrupt(struct bh_sink *sink, int fd, bool (*on_interrupt)(void *userdata),
                       void *userdata)
{
	sink->interrupt_fd = fd;
	sink->on_interrupt = on_interrupt;
	sink->userdata = userdata;
}

/* Waits until a pipe takes PIPE_BUF bytes without blocking (pipe(7)). */
static int wait_writable(struct bh_sink *sink)
{
	struct pollfd fds[] = {
		{ .fd = sink->fd, .events = POLLOUT },
		{ .fd = sink->interrupt_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, BH_COUNT_OF(fds), -1) < 0) {
			if (errno != EINTR)
				return -errno;
			continue;
		}
		if (fds[0].revents != 0)
			return 0;
		if (fds[1].revents != 0 && sink->on_interrupt(sink->userdata))
			return -ECANCELED;
	}
}

static int write_some(struct bh_sink *sink, const char *data, size_t size, size_t *ret)
{
	if (sink->pollable) {
		int r = wait_writable(sink);
		if (r < 0)
			return r;
		size = size < PIPE_BUF ? size : PIPE_BUF;
	}
	ssize_t n = write(sink->fd, data, size);
	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return -errno;
	*ret = n > 0 ? (size_t)n : 0;
	return 0;
}

static void write_all(struct bh_sink *sink, const char *data, size_t size)
{
	while (size > 0 && sink->error == 0) {
		size_t n = 0;
		int r = write_some(sink, data, size, &n);

		if (r < 0)
			sink->error = -r;
		sink->written += n;
		data += n;
		size -= n;
	}
}

static void flush(struct bh_sink *sink)
{
	write_all(sink, sink->buffer, sink->used);
	sink->used = 0;
}

void bh_sink_put(struct bh_sink *sink, const void *data, size_t size)
{
	if (size > BH_SINK_BUFFER_SIZE - sink->used)
		flush(sink);
	if (size > BH_SINK_BUFFER_SIZE) {
		write_all(sink, data, size);
		return;
	}
	memcpy(sink->buffer + sink->used, data, size);
	sink->used += size;
}

void bh_sink_puts(struct bh_sink *sink, const char *text)
{
	bh_sink_put(sink, text, strlen(text));
}

/* Takes an unfinished line out of a file, unless somebody else wrote behind it. */
static void take_back(struct bh_sink *sink)
{
	struct stat status;

	if (!sink->regular || sink->written == sink->whole)
		return;
	if (fstat(sink->fd, &status) < 0 || (uint64_t)status.st_size != sink->base + sink->written)
		return;
	if (ftruncate(sink->fd, (off_t)(sink->base + sink->whole)) == 0)
		sink->written = sink->whole;
}

int bh_sink_end_line(struct bh_sink *sink)
{
	bh_sink_put(sink, "\n", 1);
	flush(sink);
	if (sink->error != 0) {
		take_back(sink);
		return -sink->error;
	}
	sink->whole = sink->written;
	return 0;
}

void bh_sink_abandon_line(struct bh_sink *sink)
{
	sink->used = 0;
	take_back(sink);
}
