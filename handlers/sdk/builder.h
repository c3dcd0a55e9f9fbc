/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_HANDLERS_SDK_BUILDER_H
#define BH_HANDLERS_SDK_BUILDER_H

/* builder.h: one result record on its way to descriptor 4.
 *
 * A record is put together in memory and appended with one write, so that what a
 * handler leaves behind when it dies is a row of whole records. The first error
 * sticks. Source: docs/handler-abi.md, "The result records". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/handler.h"

#define BH_RESULTS_FD 4

/* docs/handler-abi.md: nesting deeper than this is refused; the record is 1. */
#define BH_RECORD_MAX_DEPTH 32

enum bh_builder_state {
	BH_BUILDER_IDLE,   /* between records */
	BH_BUILDER_RECORD, /* a record was begun */
	BH_BUILDER_FINAL,  /* done, or the batch failed */
};

/* A container that still expects members. */
struct bh_frame {
	uint64_t due;     /* values that belong in it, a key counting as one */
	uint64_t written; /* values that are in it */
	size_t head_at;   /* of its head in the record, where `is_open` */
	bool is_map;
	bool is_open; /* the count is filled in by bh_result_close */
};

struct bh_builder {
	int error; /* the first, negative; 0 while there was none */
	enum bh_builder_state state;
	uint8_t *data; /* `first`, or pages */
	size_t size;
	size_t capacity;
	unsigned int n_frames;
	struct bh_frame frames[BH_RECORD_MAX_DEPTH];
	uint8_t first[512]; /* enough for most records */
};

/* What a str, bin, array or map starts with, by its length or count. */
enum bh_sized { BH_SIZED_STR, BH_SIZED_BIN, BH_SIZED_ARRAY, BH_SIZED_MAP };

void bh_builder_init(struct bh_builder *builder);
void bh_builder_done(struct bh_builder *builder);

/* Makes `error` stick unless there is one. Returns the one that sticks. */
int bh_builder_fail(struct bh_builder *builder, int error);
/* Fails with -EINVAL unless the builder is in this state. */
int bh_builder_require(struct bh_builder *builder, enum bh_builder_state state);

/* Append encoded bytes, whatever stands before them. */
int bh_builder_append(struct bh_builder *builder, const void *bytes, size_t size);
/* `code`, then the last `width` bytes of `number`, most significant first. */
int bh_builder_append_number(struct bh_builder *builder, uint8_t code, unsigned int width,
                             uint64_t number);
int bh_builder_append_sized(struct bh_builder *builder, enum bh_sized what, uint32_t number);
/* A str, which must be UTF-8. */
int bh_builder_append_text(struct bh_builder *builder, struct bh_text text);

/* Appends the record to descriptor 4 and empties the builder. */
int bh_builder_commit(struct bh_builder *builder);

#endif
