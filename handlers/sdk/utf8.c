/* SPDX-License-Identifier: Apache-2.0 */

#include <stdint.h>
#include <string.h>

#include "utf8.h"

/* Lead bytes with the range of the byte after them, which is where overlong
 * forms, surrogates and code points past U+10FFFF are kept out. */
static const struct {
	uint8_t first_lead, last_lead, length, low, high;
} leads[] = {
	{ 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf }, { 0xe1, 0xec, 3, 0x80, 0xbf },
	{ 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t bh_utf8_sequence(const char *data, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)data;

	if (size == 0)
		return 0;
	if (bytes[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		if (bytes[0] < leads[i].first_lead || bytes[0] > leads[i].last_lead)
			continue;
		if (size < leads[i].length || bytes[1] < leads[i].low || bytes[1] > leads[i].high)
			return 0;
		for (size_t k = 2; k < leads[i].length; k++)
			if ((bytes[k] & 0xc0) != 0x80)
				return 0;
		return leads[i].length;
	}
	return 0;
}

static bool is_ascii_word(const char *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool bh_utf8_is_valid(const char *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		if (size - at >= 8 && is_ascii_word(data + at)) {
			at += 8;
			continue;
		}
		size_t length = bh_utf8_sequence(data + at, size - at);
		if (length == 0)
			return false;
		at += length;
	}
	return true;
}

void bh_utf8_repair(char *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		size_t length = bh_utf8_sequence(data + at, size - at);
		if (length == 0)
			data[at] = '?';
		at += length ? length : 1;
	}
}
