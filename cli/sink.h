/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_SINK_H
#define BH_CLI_SINK_H

/* sink.h: where lines of JSON go, so that only whole lines stay there.
 *
 * Bytes are buffered and written when the buffer is full or a line ends. The
 * first failure sticks. A line that could not be written to its end is taken out
 * of a regular file again; out of a pipe it can't be taken.
 * A pipe whose reader is slow is waited for with an eye on `interrupt`. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

#define BH_SINK_BUFFER_SIZE 65536

struct bh_sink {
	int fd;           /* borrowed */
	bool regular;     /* a regular file: lines can be taken back */
	bool pollable;    /* a pipe or the like: writing may have to wait */
	uint64_t base;    /* offset in the file where our bytes begin */
	uint64_t written; /* bytes given to the file */
	uint64_t whole;   /* of these, bytes of whole lines */
	int error;        /* positive errno value that stuck; 0 while all is well */
	size_t used;
	int interrupt_fd; /* borrowed; -1 for none */
	bool (*on_interrupt)(void *userdata);
	void *userdata;
	char buffer[BH_SINK_BUFFER_SIZE];
};

/* Prepares a sink over an open descriptor. */
void bh_sink_init(struct bh_sink *sink, int fd);

/* While a write has to wait and `fd` is readable, `on_interrupt` is called; it
 * empties `fd` and returns true to give up, which fails the sink as ECANCELED. */
void bh_sink_interrupt(struct bh_sink *sink, int fd, bool (*on_interrupt)(void *userdata),
                       void *userdata);

/* Appends bytes to the line. Errors stick and come out of bh_sink_end_line. */
void bh_sink_put(struct bh_sink *sink, const void *data, size_t size);
void bh_sink_puts(struct bh_sink *sink, const char *text);

/* Ends the line and writes it out. On failure the file ends with the last whole
 * line. Returns 0 or -errno. */
BH_MUST_CHECK
int bh_sink_end_line(struct bh_sink *sink);

/* Drops the line that was begun, as far as it can be. */
void bh_sink_abandon_line(struct bh_sink *sink);

#endif
