/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_CAPTURE_H
#define BH_SUPERVISOR_CAPTURE_H

/* capture.h: what a handler prints on one descriptor, kept up to a cap.
 *
 * Past the cap the pipe goes on being read and what comes is counted and
 * dropped: a handler is never blocked because it prints. Each step reads a
 * bounded amount, so that one loud handler doesn't starve the others. The end
 * of the pipe means nothing: a descendant may hold it open.
 * Source: docs/handler-abi.md, "fd 1, 2"; pipe(7). */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/result.h"

struct bh_capture {
	int fd; /* reading end, owned, non-blocking; -1 while unset or at its end */
	uint64_t max_bytes;
	size_t allocated;
	struct bh_output kept;
};
#define BH_CAPTURE_UNSET ((struct bh_capture){ .fd = -1 })

/* Makes a pipe. `*ret_writer` is its writing end, blocking as a handler expects,
 * close-on-exec and the caller's. Nothing is touched on failure. */
BH_MUST_CHECK
int bh_capture_open(uint64_t max_bytes, struct bh_capture *ret, int *ret_writer,
                    struct bh_error *err);

/* Reads once, a bounded amount. Returns 1 where more may come, 0 at the end of
 * the pipe, which is left open. Bytes for which there is no memory count as
 * dropped. */
BH_MUST_CHECK
int bh_capture_read(struct bh_capture *capture, struct bh_error *err);

/* Reads what the pipe holds, when every writer is believed to be gone. Bounded
 * by the size of the pipe's buffer even if one is not. */
BH_MUST_CHECK
int bh_capture_drain(struct bh_capture *capture, struct bh_error *err);

/* Hands over what was kept, trimmed to its size. */
struct bh_output bh_capture_take(struct bh_capture *capture);

/* Closes and frees. A no-op on BH_CAPTURE_UNSET. */
void bh_capture_done(struct bh_capture *capture);

#endif
