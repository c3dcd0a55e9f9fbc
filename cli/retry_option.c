/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/retry_option.h"

#include <stdio.h>
#include <string.h>

#include "cli/quantity.h"

/* A duration of the first `size` bytes. */
static bool read_part(const char *text, size_t size, uint64_t *ret)
{
	char part[32];

	if (size >= sizeof(part))
		return false;
	snprintf(part, sizeof(part), "%.*s", (int)size, text);
	return bh_duration_parse(part, ret);
}

static bool read_backoff(const char *text, struct bh_retry *retry)
{
	const char *dots = strstr(text, "..");
	uint64_t first, longest = retry->backoff_max_us;

	if (!read_part(text, dots ? (size_t)(dots - text) : strlen(text), &first))
		return false;
	if (dots && (!bh_duration_parse(dots + 2, &longest) || longest < first))
		return false;
	retry->backoff_us = first;
	retry->backoff_max_us = longest > first ? longest : first;
	return true;
}

bool bh_backoff_accepts(const char *text)
{
	struct bh_retry unused = BH_RETRY_DEFAULT;

	return read_backoff(text, &unused);
}

void bh_backoff_read(const char *text, struct bh_retry *retry)
{
	(void)read_backoff(text, retry);
}

/* 0 where it is no kind, or one that is never tried again. */
static uint64_t kind_bit(const char *name, size_t size)
{
	for (int kind = BH_KIND_NONE + 1; kind < BH_KINDS; kind++) {
		const char *known = bh_kind_name((enum bh_kind)kind);

		if (strlen(known) != size || memcmp(known, name, size) != 0)
			continue;
		if (kind == BH_KIND_VIOLATION || kind == BH_KIND_BOUNDS ||
		    kind == BH_KIND_CANCELLED)
			return 0;
		return BH_KIND_BIT(kind);
	}
	return 0;
}

static bool read_kinds(const char *text, uint64_t *ret)
{
	for (*ret = 0;; text++) {
		size_t size = strcspn(text, ",");
		uint64_t bit = kind_bit(text, size);

		if (bit == 0)
			return false;
		*ret |= bit;
		text += size;
		if (*text == '\0')
			return true;
	}
}

bool bh_retry_kinds_accepts(const char *text)
{
	uint64_t unused;

	return read_kinds(text, &unused);
}

uint64_t bh_retry_kinds_read(const char *text)
{
	uint64_t kinds;

	return read_kinds(text, &kinds) ? kinds : 0;
}
