/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_SIGNALS_H
#define BH_CLI_SIGNALS_H

/* signals.h: signals as something to read: SIGINT, SIGTERM and SIGHUP, which stop a
 * run, SIGUSR1, which asks what is running, and SIGWINCH.
 *
 * They are blocked and come through a descriptor (signalfd(2)). One that was
 * ignored when the program started stays ignored, as under nohup(1). SIGPIPE is
 * ignored: a reader that went away is an error of write(2), and so is SIGXFSZ, for
 * a file that may grow no further. */

#include "bulkhead/error.h"

struct bh_complaint;

/* A SIGUSR1 that comes before bh_signals_open waits for it instead of ending the
 * program, as it usually would. */
BH_MUST_CHECK
int bh_signals_defer_report(struct bh_complaint *complaint);

BH_MUST_CHECK
int bh_signals_open(int *ret_fd, struct bh_complaint *complaint);

/* The number of one signal that came; 0 where none did. Does not block. */
int bh_signals_read(int fd);

#endif
