/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "generator.h"
#include "ipc/wire/base.h"
#include "supervisor/idmap.h"
#include "tests/check.h"

static struct bh_idmap map = { .slots = NULL };

static void free_map(void)
{
	bh_idmap_done(&map);
}

static int insert(const char *id, size_t number)
{
	return bh_idmap_insert(&map, bh_idmap_key(id), (union bh_idmap_value){ .number = number });
}

START_TEST(an_empty_map_finds_nothing)
{
	ck_assert_ptr_null(bh_idmap_find(&map, bh_idmap_key("a")));
	ck_assert(!bh_idmap_remove(&map, bh_idmap_key("a")));
	ck_assert(!bh_idmap_replace(&map, bh_idmap_key("a"), (union bh_idmap_value){ 0 }));
	bh_idmap_clear(&map);
	bh_idmap_done(&map);
}
END_TEST

START_TEST(a_key_is_found_with_its_value_until_it_is_removed)
{
	ck_assert_int_eq(insert("a", 7), 0);
	ck_assert_int_eq(insert("b", 8), 0);
	ck_assert_uint_eq(bh_idmap_find(&map, bh_idmap_key("a"))->number, 7);
	ck_assert(bh_idmap_remove(&map, bh_idmap_key("a")));
	ck_assert_ptr_null(bh_idmap_find(&map, bh_idmap_key("a")));
	ck_assert_uint_eq(bh_idmap_find(&map, bh_idmap_key("b"))->number, 8);
	ck_assert_uint_eq(map.count, 1);
}
END_TEST

START_TEST(a_repeated_key_is_refused_and_keeps_its_value)
{
	ck_assert_int_eq(insert("a", 7), 0);
	ck_assert_int_eq(insert("a", 8), -EEXIST);
	ck_assert_uint_eq(bh_idmap_find(&map, bh_idmap_key("a"))->number, 7);
	ck_assert_uint_eq(map.count, 1);
}
END_TEST

START_TEST(keys_are_bytes_with_a_length)
{
	ck_assert_int_eq(insert("", 1), 0);
	ck_assert_int_eq(insert("ab", 2), 0);
	ck_assert_ptr_null(bh_idmap_find(&map, (struct bh_span){ "ab", 1 }));
	ck_assert_ptr_null(bh_idmap_find(&map, (struct bh_span){ "ab\0", 3 }));
	ck_assert_uint_eq(bh_idmap_find(&map, (struct bh_span){ "abc", 2 })->number, 2);
	ck_assert_uint_eq(bh_idmap_find(&map, (struct bh_span){ NULL, 0 })->number, 1);
}
END_TEST

START_TEST(replacing_lends_from_the_new_key)
{
	char first[] = "key";
	const char second[] = "key";

	ck_assert_int_eq(insert(first, 1), 0);
	ck_assert(bh_idmap_replace(&map, bh_idmap_key(second),
	                           (union bh_idmap_value){ .number = 2 }));
	first[0] = '-';
	ck_assert_uint_eq(bh_idmap_find(&map, bh_idmap_key("key"))->number, 2);
}
END_TEST

START_TEST(a_cleared_map_is_empty_and_can_be_filled_again)
{
	for (size_t round = 0; round < 100; round++) {
		ck_assert_int_eq(insert("a", round), 0);
		ck_assert_int_eq(insert("b", round), 0);
		ck_assert_uint_eq(bh_idmap_find(&map, bh_idmap_key("b"))->number, round);
		bh_idmap_clear(&map);
		ck_assert_uint_eq(map.count, 0);
		ck_assert_ptr_null(bh_idmap_find(&map, bh_idmap_key("a")));
	}
}
END_TEST

START_TEST(a_map_stays_right_when_its_generations_are_used_up)
{
	ck_assert_int_eq(insert("old", 1), 0);
	map.count = 0;
	map.generation = UINT32_MAX;
	ck_assert_int_eq(insert("new", 2), 0);
	bh_idmap_clear(&map);
	ck_assert_ptr_null(bh_idmap_find(&map, bh_idmap_key("old")));
	ck_assert_ptr_null(bh_idmap_find(&map, bh_idmap_key("new")));
	ck_assert_int_eq(insert("old", 3), 0);
	ck_assert_int_eq(insert("new", 4), 0);
	ck_assert_uint_eq(bh_idmap_find(&map, bh_idmap_key("old"))->number, 3);
}
END_TEST

