/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "ipc/wire/base.h"
#include "tests/check.h"

/* The text right at the end of a buffer of its own, so that a read behind it is
 * found by AddressSanitizer. */
static bool valid(const char *text, size_t size)
{
	char *copy = malloc(size);

	if (size > 0)
		memcpy(copy, text, size);
	bool is_valid = bh_utf8_valid(copy, size);
	free(copy);
	return is_valid;
}

static const struct {
	const char *why;
	const char *text;
	bool valid;
} texts[] = {
	{ "one byte", "a", true },
	{ "two bytes", "\xc3\xa9", true },
	{ "first of two bytes, U+0080", "\xc2\x80", true },
	{ "last of two bytes, U+07FF", "\xdf\xbf", true },
	{ "first of three bytes, U+0800", "\xe0\xa0\x80", true },
	{ "before the surrogates, U+D7FF", "\xed\x9f\xbf", true },
	{ "behind the surrogates, U+E000", "\xee\x80\x80", true },
	{ "last of three bytes, U+FFFF", "\xef\xbf\xbf", true },
	{ "first of four bytes, U+10000", "\xf0\x90\x80\x80", true },
	{ "the last, U+10FFFF", "\xf4\x8f\xbf\xbf", true },
	{ "behind the last, U+110000", "\xf4\x90\x80\x80", false },
	{ "far behind the last", "\xf5\x80\x80\x80", false },
	{ "five bytes", "\xf8\x88\x80\x80\x80", false },
	{ "a surrogate, U+D800", "\xed\xa0\x80", false },
	{ "a surrogate, U+DFFF", "\xed\xbf\xbf", false },
	{ "a slash in two bytes", "\xc0\xaf", false },
	{ "U+007F in two bytes", "\xc1\xbf", false },
	{ "U+07FF in three bytes", "\xe0\x9f\xbf", false },
	{ "U+FFFF in four bytes", "\xf0\x8f\xbf\xbf", false },
	{ "a lone byte that goes on", "\x80", false },
	{ "one more byte that goes on", "\xc3\xa9\xa9", false },
	{ "two bytes cut short", "\xc3", false },
	{ "three bytes cut short", "\xe4\xb8", false },
	{ "four bytes cut short", "\xf0\x9f\x98", false },
	{ "a first byte after a first byte", "\xe4\xc3\xa9", false },
	{ "an ASCII byte inside three",
	  "\xe4\xb8"
	  "a",
	  false },
	{ "0xff", "\xff", false },
	{ "0xfe", "\xfe", false },
};

START_TEST(utf8_alone_is_told_from_what_is_not)
{
	ck_assert_msg(valid(texts[_i].text, strlen(texts[_i].text)) == texts[_i].valid, "%s",
	              texts[_i].why);
}
END_TEST

/* Long texts are read in large steps, so every place in one is tried. */
START_TEST(utf8_inside_a_long_text_is_told_from_what_is_not)
{
	static const char *const fillers[] = { "x", "\xc3\xa9", "\xe4\xb8\xad",
		                               "\xf0\x9f\x98\x80" };
	size_t size = strlen(texts[_i].text);
	char text[1024];

	for (size_t f = 0; f < BH_COUNT_OF(fillers); f++) {
		size_t step = strlen(fillers[f]);
		size_t full = 400 / step * step;
		for (size_t place = 0; place <= full; place += step) {
			for (size_t i = 0; i < full; i += step)
				memcpy(text + i + (i >= place ? size : 0), fillers[f], step);
			memcpy(text + place, texts[_i].text, size);
			ck_assert_msg(valid(text, full + size) == texts[_i].valid,
			              "%s, byte %zu between %s", texts[_i].why, place, fillers[f]);
		}
	}
}
END_TEST

static size_t put_as_utf8(char *at, uint32_t code)
{
	if (code < 0x80) {
		at[0] = (char)code;
		return 1;
	}
	size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = size - 1; i > 0; i--, code >>= 6)
		at[i] = (char)(0x80 | (code & 0x3f));
	at[0] = (char)((0xf00u >> size) | code);
	return size;
}

START_TEST(every_code_point_but_the_surrogates_is_accepted)
{
	char *all = malloc(0x110000 * 4);
	size_t size = 0;

	for (uint32_t code = 0; code < 0x110000; code++) {
		char one[4];
		size_t n = put_as_utf8(one, code);
		bool is_surrogate = code >= 0xd800 && code < 0xe000;
		ck_assert_msg(bh_utf8_valid(one, n) == !is_surrogate, "U+%04X", code);
		if (is_surrogate)
			continue;
		memcpy(all + size, one, n);
		size += n;
	}
	ck_assert(bh_utf8_valid(all, size));
	free(all);
}
END_TEST

START_TEST(an_empty_text_is_utf8)
{
	ck_assert(bh_utf8_valid("", 0));
	ck_assert(bh_utf8_valid(NULL, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("utf8");
	TCase *tests = tcase_create("utf8");

	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, utf8_alone_is_told_from_what_is_not, 0, BH_COUNT_OF(texts));
	tcase_add_loop_test(tests, utf8_inside_a_long_text_is_told_from_what_is_not, 0,
	                    BH_COUNT_OF(texts));
	tcase_add_test(tests, every_code_point_but_the_surrogates_is_accepted);
	tcase_add_test(tests, an_empty_text_is_utf8);
	suite_add_tcase(suite, tests);

	return run_suite(suite);
}
