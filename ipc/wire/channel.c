/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire/channel.h"

#include <string.h>
#include <sys/socket.h>

#include "ipc/wire/base.h"

/* Room for one SCM_RIGHTS message, aligned as cmsg(3) wants it. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int) * BH_CHANNEL_MAX_FDS)];
};

int bh_channel_send(int socket, const void *bytes, size_t size, const int *fds, size_t n_fds,
                    struct bh_error *err)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n_fds > BH_CHANNEL_MAX_FDS)
		return bh_fail(err, EINVAL, "send %zu descriptors", n_fds);
	if (n_fds > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	}

	ssize_t sent;
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return bh_fail(err, errno, "send message");
	return 0;
}

/* Takes the descriptors out of a received message. */
static void take_fds(struct msghdr *message, int *fds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), sizeof(int) * n); /* control holds no more */
	}
}

void bh_channel_close(int *fds)
{
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		bh_fd_done(&fds[i]);
}

int bh_channel_receive(int socket, void *bytes, size_t size, int *fds, struct bh_error *err)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part,
		                  .msg_iovlen = 1,
		                  .msg_control = control.bytes,
		                  .msg_controllen = sizeof(control.bytes) };

	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		fds[i] = -1;

	ssize_t received;
	do
		received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC);
	while (received < 0 && errno == EINTR);
	if (received < 0)
		return bh_fail(err, errno, "receive message");

	take_fds(&message, fds);
	if (received == 0) { /* the end, or an empty message: we send none */
		bh_channel_close(fds);
		return 0;
	}
	if ((size_t)received != size || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		bh_channel_close(fds);
		return bh_fail_plain(err, EMSGSIZE, "message of %zd bytes, expected %zu", received,
		                     size);
	}
	return 1;
}
