/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "builder.h"
#include "pages.h"
#include "utf8.h"

void bh_builder_init(struct bh_builder *builder)
{
	builder->error = 0;
	builder->state = BH_BUILDER_IDLE;
	builder->data = builder->first;
	builder->size = 0;
	builder->capacity = sizeof(builder->first);
	builder->n_frames = 0;
}

void bh_builder_done(struct bh_builder *builder)
{
	if (builder->data != builder->first)
		bh_pages_free(builder->data, builder->capacity);
}

int bh_builder_fail(struct bh_builder *builder, int error)
{
	if (builder->error == 0)
		builder->error = error;
	return builder->error;
}

int bh_builder_require(struct bh_builder *builder, enum bh_builder_state state)
{
	if (builder->error < 0)
		return builder->error;
	return builder->state == state ? 0 : bh_builder_fail(builder, -EINVAL);
}

/* Moves the record to pages, or its pages to larger ones. */
static int grow(struct bh_builder *builder, size_t needed)
{
	size_t capacity = builder->capacity < 32768 ? 65536 : 2 * builder->capacity;
	uint8_t *grown;

	if (capacity < needed)
		capacity = needed;
	if (builder->data != builder->first) {
		grown = bh_pages_grow(builder->data, builder->capacity, capacity);
	} else {
		grown = bh_pages_new(capacity);
		if (grown)
			memcpy(grown, builder->first, builder->size);
	}
	if (!grown)
		return bh_builder_fail(builder, -ENOMEM);
	builder->data = grown;
	builder->capacity = capacity;
	return 0;
}

int bh_builder_append(struct bh_builder *builder, const void *bytes, size_t size)
{
	size_t needed;

	if (builder->error < 0)
		return builder->error;
	if (size == 0)
		return 0;
	if (__builtin_add_overflow(builder->size, size, &needed) || needed > SIZE_MAX / 4)
		return bh_builder_fail(builder, -ENOMEM);
	if (needed > builder->capacity && grow(builder, needed) < 0)
		return builder->error;
	memcpy(builder->data + builder->size, bytes, size);
	builder->size = needed;
	return 0;
}

int bh_builder_append_number(struct bh_builder *builder, uint8_t code, unsigned int width,
                             uint64_t number)
{
	uint8_t bytes[1 + sizeof(number)] = { code };

	for (unsigned int i = 0; i < width; i++)
		bytes[1 + i] = (uint8_t)(number >> (8 * (width - 1 - i)));
	return bh_builder_append(builder, bytes, 1 + width);
}

/* First bytes by size: `limit` numbers fit into the byte itself; 0 where the
 * format has no form of that width. */
static const struct {
	uint8_t base, limit, code8, code16, code32;
} sized[] = {
	[BH_SIZED_STR] = { 0xa0, 32, 0xd9, 0xda, 0xdb },
	[BH_SIZED_BIN] = { 0x00, 0, 0xc4, 0xc5, 0xc6 },
	[BH_SIZED_ARRAY] = { 0x90, 16, 0x00, 0xdc, 0xdd },
	[BH_SIZED_MAP] = { 0x80, 16, 0x00, 0xde, 0xdf },
};

int bh_builder_append_sized(struct bh_builder *builder, enum bh_sized what, uint32_t number)
{
	if (number < sized[what].limit)
		return bh_builder_append_number(builder, (uint8_t)(sized[what].base | number), 0,
		                                0);
	if (number <= UINT8_MAX && sized[what].code8)
		return bh_builder_append_number(builder, sized[what].code8, 1, number);
	if (number <= UINT16_MAX)
		return bh_builder_append_number(builder, sized[what].code16, 2, number);
	return bh_builder_append_number(builder, sized[what].code32, 4, number);
}

int bh_builder_append_text(struct bh_builder *builder, struct bh_text text)
{
	if (builder->error < 0)
		return builder->error;
	if (!text.data || text.size > UINT32_MAX || !bh_utf8_is_valid(text.data, text.size))
		return bh_builder_fail(builder, -EINVAL);
	bh_builder_append_sized(builder, BH_SIZED_STR, (uint32_t)text.size);
	return bh_builder_append(builder, text.data, text.size);
}

int bh_builder_commit(struct bh_builder *builder)
{
	if (builder->error < 0)
		return builder->error;
	ssize_t n = write(BH_RESULTS_FD, builder->data, builder->size);
	int error = errno;
	/* The region can't grow: past its end a write is cut short, then EPERM. The
	 * offset stays there, which tells the supervisor that it is full. */
	if (n < 0 && error != EPERM && error != ENOSPC && error != EFBIG)
		return bh_builder_fail(builder, -error);
	if (n < 0 || (size_t)n < builder->size)
		return bh_builder_fail(builder, -ENOSPC);
	builder->size = 0;
	builder->n_frames = 0;
	return 0;
}
