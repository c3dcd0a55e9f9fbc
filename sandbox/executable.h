/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_EXECUTABLE_H
#define BH_SANDBOX_EXECUTABLE_H

/* executable.h: a handler's program as it was when its file was opened.
 *
 * In a root of our own the copy lies there, read-only. Where no root can be made
 * it is a memfd, sealed, so that what is written to the file later is not what runs.
 * Source: memfd_create(2); fcntl(2), F_ADD_SEALS. */

#include "bulkhead/error.h"

/* Appends all bytes of `from` to `to`. 0, or -errno. */
BH_MUST_CHECK
int bh_executable_copy(int from, int to);

/* A sealed copy that can be executed by its descriptor, which is the caller's and
 * close-on-exec. -EACCES where the host lets no memfd be executed (vm.memfd_noexec),
 * else the failing call's -errno. */
BH_MUST_CHECK
int bh_executable_seal(int from, int *ret, struct bh_error *err);

#endif
