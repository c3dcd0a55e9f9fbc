/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include "ipc/wire/base.h"

static size_t length_by_first_byte(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xe0)
		return 2;
	return first < 0xf0 ? 3 : 4;
}

size_t bh_utf8_length(const char *text, size_t size)
{
	size_t length = length_by_first_byte((unsigned char)text[0]);

	if (length == 1)
		return 1;
	return length <= size && bh_utf8_valid(text, length) ? length : 0;
}

static unsigned int code_point(const char *text, size_t length)
{
	static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned int point = (unsigned char)text[0] & masks[length];

	for (size_t i = 1; i < length; i++)
		point = point << 6 | ((unsigned char)text[i] & 0x3f);
	return point;
}

bool bh_utf8_is_control(const char *text, size_t length)
{
	static const struct {
		unsigned int first, last;
	} ranges[] = {
		{ 0x00, 0x1f },     { 0x7f, 0x9f },     { 0x61c, 0x61c },
		{ 0x200e, 0x200f }, { 0x2028, 0x202e }, { 0x2066, 0x2069 },
	};
	unsigned int point = code_point(text, length);

	for (size_t i = 0; i < BH_COUNT_OF(ranges); i++)
		if (point >= ranges[i].first && point <= ranges[i].last)
			return true;
	return false;
}

size_t bh_utf8_cut(const char *text, size_t size, size_t max)
{
	if (size <= max)
		return size;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}