START_TEST(a_reservation_that_memory_cannot_hold_changes_nothing)
{
	ck_assert_int_eq(insert("a", 1), 0);
	ck_assert_int_eq(bh_idmap_reserve(&map, SIZE_MAX), -ENOMEM);
	ck_assert_uint_eq(bh_idmap_find(&map, bh_idmap_key("a"))->number, 1);
}
END_TEST

START_TEST(reserved_room_is_enough)
{
	static char ids[1000][8];

	ck_assert_int_eq(bh_idmap_reserve(&map, BH_COUNT_OF(ids)), 0);
	const struct bh_idmap_slot *slots = map.slots;
	for (size_t i = 0; i < BH_COUNT_OF(ids); i++) {
		snprintf(ids[i], sizeof(ids[i]), "%zu", i);
		ck_assert_int_eq(insert(ids[i], i), 0);
	}
	ck_assert_ptr_eq(map.slots, slots);
}
END_TEST

/* A model with a place for each of these ids. */
#define N_IDS 300

static void check_model(char ids[N_IDS][8], const size_t *model)
{
	struct bh_span keys[N_IDS];
	union bh_idmap_value *found[N_IDS];
	size_t count = 0;

	for (size_t i = 0; i < N_IDS; i++)
		keys[i] = bh_idmap_key(ids[i]);
	bh_idmap_find_each(&map, keys, N_IDS, found);
	for (size_t i = 0; i < N_IDS; i++) {
		count += model[i] != 0;
		ck_assert_ptr_eq(found[i], bh_idmap_find(&map, keys[i]));
		ck_assert_uint_eq(found[i] ? found[i]->number : 0, model[i]);
	}
	ck_assert_uint_eq(map.count, count);
}

START_TEST(a_map_does_what_an_array_would)
{
	struct generator generator = generator_new("idmap");
	static char ids[N_IDS][8];
	static size_t model[N_IDS];

	for (size_t i = 0; i < N_IDS; i++)
		snprintf(ids[i], sizeof(ids[i]), "id%zu", i);
	for (size_t step = 1; step <= 60000; step++) {
		size_t i = generate_below(&generator, N_IDS);

		if (step % 9973 == 0) {
			bh_idmap_clear(&map);
			memset(model, 0, sizeof(model));
		}
		/* fill for a while, then thin out */
		if (generate_below(&generator, 4) < (step / 2000 % 2 ? 1U : 3U)) {
			ck_assert_int_eq(insert(ids[i], step), model[i] ? -EEXIST : 0);
			model[i] = model[i] ? model[i] : step;
		} else {
			ck_assert(bh_idmap_remove(&map, bh_idmap_key(ids[i])) == (model[i] != 0));
			model[i] = 0;
		}
		if (step % 100 == 0)
			check_model(ids, model);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("idmap");
	TCase *cases = tcase_create("idmap");

	tcase_add_checked_fixture(cases, NULL, free_map);
	tcase_add_test(cases, an_empty_map_finds_nothing);
	tcase_add_test(cases, a_key_is_found_with_its_value_until_it_is_removed);
	tcase_add_test(cases, a_repeated_key_is_refused_and_keeps_its_value);
	tcase_add_test(cases, keys_are_bytes_with_a_length);
	tcase_add_test(cases, replacing_lends_from_the_new_key);
	tcase_add_test(cases, a_cleared_map_is_empty_and_can_be_filled_again);
	tcase_add_test(cases, a_map_stays_right_when_its_generations_are_used_up);
	tcase_add_test(cases, a_reservation_that_memory_cannot_hold_changes_nothing);
	tcase_add_test(cases, reserved_room_is_enough);
	tcase_add_test(cases, a_map_does_what_an_array_would);
	tcase_set_timeout(cases, 60);
	suite_add_tcase(suite, cases);

	return run_suite(suite);
}
