/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_FUZZ_INPUT_H
#define BH_TESTS_FUZZ_INPUT_H

/* input.h: what fuzz targets that send messages share: reading an input piece by
 * piece, packets with any descriptors, and an account of those that are open. */

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INPUT_MAX_FDS 8 /* more than any message of ours has */

struct input {
	const uint8_t *at;
	size_t left;
};

static inline void must(bool is_so)
{
	if (!is_so)
		abort();
}

static inline void must_end(const char *text, size_t size)
{
	must(memchr(text, '\0', size) != NULL);
}

static inline uint8_t take_byte(struct input *input)
{
	if (input->left == 0)
		return 0;
	input->left--;
	return *input->at++;
}

static inline size_t take(struct input *input, void *to, size_t most)
{
	size_t n = input->left < most ? input->left : most;

	memcpy(to, input->at, n);
	input->at += n;
	input->left -= n;
	return n;
}

/* Sends one packet with `n_fds` descriptors, all of the same. Returns what
 * sendmsg(2) does. */
static inline ssize_t send_raw(int socket, const void *bytes, size_t size, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * INPUT_MAX_FDS)];
	} control = { .header = { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { (void *)(uintptr_t)bytes, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	int *fds = (int *)(void *)CMSG_DATA(&control.header);

	must(n_fds <= INPUT_MAX_FDS);
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = STDIN_FILENO;
	if (n_fds > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* One call for all numbers that a target can have got to: poll(2), POLLNVAL. */
static inline size_t count_descriptors(void)
{
	struct pollfd polled[256];
	size_t n = 0;

	for (size_t i = 0; i < 256; i++)
		polled[i] = (struct pollfd){ .fd = (int)i };
	must(poll(polled, 256, 0) >= 0);
	for (size_t i = 0; i < 256; i++)
		n += !(polled[i].revents & POLLNVAL);
	return n;
}

#endif
