/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/entry.h"
#include "bulkhead/store.h"
#include "ipc/wire/base.h"
#include "tests/check.h"

static const struct {
	enum bh_entry_type type;
	const char *name;
} types[] = {
	{ BH_ENTRY_FILE, "file" },
	{ BH_ENTRY_COMMAND, "command" },
	{ BH_ENTRY_COMMAND_RESULT, "command_result" },
	{ BH_ENTRY_TASK, "task" },
	{ BH_ENTRY_TASK_RESULT, "task_result" },
	{ BH_ENTRY_SEARCH_RESULT, "search_result" },
	{ BH_ENTRY_SUMMARY, "summary" },
	{ BH_ENTRY_CONTEXT_REQUEST, "context_request" },
	{ BH_ENTRY_CHAIN_MAP, "chain_map" },
};

START_TEST(a_type_and_its_name_belong_together)
{
	enum bh_entry_type parsed;

	ck_assert_uint_eq(BH_COUNT_OF(types), BH_ENTRY_TYPES);
	ck_assert_str_eq(bh_entry_type_name(types[_i].type), types[_i].name);
	ck_assert_int_eq(bh_entry_type_parse(types[_i].name, &parsed), 0);
	ck_assert_int_eq(parsed, types[_i].type);
}
END_TEST

START_TEST(a_type_outside_the_enumeration_has_no_name)
{
	ck_assert_ptr_null(bh_entry_type_name((enum bh_entry_type)BH_ENTRY_TYPES));
	ck_assert_ptr_null(bh_entry_type_name((enum bh_entry_type) - 1));
}
END_TEST

static const char *const no_types[] = {
	"", "File", "file ", " file", "files", "fil", "taskresult"
};

START_TEST(a_name_that_is_not_exactly_a_types_is_refused)
{
	enum bh_entry_type parsed = BH_ENTRY_CHAIN_MAP;

	ck_assert_int_eq(bh_entry_type_parse(no_types[_i], &parsed), -EINVAL);
	ck_assert_int_eq(parsed, BH_ENTRY_CHAIN_MAP);
}
END_TEST

START_TEST(the_default_is_a_searchable_file_that_never_expires)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	ck_assert_int_eq(entry.type, BH_ENTRY_FILE);
	ck_assert_int_eq(entry.priority, 0);
	ck_assert_int_eq(entry.ttl, BH_TTL_NONE);
	ck_assert(entry.searchable);
	ck_assert(!entry.compressed);
}
END_TEST

static void assert_span(struct bh_span span, const char *want)
{
	ck_assert_ptr_nonnull(span.data);
	ck_assert_uint_eq(span.size, strlen(want));
	ck_assert_mem_eq(span.data, want, span.size);
}

START_TEST(a_view_lists_ids_in_the_order_given)
{
	static const char *const references[] = { "r1", "", "r3" };
	static const char *const derived_from[] = { "d1", "d2", "", "d4" };
	struct bh_store *store = bh_store_new();
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	struct bh_entry_view view;

	entry.id = "a";
	entry.source = "s";
	entry.summary = "x";
	entry.references = references;
	entry.n_references = BH_COUNT_OF(references);
	entry.derived_from = derived_from;
	entry.n_derived_from = BH_COUNT_OF(derived_from);
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	ck_assert_int_eq(bh_store_get(store, "a", &view), 0);

	ck_assert_uint_eq(view.n_references, BH_COUNT_OF(references));
	for (size_t i = 0; i < BH_COUNT_OF(references); i++)
		assert_span(bh_entry_view_reference(&view, i), references[i]);
	ck_assert_uint_eq(view.n_derived_from, BH_COUNT_OF(derived_from));
	for (size_t i = 0; i < BH_COUNT_OF(derived_from); i++)
		assert_span(bh_entry_view_derived_from(&view, i), derived_from[i]);
	ck_assert_ptr_null(bh_entry_view_reference(&view, 3).data);
	ck_assert_ptr_null(bh_entry_view_derived_from(&view, 4).data);
	bh_store_free(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("entry");
	TCase *cases = tcase_create("entry");

	tcase_add_loop_test(cases, a_type_and_its_name_belong_together, 0, BH_COUNT_OF(types));
	tcase_add_test(cases, a_type_outside_the_enumeration_has_no_name);
	tcase_add_loop_test(cases, a_name_that_is_not_exactly_a_types_is_refused, 0,
	                    BH_COUNT_OF(no_types));
	tcase_add_test(cases, the_default_is_a_searchable_file_that_never_expires);
	tcase_add_test(cases, a_view_lists_ids_in_the_order_given);
	suite_add_tcase(suite, cases);

	return run_suite(suite);
}
