/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/profile.h"
#include "ipc/wire/base.h"
#include "sandbox/profile_catalog.h"

static void say_answer(FILE *to, struct bh_answer answer)
{
	const char *name;

	switch (answer.kind) {
	case BH_ANSWER_ALLOW:
		fputs("allowed", to);
		return;
	case BH_ANSWER_ERRNO:
		name = strerrorname_np(answer.code);
		fprintf(to, "fails with %s (%s)", name ? name : "no error",
		        name ? strerrordesc_np(answer.code)
		             : "it seems to succeed and does nothing");
		return;
	case BH_ANSWER_REPORT:
		fputs("a violation: it is reported and ends the batch", to);
		return;
	}
}

static void say_condition(FILE *to, const struct bh_condition *condition)
{
	static const char *const words[BH_COMPARISONS] = {
		[BH_COMPARE_NE] = "is not",      [BH_COMPARE_LT] = "is below",
		[BH_COMPARE_LE] = "is at most",  [BH_COMPARE_EQ] = "is",
		[BH_COMPARE_GE] = "is at least", [BH_COMPARE_GT] = "is above",
		[BH_COMPARE_MASKED_EQ] = "is",
	};
	/* C's int: a comparison of all of its bits is one of the number */
	bool is_int = condition->value == UINT32_MAX;

	fprintf(to, "argument %" PRIu32 " ", condition->argument + 1);
	if (condition->comparison != BH_COMPARE_MASKED_EQ)
		fprintf(to, "%s 0x%" PRIx64, words[condition->comparison], condition->value);
	else if (is_int)
		fprintf(to, "is 0x%" PRIx64 " (32 bits)", condition->value_two);
	else
		fprintf(to, "& 0x%" PRIx64 " is 0x%" PRIx64, condition->value,
		        condition->value_two);
}

static void say_rule(FILE *to, const struct bh_call_rule *rule)
{
	fputs("  ", to);
	say_answer(to, rule->answer);
	for (uint32_t i = 0; i < rule->n_conditions; i++) {
		fputs(i == 0 ? " where " : " and ", to);
		say_condition(to, &rule->conditions[i]);
	}
	if (rule->note[0] != '\0' && rule->n_conditions > 0)
		fprintf(to, "  [%s]", rule->note);
	fputc('\n', to);
}

/* The strictest first, as they count. */
static void say_rules(FILE *to, const struct bh_profile *profile, int number)
{
	bool always = false, any = false;

	for (int kind = BH_ANSWER_REPORT; kind >= BH_ANSWER_ALLOW; kind--)
		for (size_t i = 0; i < profile->n_rules && !always; i++) {
			const struct bh_call_rule *rule = &profile->rules[i];
			if (rule->number != number || (int)rule->answer.kind != kind)
				continue;
			say_rule(to, rule);
			any = true;
			always = rule->n_conditions == 0;
		}
	if (always)
		return;
	fputs(any ? "  otherwise " : "  not named by the profile: ", to);
	say_answer(to, profile->otherwise);
	fputc('\n', to);
}

static bool may_be_allowed(const struct bh_profile *profile, int number)
{
	bool always = false;

	for (size_t i = 0; i < profile->n_rules; i++) {
		const struct bh_call_rule *rule = &profile->rules[i];
		if (rule->number != number)
			continue;
		if (rule->answer.kind == BH_ANSWER_ALLOW)
			return true;
		always |= rule->n_conditions == 0;
	}
	return !always && profile->otherwise.kind == BH_ANSWER_ALLOW;
}

/* What comes of --max-procs and not of the profile. */
static void say_limit(FILE *to, const struct bh_profile *profile, const char *call, int number)
{
	static const char *const making[] = { "fork", "vfork", "clone" };

	if (!may_be_allowed(profile, number))
		return;
	for (size_t i = 0; i < BH_COUNT_OF(making); i++)
		if (strcmp(call, making[i]) == 0)
			fputs("  With --max-procs 1, the default, one that makes a process is "
			      "refused "
			      "all the same.\n",
			      to);
	if (strcmp(call, "clone3") == 0)
		fputs("  With --max-procs 1, the default, it fails with ENOSYS all the same: its "
		      "flags can't be looked at.\n",
		      to);
}

static void explain(FILE *to, const struct bh_profile *profile, const char *call, int number)
{
	fprintf(to, "%s (number %d):\n", call, number);
	say_rules(to, profile, number);
	say_limit(to, profile, call, number);
}

static int find_call(const char *call, int *ret, struct bh_error *err)
{
	*ret = seccomp_syscall_resolve_name(call);
	if (*ret == __NR_SCMP_ERROR)
		return bh_fail_plain(err, ENOENT, "no system call \"%s\" is known here", call);
	if (*ret < 0)
		return bh_fail_plain(err, ENOENT, "this machine has no system call \"%s\"", call);
	return 0;
}

int bh_profile_explain(const char *profile, const char *call, char **ret, struct bh_error *err)
{
	BH_CLEANUP(bh_profile_done) struct bh_profile loaded = BH_PROFILE_UNSET;
	char *text = NULL;
	size_t size = 0;
	int number = 0;

	int r = bh_profile_load(profile, &loaded, err);
	if (r == 0)
		r = find_call(call, &number, err);
	if (r < 0)
		return r;
	FILE *to = open_memstream(&text, &size);
	if (!to)
		return bh_fail(err, ENOMEM, "explain a call");
	explain(to, &loaded, call, number);
	if (fclose(to) != 0 || !text) {
		free(text);
		return bh_fail(err, ENOMEM, "explain a call");
	}
	*ret = text;
	return 0;
}
