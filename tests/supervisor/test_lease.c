/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/store.h"
#include "ipc/codec/context.h"
#include "ipc/wire/base.h"
#include "supervisor/lease.h"
#include "tests/check.h"

static struct bh_store *store;
static struct bh_lease lease;
static struct bh_lease second;

static void make_store(void)
{
	store = bh_store_new();
	ck_assert_ptr_nonnull(store);
	lease = BH_LEASE_UNSET;
	second = BH_LEASE_UNSET;
}

/* Every test ends with all leases released, and the counts have to say so. */
static void check_and_free_store(void)
{
	bh_lease_release(&lease);
	bh_lease_release(&second);

	struct bh_lease_stats stats = bh_store_lease_stats(store);
	ck_assert_uint_eq(stats.leases_taken, stats.leases_released);
	ck_assert_uint_eq(stats.entries_taken, stats.entries_released);
	ck_assert_uint_eq(stats.entries_in_use, 0);
	bh_store_free(store);
}

static void add_bytes(const char *id, const void *content, size_t size)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	entry.id = id;
	entry.source = "source";
	entry.content = (struct bh_span){ content, size };
	entry.summary = "summary";
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
}

static void add(const char *id)
{
	add_bytes(id, id, strlen(id));
}

#define LIST(...)                             \
	(const char *const[]){ __VA_ARGS__ }, \
	        sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)

static void take(struct bh_lease *ret, const char *const *ids, size_t n_ids)
{
	const struct bh_batch batch = { .batch_id = "b", .entry_ids = ids, .n_entry_ids = n_ids };

	ck_assert_int_eq(bh_lease_take(store, &batch, ret, NULL), 0);
}

static bool in_use(const char *id)
{
	struct bh_entry_view view;

	ck_assert_int_eq(bh_store_get(store, id, &view), 0);
	return view.in_use;
}

static uint64_t entries_in_use(void)
{
	return bh_store_lease_stats(store).entries_in_use;
}

static void assert_content(const struct bh_lease *of, size_t index, const char *want)
{
	struct bh_entry_view view;

	bh_entry_decode(bh_lease_encoded(of, index), &view);
	ck_assert(!want == !view.content.data);
	ck_assert_uint_eq(view.content.size, want ? strlen(want) : 0);
	if (want)
		ck_assert_mem_eq(view.content.data, want, view.content.size);
}

/* What a lease covers. */

START_TEST(a_lease_covers_the_union_in_order_of_first_appearance)
{
	static const char *const first_ids[] = { "c", "a", "c" };
	static const char *const second_ids[] = { "a", "d" };
	static const char *const own_ids[] = { "b", "d", "a", "e" };
	static const char *const want[] = { "c", "a", "d", "b", "e" };
	const struct bh_task first = { .id = "1",
		                       .required_entry_ids = first_ids,
		                       .n_required_entry_ids = 3 };
	const struct bh_task none = { .id = "2" };
	const struct bh_task third = { .id = "3",
		                       .required_entry_ids = second_ids,
		                       .n_required_entry_ids = 2 };
	const struct bh_task *const tasks[] = { &first, &none, &third };
	const struct bh_batch batch = {
		.tasks = tasks, .n_tasks = 3, .entry_ids = own_ids, .n_entry_ids = 4
	};
	uint64_t count = 0;

	for (size_t i = 0; i < BH_COUNT_OF(want); i++)
		add(want[i]);
	ck_assert_int_eq(bh_batch_count_entries(&batch, &count), 0);
	ck_assert_uint_eq(count, BH_COUNT_OF(want));
	ck_assert_int_eq(bh_lease_take(store, &batch, &lease, NULL), 0);
	ck_assert_uint_eq(lease.n_entries, BH_COUNT_OF(want));
	for (size_t i = 0; i < BH_COUNT_OF(want); i++)
		assert_content(&lease, i, want[i]);
	ck_assert_uint_eq(bh_store_lease_stats(store).entries_taken, BH_COUNT_OF(want));
}
END_TEST

