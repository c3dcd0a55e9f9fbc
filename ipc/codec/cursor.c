/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/codec/cursor.h"

#include <string.h>

#include "ipc/codec/texttable.h"
#include "ipc/wire/base.h"

/* Every value starts with a head: the first byte, which tells the type, and for
 * some types a big-endian length or count, or the number itself. */
struct head {
	enum bh_value_type type;
	size_t size;     /* bytes of the head; of all of a nil, bool, int or float */
	uint64_t length; /* bytes that follow; in a container, values or pairs */
};

/* Heads with a first byte from 0xc0 to 0xdf. */
static const struct form {
	uint8_t type; /* enum bh_value_type */
	uint8_t size;
	uint8_t width;  /* bytes of the length, right after the first byte; 0: fixed */
	uint8_t length; /* the fixed one */
} forms[32] = {
	[0x00] = { BH_VALUE_NIL, 1, 0, 0 },   [0x01] = { BH_VALUE_NONE, 1, 0, 0 },
	[0x02] = { BH_VALUE_BOOL, 1, 0, 0 },  [0x03] = { BH_VALUE_BOOL, 1, 0, 0 },
	[0x04] = { BH_VALUE_BIN, 2, 1, 0 },   [0x05] = { BH_VALUE_BIN, 3, 2, 0 },
	[0x06] = { BH_VALUE_BIN, 5, 4, 0 },   [0x07] = { BH_VALUE_EXT, 3, 1, 0 },
	[0x08] = { BH_VALUE_EXT, 4, 2, 0 },   [0x09] = { BH_VALUE_EXT, 6, 4, 0 },
	[0x0a] = { BH_VALUE_FLOAT, 5, 0, 0 }, [0x0b] = { BH_VALUE_FLOAT, 9, 0, 0 },
	[0x0c] = { BH_VALUE_INT, 2, 0, 0 },   [0x0d] = { BH_VALUE_INT, 3, 0, 0 },
	[0x0e] = { BH_VALUE_INT, 5, 0, 0 },   [0x0f] = { BH_VALUE_INT, 9, 0, 0 },
	[0x10] = { BH_VALUE_INT, 2, 0, 0 },   [0x11] = { BH_VALUE_INT, 3, 0, 0 },
	[0x12] = { BH_VALUE_INT, 5, 0, 0 },   [0x13] = { BH_VALUE_INT, 9, 0, 0 },
	[0x14] = { BH_VALUE_EXT, 2, 0, 1 },   [0x15] = { BH_VALUE_EXT, 2, 0, 2 },
	[0x16] = { BH_VALUE_EXT, 2, 0, 4 },   [0x17] = { BH_VALUE_EXT, 2, 0, 8 },
	[0x18] = { BH_VALUE_EXT, 2, 0, 16 },  [0x19] = { BH_VALUE_STR, 2, 1, 0 },
	[0x1a] = { BH_VALUE_STR, 3, 2, 0 },   [0x1b] = { BH_VALUE_STR, 5, 4, 0 },
	[0x1c] = { BH_VALUE_ARRAY, 3, 2, 0 }, [0x1d] = { BH_VALUE_ARRAY, 5, 4, 0 },
	[0x1e] = { BH_VALUE_MAP, 3, 2, 0 },   [0x1f] = { BH_VALUE_MAP, 5, 4, 0 },
};

static uint64_t big_endian(const uint8_t *at, size_t width)
{
	uint64_t number = 0;

	for (size_t i = 0; i < width; i++)
		number = number << 8 | at[i];
	return number;
}

/* Reads the head at `at`. False where it does not fit the `left` bytes. */
static inline bool read_head(const uint8_t *at, size_t left, struct head *ret)
{
	if (left == 0)
		return false;

	uint8_t first = at[0];
	if (first <= 0x7f || first >= 0xe0)
		*ret = (struct head){ BH_VALUE_INT, 1, 0 };
	else if (first <= 0x8f)
		*ret = (struct head){ BH_VALUE_MAP, 1, first & 0x0f };
	else if (first <= 0x9f)
		*ret = (struct head){ BH_VALUE_ARRAY, 1, first & 0x0f };
	else if (first <= 0xbf)
		*ret = (struct head){ BH_VALUE_STR, 1, first & 0x1f };
	else {
		const struct form *form = &forms[first - 0xc0];
		if (left < form->size)
			return false;
		*ret = (struct head){ form->type, form->size, form->length };
		if (form->width > 0)
			ret->length = big_endian(at + 1, form->width);
	}
	return true;
}

