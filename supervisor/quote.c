/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/quote.h"

#include <stddef.h>
#include <string.h>

#define QUOTE_MAX 80

int bh_quote_size(const char *text)
{
	size_t size = strnlen(text, QUOTE_MAX + 1);

	if (size <= QUOTE_MAX)
		return (int)size;
	size = QUOTE_MAX;
	/* bytes 0x80 … 0xbf go on with a code point */
	while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
		size--;
	return (int)size;
}