START_TEST(ids_that_the_store_lacks_are_listed_once_and_counted)
{
	static const char *const ids[] = { "y", "a", "x", "y", "a", "x" };
	const struct bh_batch batch = { .entry_ids = ids, .n_entry_ids = BH_COUNT_OF(ids) };
	uint64_t count = 0;

	add("a");
	ck_assert_int_eq(bh_batch_count_entries(&batch, &count), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(bh_lease_take(store, &batch, &lease, NULL), 0);
	ck_assert_uint_eq(lease.n_entries, 1);
	ck_assert_uint_eq(lease.n_missing_ids, 2);
	ck_assert_ptr_eq(lease.missing_ids[0], ids[0]); /* borrowed from the batch */
	ck_assert_ptr_eq(lease.missing_ids[1], ids[2]);
}
END_TEST

START_TEST(a_batch_without_entries_has_an_empty_lease)
{
	const struct bh_batch batch = { .batch_id = "b" };
	uint64_t count = 7;

	ck_assert_int_eq(bh_batch_count_entries(&batch, &count), 0);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(bh_lease_take(store, &batch, &lease, NULL), 0);
	ck_assert_uint_eq(lease.n_entries, 0);
	ck_assert_uint_eq(lease.n_missing_ids, 0);
	ck_assert_uint_eq(lease.total_tokens, 0);
	ck_assert_uint_eq(bh_store_lease_stats(store).leases_taken, 1);
}
END_TEST

START_TEST(tokens_of_the_entries_found_are_added_up)
{
	char content[200];

	memset(content, 'a', sizeof(content));
	add_bytes("a", content, 100);
	add_bytes("b", content, 200);
	take(&lease, LIST("a", "b", "a", "missing"));
	ck_assert_uint_eq(lease.total_tokens, 75);
}
END_TEST

START_TEST(a_lease_of_thousands_of_entries_is_in_order)
{
	enum { N = 5000 };
	static char ids[N][8];
	static const char *listed[2 * N];

	for (size_t i = 0; i < N; i++) {
		snprintf(ids[i], sizeof(ids[i]), "%zu", i);
		if (i % 3 != 0)
			add(ids[i]);
		listed[2 * i] = ids[i];
		listed[2 * i + 1] = ids[i / 2];
	}
	take(&lease, listed, BH_COUNT_OF(listed));
	ck_assert_uint_eq(lease.n_entries + lease.n_missing_ids, N);
	for (size_t i = 0, found = 0, missing = 0; i < N; i++) {
		if (i % 3 == 0)
			ck_assert_str_eq(lease.missing_ids[missing++], ids[i]);
		else
			assert_content(&lease, found++, ids[i]);
	}
}
END_TEST

/* Counting. */

START_TEST(an_entry_is_in_use_while_any_batch_holds_it)
{
	add("a");
	add("b");
	add("c");
	take(&lease, LIST("a", "b"));
	take(&second, LIST("b", "c"));
	ck_assert_uint_eq(entries_in_use(), 3);
	ck_assert_uint_eq(bh_store_lease_stats(store).leases_taken, 2);
	ck_assert_uint_eq(bh_store_lease_stats(store).entries_taken, 4);

	bh_lease_release(&lease);
	ck_assert(!in_use("a"));
	ck_assert(in_use("b"));
	ck_assert(in_use("c"));
	ck_assert_uint_eq(entries_in_use(), 2);
	ck_assert_uint_eq(bh_store_lease_stats(store).leases_released, 1);
	ck_assert_uint_eq(bh_store_lease_stats(store).entries_released, 2);

	bh_lease_release(&second);
	ck_assert(!in_use("b"));
	ck_assert_uint_eq(entries_in_use(), 0);
}
END_TEST

START_TEST(releasing_twice_counts_once)
{
	add("a");
	take(&lease, LIST("a"));
	bh_lease_release(&lease);
	ck_assert_ptr_null(lease.store);
	bh_lease_release(&lease);
	ck_assert_uint_eq(bh_store_lease_stats(store).leases_released, 1);
	ck_assert_uint_eq(bh_store_lease_stats(store).entries_released, 1);
}
END_TEST

/* The lease as a snapshot. */

START_TEST(a_removed_entry_stays_for_its_lease)
{
	add("a");
	take(&lease, LIST("a"));
	ck_assert_int_eq(bh_store_remove(store, "a"), 0);
	ck_assert_uint_eq(entries_in_use(), 1);
	assert_content(&lease, 0, "a");
	take(&second, LIST("a"));
	ck_assert_uint_eq(second.n_entries, 0);
	ck_assert_uint_eq(second.n_missing_ids, 1);
}
END_TEST

START_TEST(an_entry_added_again_is_another_one)
{
	add("a");
	take(&lease, LIST("a"));
	ck_assert_int_eq(bh_store_remove(store, "a"), 0);
	add_bytes("a", "new", 3);
	ck_assert(!in_use("a"));
	take(&second, LIST("a"));
	ck_assert_uint_eq(entries_in_use(), 2);
	assert_content(&lease, 0, "a");
	assert_content(&second, 0, "new");
	bh_lease_release(&lease);
	ck_assert(in_use("a"));
	ck_assert_uint_eq(entries_in_use(), 1);
}
END_TEST

START_TEST(an_expired_entry_stays_for_its_lease)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	entry.id = "a";
	entry.source = "s";
	entry.content = (struct bh_span){ "old", 3 };
	entry.ttl = 1;
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	take(&lease, LIST("a"));
	ck_assert_uint_eq(bh_store_process_turn(store), 1);
	ck_assert_uint_eq(bh_store_count(store), 0);
	assert_content(&lease, 0, "old");
}
END_TEST

