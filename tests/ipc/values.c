/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t test_seed(void)
{
	const char *given = getenv("BH_TEST_SEED");
	struct timespec now;

	if (given)
		return strtoull(given, NULL, 0) | 1;
	clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec) | 1;
}

uint64_t test_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d;
}

uint64_t test_random_below(uint64_t *state, uint64_t below)
{
	return (test_random(state) >> 16) % below;
}

/* A code point of 1 to 4 bytes, each size as likely, that UTF-8 can write. */
static uint32_t random_code_point(uint64_t *state)
{
	static const uint32_t ends[] = { 0x80, 0x800, 0x10000, 0x110000 };
	uint32_t end = ends[test_random_below(state, 4)];
	uint32_t code = (uint32_t)(1 + test_random_below(state, end - 1));

	return code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
}

static size_t put_code_point(char *at, uint32_t code)
{
	size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (size_t i = size - 1; i > 0; i--) {
		at[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	at[0] = (char)(marks[size] | code);
	return size;
}

char *test_random_text(uint64_t *state, size_t max)
{
	size_t wanted = test_random_below(state, max + 1);
	char *text = malloc(max + 1);
	size_t size = 0;

	while (size + 4 <= wanted)
		size += put_code_point(text + size, test_random_below(state, 3)
		                                            ? (uint32_t)('a' + size % 26)
		                                            : random_code_point(state));
	text[size] = '\0';
	return text;
}

/* Mostly small; one in 500 is of a size that needs a length of 32 bits. */
static size_t random_size(uint64_t *state)
{
	size_t pick = test_random_below(state, 1000);
	size_t limit = pick < 700 ? 4 : pick < 900 ? 40 : pick < 998 ? 300 : 70000;

	return test_random_below(state, limit);
}

static void pack_text(uint64_t *state, msgpack_packer *packer)
{
	char *text = test_random_text(state, random_size(state));

	msgpack_pack_str_with_body(packer, text, strlen(text));
	free(text);
}

static void pack_bytes(uint64_t *state, msgpack_packer *packer, bool is_ext)
{
	size_t size = random_size(state);
	char *bytes = malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)test_random(state);
	if (is_ext && size > 0)
		msgpack_pack_ext_with_body(packer, bytes, size, (int8_t)test_random(state));
	else
		msgpack_pack_bin_with_body(packer, bytes, size);
	free(bytes);
}

static void pack_int(uint64_t *state, msgpack_packer *packer)
{
	uint64_t number = test_random(state) >> test_random_below(state, 64);

	if (test_random_below(state, 2))
		msgpack_pack_uint64(packer, number);
	else
		msgpack_pack_int64(packer, (int64_t)~number);
}

static void pack_array(uint64_t *state, msgpack_packer *packer, unsigned int depth)
{
	size_t count = test_random_below(state, 6);

	msgpack_pack_array(packer, count);
	for (size_t i = 0; i < count; i++)
		test_pack_random(state, packer, depth - 1);
}

static void pack_map(uint64_t *state, msgpack_packer *packer, unsigned int depth)
{
	/* now and then one with many keys, which is checked in another way */
	size_t count = test_random_below(state, test_random_below(state, 8) ? 5 : 40);
	char key[32];

	msgpack_pack_map(packer, count);
	for (size_t i = 0; i < count; i++) {
		int size = snprintf(key, sizeof(key), "%zu-%x", i,
		                    (unsigned)test_random_below(state, 999));
		msgpack_pack_str_with_body(packer, key, (size_t)size);
		test_pack_random(state, packer, count > 8 ? 0 : depth - 1);
	}
}

void test_pack_random(uint64_t *state, msgpack_packer *packer, unsigned int depth)
{
	switch (test_random_below(state, depth > 0 ? 10 : 8)) {
	case 0:
		msgpack_pack_nil(packer);
		return;
	case 1:
		msgpack_pack_true(packer);
		return;
	case 2:
		msgpack_pack_false(packer);
		return;
	case 3:
		msgpack_pack_double(packer, (double)test_random(state));
		return;
	case 4:
		pack_text(state, packer);
		return;
	case 5:
	case 6:
		pack_bytes(state, packer, test_random_below(state, 2));
		return;
	case 7:
		pack_int(state, packer);
		return;
	case 8:
		pack_array(state, packer, depth);
		return;
	default:
		pack_map(state, packer, depth);
		return;
	}
}
