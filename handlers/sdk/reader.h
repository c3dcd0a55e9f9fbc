/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_HANDLERS_SDK_READER_H
#define BH_HANDLERS_SDK_READER_H

/* reader.h: reads MessagePack in place, one value after another.
 *
 * Every function returns false, with the reader not moved, where another type
 * stands there or where a length runs past the end. Nothing is copied and nothing
 * recurses. Source: the MessagePack specification, "Formats". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/handler.h"

struct bh_reader {
	const uint8_t *at;
	const uint8_t *end;
};

enum bh_pack_kind {
	BH_PACK_INVALID, /* 0xc1, which MessagePack never uses */
	BH_PACK_NIL,
	BH_PACK_BOOL,
	BH_PACK_UINT,
	BH_PACK_INT,
	BH_PACK_FLOAT,
	BH_PACK_STR,
	BH_PACK_BIN,
	BH_PACK_EXT,
	BH_PACK_ARRAY,
	BH_PACK_MAP,
};

/* The head of a value: all of it but the payload of a str, bin or ext and the
 * members of a container. */
struct bh_pack_head {
	enum bh_pack_kind kind;
	uint64_t number; /* bool, integer (two's complement) or the bits of a float;
	                  * bytes of payload; members of an array, pairs of a map */
};

struct bh_reader bh_reader_over(struct bh_text bytes);

/* Reads any head; the payload of a str, bin or ext is next, and is whole. */
bool bh_reader_head(struct bh_reader *reader, struct bh_pack_head *ret);

bool bh_reader_nil(struct bh_reader *reader);
bool bh_reader_bool(struct bh_reader *reader, bool *ret);
bool bh_reader_int(struct bh_reader *reader, int64_t *ret);
bool bh_reader_uint(struct bh_reader *reader, uint64_t *ret);
bool bh_reader_str(struct bh_reader *reader, struct bh_text *ret);
/* A str or a bin. */
bool bh_reader_bytes(struct bh_reader *reader, struct bh_text *ret, bool *ret_is_text);
/* The count is never more than the bytes left can hold. */
bool bh_reader_array(struct bh_reader *reader, uint32_t *ret_count);
bool bh_reader_map(struct bh_reader *reader, uint32_t *ret_pairs);

/* Moves behind one whole value of any type. */
bool bh_reader_skip(struct bh_reader *reader);
/* The same, and lends its encoded bytes. */
bool bh_reader_value(struct bh_reader *reader, struct bh_text *ret);

/* A member of a map that is wanted, and what reads it. */
struct bh_reader_field {
	const char *key;
	bool (*read)(struct bh_reader *reader, void *into);
};

/* Reads one member: a key, then its value with the field of that name, or past
 * it where there is none. `*hint` is the field to try first: start with 0, and
 * keys that come in the order of the table are found at once. */
bool bh_reader_member(struct bh_reader *reader, const struct bh_reader_field *fields,
                      size_t n_fields, size_t *hint, void *into);
/* Reads a whole map so. */
bool bh_reader_fields(struct bh_reader *reader, const struct bh_reader_field *fields,
                      size_t n_fields, void *into);

#endif
