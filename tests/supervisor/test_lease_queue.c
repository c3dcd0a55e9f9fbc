/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/store.h"
#include "generator.h"
#include "ipc/wire/base.h"
#include "supervisor/lease_queue.h"
#include "tests/check.h"

static struct bh_store *store;

static void add(const char *id)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	entry.id = id;
	entry.source = "source";
	entry.content = (struct bh_span){ id, strlen(id) };
	entry.summary = "summary";
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
}

/* One batch that asks: lower-case letters are ids to share, upper-case ones are
 * the same ids, taken exclusively. */
#define MAX_LETTERS 8

struct client {
	char names[2][MAX_LETTERS][2];
	const char *ids[2][MAX_LETTERS];
	struct bh_task tasks[2]; /* shared, exclusive */
	const struct bh_task *pointers[2];
	struct bh_batch batch;
	struct bh_lease lease;
	struct bh_lease_request *request;
};

static void describe(struct client *client, const char *letters)
{
	*client = (struct client){ .lease = BH_LEASE_UNSET };
	for (int i = 0; i < 2; i++) {
		client->tasks[i] = (struct bh_task){ .id = i == 0 ? "shared" : "exclusive",
			                             .required_entry_ids = client->ids[i],
			                             .exclusive = i == 1 };
		client->pointers[i] = &client->tasks[i];
	}
	client->batch =
	        (struct bh_batch){ .batch_id = "b", .tasks = client->pointers, .n_tasks = 2 };
	for (; *letters; letters++) {
		bool exclusive = *letters < 'a';
		struct bh_task *task = &client->tasks[exclusive];
		char *name = client->names[exclusive][task->n_required_entry_ids];

		ck_assert_uint_lt(task->n_required_entry_ids, MAX_LETTERS);
		name[0] = *letters | 0x20;
		client->ids[exclusive][task->n_required_entry_ids++] = name;
	}
}

static int ask(struct client *client, struct bh_lease_asker *asker, const char *letters)
{
	describe(client, letters);
	return bh_lease_ask(store, &client->batch, asker, client, &client->lease, &client->request,
	                    NULL);
}

static void claim(struct client *client)
{
	bh_lease_request_claim(BH_TAKE(client->request, NULL), &client->lease);
}

static void withdraw(struct client *client)
{
	bh_lease_request_withdraw(BH_TAKE(client->request, NULL));
}

static struct client *granted(const struct bh_lease_asker *asker)
{
	struct bh_lease_request *first = bh_lease_asker_granted(asker);

	return first ? bh_lease_request_userdata(first) : NULL;
}

static struct bh_lease_asker asker;
static struct client a, b, c, d;

static void make_store(void)
{
	store = bh_store_new();
	ck_assert_ptr_nonnull(store);
	add("p");
	add("q");
	add("r");
	asker = (struct bh_lease_asker){ .loop = NULL };
	a = b = c = d = (struct client){ .request = NULL };
}

static void check_and_free_store(void)
{
	struct client *const all[] = { &a, &b, &c, &d };

	for (size_t i = 0; i < BH_COUNT_OF(all); i++) {
		bh_lease_release(&all[i]->lease);
		withdraw(all[i]);
	}
	ck_assert_ptr_null(bh_lease_asker_first(&asker));

	struct bh_lease_stats stats = bh_store_lease_stats(store);
	ck_assert_uint_eq(stats.leases_requested, stats.leases_taken + stats.leases_withdrawn);
	ck_assert_uint_eq(stats.leases_taken, stats.leases_released);
	ck_assert_uint_eq(stats.entries_taken, stats.entries_released);
	ck_assert_uint_eq(stats.leases_waiting, 0);
	ck_assert_uint_eq(stats.entries_in_use, 0);
	bh_store_free(store);
}

/* One letter for each step: what two batches ask for in turn, and whether the
 * second has to wait for the first. */
static const struct {
	const char *first, *second;
	int waits;
} pairs[] = {
	{ "p", "p", 0 },  { "p", "P", 1 },     { "P", "p", 1 },    { "P", "P", 1 },
	{ "P", "Q", 0 },  { "pq", "Q", 1 },    { "Pq", "q", 0 },   { "", "P", 0 },
	{ "P", "", 0 },   { "X", "X", 0 },     { "P", "q", 0 },    { "pP", "p", 1 },
	{ "P", "PP", 1 }, { "PQR", "rxr", 1 }, { "pqr", "rX", 0 },
};

