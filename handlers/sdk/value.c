/* SPDX-License-Identifier: Apache-2.0 */

/* value.c: the values of a record. A stack of frames knows what may come next,
 * so that a record that was ended is a whole one. */

#include <errno.h>
#include <string.h>

#include "builder.h"
#include "handler_state.h"
#include "reader.h"
#include "utf8.h"

static struct bh_frame *top(struct bh_builder *builder)
{
	return &builder->frames[builder->n_frames - 1];
}

static bool is_full(const struct bh_frame *frame)
{
	return !frame->is_open && frame->written == frame->due;
}

/* Counts one value, or one key, in the container that it goes into. */
static int count_value(struct bh_builder *builder, bool is_key)
{
	int r = bh_builder_require(builder, BH_BUILDER_RECORD);
	if (r < 0)
		return r;

	struct bh_frame *frame = top(builder);
	bool key_is_due = frame->is_map && frame->written % 2 == 0;
	if (is_full(frame) || key_is_due != is_key)
		return bh_builder_fail(builder, -EINVAL);
	frame->written++;
	return 0;
}

/* Leaves the containers that have all their members; never the record itself. */
static void leave_full(struct bh_builder *builder)
{
	while (builder->n_frames > 1 && is_full(top(builder)))
		builder->n_frames--;
}

static int scalar(struct bh_handler *handler, uint8_t code, unsigned int width, uint64_t number)
{
	struct bh_builder *builder = handler->builder;

	if (count_value(builder, false) == 0)
		bh_builder_append_number(builder, code, width, number);
	leave_full(builder);
	return builder->error;
}

int bh_result_nil(struct bh_handler *handler)
{
	return scalar(handler, 0xc0, 0, 0);
}

int bh_result_bool(struct bh_handler *handler, bool value)
{
	return scalar(handler, value ? 0xc3 : 0xc2, 0, 0);
}

int bh_result_uint(struct bh_handler *handler, uint64_t value)
{
	if (value < 0x80)
		return scalar(handler, (uint8_t)value, 0, 0);
	if (value <= UINT8_MAX)
		return scalar(handler, 0xcc, 1, value);
	if (value <= UINT16_MAX)
		return scalar(handler, 0xcd, 2, value);
	if (value <= UINT32_MAX)
		return scalar(handler, 0xce, 4, value);
	return scalar(handler, 0xcf, 8, value);
}

int bh_result_int(struct bh_handler *handler, int64_t value)
{
	if (value >= 0)
		return bh_result_uint(handler, (uint64_t)value);
	if (value >= -32)
		return scalar(handler, (uint8_t)value, 0, 0);
	if (value >= INT8_MIN)
		return scalar(handler, 0xd0, 1, (uint64_t)value);
	if (value >= INT16_MIN)
		return scalar(handler, 0xd1, 2, (uint64_t)value);
	if (value >= INT32_MIN)
		return scalar(handler, 0xd2, 4, (uint64_t)value);
	return scalar(handler, 0xd3, 8, (uint64_t)value);
}

int bh_result_float(struct bh_handler *handler, double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return scalar(handler, 0xcb, 8, bits);
}

static int text_value(struct bh_handler *handler, struct bh_text text, bool is_key)
{
	struct bh_builder *builder = handler->builder;

	if (count_value(builder, is_key) == 0)
		bh_builder_append_text(builder, text);
	leave_full(builder);
	return builder->error;
}

int bh_result_str(struct bh_handler *handler, const char *text)
{
	return text_value(handler, bh_text_from(text), false);
}

int bh_result_text(struct bh_handler *handler, struct bh_text text)
{
	return text_value(handler, text, false);
}

int bh_result_key(struct bh_handler *handler, const char *key)
{
	return text_value(handler, bh_text_from(key), true);
}

int bh_result_key_text(struct bh_handler *handler, struct bh_text key)
{
	return text_value(handler, key, true);
}

int bh_result_bytes(struct bh_handler *handler, const void *data, size_t size)
{
	struct bh_text text = { .data = data ? data : "", .size = size };

	if (bh_utf8_is_valid(text.data, text.size))
		return bh_result_text(handler, text);
	return bh_result_bin(handler, data, size);
}

int bh_result_bin(struct bh_handler *handler, const void *data, size_t size)
{
	struct bh_builder *builder = handler->builder;

	if (count_value(builder, false) < 0)
		return builder->error;
	if (size > UINT32_MAX)
		return bh_builder_fail(builder, -EINVAL);
	bh_builder_append_sized(builder, BH_SIZED_BIN, (uint32_t)size);
	bh_builder_append(builder, data, size);
	leave_full(builder);
	return builder->error;
}

