/* SPDX-License-Identifier: Apache-2.0 */

#include "reader.h"

/* What follows a first byte of 0xc0 to 0xdf: a number of `width` bytes, which is
 * the value itself or a length, and `fixed` bytes of payload beside it. */
struct shape {
	uint8_t kind;
	uint8_t width;
	uint8_t fixed;
};

static const struct shape shapes[32] = {
	[0xc0 - 0xc0] = { BH_PACK_NIL, 0, 0 },      [0xc1 - 0xc0] = { BH_PACK_INVALID, 0, 0 },
	[0xc2 - 0xc0] = { BH_PACK_BOOL, 0, 0 },     [0xc3 - 0xc0] = { BH_PACK_BOOL, 0, 0 },
	[0xc4 - 0xc0] = { BH_PACK_BIN, 1, 0 },      [0xc5 - 0xc0] = { BH_PACK_BIN, 2, 0 },
	[0xc6 - 0xc0] = { BH_PACK_BIN, 4, 0 },      [0xc7 - 0xc0] = { BH_PACK_EXT, 1, 1 },
	[0xc8 - 0xc0] = { BH_PACK_EXT, 2, 1 },      [0xc9 - 0xc0] = { BH_PACK_EXT, 4, 1 },
	[0xca - 0xc0] = { BH_PACK_FLOAT, 4, 0 },    [0xcb - 0xc0] = { BH_PACK_FLOAT, 8, 0 },
	[0xcc - 0xc0] = { BH_PACK_UINT, 1, 0 },     [0xcd - 0xc0] = { BH_PACK_UINT, 2, 0 },
	[0xce - 0xc0] = { BH_PACK_UINT, 4, 0 },     [0xcf - 0xc0] = { BH_PACK_UINT, 8, 0 },
	[0xd0 - 0xc0] = { BH_PACK_INT, 1, 0 },      [0xd1 - 0xc0] = { BH_PACK_INT, 2, 0 },
	[0xd2 - 0xc0] = { BH_PACK_INT, 4, 0 },      [0xd3 - 0xc0] = { BH_PACK_INT, 8, 0 },
	[0xd4 - 0xc0] = { BH_PACK_EXT, 0, 1 + 1 },  [0xd5 - 0xc0] = { BH_PACK_EXT, 0, 1 + 2 },
	[0xd6 - 0xc0] = { BH_PACK_EXT, 0, 1 + 4 },  [0xd7 - 0xc0] = { BH_PACK_EXT, 0, 1 + 8 },
	[0xd8 - 0xc0] = { BH_PACK_EXT, 0, 1 + 16 }, [0xd9 - 0xc0] = { BH_PACK_STR, 1, 0 },
	[0xda - 0xc0] = { BH_PACK_STR, 2, 0 },      [0xdb - 0xc0] = { BH_PACK_STR, 4, 0 },
	[0xdc - 0xc0] = { BH_PACK_ARRAY, 2, 0 },    [0xdd - 0xc0] = { BH_PACK_ARRAY, 4, 0 },
	[0xde - 0xc0] = { BH_PACK_MAP, 2, 0 },      [0xdf - 0xc0] = { BH_PACK_MAP, 4, 0 },
};

struct bh_reader bh_reader_over(struct bh_text bytes)
{
	const uint8_t *start = (const uint8_t *)bytes.data;

	return (struct bh_reader){ .at = start, .end = start + bytes.size };
}

static uint64_t left(const struct bh_reader *reader)
{
	return (uint64_t)(reader->end - reader->at);
}

/* First bytes that hold their own number. */
static struct bh_pack_head short_head(uint8_t first)
{
	if (first < 0x80)
		return (struct bh_pack_head){ BH_PACK_UINT, first };
	if (first < 0x90)
		return (struct bh_pack_head){ BH_PACK_MAP, first & 0x0fu };
	if (first < 0xa0)
		return (struct bh_pack_head){ BH_PACK_ARRAY, first & 0x0fu };
	if (first < 0xc0)
		return (struct bh_pack_head){ BH_PACK_STR, first & 0x1fu };
	return (struct bh_pack_head){ BH_PACK_INT, (uint64_t)(int64_t)(int8_t)first };
}

