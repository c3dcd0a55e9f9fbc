/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_SIGNALS_H
#define BH_CLI_SIGNALS_H

/* signals.h: SIGINT, SIGTERM and SIGHUP as something to read.
 *
 * They are blocked and come through a descriptor (signalfd(2)). One that was
 * ignored when the program started stays ignored, as under nohup(1). SIGPIPE is
 * ignored: a reader that went away is an error of write(2), and so is SIGXFSZ, for
 * a file that may grow no further. */

#include "bulkhead/error.h"

struct bh_complaint;

BH_MUST_CHECK
int bh_signals_open(int *ret_fd, struct bh_complaint *complaint);

/* The number of one signal that came; 0 where none did. Does not block. */
int bh_signals_read(int fd);

#endif
