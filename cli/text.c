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

size_t bh_utf8_cut(const char *text, size_t size, size_t max)
{
	if (size <= max)
		return size;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}