START_TEST(a_second_batch_waits_where_one_of_the_two_wants_an_entry_for_itself)
{
	ck_assert_int_eq(ask(&a, &asker, pairs[_i].first), 0);
	ck_assert_int_eq(ask(&b, &asker, pairs[_i].second), pairs[_i].waits);
	ck_assert_uint_eq(bh_store_lease_stats(store).leases_waiting, (uint64_t)pairs[_i].waits);
	ck_assert_ptr_null(granted(&asker));
	bh_lease_release(&a.lease);
	ck_assert_ptr_eq(granted(&asker), pairs[_i].waits ? &b : NULL);
	ck_assert_uint_eq(bh_store_lease_stats(store).leases_waiting, 0);
	if (pairs[_i].waits)
		claim(&b);
}
END_TEST

START_TEST(a_batch_that_waits_holds_nothing)
{
	struct bh_entry_view view;

	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(ask(&b, &asker, "PQ"), 1);
	ck_assert_uint_eq(bh_store_lease_stats(store).entries_in_use, 1);
	ck_assert_int_eq(bh_store_get(store, "q", &view), 0);
	ck_assert(!view.in_use);
}
END_TEST

START_TEST(a_lease_after_a_wait_is_like_any_other)
{
	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(ask(&b, &asker, "rxPq"), 1);
	bh_lease_release(&a.lease);
	claim(&b);
	ck_assert_uint_eq(b.lease.n_entries, 3);
	ck_assert_uint_eq(b.lease.n_missing_ids, 1);
	ck_assert_str_eq(b.lease.missing_ids[0], "x");
}
END_TEST

START_TEST(nobody_overtakes_a_batch_that_conflicts_with_it)
{
	ck_assert_int_eq(ask(&a, &asker, "p"), 0);
	ck_assert_int_eq(ask(&b, &asker, "P"), 1);
	ck_assert_int_eq(ask(&c, &asker, "p"), 1); /* though p is only shared now */
	ck_assert_int_eq(ask(&d, &asker, "q"), 0);
	bh_lease_release(&a.lease);
	ck_assert_ptr_eq(granted(&asker), &b);
	claim(&b);
	ck_assert_ptr_null(granted(&asker));
	bh_lease_release(&b.lease);
	ck_assert_ptr_eq(granted(&asker), &c);
}
END_TEST

START_TEST(a_waiting_batch_keeps_its_turn_at_entries_that_are_free)
{
	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(ask(&b, &asker, "PQ"), 1);
	ck_assert_int_eq(ask(&c, &asker, "Q"), 1);
	ck_assert_int_eq(ask(&d, &asker, "R"), 0);
	withdraw(&b);
	ck_assert_ptr_eq(granted(&asker), &c);
}
END_TEST

START_TEST(those_that_share_go_together_when_the_exclusive_one_ends)
{
	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(ask(&b, &asker, "p"), 1);
	ck_assert_int_eq(ask(&c, &asker, "p"), 1);
	ck_assert_int_eq(ask(&d, &asker, "P"), 1);
	bh_lease_release(&a.lease);
	ck_assert_ptr_eq(granted(&asker), &b);
	claim(&b);
	ck_assert_ptr_eq(granted(&asker), &c);
	claim(&c);
	ck_assert_ptr_null(granted(&asker));
	bh_lease_release(&b.lease);
	ck_assert_ptr_null(granted(&asker));
	bh_lease_release(&c.lease);
	ck_assert_ptr_eq(granted(&asker), &d);
}
END_TEST

START_TEST(a_granted_lease_that_is_not_wanted_goes_to_the_next)
{
	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(ask(&b, &asker, "P"), 1);
	ck_assert_int_eq(ask(&c, &asker, "P"), 1);
	bh_lease_release(&a.lease);
	withdraw(&b);
	ck_assert_ptr_eq(granted(&asker), &c);
}
END_TEST

START_TEST(another_asker_gets_what_this_one_releases)
{
	struct bh_lease_asker other = { .loop = NULL };

	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(ask(&b, &other, "P"), 1);
	bh_lease_release(&a.lease);
	ck_assert_ptr_null(granted(&asker));
	ck_assert_ptr_eq(granted(&other), &b);
	claim(&b);
}
END_TEST

