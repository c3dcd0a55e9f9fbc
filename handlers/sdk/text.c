/* SPDX-License-Identifier: Apache-2.0 */

#include <string.h>

#include "bulkhead/handler.h"

struct bh_text bh_text_from(const char *string)
{
	return (struct bh_text){ .data = string, .size = string ? strlen(string) : 0 };
}

bool bh_text_equals(struct bh_text text, const char *string)
{
	size_t size = strlen(string);

	return text.data && text.size == size && memcmp(text.data, string, size) == 0;
}
