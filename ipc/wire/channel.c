/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire/channel.h"

#include <string.h>
#include <sys/socket.h>

#include "ipc/wire/base.h"

/* Room for one SCM_CREDENTIALS and one SCM_RIGHTS message, aligned as cmsg(3) wants
 * them. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int) * BH_CHANNEL_MAX_FDS)];
};

/* What sendmsg(2) says where the other side was closed before, just now (its socket is
 * there, but dead), or with messages that it had not read. */
static bool is_gone(int error)
{
	return error == EPIPE || error == ECONNREFUSED || error == ECONNRESET;
}

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
		return bh_fail(err, is_gone(errno) ? EPIPE : errno, "send message");
	return 0;
}

/* False where there are more than `fds` has room for: those are closed. */
static bool take_fds(struct cmsghdr *c, int *fds)
{
	size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (i < BH_CHANNEL_MAX_FDS)
			fds[i] = fd;
		else
			bh_fd_done(&fd);
	}
	return n <= BH_CHANNEL_MAX_FDS;
}

/* Takes the descriptors and the sender out of a received message. */
static bool take_control(struct msghdr *message, int *fds, pid_t *ret_sender)
{
	struct ucred sender;
	bool fits = true;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			fits = take_fds(c, fds);
		if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof(sender))) {
			memcpy(&sender, CMSG_DATA(c), sizeof(sender));
			*ret_sender = sender.pid;
		}
	}
	return fits;
}

void bh_channel_close(int *fds)
{
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		bh_fd_done(&fds[i]);
}

int bh_channel_ask_senders(int socket, struct bh_error *err)
{
	const int on = 1;

	if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return bh_fail(err, errno, "ask for the senders of messages");
	return 0;
}

int bh_channel_receive_from(int socket, void *bytes, size_t size, int *fds, pid_t *ret_sender,
                            struct bh_error *err)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &part,
		                  .msg_iovlen = 1,
		                  .msg_control = control.bytes,
		                  .msg_controllen = sizeof(control.bytes) };

	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		fds[i] = -1;
	*ret_sender = 0;

	ssize_t received;
	do
		received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC);
	while (received < 0 && errno == EINTR);
	if (received < 0)
		return bh_fail(err, errno, "receive message");

	bool fits = take_control(&message, fds, ret_sender);
	if (received == 0) { /* the end, or an empty message: we send none */
		bh_channel_close(fds);
		return 0;
	}
	if ((size_t)received != size || !fits || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		bh_channel_close(fds);
		return bh_fail_plain(err, EMSGSIZE, "message of %zd bytes, expected %zu", received,
		                     size);
	}
	return 1;
}

int bh_channel_receive(int socket, void *bytes, size_t size, int *fds, struct bh_error *err)
{
	pid_t ignored;

	return bh_channel_receive_from(socket, bytes, size, fds, &ignored, err);
}