static uint64_t read_big_endian(const uint8_t *bytes, unsigned int width)
{
	uint64_t number = 0;

	for (unsigned int i = 0; i < width; i++)
		number = number << 8 | bytes[i];
	return number;
}

static uint64_t extend_sign(uint64_t number, unsigned int width)
{
	unsigned int unused = 64 - 8 * width;

	return (uint64_t)((int64_t)(number << unused) >> unused);
}

/* False where the bytes that are left can't hold what the head announces: at
 * least one byte for each member of a container. */
static bool is_plausible(const struct bh_pack_head *head, uint64_t bytes_left)
{
	switch (head->kind) {
	case BH_PACK_STR:
	case BH_PACK_BIN:
	case BH_PACK_EXT:
	case BH_PACK_ARRAY:
		return head->number <= bytes_left;
	case BH_PACK_MAP:
		return head->number <= bytes_left / 2;
	case BH_PACK_INVALID:
		return false;
	case BH_PACK_NIL:
	case BH_PACK_BOOL:
	case BH_PACK_UINT:
	case BH_PACK_INT:
	case BH_PACK_FLOAT:
		return true;
	}
	return false;
}

bool bh_reader_head(struct bh_reader *reader, struct bh_pack_head *ret)
{
	struct bh_reader ahead = *reader;
	struct bh_pack_head head;

	if (left(&ahead) < 1)
		return false;
	uint8_t first = *ahead.at++;
	if (first < 0xc0 || first >= 0xe0) {
		head = short_head(first);
	} else {
		struct shape shape = shapes[first - 0xc0];
		if (left(&ahead) < shape.width)
			return false;
		head.kind = (enum bh_pack_kind)shape.kind;
		head.number = read_big_endian(ahead.at, shape.width) + shape.fixed;
		ahead.at += shape.width;
		if (head.kind == BH_PACK_INT)
			head.number = extend_sign(head.number, shape.width);
		else if (head.kind == BH_PACK_BOOL)
			head.number = first == 0xc3;
	}
	if (!is_plausible(&head, left(&ahead)))
		return false;
	*reader = ahead;
	*ret = head;
	return true;
}

/* Reads a head of this kind, or does not move. */
static bool expect(struct bh_reader *reader, enum bh_pack_kind kind, uint64_t *ret_number)
{
	struct bh_reader ahead = *reader;
	struct bh_pack_head head;

	if (!bh_reader_head(&ahead, &head) || head.kind != kind)
		return false;
	*reader = ahead;
	*ret_number = head.number;
	return true;
}

static struct bh_text take(struct bh_reader *reader, uint64_t size)
{
	struct bh_text text = { .data = (const char *)reader->at, .size = (size_t)size };

	reader->at += size;
	return text;
}

bool bh_reader_nil(struct bh_reader *reader)
{
	uint64_t number;

	return expect(reader, BH_PACK_NIL, &number);
}

bool bh_reader_bool(struct bh_reader *reader, bool *ret)
{
	uint64_t number;

	if (!expect(reader, BH_PACK_BOOL, &number))
		return false;
	*ret = number != 0;
	return true;
}

bool bh_reader_int(struct bh_reader *reader, int64_t *ret)
{
	struct bh_reader ahead = *reader;
	struct bh_pack_head head;

	if (!bh_reader_head(&ahead, &head))
		return false;
	if (head.kind != BH_PACK_INT && head.kind != BH_PACK_UINT)
		return false;
	if (head.kind == BH_PACK_UINT && head.number > INT64_MAX)
		return false;
	*reader = ahead;
	*ret = (int64_t)head.number;
	return true;
}