START_TEST(a_lease_is_on_what_the_store_has_when_it_is_granted)
{
	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(ask(&b, &asker, "PQx"), 1);
	ck_assert_int_eq(bh_store_remove(store, "q"), 0);
	ck_assert_int_eq(bh_store_compress(store, "p", NULL), 0);
	add("x");
	bh_lease_release(&a.lease);
	claim(&b);
	ck_assert_uint_eq(b.lease.n_entries, 2);
	ck_assert_uint_eq(b.lease.n_missing_ids, 1);
	ck_assert_str_eq(b.lease.missing_ids[0], "q");
}
END_TEST

START_TEST(both_versions_of_a_compressed_entry_are_one_entry_to_wait_for)
{
	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(bh_store_compress(store, "p", NULL), 0);
	ck_assert_int_eq(ask(&b, &asker, "p"), 1);
	bh_lease_release(&a.lease);
	ck_assert_ptr_eq(granted(&asker), &b);
}
END_TEST

START_TEST(an_entry_removed_and_added_again_is_another_one)
{
	ck_assert_int_eq(ask(&a, &asker, "P"), 0);
	ck_assert_int_eq(bh_store_remove(store, "p"), 0);
	add("p");
	ck_assert_int_eq(ask(&b, &asker, "P"), 0);
	ck_assert_int_eq(ask(&c, &asker, "p"), 1);
	bh_lease_release(&a.lease);
	ck_assert_ptr_null(granted(&asker));
	bh_lease_release(&b.lease);
	ck_assert_ptr_eq(granted(&asker), &c);
}
END_TEST

/* Random interleavings against a model that keeps a list of all that hold or
 * wait, in order of arrival, and compares everything with everything. Entries
 * come and go too in half of the runs. */

#define CLIENTS 24
#define ASKERS  3
#define LETTERS 6
#define STEPS   2000

enum state { IDLE, WAITING, GRANTED, HELD };

struct modelled {
	struct client client;
	char letters[MAX_LETTERS + 1];
	enum state state;
	uint64_t number;
	uint64_t versions[LETTERS]; /* of the entries held; 0: not held */
};

struct model {
	struct bh_lease_asker askers[ASKERS];
	struct modelled all[CLIENTS];
	uint64_t last_number;
	uint64_t versions[LETTERS]; /* of the entries in the store; 0: missing */
	uint64_t last_version;
	struct bh_lease_stats stats;
};

/* 0: doesn't name it, 1: shares it, 2: wants it exclusively. */
static int wish(const struct modelled *one, size_t letter)
{
	if (strchr(one->letters, 'A' + (char)letter))
		return 2;
	return strchr(one->letters, 'a' + (char)letter) != NULL;
}

static bool stand_in_conflict(const struct modelled *one, const struct modelled *other,
                              size_t letter)
{
	return wish(one, letter) + wish(other, letter) >= 3 && wish(one, letter) &&
	       wish(other, letter);
}

static bool is_in_the_way(const struct model *model, const struct modelled *one,
                          const struct modelled *other)
{
	for (size_t i = 0; i < LETTERS; i++) {
		if (!stand_in_conflict(one, other, i) || model->versions[i] == 0)
			continue;
		if (other->state == WAITING && other->number < one->number)
			return true;
		if (other->state > WAITING && other->versions[i] == model->versions[i])
			return true;
	}
	return false;
}

static bool may_go(const struct model *model, const struct modelled *one)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (&model->all[i] != one && is_in_the_way(model, one, &model->all[i]))
			return false;
	return true;
}

static void hold_in_model(struct model *model, struct modelled *one, enum state state)
{
	one->state = state;
	model->stats.leases_taken++;
	for (size_t i = 0; i < LETTERS; i++) {
		one->versions[i] = wish(one, i) ? model->versions[i] : 0;
		model->stats.entries_taken += one->versions[i] != 0;
	}
}

static void release_in_model(struct model *model, struct modelled *one)
{
	one->state = IDLE;
	model->stats.leases_released++;
	for (size_t i = 0; i < LETTERS; i++)
		model->stats.entries_released += one->versions[i] != 0;
}

/* Until nobody can go any more. */
static void settle_model(struct model *model)
{
	bool went = true;

	while (went) {
		went = false;
		for (size_t i = 0; i < CLIENTS; i++) {
			if (model->all[i].state != WAITING || !may_go(model, &model->all[i]))
				continue;
			hold_in_model(model, &model->all[i], GRANTED);
			model->stats.leases_waiting--;
			went = true;
		}
	}
}