START_TEST(a_cleared_store_leaves_leases_as_they_are)
{
	add("a");
	add("b");
	take(&lease, LIST("b", "a"));
	bh_store_clear(store);
	ck_assert_uint_eq(entries_in_use(), 2);
	assert_content(&lease, 0, "b");
	assert_content(&lease, 1, "a");
}
END_TEST

START_TEST(a_compressed_entry_keeps_its_content_for_its_lease)
{
	add("a");
	take(&lease, LIST("a"));
	ck_assert_int_eq(bh_store_compress(store, "a", NULL), 0);
	assert_content(&lease, 0, "a");
	ck_assert(in_use("a"));
	take(&second, LIST("a"));
	assert_content(&second, 0, NULL);
	ck_assert_uint_eq(entries_in_use(), 1); /* two versions, one entry */
	assert_content(&lease, 0, "a");
}
END_TEST

/* Both versions of a compressed entry are leased; then three things happen in
 * each order: 'f' the first lease ends, 's' the second one, 'r' the entry is
 * removed. */
static const char *const endings[] = { "fsr", "frs", "sfr", "srf", "rfs", "rsf" };

START_TEST(both_versions_of_an_entry_are_counted_as_one_until_the_last_lease_ends)
{
	bool is_held[2] = { true, true };

	add("a");
	take(&lease, LIST("a"));
	ck_assert_int_eq(bh_store_compress(store, "a", NULL), 0);
	take(&second, LIST("a"));
	for (const char *step = endings[_i]; *step; step++) {
		if (*step == 'r') {
			ck_assert_int_eq(bh_store_remove(store, "a"), 0);
		} else {
			bh_lease_release(*step == 'f' ? &lease : &second);
			is_held[*step == 's'] = false;
		}
		ck_assert_uint_eq(entries_in_use(), is_held[0] || is_held[1]);
		if (is_held[0])
			assert_content(&lease, 0, "a");
		if (is_held[1])
			assert_content(&second, 0, NULL);
		if (bh_store_contains(store, "a"))
			ck_assert(in_use("a") == (is_held[0] || is_held[1]));
	}
}
END_TEST

START_TEST(an_entry_compressed_after_its_leases_counts_anew)
{
	add("a");
	take(&lease, LIST("a"));
	bh_lease_release(&lease);
	ck_assert_int_eq(bh_store_compress(store, "a", NULL), 0);
	ck_assert(!in_use("a"));
	take(&lease, LIST("a"));
	ck_assert(in_use("a"));
	ck_assert_uint_eq(entries_in_use(), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lease");
	TCase *cases = tcase_create("lease");

	tcase_add_checked_fixture(cases, make_store, check_and_free_store);
	tcase_add_test(cases, a_lease_covers_the_union_in_order_of_first_appearance);
	tcase_add_test(cases, ids_that_the_store_lacks_are_listed_once_and_counted);
	tcase_add_test(cases, a_batch_without_entries_has_an_empty_lease);
	tcase_add_test(cases, tokens_of_the_entries_found_are_added_up);
	tcase_add_test(cases, a_lease_of_thousands_of_entries_is_in_order);
	tcase_add_test(cases, an_entry_is_in_use_while_any_batch_holds_it);
	tcase_add_test(cases, releasing_twice_counts_once);
	tcase_add_test(cases, a_removed_entry_stays_for_its_lease);
	tcase_add_test(cases, an_entry_added_again_is_another_one);
	tcase_add_test(cases, an_expired_entry_stays_for_its_lease);
	tcase_add_test(cases, a_cleared_store_leaves_leases_as_they_are);
	tcase_add_test(cases, a_compressed_entry_keeps_its_content_for_its_lease);
	tcase_add_loop_test(cases,
	                    both_versions_of_an_entry_are_counted_as_one_until_the_last_lease_ends,
	                    0, BH_COUNT_OF(endings));
	tcase_add_test(cases, an_entry_compressed_after_its_leases_counts_anew);
	suite_add_tcase(suite, cases);

	return run_suite(suite);
}
