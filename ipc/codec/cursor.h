/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_CODEC_CURSOR_H
#define BH_IPC_CODEC_CURSOR_H

/* cursor.h: reads MessagePack that nobody has checked yet.
 *
 * The only way to bytes that a handler wrote. Nothing recurses, and no length or
 * count is believed before it was compared with the bytes that are left, less
 * those that the open containers still need: all that one value claims together
 * fits its bytes. Nothing is allocated but a set of keys for each open map of
 * more than 16 pairs, and that after its count was checked (24 bytes a pair).
 * Time is linear in the bytes. Whatever bh_cursor_skip accepts, msgpack-c
 * accepts too.
 * Source: docs/handler-abi.md, "Result records"; the MessagePack specification,
 * msgpack/msgpack spec.md. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/span.h"

struct bh_cursor {
	const uint8_t *start;
	const uint8_t *at;
	const uint8_t *end;
};

/* Why bytes were refused. */
enum bh_cursor_error {
	BH_CURSOR_OK,
	BH_CURSOR_E_SHORT,     /* a length or count runs past the end */
	BH_CURSOR_E_TYPE,      /* the byte 0xc1, which MessagePack never uses */
	BH_CURSOR_E_DEPTH,     /* nested too deep */
	BH_CURSOR_E_UTF8,      /* a str that is not UTF-8 */
	BH_CURSOR_E_KEY,       /* a map key that is not a str */
	BH_CURSOR_E_DUPLICATE, /* two equal keys in one map */
	BH_CURSOR_E_OBJECTS,   /* more values than the cap */
	BH_CURSOR_E_MEMORY,    /* no fault of the bytes: we are out of memory */
};
/* In words, for a message: "a length runs past the end of the bytes", … */
const char *bh_cursor_error_text(enum bh_cursor_error error);

#define BH_CURSOR_MAX_DEPTH 32

struct bh_cursor bh_cursor_over(struct bh_span bytes);

/* Bytes before the cursor. */
size_t bh_cursor_offset(const struct bh_cursor *cursor);

/* Checks one whole value and moves behind it. Containers are at `depth` 1 for
 * the outermost; values nested deeper than BH_CURSOR_MAX_DEPTH are refused, for
 * an outermost value that stands at depth `first_depth`. `*objects` counts down
 * the values that may still be read, over all calls. On an error the cursor
 * stands at the value that caused it. */
enum bh_cursor_error bh_cursor_skip(struct bh_cursor *cursor, unsigned int first_depth,
                                    uint64_t *objects);

/* The kind of value that stands at the cursor, by its first byte. */
enum bh_value_type {
	BH_VALUE_NIL,
	BH_VALUE_BOOL,
	BH_VALUE_INT,
	BH_VALUE_FLOAT,
	BH_VALUE_STR,
	BH_VALUE_BIN,
	BH_VALUE_ARRAY,
	BH_VALUE_MAP,
	BH_VALUE_EXT,
	BH_VALUE_NONE, /* the end of the bytes, or 0xc1 */
};
enum bh_value_type bh_cursor_peek(const struct bh_cursor *cursor);

/* Each reads one value of the type and moves behind it (behind the head, for a
 * container). False, and not moved, where another type stands there or its head
 * or body runs past the end. Safe on any bytes, but only bh_cursor_skip checks
 * UTF-8, counts and keys. */
bool bh_cursor_read_map(struct bh_cursor *cursor, uint32_t *ret_count);
bool bh_cursor_read_array(struct bh_cursor *cursor, uint32_t *ret_count);
bool bh_cursor_read_str(struct bh_cursor *cursor, struct bh_span *ret);
bool bh_cursor_read_bin(struct bh_cursor *cursor, struct bh_span *ret);
bool bh_cursor_read_bool(struct bh_cursor *cursor, bool *ret);
/* An int that int64_t holds; false for those above INT64_MAX. */
bool bh_cursor_read_int(struct bh_cursor *cursor, int64_t *ret);

#endif