static bool is_listed(const struct bh_lease_list *list, const struct modelled *one)
{
	return list->first && one->client.request &&
	       bh_lease_request_userdata(one->client.request) == &one->client;
}

static size_t asker_of(const struct model *model, const struct modelled *one)
{
	return (size_t)(one - model->all) % ASKERS;
}

static void step_ask(struct model *model, struct generator *generator, struct modelled *one)
{
	size_t n = generate_below(generator, 5);

	memset(one->letters, 0, sizeof(one->letters));
	for (size_t i = 0; i < n; i++)
		one->letters[i] = (char)((generate_below(generator, 3) == 0 ? 'A' : 'a') +
		                         (char)generate_below(generator, LETTERS));
	one->number = ++model->last_number;
	one->state = IDLE;
	bool may = may_go(model, one);
	int r = ask(&one->client, &model->askers[asker_of(model, one)], one->letters);

	ck_assert_int_eq(r, may ? 0 : 1);
	model->stats.leases_requested++;
	if (may) {
		hold_in_model(model, one, HELD);
	} else {
		one->state = WAITING;
		model->stats.leases_waiting++;
	}
}

static void step_withdraw(struct model *model, struct modelled *one)
{
	withdraw(&one->client);
	if (one->state == GRANTED) {
		release_in_model(model, one);
		return;
	}
	one->state = IDLE;
	model->stats.leases_waiting--;
	model->stats.leases_withdrawn++;
}

static void step_client(struct model *model, struct generator *generator, struct modelled *one)
{
	switch (one->state) {
	case IDLE:
		step_ask(model, generator, one);
		break;
	case WAITING:
		if (generate_below(generator, 4) == 0)
			step_withdraw(model, one);
		break;
	case GRANTED:
		if (generate_below(generator, 4) == 0) {
			step_withdraw(model, one);
			break;
		}
		claim(&one->client);
		one->state = HELD;
		break;
	case HELD:
		bh_lease_release(&one->client.lease);
		release_in_model(model, one);
		break;
	}
}

/* Only what conflicts with nothing that waits is taken out: the queue may look
 * at the others later. */
static bool is_waited_for(const struct model *model, size_t letter)
{
	for (size_t i = 0; i < CLIENTS; i++)
		if (model->all[i].state == WAITING && wish(&model->all[i], letter))
			return true;
	return false;
}

static void step_entry(struct model *model, struct generator *generator)
{
	size_t letter = generate_below(generator, LETTERS);
	const char id[] = { (char)('a' + (char)letter), '\0' };

	if (model->versions[letter] == 0) {
		add(id);
		model->versions[letter] = ++model->last_version;
	} else if (generate_below(generator, 2) == 0) {
		ck_assert_int_eq(bh_store_compress(store, id, NULL), 0);
	} else if (!is_waited_for(model, letter)) {
		ck_assert_int_eq(bh_store_remove(store, id), 0);
		model->versions[letter] = 0;
	}
}

static bool hold_in_conflict(const struct modelled *one, const struct modelled *other)
{
	if (one->state < GRANTED || other->state < GRANTED)
		return false;
	for (size_t i = 0; i < LETTERS; i++)
		if (stand_in_conflict(one, other, i) && one->versions[i] != 0 &&
		    one->versions[i] == other->versions[i])
			return true;
	return false;
}

/* Of the model itself, which the queue is compared with. An assertion for each
 * pair would take most of the test's time. */
static void check_exclusion(const struct model *model)
{
	for (size_t i = 0; i < CLIENTS; i++)
		for (size_t j = 0; j < i; j++)
			if (hold_in_conflict(&model->all[i], &model->all[j]))
				ck_abort_msg("%s and %s are held at a time", model->all[i].letters,
				             model->all[j].letters);
}

static size_t count_granted(const struct model *model)
{
	size_t n = 0;

	for (size_t i = 0; i < CLIENTS; i++)
		n += model->all[i].state == GRANTED;
	return n;
}

/* The requests that were granted are those of the model. */
static void check_grants(struct model *model)
{
	size_t want = count_granted(model), n = 0;

	for (size_t i = 0; i < ASKERS; i++) {
		struct bh_lease_list *list = &model->askers[i].granted;
		for (struct bh_lease_request *at = list->first; at;) {
			struct modelled *one = (struct modelled *)bh_lease_request_userdata(at);
			ck_assert(is_listed(list, one));
			ck_assert_int_eq(one->state, GRANTED);
			ck_assert_uint_eq(asker_of(model, one), i);
			/* claimed and held on: the next comes to the front */
			claim(&one->client);
			one->state = HELD;
			n++;
			at = list->first;
		}
	}
	ck_assert_uint_eq(n, want);
}

