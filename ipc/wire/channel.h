/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_WIRE_CHANNEL_H
#define BH_IPC_WIRE_CHANNEL_H

/* channel.h: one message with its descriptors over a SOCK_SEQPACKET socket.
 * Messages keep their boundaries, so a message is sent and received whole or not
 * at all. Source: unix(7), SCM_RIGHTS; recvmsg(2). */

#include <stddef.h>
#include <sys/types.h>

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

/* From now on messages that come have the pid of their sender with them, which the
 * kernel puts there: SO_PASSCRED of unix(7). */
BH_MUST_CHECK
int bh_channel_ask_senders(int socket, struct bh_error *err);

/* The same as bh_channel_receive, for a socket that was asked for senders.
 * `*ret_sender` is the sender as this process's PID namespace has it; 0 where it
 * isn't known. */
BH_MUST_CHECK
int bh_channel_receive_from(int socket, void *bytes, size_t size, int *fds, pid_t *ret_sender,
                            struct bh_error *err);

#endif
