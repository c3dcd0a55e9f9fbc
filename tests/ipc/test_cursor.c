/* SPDX-License-Identifier: Apache-2.0 */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/codec/cursor.h"
#include "ipc/wire/base.h"
#include "tests/check.h"
#include "values.h"

#define PROPERTY_ROUNDS 1000

/* Skips one value in a buffer of its exact size, so that a read behind it is
 * found by AddressSanitizer. */
static enum bh_cursor_error skip(const void *bytes, size_t size, unsigned int first_depth,
                                 size_t *ret_offset)
{
	uint8_t *copy = malloc(size);
	uint64_t objects = UINT64_MAX;

	memcpy(copy, bytes, size);
	struct bh_cursor cursor = bh_cursor_over((struct bh_span){ copy, size });
	enum bh_cursor_error error = bh_cursor_skip(&cursor, first_depth, &objects);
	*ret_offset = bh_cursor_offset(&cursor);
	free(copy);
	return error;
}

#define BYTES(literal) literal, sizeof(literal) - 1
static const struct {
	const char *why;
	const char *bytes;
	size_t size;
	enum bh_cursor_error want;
	size_t offset;
} refused[] = {
	{ "nothing", BYTES(""), BH_CURSOR_E_SHORT, 0 },
	{ "the byte that is never used", BYTES("\xc1"), BH_CURSOR_E_TYPE, 0 },
	{ "the byte that is never used, inside", BYTES("\x92\x01\xc1"), BH_CURSOR_E_TYPE, 2 },
	{ "the byte that is never used, as key", BYTES("\x81\xc1\x01"), BH_CURSOR_E_TYPE, 1 },
	{ "an int cut short", BYTES("\xcf\x01\x02"), BH_CURSOR_E_SHORT, 0 },
	{ "a float cut short", BYTES("\xcb\x01\x02"), BH_CURSOR_E_SHORT, 0 },
	{ "a length cut short", BYTES("\xdb\x00\x00"), BH_CURSOR_E_SHORT, 0 },
	{ "fixstr past the end", BYTES("\xa3xy"), BH_CURSOR_E_SHORT, 0 },
	{ "str 8 past the end",
	  BYTES("\xd9\xff"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "str 16 past the end",
	  BYTES("\xda\xff\xff"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "str 32 past the end",
	  BYTES("\xdb\xff\xff\xff\xff"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "bin 8 past the end",
	  BYTES("\xc4\xff"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "bin 16 past the end",
	  BYTES("\xc5\xff\xff"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "bin 32 past the end",
	  BYTES("\xc6\xff\xff\xff\xff"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "ext 8 past the end",
	  BYTES("\xc7\xff\x01"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "ext 16 past the end",
	  BYTES("\xc8\xff\xff\x01"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "ext 32 past the end",
	  BYTES("\xc9\xff\xff\xff\xff\x01"
	        "a"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "fixext past the end",
	  BYTES("\xd8\x01"
	        "abc"),
	  BH_CURSOR_E_SHORT, 0 },
	{ "array 16 past the end", BYTES("\xdc\xff\xff\x01"), BH_CURSOR_E_SHORT, 0 },
	{ "array 32 past the end", BYTES("\xdd\xff\xff\xff\xff"), BH_CURSOR_E_SHORT, 0 },
	{ "map 16 past the end", BYTES("\xde\xff\xff\xa0\x01"), BH_CURSOR_E_SHORT, 0 },
	{ "map 32 past the end", BYTES("\xdf\xff\xff\xff\xff"), BH_CURSOR_E_SHORT, 0 },
	{ "a map whose pairs fit only halfway", BYTES("\x82\xa0\x01\xa1"), BH_CURSOR_E_SHORT, 0 },
	{ "a claim that fits alone, not with the array it is in", BYTES("\x93\x93\x01\x01\x01\x01"),
	  BH_CURSOR_E_SHORT, 1 },
	{ "claims nested in claims", BYTES("\x94\x94\x94\x94\x01\x01\x01"), BH_CURSOR_E_SHORT, 1 },
	{ "a str that leaves no byte for the next", BYTES("\x92\xa2xy"), BH_CURSOR_E_SHORT, 1 },
	{ "a str that is not UTF-8", BYTES("\x91\xa2\xc3("), BH_CURSOR_E_UTF8, 1 },
	{ "a key that is not UTF-8", BYTES("\x81\xa1\xff\x01"), BH_CURSOR_E_UTF8, 1 },
	{ "a key that is an int", BYTES("\x81\x01\x01"), BH_CURSOR_E_KEY, 1 },
	{ "a key that is a bin", BYTES("\x81\xc4\x01k\x01"), BH_CURSOR_E_KEY, 1 },
	{ "a key that is a map", BYTES("\x81\x80\x01"), BH_CURSOR_E_KEY, 1 },
	{ "a second key that is nil", BYTES("\x82\xa1k\x01\xc0\x01"), BH_CURSOR_E_KEY, 4 },
	{ "two equal keys", BYTES("\x82\xa1k\x01\xa1k\x02"), BH_CURSOR_E_DUPLICATE, 4 },
	{ "two empty keys", BYTES("\x82\xa0\x01\xa0\x02"), BH_CURSOR_E_DUPLICATE, 3 },
	{ "two equal keys, written in two ways", BYTES("\x82\xa1k\x01\xd9\x01k\x02"),
	  BH_CURSOR_E_DUPLICATE, 4 },
	{ "two equal keys around a map", BYTES("\x82\xa1k\x81\xa1j\x01\xa1k\x02"),
	  BH_CURSOR_E_DUPLICATE, 7 },
};

START_TEST(bytes_that_break_a_rule_are_refused_where_they_do)
{
	size_t offset;

	enum bh_cursor_error error = skip(refused[_i].bytes, refused[_i].size, 1, &offset);

	ck_assert_msg(error == refused[_i].want, "%s: %s", refused[_i].why,
	              bh_cursor_error_text(error));
	ck_assert_msg(offset == refused[_i].offset, "%s: at %zu", refused[_i].why, offset);
}
END_TEST

static const struct {
	const char *why;
	const char *bytes;
	size_t size;
} accepted[] = {
	{ "nil", BYTES("\xc0") },
	{ "an empty array", BYTES("\x90") },
	{ "an empty map", BYTES("\xdf\x00\x00\x00\x00") },
	{ "an empty str", BYTES("\xdb\x00\x00\x00\x00") },
	{ "an empty bin", BYTES("\xc4\x00") },
	{ "an empty ext", BYTES("\xc7\x00\x05") },
	{ "an empty ext 32", BYTES("\xc9\x00\x00\x00\x00\x05") },
	{ "a fixext", BYTES("\xd4\x05x") },
	{ "an int wider than it needs to be", BYTES("\xcf\x00\x00\x00\x00\x00\x00\x00\x01") },
	{ "equal keys in two maps", BYTES("\x92\x81\xa1k\x01\x81\xa1k\x01") },
	{ "equal keys in a map and the one inside", BYTES("\x81\xa1k\x81\xa1k\x01") },
	{ "keys that begin alike", BYTES("\x83\xa1k\x01\xa2kk\x01\xa0\x01") },
	{ "equal values", BYTES("\x82\xa1j\xa1k\xa1k\xa1k") },
	{ "a bin that is not UTF-8", BYTES("\xc4\x02\xff\xff") },
};

START_TEST(bytes_within_the_rules_are_accepted_whole)
{
	size_t offset;
	char bytes[32];

	/* what follows the value is none of its business */
	memcpy(bytes, accepted[_i].bytes, accepted[_i].size);
	bytes[accepted[_i].size] = (char)0xc1;
	for (size_t more = 0; more <= 1; more++) {
		enum bh_cursor_error error = skip(bytes, accepted[_i].size + more, 1, &offset);
		ck_assert_msg(error == BH_CURSOR_OK, "%s: %s", accepted[_i].why,
		              bh_cursor_error_text(error));
		ck_assert_msg(offset == accepted[_i].size, "%s: to %zu", accepted[_i].why, offset);
	}
}
END_TEST

static const struct {
	size_t nested;
	unsigned int first_depth;
	enum bh_cursor_error want;
} depths[] = {
	{ 32, 1, BH_CURSOR_OK },           { 33, 1, BH_CURSOR_E_DEPTH },
	{ 31, 2, BH_CURSOR_OK },           { 32, 2, BH_CURSOR_E_DEPTH },
	{ 1, 32, BH_CURSOR_OK },           { 1, 33, BH_CURSOR_E_DEPTH },
	{ 1000000, 1, BH_CURSOR_E_DEPTH },
};

START_TEST(nesting_is_refused_at_the_first_container_too_deep)
{
	/* the innermost is empty: it counts all the same */
	size_t n = depths[_i].nested, offset;
	uint8_t *arrays = malloc(n), *maps = malloc(2 * n);

	for (size_t i = 0; i < n; i++) {
		arrays[i] = i + 1 < n ? 0x91 : 0x90;
		maps[2 * i] = i + 1 < n ? 0x81 : 0x80;
		maps[2 * i + 1] = 0xa0;
	}
	ck_assert_int_eq(skip(arrays, n, depths[_i].first_depth, &offset), depths[_i].want);
	if (depths[_i].want == BH_CURSOR_E_DEPTH)
		ck_assert_uint_eq(offset, 33 - depths[_i].first_depth);
	ck_assert_int_eq(skip(maps, 2 * n - 1, depths[_i].first_depth, &offset), depths[_i].want);
	if (depths[_i].want == BH_CURSOR_E_DEPTH)
		ck_assert_uint_eq(offset, 2 * (33 - depths[_i].first_depth));
	free(arrays);
	free(maps);
}
END_TEST

/* A map of `n` pairs whose last key equals the one at `twin`, or none. Returns
 * the offset of the last key. */
static size_t pack_keys(msgpack_sbuffer *buffer, size_t n, size_t twin)
{
	msgpack_packer packer;
	char key[32];
	size_t last = 0;

	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, n);
	for (size_t i = 0; i < n; i++) {
		last = buffer->size;
		int size = snprintf(key, sizeof(key), "%zu", i + 1 == n ? twin : i);
		msgpack_pack_str_with_body(&packer, key, (size_t)size);
		msgpack_pack_nil(&packer);
	}
	return last;
}

static const size_t map_sizes[] = { 2, 15, 16, 17, 18, 1000, 70000 };

START_TEST(a_repeated_key_is_found_in_a_map_of_any_size)
{
	size_t n = map_sizes[_i];
	const size_t twins[] = { 0, (n - 1) / 2, n - 2 };
	size_t offset;

	for (size_t i = 0; i < BH_COUNT_OF(twins); i++) {
		msgpack_sbuffer buffer;
		msgpack_sbuffer_init(&buffer);
		size_t last = pack_keys(&buffer, n, twins[i]);
		ck_assert_int_eq(skip(buffer.data, buffer.size, 1, &offset), BH_CURSOR_E_DUPLICATE);
		ck_assert_uint_eq(offset, last);
		msgpack_sbuffer_destroy(&buffer);
	}
}
END_TEST

START_TEST(a_map_of_any_size_is_accepted_where_no_key_repeats)
{
	msgpack_sbuffer buffer;
	size_t offset;

	msgpack_sbuffer_init(&buffer);
	pack_keys(&buffer, map_sizes[_i], map_sizes[_i]);
	ck_assert_int_eq(skip(buffer.data, buffer.size, 1, &offset), BH_CURSOR_OK);
	ck_assert_uint_eq(offset, buffer.size);
	msgpack_sbuffer_destroy(&buffer);
}
END_TEST

START_TEST(the_cap_on_values_holds_over_all_calls)
{
	struct bh_cursor cursor = bh_cursor_over((struct bh_span){ BYTES("\x92\x01\x02\x03\x04") });
	uint64_t objects = 4;

	ck_assert_int_eq(bh_cursor_skip(&cursor, 1, &objects), BH_CURSOR_OK);
	ck_assert_uint_eq(objects, 1);
	ck_assert_int_eq(bh_cursor_skip(&cursor, 1, &objects), BH_CURSOR_OK);
	ck_assert_int_eq(bh_cursor_skip(&cursor, 1, &objects), BH_CURSOR_E_OBJECTS);
	ck_assert_uint_eq(bh_cursor_offset(&cursor), 4);
}
END_TEST

START_TEST(the_cap_on_values_counts_those_in_containers)
{
	struct bh_cursor cursor = bh_cursor_over((struct bh_span){ BYTES("\x93\x01\x02\x03") });
	uint64_t objects = 3;

	ck_assert_int_eq(bh_cursor_skip(&cursor, 1, &objects), BH_CURSOR_E_OBJECTS);
	ck_assert_uint_eq(bh_cursor_offset(&cursor), 3);
}
END_TEST

/* What msgpack-c makes of the bytes, and where it stops. */
static msgpack_unpack_return unpack(const char *bytes, size_t size, size_t *ret_offset)
{
	msgpack_unpacked unpacked;

	msgpack_unpacked_init(&unpacked);
	*ret_offset = 0;
	msgpack_unpack_return r = msgpack_unpack_next(&unpacked, bytes, size, ret_offset);
	msgpack_unpacked_destroy(&unpacked);
	return r;
}

START_TEST(generated_values_are_accepted_and_so_by_msgpack)
{
	uint64_t seed = test_seed(), state = seed;

	for (int round = 0; round < PROPERTY_ROUNDS; round++) {
		msgpack_sbuffer buffer;
		msgpack_packer packer;
		size_t offset, unpacked;
		msgpack_sbuffer_init(&buffer);
		msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
		test_pack_random(&state, &packer, 8);

		enum bh_cursor_error error = skip(buffer.data, buffer.size, 1, &offset);
		ck_assert_msg(error == BH_CURSOR_OK && offset == buffer.size,
		              "BH_TEST_SEED=%ju round %d: %s at %zu", (uintmax_t)seed, round,
		              bh_cursor_error_text(error), offset);
		ck_assert_int_eq(unpack(buffer.data, buffer.size, &unpacked),
		                 MSGPACK_UNPACK_SUCCESS);
		ck_assert_uint_eq(unpacked, offset);
		msgpack_sbuffer_destroy(&buffer);
	}
}
END_TEST

START_TEST(every_part_of_a_generated_value_is_too_short)
{
	uint64_t seed = test_seed(), state = seed;

	for (int round = 0; round < PROPERTY_ROUNDS / 10; round++) {
		msgpack_sbuffer buffer;
		msgpack_packer packer;
		size_t offset;
		msgpack_sbuffer_init(&buffer);
		msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
		test_pack_random(&state, &packer, 4);
		size_t step = 1 + buffer.size / 50;
		for (size_t size = 0; size < buffer.size; size += step)
			ck_assert_msg(skip(buffer.data, size, 1, &offset) == BH_CURSOR_E_SHORT,
			              "BH_TEST_SEED=%ju round %d: %zu of %zu", (uintmax_t)seed,
			              round, size, buffer.size);
		msgpack_sbuffer_destroy(&buffer);
	}
}
END_TEST

/* Bytes changed at random: mostly refused; where not, msgpack agrees. */
START_TEST(what_is_accepted_of_damaged_values_msgpack_accepts_too)
{
	uint64_t seed = test_seed(), state = seed;

	for (int round = 0; round < PROPERTY_ROUNDS * 3; round++) {
		msgpack_sbuffer buffer;
		msgpack_packer packer;
		size_t offset, unpacked;
		msgpack_sbuffer_init(&buffer);
		msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
		test_pack_random(&state, &packer, 4);
		for (size_t n = 1 + test_random_below(&state, 3); n > 0; n--)
			buffer.data[test_random_below(&state, buffer.size)] =
			        (char)test_random(&state);

		if (skip(buffer.data, buffer.size, 1, &offset) == BH_CURSOR_OK) {
			ck_assert_msg(unpack(buffer.data, buffer.size, &unpacked) >=
			                      MSGPACK_UNPACK_EXTRA_BYTES,
			              "BH_TEST_SEED=%ju round %d", (uintmax_t)seed, round);
			ck_assert_uint_eq(unpacked, offset);
		}
		msgpack_sbuffer_destroy(&buffer);
	}
}
END_TEST

static enum bh_value_type type_of(const msgpack_object *object)
{
	switch (object->type) {
	case MSGPACK_OBJECT_NIL:
		return BH_VALUE_NIL;
	case MSGPACK_OBJECT_BOOLEAN:
		return BH_VALUE_BOOL;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return BH_VALUE_INT;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return BH_VALUE_FLOAT;
	case MSGPACK_OBJECT_STR:
		return BH_VALUE_STR;
	case MSGPACK_OBJECT_BIN:
		return BH_VALUE_BIN;
	case MSGPACK_OBJECT_ARRAY:
		return BH_VALUE_ARRAY;
	case MSGPACK_OBJECT_MAP:
		return BH_VALUE_MAP;
	case MSGPACK_OBJECT_EXT:
		return BH_VALUE_EXT;
	}
	return BH_VALUE_NONE;
}

static enum bh_value_type type_that_msgpack_reads(uint8_t first)
{
	char bytes[64] = { (char)first };
	msgpack_unpacked unpacked;
	enum bh_value_type type = BH_VALUE_NONE;
	size_t offset = 0;

	msgpack_unpacked_init(&unpacked);
	if (msgpack_unpack_next(&unpacked, bytes, sizeof(bytes), &offset) > 0)
		type = type_of(&unpacked.data);
	msgpack_unpacked_destroy(&unpacked);
	return type;
}

START_TEST(the_type_of_a_value_is_told_by_its_first_byte)
{
	for (unsigned int first = 0; first < 256; first++) {
		uint8_t byte = (uint8_t)first;
		struct bh_cursor cursor = bh_cursor_over((struct bh_span){ &byte, 1 });
		ck_assert_msg(bh_cursor_peek(&cursor) == type_that_msgpack_reads(byte),
		              "first byte %#x", first);
	}
}
END_TEST

static const struct {
	const char *bytes;
	size_t size;
	bool fits;
	int64_t value;
} ints[] = {
	{ BYTES("\x00"), true, 0 },
	{ BYTES("\x7f"), true, 127 },
	{ BYTES("\xff"), true, -1 },
	{ BYTES("\xe0"), true, -32 },
	{ BYTES("\xcc\xff"), true, 255 },
	{ BYTES("\xcd\xff\xff"), true, 65535 },
	{ BYTES("\xce\xff\xff\xff\xff"), true, UINT32_MAX },
	{ BYTES("\xcf\x7f\xff\xff\xff\xff\xff\xff\xff"), true, INT64_MAX },
	{ BYTES("\xcf\x80\x00\x00\x00\x00\x00\x00\x00"), false, 0 },
	{ BYTES("\xd0\x80"), true, INT8_MIN },
	{ BYTES("\xd1\x80\x00"), true, INT16_MIN },
	{ BYTES("\xd2\x80\x00\x00\x00"), true, INT32_MIN },
	{ BYTES("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), true, INT64_MIN },
	{ BYTES("\xd3\x00\x00"), false, 0 },
	{ BYTES("\xc0"), false, 0 },
	{ BYTES("\xca\x00\x00\x00\x00"), false, 0 },
};

START_TEST(an_int_is_read_where_64_bits_hold_it)
{
	struct bh_cursor cursor = bh_cursor_over((struct bh_span){ ints[_i].bytes, ints[_i].size });
	int64_t value = 77;

	ck_assert(bh_cursor_read_int(&cursor, &value) == ints[_i].fits);
	ck_assert_int_eq(value, ints[_i].fits ? ints[_i].value : 77);
	ck_assert_uint_eq(bh_cursor_offset(&cursor), ints[_i].fits ? ints[_i].size : 0);
}
END_TEST

START_TEST(values_of_each_type_are_read_in_turn)
{
	struct bh_cursor cursor = bh_cursor_over(
	        (struct bh_span){ BYTES("\x82\xa1k\x92\xc3\xc2\xd9\x02xy\xc4\x01z") });
	struct bh_span text;
	uint32_t count;
	bool is_true;

	ck_assert(bh_cursor_read_map(&cursor, &count) && count == 2);
	ck_assert(bh_cursor_read_str(&cursor, &text));
	ck_assert_mem_eq(text.data, "k", 1);
	ck_assert(bh_cursor_read_array(&cursor, &count) && count == 2);
	ck_assert(bh_cursor_read_bool(&cursor, &is_true) && is_true);
	ck_assert(bh_cursor_read_bool(&cursor, &is_true) && !is_true);
	ck_assert(bh_cursor_read_str(&cursor, &text) && text.size == 2);
	ck_assert(bh_cursor_read_bin(&cursor, &text) && text.size == 1);
	ck_assert_int_eq(bh_cursor_peek(&cursor), BH_VALUE_NONE);
}
END_TEST

START_TEST(a_value_of_another_type_is_not_read)
{
	static const struct bh_span other[] = {
		{ BYTES("\xc0") },
		{ BYTES("") },
		{ BYTES("\xc1") },
		{ BYTES("\xdb\xff\xff\xff\xff") },
		{ BYTES("\xdd\xff") },
		{ BYTES("\xdf") },
		{ BYTES("\xc6\xff\xff\xff\xffx") },
	};
	struct bh_cursor cursor = bh_cursor_over(other[_i]);
	struct bh_span text;
	uint32_t count;
	bool is_true;

	ck_assert(!bh_cursor_read_map(&cursor, &count));
	ck_assert(!bh_cursor_read_array(&cursor, &count));
	ck_assert(!bh_cursor_read_str(&cursor, &text));
	ck_assert(!bh_cursor_read_bin(&cursor, &text));
	ck_assert(!bh_cursor_read_bool(&cursor, &is_true));
	ck_assert_uint_eq(bh_cursor_offset(&cursor), 0);
}
END_TEST

START_TEST(a_cursor_over_nothing_is_at_its_end)
{
	struct bh_cursor cursor = bh_cursor_over(BH_SPAN_NONE);
	uint64_t objects = 1;

	ck_assert_int_eq(bh_cursor_skip(&cursor, 1, &objects), BH_CURSOR_E_SHORT);
	ck_assert_uint_eq(bh_cursor_offset(&cursor), 0);
}
END_TEST

START_TEST(every_error_has_words_of_its_own)
{
	for (int i = BH_CURSOR_OK; i <= BH_CURSOR_E_MEMORY; i++)
		for (int j = BH_CURSOR_OK; j < i; j++)
			ck_assert_str_ne(bh_cursor_error_text((enum bh_cursor_error)i),
			                 bh_cursor_error_text((enum bh_cursor_error)j));
}
END_TEST

static TCase *skip_tests(void)
{
	TCase *tests = tcase_create("skip");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, bytes_that_break_a_rule_are_refused_where_they_do, 0,
	                    BH_COUNT_OF(refused));
	tcase_add_loop_test(tests, bytes_within_the_rules_are_accepted_whole, 0,
	                    BH_COUNT_OF(accepted));
	tcase_add_loop_test(tests, nesting_is_refused_at_the_first_container_too_deep, 0,
	                    BH_COUNT_OF(depths));
	tcase_add_loop_test(tests, a_repeated_key_is_found_in_a_map_of_any_size, 0,
	                    BH_COUNT_OF(map_sizes));
	tcase_add_loop_test(tests, a_map_of_any_size_is_accepted_where_no_key_repeats, 0,
	                    BH_COUNT_OF(map_sizes));
	tcase_add_test(tests, the_cap_on_values_holds_over_all_calls);
	tcase_add_test(tests, the_cap_on_values_counts_those_in_containers);
	tcase_add_test(tests, generated_values_are_accepted_and_so_by_msgpack);
	tcase_add_test(tests, every_part_of_a_generated_value_is_too_short);
	tcase_add_test(tests, what_is_accepted_of_damaged_values_msgpack_accepts_too);
	tcase_add_test(tests, a_cursor_over_nothing_is_at_its_end);
	tcase_add_test(tests, every_error_has_words_of_its_own);
	return tests;
}

static TCase *read_tests(void)
{
	TCase *tests = tcase_create("read");

	tcase_add_test(tests, the_type_of_a_value_is_told_by_its_first_byte);
	tcase_add_loop_test(tests, an_int_is_read_where_64_bits_hold_it, 0, BH_COUNT_OF(ints));
	tcase_add_test(tests, values_of_each_type_are_read_in_turn);
	tcase_add_loop_test(tests, a_value_of_another_type_is_not_read, 0, 7);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("cursor");

	suite_add_tcase(suite, skip_tests());
	suite_add_tcase(suite, read_tests());

	return run_suite(suite);
}
