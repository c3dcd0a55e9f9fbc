/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/quantity.h"

#include <stddef.h>
#include <string.h>

#include "ipc/wire/base.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit no_units[] = { { "", 1 } };
static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", (uint64_t)1 << 10 },
	{ "M", (uint64_t)1 << 20 },
	{ "G", (uint64_t)1 << 30 },
};
static const struct unit duration_units[] = {
	{ "us", 1 },
	{ "ms", 1000 },
	{ "s", 1000 * 1000 },
	{ "m", 60 * 1000 * 1000 },
	{ "h", (uint64_t)3600 * 1000 * 1000 },
};

/* Reads at least one digit and moves `*text` behind the last one. */
static bool read_digits(const char **text, uint64_t *ret)
{
	const char *at = *text;
	uint64_t value = 0;

	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return false;
	}
	*text = at;
	*ret = value;
	return true;
}

static bool read_with_unit(const char *text, const struct unit *units, size_t n_units,
                           uint64_t *ret)
{
	uint64_t value;

	if (!read_digits(&text, &value))
		return false;
	for (size_t i = 0; i < n_units; i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(value, units[i].factor, &value) || value == UINT64_MAX)
			return false;
		*ret = value;
		return true;
	}
	return false;
}

bool bh_count_parse(const char *text, uint64_t *ret)
{
	return read_with_unit(text, no_units, BH_COUNT_OF(no_units), ret);
}

bool bh_size_parse(const char *text, uint64_t *ret)
{
	return read_with_unit(text, size_units, BH_COUNT_OF(size_units), ret);
}

bool bh_duration_parse(const char *text, uint64_t *ret)
{
	if (strcmp(text, "0") == 0) {
		*ret = 0;
		return true;
	}
	return read_with_unit(text, duration_units, BH_COUNT_OF(duration_units), ret);
}
