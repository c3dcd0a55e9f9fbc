/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_WIRE_CHANNEL_H
#define BH_IPC_WIRE_CHANNEL_H

/* channel.h: one message with its descriptors over a SOCK_SEQPACKET socket.
 * Messages keep their boundaries, so a message is sent and received whole or not
 * at all. Source: unix(7), SCM_RIGHTS; recvmsg(2). */

#include <stddef.h>

#include "bulkhead/error.h"

#define BH_CHANNEL_MAX_FDS 4

/* Sends `size` bytes with `n_fds` descriptors, which stay the caller's. Never
 * raises SIGPIPE. -EAGAIN where the socket's buffer is full, -EPIPE where the
 * other side is gone. */
BH_MUST_CHECK
int bh_channel_send(int socket, const void *bytes, size_t size, const int *fds, size_t n_fds,
                    struct bh_error *err);

/* Receives one message of exactly `size` bytes, without blocking where the
 * socket is set so. Descriptors are close-on-exec and the caller's: `fds` has
 * room for BH_CHANNEL_MAX_FDS, those not received are -1.
 * Returns 1 for a message, 0 at the other side's end, -EAGAIN where there is
 * none yet, -EMSGSIZE for a message of another size or with cut-off
 * descriptors (all of its descriptors are then closed). */
BH_MUST_CHECK
int bh_channel_receive(int socket, void *bytes, size_t size, int *fds, struct bh_error *err);

/* Closes the descriptors of a message, but those that were taken: -1. */
void bh_channel_close(int *fds);

#endif
