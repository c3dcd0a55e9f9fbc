/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles on their way to the launcher, and bytes that are none. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bulkhead/profile.h"
#include "ipc/wire/base.h"
#include "sandbox/profile_catalog.h"
#include "sandbox/profile_wire.h"
#include "tests/check.h"

START_TEST(every_built_in_profile_survives_the_way)
{
	for (size_t n = 0; bh_profile_name(n); n++) {
		BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;
		struct bh_profile sent, got;
		ck_assert_int_eq(bh_profile_load(bh_profile_name(n), &sent, NULL), 0);
		ck_assert_int_eq(bh_profile_pack(&sent, &region, NULL), 0);
		ck_assert_int_eq(bh_profile_unpack(region.fd, &got, NULL), 0);
		ck_assert(bh_answer_equals(sent.otherwise, got.otherwise));
		ck_assert_uint_eq(sent.n_rules, got.n_rules);
		for (size_t i = 0; i < sent.n_rules; i++) {
			sent.rules[i].note[0] = '\0'; /* stays behind */
			ck_assert_int_eq(sent.rules[i].number, got.rules[i].number);
			ck_assert(bh_answer_equals(sent.rules[i].answer, got.rules[i].answer));
			ck_assert_uint_eq(sent.rules[i].n_conditions, got.rules[i].n_conditions);
			ck_assert_mem_eq(sent.rules[i].conditions, got.rules[i].conditions,
			                 sizeof(sent.rules[i].conditions));
		}
		bh_profile_done(&sent);
		bh_profile_done(&got);
	}
}
END_TEST

/* A profile of one rule with one condition, as 32-bit words: what each is. */
enum {
	MAGIC,
	VERSION,
	ANSWER,
	CODE,
	N_RULES,
	N_RULES_HIGH,
	NUMBER,
	RULE_ANSWER,
	RULE_CODE,
	N_CONDITIONS,
	ARGUMENT,
	COMPARISON,
	VALUE,
	VALUE_HIGH,
	VALUE_TWO,
	VALUE_TWO_HIGH,
	WORDS
};

static void pack_one(uint32_t words[WORDS])
{
	BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;
	struct bh_profile profile = { .otherwise = { .kind = BH_ANSWER_ERRNO, .code = 38 } };
	struct bh_call_rule rule = {
		.number = SYS_read,
		.n_conditions = 1,
		.conditions = { { .argument = 2, .comparison = BH_COMPARE_EQ, .value = 7 } },
	};

	ck_assert_int_eq(bh_profile_add(&profile, &rule, NULL), 0);
	ck_assert_int_eq(bh_profile_pack(&profile, &region, NULL), 0);
	ck_assert_uint_eq(region.size, WORDS * sizeof(uint32_t));
	ck_assert_int_eq(pread(region.fd, words, region.size, 0), (ssize_t)region.size);
	bh_profile_done(&profile);
}

static const struct {
	const char *why;
	int word; /* that is changed; -1 for none */
	uint32_t to;
	size_t size; /* in bytes; 0 for all */
} refused[] = {
	{ "another kind", MAGIC, 0, 0 },
	{ "another version", VERSION, 2, 0 },
	{ "an unknown default", ANSWER, 3, 0 },
	{ "a negative default", ANSWER, UINT32_MAX, 0 },
	{ "an errno past the kernel's", CODE, 4096, 0 },
	{ "an errno that is cut to a good one", CODE, 0x10026, 0 },
	{ "an errno with a default that has none", ANSWER, BH_ANSWER_REPORT, 0 },
	{ "no rule where there is one", N_RULES, 0, 0 },
	{ "two rules where there is one", N_RULES, 2, 0 },
	{ "four billion rules", N_RULES, UINT32_MAX, 0 },
	{ "more rules than numbers", N_RULES_HIGH, UINT32_MAX, 0 },
	{ "a number below zero", NUMBER, UINT32_MAX, 0 },
	{ "a number of another ABI", NUMBER, 0x40000000, 0 },
	{ "an unknown answer", RULE_ANSWER, 3, 0 },
	{ "an errno with an answer that has none", RULE_CODE, 1, 0 },
	{ "no condition where there is one", N_CONDITIONS, 0, 0 },
	{ "two conditions where there is one", N_CONDITIONS, 2, 0 },
	{ "seven conditions", N_CONDITIONS, 7, 0 },
	{ "four billion conditions", N_CONDITIONS, UINT32_MAX, 0 },
	{ "a seventh argument", ARGUMENT, 6, 0 },
	{ "an unknown comparison", COMPARISON, BH_COMPARISONS, 0 },
	{ "a second value without use", VALUE_TWO_HIGH, 1, 0 },
	{ "nothing", -1, 0, SIZE_MAX },
	{ "half a head", -1, 0, 12 },
	{ "a head alone", -1, 0, 24 },
	{ "half a rule", -1, 0, 32 },
	{ "a rule without its condition", -1, 0, 40 },
	{ "half a condition", -1, 0, 60 },
};

START_TEST(bytes_that_are_no_profile_are_refused)
{
	struct bh_profile got = BH_PROFILE_UNSET;
	uint32_t words[WORDS];

	pack_one(words);
	size_t size = refused[_i].size == SIZE_MAX ? 0 : refused[_i].size;
	if (refused[_i].size == 0)
		size = sizeof(words);
	if (refused[_i].word >= 0)
		words[refused[_i].word] = refused[_i].to;
	int r = bh_profile_unpack_bytes(words, size, &got, NULL);
	ck_assert_msg(r == -EPROTO, "%s: %d", refused[_i].why, r);
	ck_assert_ptr_null(got.rules);
}
END_TEST

START_TEST(a_masked_comparison_that_never_holds_and_bytes_behind_the_end_are_refused)
{
	struct bh_profile got = BH_PROFILE_UNSET;
	uint32_t words[WORDS + 1] = { 0 };

	pack_one(words);
	ck_assert_int_eq(bh_profile_unpack_bytes(words, sizeof(words), &got, NULL), -EPROTO);
	words[COMPARISON] = BH_COMPARE_MASKED_EQ;
	words[VALUE_TWO] = 8;
	ck_assert_int_eq(bh_profile_unpack_bytes(words, WORDS * 4, &got, NULL), -EPROTO);
	words[VALUE_TWO] = 2;
	ck_assert_int_eq(bh_profile_unpack_bytes(words, WORDS * 4, &got, NULL), 0);
	bh_profile_done(&got);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("profile_wire");
	TCase *c = tcase_create("wire");

	tcase_add_test(c, every_built_in_profile_survives_the_way);
	tcase_add_loop_test(c, bytes_that_are_no_profile_are_refused, 0, (int)BH_COUNT_OF(refused));
	tcase_add_test(c,
	               a_masked_comparison_that_never_holds_and_bytes_behind_the_end_are_refused);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