const char *bh_cursor_error_text(enum bh_cursor_error error)
{
	switch (error) {
	case BH_CURSOR_OK:
		return "no error";
	case BH_CURSOR_E_SHORT:
		return "a length runs past the end of the bytes";
	case BH_CURSOR_E_TYPE:
		return "0xc1, which is not MessagePack";
	case BH_CURSOR_E_DEPTH:
		return "nesting deeper than 32";
	case BH_CURSOR_E_UTF8:
		return "a str that is not UTF-8";
	case BH_CURSOR_E_KEY:
		return "a map key that is not a str";
	case BH_CURSOR_E_DUPLICATE:
		return "a key that its map has already";
	case BH_CURSOR_E_OBJECTS:
		return "more values than are allowed";
	case BH_CURSOR_E_MEMORY:
		return "out of memory";
	}
	return "unknown error";
}

struct bh_cursor bh_cursor_over(struct bh_span bytes)
{
	/* no arithmetic on NULL: a span of nothing is over an empty string */
	const uint8_t *start = bytes.data ? bytes.data : (const uint8_t *)"";

	return (struct bh_cursor){ start, start, start + bytes.size };
}

static size_t bytes_left(const struct bh_cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

size_t bh_cursor_offset(const struct bh_cursor *cursor)
{
	return (size_t)(cursor->at - cursor->start);
}

/* Up to so many pairs the keys of a map are compared each with each. */
#define SMALL_MAP 16

/* A container whose values are being read. */
struct frame {
	uint64_t left; /* values to come; two a pair */
	bool is_map;
	bool is_large; /* a map with `seen`, else with `keys` */
	size_t n_keys; /* in `keys` */
	struct bh_span keys[SMALL_MAP];
	struct bh_text_table seen; /* set only where `is_large` */
};

struct walk {
	struct bh_cursor *cursor;
	uint64_t *objects;
	uint64_t owed;            /* values to come in all frames: each is a byte or more */
	unsigned int first_depth; /* of the outermost value */
	unsigned int n_frames;
	/* Frames are set up as they are opened: most values need few. */
	struct frame frames[BH_CURSOR_MAX_DEPTH];
};

static enum bh_cursor_error open_container(struct walk *walk, const struct head *head, size_t room)
{
	bool is_map = head->type == BH_VALUE_MAP;
	uint64_t n_values = is_map ? head->length * 2 : head->length; /* length < 2^32 */

	if (walk->first_depth > BH_CURSOR_MAX_DEPTH ||
	    walk->n_frames > BH_CURSOR_MAX_DEPTH - walk->first_depth)
		return BH_CURSOR_E_DEPTH;
	if (n_values > room)
		return BH_CURSOR_E_SHORT;
	if (n_values == 0)
		return BH_CURSOR_OK;

	struct frame *frame = &walk->frames[walk->n_frames];
	frame->left = n_values;
	frame->is_map = is_map;
	frame->is_large = is_map && head->length > SMALL_MAP;
	frame->n_keys = 0;
	if (frame->is_large && bh_text_table_init(&frame->seen, head->length) < 0)
		return BH_CURSOR_E_MEMORY;
	walk->owed += n_values;
	walk->n_frames++;
	return BH_CURSOR_OK;
}

static void close_frame(struct walk *walk)
{
	struct frame *frame = &walk->frames[--walk->n_frames];

	if (frame->is_large)
		bh_text_table_done(&frame->seen);
}

/* Keys of one length often begin alike: the last byte tells most of them apart
 * without a call. */
static bool spans_equal(const struct bh_span *a, const struct bh_span *b)
{
	const uint8_t *bytes = a->data, *other = b->data;

	if (a->size != b->size)
		return false;
	if (a->size == 0)
		return true;
	return bytes[a->size - 1] == other[a->size - 1] && memcmp(bytes, other, a->size) == 0;
}

static enum bh_cursor_error add_key(struct frame *frame, struct bh_span key)
{
	uint32_t *value;
	bool is_new;

	if (frame->is_large) {
		if (bh_text_table_put(&frame->seen, key, 0, &value, &is_new) < 0)
			return BH_CURSOR_E_MEMORY;
		return is_new ? BH_CURSOR_OK : BH_CURSOR_E_DUPLICATE;
	}
	for (size_t i = 0; i < frame->n_keys; i++)
		if (spans_equal(&frame->keys[i], &key))
			return BH_CURSOR_E_DUPLICATE;
	frame->keys[frame->n_keys++] = key;
	return BH_CURSOR_OK;
}

/* Checks the str with `head`, which is a key of `frame` where there is one. */
static enum bh_cursor_error check_str(const struct walk *walk, const struct head *head, size_t room,
                                      struct frame *frame)
{
	struct bh_span text = { walk->cursor->at + head->size, (size_t)head->length };

	if (head->length > room)
		return BH_CURSOR_E_SHORT;
	if (!bh_utf8_valid(text.data, text.size))
		return BH_CURSOR_E_UTF8;
	return frame ? add_key(frame, text) : BH_CURSOR_OK;
}

/* Checks what follows the head, or opens the container. `room` is how many bytes
 * it may have. */
static enum bh_cursor_error check_body(struct walk *walk, const struct head *head, size_t room,
                                       struct frame *map)
{
	switch (head->type) {
	case BH_VALUE_NIL:
	case BH_VALUE_BOOL:
	case BH_VALUE_INT:
	case BH_VALUE_FLOAT:
		return BH_CURSOR_OK;
	case BH_VALUE_STR:
		return check_str(walk, head, room, map);
	case BH_VALUE_BIN:
	case BH_VALUE_EXT:
		return head->length > room ? BH_CURSOR_E_SHORT : BH_CURSOR_OK;
	case BH_VALUE_ARRAY:
	case BH_VALUE_MAP:
		return open_container(walk, head, room);
	case BH_VALUE_NONE:
		break;
	}
	return BH_CURSOR_E_TYPE;
}

static bool has_body(enum bh_value_type type)
{
	return type == BH_VALUE_STR || type == BH_VALUE_BIN || type == BH_VALUE_EXT;
}

/* Takes one more value off what the innermost container is to hold. Returns the
 * container where it is a map and the value is a key, else NULL. */
static struct frame *count_value(struct walk *walk)
{
	if (walk->n_frames == 0)
		return NULL;

	struct frame *frame = &walk->frames[walk->n_frames - 1];
	bool is_key = frame->is_map && frame->left % 2 == 0;
	frame->left--;
	walk->owed--;
	return is_key ? frame : NULL;
}

/* One value, of a container its head. */
static enum bh_cursor_error step(struct walk *walk)
{
	struct bh_cursor *cursor = walk->cursor;
	size_t left = bytes_left(cursor);
	struct frame *map = count_value(walk);
	struct head head;

	if (*walk->objects == 0)
		return BH_CURSOR_E_OBJECTS;
	if (!read_head(cursor->at, left, &head))
		return BH_CURSOR_E_SHORT;
	if (map && head.type != BH_VALUE_STR)
		return head.type == BH_VALUE_NONE ? BH_CURSOR_E_TYPE : BH_CURSOR_E_KEY;
	if (left - head.size < walk->owed)
		return BH_CURSOR_E_SHORT;
	enum bh_cursor_error error =
	        check_body(walk, &head, left - head.size - (size_t)walk->owed, map);
	if (error)
		return error;

	--*walk->objects;
	cursor->at += head.size;
	if (has_body(head.type))
		cursor->at += head.length;
	while (walk->n_frames > 0 && walk->frames[walk->n_frames - 1].left == 0)
		close_frame(walk);
	return BH_CURSOR_OK;
}

enum bh_cursor_error bh_cursor_skip(struct bh_cursor *cursor, unsigned int first_depth,
                                    uint64_t *objects)
{
	struct walk walk;
	enum bh_cursor_error error;

	walk.cursor = cursor;
	walk.objects = objects;
	walk.owed = 0;
	walk.first_depth = first_depth;
	walk.n_frames = 0;
	do
		error = step(&walk);
	while (!error && walk.n_frames > 0);

	while (walk.n_frames > 0)
		close_frame(&walk);
	return error;
}

enum bh_value_type bh_cursor_peek(const struct bh_cursor *cursor)
{
	if (bytes_left(cursor) == 0)
		return BH_VALUE_NONE;

	uint8_t first = cursor->at[0];
	if (first >= 0xc0 && first <= 0xdf)
		return forms[first - 0xc0].type;
	struct head head;
	return read_head(cursor->at, 1, &head) ? head.type : BH_VALUE_NONE;
}

/* Reads the head of a `type` and moves behind it. */
static bool take_head(struct bh_cursor *cursor, enum bh_value_type type, struct head *ret)
{
	if (!read_head(cursor->at, bytes_left(cursor), ret) || ret->type != type)
		return false;
	if (has_body(type) && ret->length > bytes_left(cursor) - ret->size)
		return false;
	cursor->at += ret->size;
	return true;
}

bool bh_cursor_read_map(struct bh_cursor *cursor, uint32_t *ret_count)
{
	struct head head;

	if (!take_head(cursor, BH_VALUE_MAP, &head))
		return false;
	*ret_count = (uint32_t)head.length;
	return true;
}

bool bh_cursor_read_array(struct bh_cursor *cursor, uint32_t *ret_count)
{
	struct head head;

	if (!take_head(cursor, BH_VALUE_ARRAY, &head))
		return false;
	*ret_count = (uint32_t)head.length;
	return true;
}

static bool read_body(struct bh_cursor *cursor, enum bh_value_type type, struct bh_span *ret)
{
	struct head head;

	if (!take_head(cursor, type, &head))
		return false;
	*ret = (struct bh_span){ cursor->at, (size_t)head.length };
	cursor->at += head.length;
	return true;
}

bool bh_cursor_read_str(struct bh_cursor *cursor, struct bh_span *ret)
{
	return read_body(cursor, BH_VALUE_STR, ret);
}

bool bh_cursor_read_bin(struct bh_cursor *cursor, struct bh_span *ret)
{
	return read_body(cursor, BH_VALUE_BIN, ret);
}

bool bh_cursor_read_bool(struct bh_cursor *cursor, bool *ret)
{
	struct head head;

	if (!take_head(cursor, BH_VALUE_BOOL, &head))
		return false;
	*ret = cursor->at[-1] == 0xc3;
	return true;
}

/* The number with this first byte, whose other bytes are in `number`. False for
 * those that int64_t can't hold. */
static bool int_value(uint8_t first, uint64_t number, int64_t *ret)
{
	switch (first) {
	case 0xcf:
		*ret = (int64_t)number;
		return number <= INT64_MAX;
	case 0xd0:
		*ret = (int8_t)number;
		return true;
	case 0xd1:
		*ret = (int16_t)number;
		return true;
	case 0xd2:
		*ret = (int32_t)number;
		return true;
	case 0xcc:
	case 0xcd:
	case 0xce:
	case 0xd3:
		*ret = (int64_t)number;
		return true;
	default:
		*ret = (int8_t)first;
		return true;
	}
}

bool bh_cursor_read_int(struct bh_cursor *cursor, int64_t *ret)
{
	struct head head;
	int64_t value;

	if (bh_cursor_peek(cursor) != BH_VALUE_INT ||
	    !read_head(cursor->at, bytes_left(cursor), &head))
		return false;
	if (!int_value(cursor->at[0], big_endian(cursor->at + 1, head.size - 1), &value))
		return false;
	cursor->at += head.size;
	*ret = value;
	return true;
}
