/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/complaint.h"
#include "cli/quantity.h"
#include "cli/settings.h"
#include "ipc/wire/base.h"
#include "tests/check.h"

#define ALL_GROUPS 255u
#define WORDS(...) ((char *const[]){ __VA_ARGS__, NULL })
#define WITH_ENTRY "--entries", "x"

static struct bh_settings settings;
static struct bh_complaint complaint;

static void set_up(void)
{
	bh_settings_init(&settings);
	complaint = BH_COMPLAINT_UNSET;
}

static void tear_down(void)
{
	bh_settings_done(&settings);
	bh_complaint_done(&complaint);
}

static void parse(char *const *words)
{
	int r = bh_settings_parse(&settings, ALL_GROUPS, words, &complaint);

	ck_assert_msg(r == BH_STATUS_OK, "refused: %s", complaint.text);
}

START_TEST(options_fill_the_settings_in_every_form)
{
	parse(WORDS("--entries", "a", "--entries=n=b", "-j4", "--timeout=90s", "--memory", "1G",
	            "-q", "-o", "out", "--isolate", "none", "--max-tokens=none", "--env", "A=b=c"));

	ck_assert_uint_eq(settings.entries.n, 2);
	ck_assert_str_eq(settings.entries.items[1], "n=b");
	ck_assert_uint_eq(settings.jobs, 4);
	ck_assert_uint_eq(settings.limits.timeout_us, 90 * 1000 * 1000);
	ck_assert_uint_eq(settings.limits.memory_bytes, (uint64_t)1 << 30);
	ck_assert(settings.quiet);
	ck_assert_str_eq(settings.output, "out");
	ck_assert_uint_eq(settings.isolation, BH_ISOLATION_NONE);
	ck_assert_uint_eq(settings.planner.max_tokens, BH_UNLIMITED);
	ck_assert_str_eq(settings.env.items[0], "A=b=c");
	ck_assert_ptr_null(settings.env.items[1]);
}
END_TEST

START_TEST(defaults_are_those_of_the_library)
{
	parse(WORDS(WITH_ENTRY));

	ck_assert_uint_eq(settings.planner.max_entries, BH_DEFAULT_MAX_ENTRIES);
	ck_assert_uint_eq(settings.limits.timeout_us, BH_LIMITS_DEFAULT.timeout_us);
	ck_assert_uint_eq(settings.isolation, BH_ISOLATION_STRICT);
	ck_assert_uint_eq(settings.jobs, 0);
}
END_TEST

START_TEST(options_end_at_the_handler)
{
	parse(WORDS(WITH_ENTRY, "handler", "-v", "--unknown"));

	ck_assert(!settings.verbose);
	ck_assert_str_eq(settings.operands[0], "handler");
	ck_assert_str_eq(settings.operands[2], "--unknown");
}
END_TEST

START_TEST(two_dashes_end_the_options)
{
	parse(WORDS(WITH_ENTRY, "--", "-v"));

	ck_assert(!settings.verbose);
	ck_assert_str_eq(settings.operands[0], "-v");
}
END_TEST

START_TEST(none_is_a_finite_cap_for_what_is_kept_in_memory)
{
	parse(WORDS(WITH_ENTRY, "--results-size", "none", "--output-size", "none"));

	ck_assert_uint_eq(settings.limits.results_bytes, (uint64_t)1 << 30);
	ck_assert_uint_eq(settings.limits.output_bytes, (uint64_t)1 << 30);
}
END_TEST

static const struct {
	const char *words[5];
	const char *part; /* of the complaint */
} refused[] = {
	{ { NULL }, "no input" },
	{ { "--entrie", "x" }, "unknown option --entrie" },
	{ { "--no-such", "1" }, "unknown option --no-such" },
	{ { "-x" }, "unknown option -x" },
	{ { "-qx" }, "unknown option -x" },
	{ { "--entries" }, "--entries: nothing follows, expected [NAME=]PATH" },
	{ { "--entries", "" }, "--entries: got '', expected a path" },
	{ { "--strict=yes" }, "--strict: got 'yes', expected no value" },
	{ { "--timeout", "5" }, "--timeout: got '5', expected a duration" },
	{ { "--timeout", "0" }, "not 0" },
	{ { "--timeout", "-1s" }, "--timeout: got '-1s'" },
	{ { "--timeout", "1.5s" }, "--timeout: got '1.5s'" },
	{ { "--memory", "1T" }, "--memory: got '1T', expected a size" },
	{ { "--memory", "99999999999G" }, "--memory: got '99999999999G'" },
	{ { "--results-size", "2G" }, "at most 1073741824" },
	{ { "--max-entries", "0" }, "--max-entries: got '0'" },
	{ { "--max-entries", "18446744073709551615" }, "--max-entries" },
	{ { "-j", "none" }, "--jobs: got 'none'" },
	{ { "-j0" }, "--jobs: got '0'" },
	{ { "--isolate", "best" }, "expected one of strict|best-effort|none" },
	{ { "--progress", "" }, "--progress: got ''" },
	{ { "--env", "A" }, "--env: got 'A', expected KEY=VALUE" },
	{ { "--env", "=b" }, "--env: got '=b'" },
	{ { "--tasks", "a", "--batches", "b" }, "exclude each other" },
	{ { "--entries", "-", "--tasks", "-" }, "read only once" },
	{ { "--entries", "x", "-qv" }, "exclude each other" },
	{ { "--tasks", "x\n\x1b[31m", "-Z\x1b" }, "unknown option -Z" },
};

