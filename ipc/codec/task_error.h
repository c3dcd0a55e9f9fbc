/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_CODEC_TASK_ERROR_H
#define BH_IPC_CODEC_TASK_ERROR_H

/* task_error.h: the error of a task, written by us instead of its handler.
 * Source: docs/handler-abi.md, "Result records". */

#include <stdint.h>

#include "bulkhead/error.h"
#include "ipc/codec/context.h"

/* The error map {"message", "type", "detail": {"attempt"}}, as a handler would
 * have given it. -ENOMEM. */
BH_MUST_CHECK
int bh_task_error_encode(const char *type, const char *message, uint32_t attempt,
                         struct bh_encoded *ret);

#endif
