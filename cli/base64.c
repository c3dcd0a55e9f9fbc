/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t bh_base64_encoded_size(size_t size)
{
	return (size / 3 + (size % 3 != 0)) * 4;
}

size_t bh_base64_decoded_max(size_t size)
{
	return size / 4 * 3;
}

void bh_base64_encode(const uint8_t *data, size_t size, char *ret)
{
	for (; size > 0; ret += 4) {
		size_t taken = size < 3 ? size : 3;
		uint32_t group = (uint32_t)data[0] << 16;

		if (taken > 1)
			group |= (uint32_t)data[1] << 8;
		if (taken > 2)
			group |= data[2];
		ret[0] = alphabet[group >> 18];
		ret[1] = alphabet[group >> 12 & 63];
		ret[2] = taken > 1 ? alphabet[group >> 6 & 63] : '=';
		ret[3] = taken > 2 ? alphabet[group & 63] : '=';
		data += taken;
		size -= taken;
	}
}

/* 0 to 63, or -1. */
static int digit_value(char digit)
{
	if (digit >= 'A' && digit <= 'Z')
		return digit - 'A';
	if (digit >= 'a' && digit <= 'z')
		return digit - 'a' + 26;
	if (digit >= '0' && digit <= '9')
		return digit - '0' + 52;
	if (digit == '+')
		return 62;
	return digit == '/' ? 63 : -1;
}

static size_t padding_of(const char *text, size_t size)
{
	size_t padding = 0;

	while (padding < 2 && padding < size && text[size - 1 - padding] == '=')
		padding++;
	return padding;
}

bool bh_base64_decode(const char *text, size_t size, uint8_t *ret, size_t *ret_size)
{
	size_t digits = size - padding_of(text, size);
	size_t made = 0;
	uint32_t bits = 0;

	*ret_size = size;
	if (size % 4 != 0)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int value = digit_value(text[i]);

		*ret_size = i;
		if (value < 0)
			return false;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4 != 0)
			ret[made++] = (uint8_t)(bits >> (6 - i % 4 * 2));
	}
	/* a last group of two or three digits ends with bits that must be zero */
	*ret_size = digits > 0 ? digits - 1 : 0;
	if (digits % 4 == 2 && (bits & 15) != 0)
		return false;
	if (digits % 4 == 3 && (bits & 3) != 0)
		return false;
	*ret_size = made;
	return true;
}