static void check_stats(const struct model *model)
{
	struct bh_lease_stats stats = bh_store_lease_stats(store);

	stats.entries_in_use = model->stats.entries_in_use; /* test_store.c has a model of it */
	ck_assert_mem_eq(&stats, &model->stats, sizeof(stats));
	ck_assert_uint_eq(stats.leases_requested,
	                  stats.leases_taken + stats.leases_withdrawn + stats.leases_waiting);
}

/* Nobody new comes: all that wait are granted when what is held is released. */
static void run_dry(struct model *model)
{
	for (size_t round = 0; round <= CLIENTS; round++) {
		for (size_t i = 0; i < CLIENTS; i++) {
			struct modelled *one = &model->all[i];
			if (one->state != HELD)
				continue;
			bh_lease_release(&one->client.lease);
			release_in_model(model, one);
			settle_model(model);
		}
		check_grants(model);
	}
	for (size_t i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(model->all[i].state, IDLE);
	check_stats(model);
}

START_TEST(any_interleaving_goes_as_in_the_model)
{
	struct generator generator = generator_new("lease queue");
	struct model model = { .last_number = 0 };
	bool entries_change = _i % 2 == 1;

	bh_store_clear(store);
	generator.state += (uint64_t)_i;
	for (size_t i = 0; i < LETTERS; i++)
		step_entry(&model, &generator);
	for (size_t i = 0; i < STEPS; i++) {
		if (entries_change && generate_below(&generator, 8) == 0)
			step_entry(&model, &generator);
		else
			step_client(&model, &generator,
			            &model.all[generate_below(&generator, CLIENTS)]);
		settle_model(&model);
		check_stats(&model);
		check_exclusion(&model);
		if (generate_below(&generator, 4) == 0)
			check_grants(&model);
	}
	run_dry(&model);
}
END_TEST

/* A look at every request for each release would take minutes here. */
START_TEST(thousands_that_wait_for_one_entry_go_one_after_the_other)
{
	enum { N = 20000 };
	struct client *all = calloc(N, sizeof(*all));

	ck_assert_ptr_nonnull(all);
	ck_assert_int_eq(ask(&all[0], &asker, "Pqr"), 0);
	for (size_t i = 1; i < N; i++)
		ck_assert_int_eq(ask(&all[i], &asker, "Pqr"), 1);
	for (size_t i = 0; i < N; i++) {
		bh_lease_release(&all[i].lease);
		if (i + 1 < N) {
			ck_assert_ptr_eq(granted(&asker), &all[i + 1]);
			claim(&all[i + 1]);
		}
	}
	free(all);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lease_queue");
	TCase *cases = tcase_create("lease_queue");

	tcase_add_checked_fixture(cases, make_store, check_and_free_store);
	tcase_add_loop_test(cases,
	                    a_second_batch_waits_where_one_of_the_two_wants_an_entry_for_itself, 0,
	                    BH_COUNT_OF(pairs));
	tcase_add_test(cases, a_batch_that_waits_holds_nothing);
	tcase_add_test(cases, a_lease_after_a_wait_is_like_any_other);
	tcase_add_test(cases, nobody_overtakes_a_batch_that_conflicts_with_it);
	tcase_add_test(cases, a_waiting_batch_keeps_its_turn_at_entries_that_are_free);
	tcase_add_test(cases, those_that_share_go_together_when_the_exclusive_one_ends);
	tcase_add_test(cases, a_granted_lease_that_is_not_wanted_goes_to_the_next);
	tcase_add_test(cases, another_asker_gets_what_this_one_releases);
	tcase_add_test(cases, a_lease_is_on_what_the_store_has_when_it_is_granted);
	tcase_add_test(cases, both_versions_of_a_compressed_entry_are_one_entry_to_wait_for);
	tcase_add_test(cases, an_entry_removed_and_added_again_is_another_one);
	tcase_add_loop_test(cases, any_interleaving_goes_as_in_the_model, 0, 20);
	tcase_add_test(cases, thousands_that_wait_for_one_entry_go_one_after_the_other);
	tcase_set_timeout(cases, 120);
	suite_add_tcase(suite, cases);

	return run_suite(suite);
}
