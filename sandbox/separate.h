/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_SEPARATE_H
#define BH_SANDBOX_SEPARATE_H

/* separate.h: the rules of one call, cut up until no two of them hold at once.
 *
 * libseccomp does not say which of several rules counts that hold for the same
 * arguments, and once one comparison of a rule held it does not come back to
 * those of another. So rules are cut into pieces along the arguments, halves of
 * 32 bits from the first to the last: two pieces that agree on the halves before
 * exclude each other on the first half where they differ. Then no order matters
 * and nothing has to be come back to. */

#include "bulkhead/error.h"
#include "sandbox/profile.h"

/* Takes away a permission: where `condition` holds (always, without one), the
 * answer is `answer` instead of leave. */
struct bh_restriction {
	bool has_condition;
	struct bh_condition condition; /* BH_COMPARE_MASKED_EQ */
	struct bh_answer answer;
};

/* Hands each piece to `take` whose answer is not `otherwise`, as a rule of masked
 * comparisons. `rules` are of one call, and so are `restrictions`.
 * Errors: what `take` returns; -E2BIG for rules that overlap in too many ways;
 * -ENOMEM. */
BH_MUST_CHECK
int bh_rules_separate(const struct bh_call_rule *const *rules, size_t n_rules, int32_t number,
                      struct bh_answer otherwise, const struct bh_restriction *restrictions,
                      size_t n_restrictions,
                      int (*take)(void *userdata, const struct bh_call_rule *piece,
                                  struct bh_error *err),
                      void *userdata, struct bh_error *err);

#endif
