/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/capture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/wire/base.h"

/* The buffer of a pipe as the kernel makes it: one read empties it. */
#define CHUNK_BYTES 65536

#define FIRST_ALLOCATION 1024

int bh_capture_open(uint64_t max_bytes, struct bh_capture *ret, int *ret_writer,
                    struct bh_error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return bh_fail(err, errno, "make pipe for output");
	/* only our end: the flag belongs to an end's file description */
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
		int code = errno;
		close(ends[0]);
		close(ends[1]);
		return bh_fail(err, code, "set pipe for output");
	}
	*ret = BH_CAPTURE_UNSET;
	ret->fd = ends[0];
	ret->max_bytes = max_bytes;
	*ret_writer = ends[1];
	return 0;
}

/* How many more bytes can be kept, of `wanted`, after making room for them. */
static size_t make_room(struct bh_capture *capture, size_t wanted)
{
	uint64_t left = capture->max_bytes - capture->kept.size;
	size_t n = wanted < left ? wanted : (size_t)left;
	size_t size = capture->allocated ? capture->allocated : FIRST_ALLOCATION;

	if (n <= capture->allocated - capture->kept.size)
		return n;
	while (size - capture->kept.size < n)
		if (__builtin_mul_overflow(size, 2, &size))
			return 0;
	if (size > capture->max_bytes)
		size = (size_t)capture->max_bytes;
	char *grown = realloc(capture->kept.data, size);
	if (!grown)
		return 0;
	capture->kept.data = grown;
	capture->allocated = size;
	return n;
}

static void keep(struct bh_capture *capture, const char *bytes, size_t size)
{
	size_t n = make_room(capture, size);

	if (n > 0)
		memcpy(capture->kept.data + capture->kept.size, bytes, n);
	capture->kept.size += n;
	capture->kept.dropped += size - n;
}

/* Bytes read; 0 at the end; -EAGAIN; -errno. */
static ssize_t read_chunk(struct bh_capture *capture)
{
	char chunk[CHUNK_BYTES];
	ssize_t n;

	do
		n = read(capture->fd, chunk, sizeof(chunk));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n > 0)
		keep(capture, chunk, (size_t)n);
	return n;
}

int bh_capture_read(struct bh_capture *capture, struct bh_error *err)
{
	ssize_t n = read_chunk(capture);

	if (n < 0 && n != -EAGAIN)
		return bh_fail(err, (int)-n, "read output");
	return n != 0;
}

int bh_capture_drain(struct bh_capture *capture, struct bh_error *err)
{
	if (capture->fd < 0)
		return 0;
	ssize_t n = read_chunk(capture);
	ssize_t left = n > 0 ? fcntl(capture->fd, F_GETPIPE_SZ) : 0;
	if (left < 0)
		return bh_fail(err, errno, "size of an output pipe");
	for (left -= n; n > 0 && left > 0; left -= n)
		n = read_chunk(capture);
	return n < 0 && n != -EAGAIN ? bh_fail(err, (int)-n, "read output") : 0;
}

struct bh_output bh_capture_take(struct bh_capture *capture)
{
	struct bh_output taken = BH_TAKE(capture->kept, (struct bh_output){ .data = NULL });

	if (taken.size > 0 && taken.size < capture->allocated) {
		char *trimmed = realloc(taken.data, taken.size);
		if (trimmed)
			taken.data = trimmed;
	}
	capture->allocated = 0;
	return taken;
}

void bh_capture_done(struct bh_capture *capture)
{
	bh_fd_done(&capture->fd);
	free(capture->kept.data);
	*capture = BH_CAPTURE_UNSET;
}