/* Counts a container in the one around it and makes it the top. */
static struct bh_frame *enter(struct bh_builder *builder, bool is_map, uint64_t due)
{
	if (count_value(builder, false) < 0)
		return NULL;
	if (builder->n_frames == BH_RECORD_MAX_DEPTH) {
		bh_builder_fail(builder, -EINVAL);
		return NULL;
	}
	struct bh_frame *frame = &builder->frames[builder->n_frames++];
	*frame = (struct bh_frame){ .due = due, .head_at = builder->size, .is_map = is_map };
	return frame;
}

static int counted(struct bh_handler *handler, bool is_map, uint32_t count)
{
	struct bh_builder *builder = handler->builder;
	uint64_t due = is_map ? 2 * (uint64_t)count : count;

	if (enter(builder, is_map, due))
		bh_builder_append_sized(builder, is_map ? BH_SIZED_MAP : BH_SIZED_ARRAY, count);
	leave_full(builder);
	return builder->error;
}

int bh_result_array(struct bh_handler *handler, uint32_t count)
{
	return counted(handler, false, count);
}

int bh_result_map(struct bh_handler *handler, uint32_t count)
{
	return counted(handler, true, count);
}

/* The head has the widest form, with room for any count. */
static int uncounted(struct bh_handler *handler, bool is_map)
{
	struct bh_builder *builder = handler->builder;
	struct bh_frame *frame = enter(builder, is_map, 0);

	if (!frame)
		return builder->error;
	frame->is_open = true;
	return bh_builder_append_number(builder, is_map ? 0xdf : 0xdd, 4, 0);
}

int bh_result_array_open(struct bh_handler *handler)
{
	return uncounted(handler, false);
}

int bh_result_map_open(struct bh_handler *handler)
{
	return uncounted(handler, true);
}

int bh_result_close(struct bh_handler *handler)
{
	struct bh_builder *builder = handler->builder;
	int r = bh_builder_require(builder, BH_BUILDER_RECORD);
	if (r < 0)
		return r;

	struct bh_frame *frame = top(builder);
	uint64_t count = frame->is_map ? frame->written / 2 : frame->written;
	bool is_half_a_pair = frame->is_map && frame->written % 2 != 0;
	if (!frame->is_open || is_half_a_pair || count > UINT32_MAX)
		return bh_builder_fail(builder, -EINVAL);
	for (unsigned int i = 0; i < 4; i++)
		builder->data[frame->head_at + 1 + i] = (uint8_t)(count >> (24 - 8 * i));
	builder->n_frames--;
	leave_full(builder);
	return 0;
}

/* True where a str that comes next is a key. */
static bool key_is_due(struct bh_builder *builder)
{
	return builder->state == BH_BUILDER_RECORD && top(builder)->is_map &&
	       top(builder)->written % 2 == 0;
}

/* Copies a value that has no payload and no members. */
static int copy_scalar(struct bh_handler *handler, const uint8_t *start, const uint8_t *end)
{
	struct bh_builder *builder = handler->builder;

	if (count_value(builder, false) == 0)
		bh_builder_append(builder, start, (size_t)(end - start));
	leave_full(builder);
	return builder->error;
}

/* Copies one head, with its payload; members follow as values of their own. */
static int copy_one(struct bh_handler *handler, struct bh_reader *reader)
{
	const uint8_t *start = reader->at;
	struct bh_pack_head head = { .kind = BH_PACK_INVALID };

	if (!bh_reader_head(reader, &head))
		return bh_builder_fail(handler->builder, -EINVAL);
	struct bh_text payload = { (const char *)reader->at, (size_t)head.number };
	switch (head.kind) {
	case BH_PACK_ARRAY:
		return bh_result_array(handler, (uint32_t)head.number);
	case BH_PACK_MAP:
		return bh_result_map(handler, (uint32_t)head.number);
	case BH_PACK_STR:
		reader->at += head.number;
		return text_value(handler, payload, key_is_due(handler->builder));
	case BH_PACK_BIN:
	case BH_PACK_EXT:
		reader->at += head.number;
		break;
	case BH_PACK_NIL:
	case BH_PACK_BOOL:
	case BH_PACK_UINT:
	case BH_PACK_INT:
	case BH_PACK_FLOAT:
	case BH_PACK_INVALID:
		break;
	}
	return copy_scalar(handler, start, reader->at);
}

int bh_result_raw(struct bh_handler *handler, struct bh_text encoded)
{
	struct bh_reader reader = bh_reader_over(encoded);
	struct bh_reader whole = reader;

	if (!bh_reader_skip(&whole) || whole.at != whole.end)
		return bh_builder_fail(handler->builder, -EINVAL);
	int r = handler->builder->error;
	while (r == 0 && reader.at < reader.end)
		r = copy_one(handler, &reader);
	return r;
}
