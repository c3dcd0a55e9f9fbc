/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_PROFILE_H
#define BH_SANDBOX_PROFILE_H

/* profile.h: which system calls a handler may make, in memory.
 *
 * A rule answers a call always, or only where all of its conditions hold. Where
 * several rules hold, the strictest answer counts: a report before an error, the
 * first error before another, an error before leave. Where none does, the answer
 * is `otherwise`. A profile describes calls only: whether there may be a second
 * process at all is decided when it is compiled (sandbox/filter.h).
 * Source: docs/profiles.md; seccomp(2). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

enum bh_answer_kind {
	BH_ANSWER_ALLOW,
	BH_ANSWER_ERRNO,  /* the call fails with `code` */
	BH_ANSWER_REPORT, /* the call waits for the supervisor: a violation */
};
#define BH_ANSWER_KINDS (BH_ANSWER_REPORT + 1)

struct bh_answer {
	enum bh_answer_kind kind;
	uint16_t code; /* BH_ANSWER_ERRNO; otherwise 0 */
};

/* Of the whole 64 bits of an argument, without a sign. */
enum bh_comparison {
	BH_COMPARE_NE,
	BH_COMPARE_LT,
	BH_COMPARE_LE,
	BH_COMPARE_EQ,
	BH_COMPARE_GE,
	BH_COMPARE_GT,
	BH_COMPARE_MASKED_EQ, /* (argument & value) == value_two */
};
#define BH_COMPARISONS (BH_COMPARE_MASKED_EQ + 1)

struct bh_condition {
	uint32_t argument; /* 0 … 5 */
	enum bh_comparison comparison;
	uint64_t value;
	uint64_t value_two; /* of BH_COMPARE_MASKED_EQ; otherwise 0 */
};

#define BH_CALL_ARGUMENTS    6
#define BH_PROFILE_MAX_RULES 16384
#define BH_NOTE_SIZE         160
#define BH_ERRNO_MAX         4095 /* MAX_ERRNO of the kernel */

struct bh_call_rule {
	int32_t number; /* of this machine's native ABI */
	struct bh_answer answer;
	uint32_t n_conditions; /* each of another argument */
	struct bh_condition conditions[BH_CALL_ARGUMENTS];
	char note[BH_NOTE_SIZE]; /* what its author says of it, cut to fit; for people */
};

struct bh_profile {
	struct bh_answer otherwise;
	struct bh_call_rule *rules; /* owned; of any order */
	size_t n_rules;
	size_t rules_capacity;
	size_t n_unknown; /* names that this system does not know, which were left out */
};
#define BH_PROFILE_UNSET ((struct bh_profile){ .rules = NULL })

bool bh_answer_equals(struct bh_answer a, struct bh_answer b);

/* What is wrong with an answer or a rule, in words; NULL where nothing is. */
const char *bh_answer_fault(const struct bh_answer *answer);
const char *bh_call_rule_fault(const struct bh_call_rule *rule);

/* Appends a copy of a rule without a fault. -E2BIG past BH_PROFILE_MAX_RULES;
 * -ENOMEM. */
BH_MUST_CHECK
int bh_profile_add(struct bh_profile *profile, const struct bh_call_rule *rule,
                   struct bh_error *err);
/* What it answers to a call with these arguments. */
struct bh_answer bh_profile_answer(const struct bh_profile *profile, int32_t number,
                                   const uint64_t args[BH_CALL_ARGUMENTS]);
void bh_profile_done(struct bh_profile *profile);

#endif
