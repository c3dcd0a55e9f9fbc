/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "ipc/wire/base.h"
#include "sandbox/profile_json.h"
#include "sandbox/profile_wire.h"

/* Reads any bytes as a profile. What is accepted has no rule with a fault, and is
 * the same after its way to the launcher. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_same(const struct bh_profile *a, const struct bh_profile *b)
{
	must(bh_answer_equals(a->otherwise, b->otherwise));
	must(a->n_rules == b->n_rules);
	for (size_t i = 0; i < a->n_rules; i++) {
		must(!bh_call_rule_fault(&a->rules[i]));
		must(a->rules[i].number == b->rules[i].number);
		must(bh_answer_equals(a->rules[i].answer, b->rules[i].answer));
		must(a->rules[i].n_conditions == b->rules[i].n_conditions);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BH_CLEANUP(bh_profile_done) struct bh_profile read = BH_PROFILE_UNSET;
	BH_CLEANUP(bh_profile_done) struct bh_profile got = BH_PROFILE_UNSET;
	BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;
	struct bh_error err = BH_ERROR_UNSET;

	if (bh_profile_read("input", (const char *)data, size, &read, &err) < 0) {
		must(err.code != 0 && err.text[0] != '\0');
		return 0;
	}
	must(!bh_answer_fault(&read.otherwise));
	must(bh_profile_pack(&read, &region, &err) == 0);
	must(bh_profile_unpack(region.fd, &got, &err) == 0);
	check_same(&read, &got);
	return 0;
}
