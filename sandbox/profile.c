/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/profile.h"

#include <stdlib.h>

#include "ipc/wire/base.h"

/* Numbers with this bit are of another ABI (x32), which no rule speaks of. */
#define FOREIGN_NUMBERS 0x40000000

bool bh_answer_equals(struct bh_answer a, struct bh_answer b)
{
	return a.kind == b.kind && a.code == b.code;
}

const char *bh_answer_fault(const struct bh_answer *answer)
{
	if ((unsigned int)answer->kind >= BH_ANSWER_KINDS)
		return "an unknown answer";
	if (answer->kind == BH_ANSWER_ERRNO && answer->code > BH_ERRNO_MAX)
		return "an errno value that the kernel has not";
	if (answer->kind != BH_ANSWER_ERRNO && answer->code != 0)
		return "an errno value with an answer that has none";
	return NULL;
}

static const char *condition_fault(const struct bh_condition *condition)
{
	if (condition->argument >= BH_CALL_ARGUMENTS)
		return "an argument above the sixth";
	if ((unsigned int)condition->comparison >= BH_COMPARISONS)
		return "an unknown comparison";
	if (condition->comparison == BH_COMPARE_MASKED_EQ) {
		if (condition->value_two & ~condition->value)
			return "bits that the mask clears are compared, which is never true";
	} else if (condition->value_two != 0) {
		return "a second value with a comparison that takes one";
	}
	return NULL;
}

const char *bh_call_rule_fault(const struct bh_call_rule *rule)
{
	unsigned int seen = 0;

	if (rule->number < 0 || rule->number >= FOREIGN_NUMBERS)
		return "a number that is none of this ABI";
	const char *fault = bh_answer_fault(&rule->answer);
	if (fault)
		return fault;
	if (rule->n_conditions > BH_CALL_ARGUMENTS)
		return "more conditions than arguments";
	for (uint32_t i = 0; i < rule->n_conditions; i++) {
		fault = condition_fault(&rule->conditions[i]);
		if (fault)
			return fault;
		if (seen & (1u << rule->conditions[i].argument))
			return "two conditions of one argument";
		seen |= 1u << rule->conditions[i].argument;
	}
	return NULL;
}

int bh_profile_add(struct bh_profile *profile, const struct bh_call_rule *rule,
                   struct bh_error *err)
{
	if (profile->n_rules == BH_PROFILE_MAX_RULES)
		return bh_fail_plain(err, E2BIG, "more than %d rules", BH_PROFILE_MAX_RULES);
	if (profile->n_rules == profile->rules_capacity) {
		size_t capacity = profile->n_rules ? 2 * profile->n_rules : 64;
		void *grown = reallocarray(profile->rules, capacity, sizeof(*rule));
		if (!grown)
			return bh_fail(err, ENOMEM, "rules of a profile");
		profile->rules = grown;
		profile->rules_capacity = capacity;
	}
	profile->rules[profile->n_rules++] = *rule;
	return 0;
}

static bool condition_holds(const struct bh_condition *condition, uint64_t value)
{
	switch (condition->comparison) {
	case BH_COMPARE_NE:
		return value != condition->value;
	case BH_COMPARE_LT:
		return value < condition->value;
	case BH_COMPARE_LE:
		return value <= condition->value;
	case BH_COMPARE_EQ:
		return value == condition->value;
	case BH_COMPARE_GE:
		return value >= condition->value;
	case BH_COMPARE_GT:
		return value > condition->value;
	case BH_COMPARE_MASKED_EQ:
		return (value & condition->value) == condition->value_two;
	}
	return false;
}

static bool rule_holds(const struct bh_call_rule *rule, const uint64_t *args)
{
	for (uint32_t i = 0; i < rule->n_conditions; i++)
		if (!condition_holds(&rule->conditions[i], args[rule->conditions[i].argument]))
			return false;
	return true;
}

/* Kinds are numbered from the mildest on; of two errors the first counts. */
struct bh_answer bh_profile_answer(const struct bh_profile *profile, int32_t number,
                                   const uint64_t args[BH_CALL_ARGUMENTS])
{
	const struct bh_answer *strictest = NULL;

	for (size_t i = 0; i < profile->n_rules; i++) {
		const struct bh_call_rule *rule = &profile->rules[i];
		if (rule->number == number && rule_holds(rule, args) &&
		    (!strictest || rule->answer.kind > strictest->kind))
			strictest = &rule->answer;
	}
	return strictest ? *strictest : profile->otherwise;
}

void bh_profile_done(struct bh_profile *profile)
{
	free(profile->rules);
	*profile = BH_PROFILE_UNSET;
}
