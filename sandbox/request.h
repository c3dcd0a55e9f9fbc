/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_REQUEST_H
#define BH_SANDBOX_REQUEST_H

/* request.h: what a supervisor may say to its launcher.
 *
 * Of each kind it is written down once how many descriptors come with it, and what
 * its fields can be. A message that is not as it should be is a fault of the
 * supervisor's, which nobody else can mend: the launcher ends, and every process of
 * its batches with it. What can be wrong with a configuration is told. */

#include "bulkhead/error.h"
#include "ipc/wire/message.h"

/* Receives one message, as bh_channel_receive does. What comes is of a kind that
 * supervisors send, with as many descriptors as that has, and KILL with a way to
 * kill that there is. The descriptors are the caller's: the first ones of `fds`,
 * which has room for BH_CHANNEL_MAX_FDS; the others are -1.
 * Returns 1 for a message, 0 at the supervisor's end, -EAGAIN where there is none
 * yet, -EPROTO for one that no supervisor sends, -EMSGSIZE for one of another size
 * or with more descriptors than any has. On errors all of its descriptors are
 * closed. */
BH_MUST_CHECK
int bh_request_receive(int socket, struct bh_message *ret, int *fds, struct bh_error *err);

/* Looks at what CONFIGURE says, as far as it can be seen without trying: -EPROTO for
 * another version, a mode that there isn't, or a text that is no name or path. */
BH_MUST_CHECK
int bh_configure_check(const struct bh_message_configure *configure, struct bh_error *err);

#endif