bool bh_reader_uint(struct bh_reader *reader, uint64_t *ret)
{
	struct bh_reader ahead = *reader;
	int64_t number;

	if (expect(reader, BH_PACK_UINT, ret))
		return true;
	if (!bh_reader_int(&ahead, &number) || number < 0)
		return false;
	*reader = ahead;
	*ret = (uint64_t)number;
	return true;
}

bool bh_reader_str(struct bh_reader *reader, struct bh_text *ret)
{
	uint64_t size;

	if (!expect(reader, BH_PACK_STR, &size))
		return false;
	*ret = take(reader, size);
	return true;
}

bool bh_reader_bytes(struct bh_reader *reader, struct bh_text *ret, bool *ret_is_text)
{
	uint64_t size;
	bool is_text = true;

	if (!expect(reader, BH_PACK_STR, &size)) {
		if (!expect(reader, BH_PACK_BIN, &size))
			return false;
		is_text = false;
	}
	*ret = take(reader, size);
	*ret_is_text = is_text;
	return true;
}

bool bh_reader_array(struct bh_reader *reader, uint32_t *ret_count)
{
	uint64_t count;

	if (!expect(reader, BH_PACK_ARRAY, &count))
		return false;
	*ret_count = (uint32_t)count;
	return true;
}

bool bh_reader_map(struct bh_reader *reader, uint32_t *ret_pairs)
{
	uint64_t pairs;

	if (!expect(reader, BH_PACK_MAP, &pairs))
		return false;
	*ret_pairs = (uint32_t)pairs;
	return true;
}

/* Values that follow a head as its members. */
static uint64_t members(const struct bh_pack_head *head)
{
	if (head->kind == BH_PACK_MAP)
		return 2 * head->number;
	return head->kind == BH_PACK_ARRAY ? head->number : 0;
}

static uint64_t payload(const struct bh_pack_head *head)
{
	bool has_payload = head->kind == BH_PACK_STR || head->kind == BH_PACK_BIN ||
	                   head->kind == BH_PACK_EXT;

	return has_payload ? head->number : 0;
}

bool bh_reader_skip(struct bh_reader *reader)
{
	struct bh_reader ahead = *reader;
	struct bh_pack_head head;

	/* One byte at least for each value still due: so `due` can't overflow. */
	for (uint64_t due = 1; due > 0; due--) {
		if (due > left(&ahead) || !bh_reader_head(&ahead, &head))
			return false;
		ahead.at += payload(&head);
		due += members(&head);
	}
	*reader = ahead;
	return true;
}

bool bh_reader_value(struct bh_reader *reader, struct bh_text *ret)
{
	const uint8_t *start = reader->at;

	if (!bh_reader_skip(reader))
		return false;
	*ret = (struct bh_text){ .data = (const char *)start,
		                 .size = (size_t)(reader->at - start) };
	return true;
}

static const struct bh_reader_field *find(const struct bh_reader_field *fields, size_t n_fields,
                                          size_t *hint, struct bh_text key)
{
	for (size_t i = 0; i < n_fields; i++) {
		size_t place = (*hint + i) % n_fields;
		if (bh_text_equals(key, fields[place].key)) {
			*hint = place + 1;
			return &fields[place];
		}
	}
	return NULL;
}

bool bh_reader_member(struct bh_reader *reader, const struct bh_reader_field *fields,
                      size_t n_fields, size_t *hint, void *into)
{
	struct bh_text key;

	if (!bh_reader_str(reader, &key))
		return false;
	const struct bh_reader_field *field = find(fields, n_fields, hint, key);
	return field ? field->read(reader, into) : bh_reader_skip(reader);
}

bool bh_reader_fields(struct bh_reader *reader, const struct bh_reader_field *fields,
                      size_t n_fields, void *into)
{
	uint32_t pairs;
	size_t hint = 0;

	if (!bh_reader_map(reader, &pairs))
		return false;
	for (uint32_t i = 0; i < pairs; i++)
		if (!bh_reader_member(reader, fields, n_fields, &hint, into))
			return false;
	return true;
}
