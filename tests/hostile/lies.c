/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

/* Bytes on descriptor 4 that are made for a reader who believes them. */
static void put(const void *bytes, size_t size)
{
	if (write(4, bytes, size) != (ssize_t)size)
		exit(1);
}
#define PUT(literal) put(literal, sizeof(literal) - 1)

static void many(const char *bytes, size_t size, size_t times)
{
	char *block = malloc(size * times);

	if (!block)
		exit(1);
	for (size_t i = 0; i < times; i++)
		memcpy(block + i * size, bytes, size);
	put(block, size * times);
	free(block);
}

static const struct {
	const char *way, *value;
	size_t size;
} values[] = {
	{ "array of 2^32-1", "\xdd\xff\xff\xff\xff", 5 },
	{ "map of 2^32-1", "\xdf\xff\xff\xff\xff", 5 },
	{ "str of 2^32-1", "\xdb\xff\xff\xff\xff", 5 },
	{ "bin of 2^32-1", "\xc6\xff\xff\xff\xff", 5 },
	{ "ext of 2^32-1", "\xc9\xff\xff\xff\xff\x01", 6 },
	{ "duplicate keys", "\x82\xa1k\x01\xa1k\x02", 7 },
	{ "bad UTF-8", "\xa2\xc3\x28", 3 },
	{ "reserved byte", "\xc1", 1 },
};

void attack(struct attack *a)
{
	PUT("\x82\xa4task\xa1t\xa6result");
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (is_way(a, values[i].way))
			put(values[i].value, values[i].size);
	if (is_way(a, "nested 33"))
		many("\x91", 1, 32);
	if (is_way(a, "nested 1000000"))
		many("\x91", 1, 1000000);
	if (is_way(a, "nested 33") || is_way(a, "nested 1000000"))
		PUT("\xc0");
	if (is_way(a, "nested arrays of 65535"))
		many("\xdc\xff\xff", 3, 31);
	if (is_way(a, "trailing bytes"))
		PUT("\xc0 and more");
	if (is_way(a, "a million records")) {
		PUT("\xc0");
		many("\x81\xa5start\xa1t", 9, 1000000);
	}
	if (is_way(a, "a million values")) {
		PUT("\xdd\x00\x0f\x42\x40");
		many("\xc0", 1, 1000000);
	}
	PUT("\x81\xa4"
	    "done\xc3");
	exit(0);
}