START_TEST(wrong_options_are_usage_errors_that_say_what_was_expected)
{
	int r = bh_settings_parse(&settings, ALL_GROUPS, (char *const *)refused[_i].words,
	                          &complaint);

	ck_assert_int_eq(r, BH_STATUS_INPUT);
	ck_assert_msg(strstr(complaint.text, refused[_i].part), "got: %s", complaint.text);
}
END_TEST

START_TEST(a_command_lacks_the_options_of_other_groups)
{
	int r = bh_settings_parse(&settings, BH_GROUP_INPUT, WORDS(WITH_ENTRY, "--jobs", "2"),
	                          &complaint);

	ck_assert_int_eq(r, BH_STATUS_INPUT);
}
END_TEST

START_TEST(help_needs_no_input)
{
	parse(WORDS("--help"));

	ck_assert(settings.help);
}
END_TEST

START_TEST(complaints_cannot_speak_to_the_terminal)
{
	bh_complain(&complaint, BH_STATUS_INPUT, "a\x1b[31m\nb\xff\xc2\x9b ü");

	ck_assert_str_eq(complaint.text, "a\\x1b[31m\\nb\\xff\\xc2\\x9b ü");
}
END_TEST

static const struct {
	bool (*parse)(const char *text, uint64_t *ret);
	const char *text;
	bool good;
	uint64_t value;
} quantities[] = {
	{ bh_count_parse, "0", true, 0 },
	{ bh_count_parse, "18446744073709551614", true, UINT64_MAX - 1 },
	{ bh_count_parse, "18446744073709551615", false, 0 },
	{ bh_count_parse, "18446744073709551616", false, 0 },
	{ bh_count_parse, "", false, 0 },
	{ bh_count_parse, "1 ", false, 0 },
	{ bh_count_parse, "+1", false, 0 },
	{ bh_count_parse, "0x10", false, 0 },
	{ bh_size_parse, "64K", true, 65536 },
	{ bh_size_parse, "17179869183G", true, (uint64_t)17179869183 << 30 },
	{ bh_size_parse, "17179869184G", false, 0 },
	{ bh_size_parse, "1k", false, 0 },
	{ bh_size_parse, "1KB", false, 0 },
	{ bh_size_parse, "K", false, 0 },
	{ bh_duration_parse, "0", true, 0 },
	{ bh_duration_parse, "7us", true, 7 },
	{ bh_duration_parse, "250ms", true, 250000 },
	{ bh_duration_parse, "2h", true, (uint64_t)7200 * 1000 * 1000 },
	{ bh_duration_parse, "5m", true, (uint64_t)300 * 1000 * 1000 },
	{ bh_duration_parse, "10", false, 0 },
	{ bh_duration_parse, "1d", false, 0 },
	{ bh_duration_parse, "9999999999999999h", false, 0 },
};

START_TEST(quantities_are_read_whole_or_not_at_all)
{
	uint64_t value = 77;
	bool good = quantities[_i].parse(quantities[_i].text, &value);

	ck_assert_msg(good == quantities[_i].good, "%s", quantities[_i].text);
	ck_assert_uint_eq(value, good ? quantities[_i].value : 77);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli options");
	TCase *tests = tcase_create("options");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, options_fill_the_settings_in_every_form);
	tcase_add_test(tests, defaults_are_those_of_the_library);
	tcase_add_test(tests, options_end_at_the_handler);
	tcase_add_test(tests, two_dashes_end_the_options);
	tcase_add_test(tests, none_is_a_finite_cap_for_what_is_kept_in_memory);
	tcase_add_loop_test(tests, wrong_options_are_usage_errors_that_say_what_was_expected, 0,
	                    BH_COUNT_OF(refused));
	tcase_add_test(tests, a_command_lacks_the_options_of_other_groups);
	tcase_add_test(tests, help_needs_no_input);
	tcase_add_test(tests, complaints_cannot_speak_to_the_terminal);
	tcase_add_loop_test(tests, quantities_are_read_whole_or_not_at_all, 0,
	                    BH_COUNT_OF(quantities));
	suite_add_tcase(suite, tests);

	return run_suite(suite);
}
