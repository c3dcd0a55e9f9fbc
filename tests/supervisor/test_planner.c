/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/planner.h"
#include "bulkhead/store.h"
#include "generator.h"
#include "ipc/wire/base.h"
#include "tests/check.h"

static struct bh_planner *planner;
static struct bh_plan plan;

static void reset(void)
{
	planner = NULL;
	plan = BH_PLAN_UNSET;
}

static void free_all(void)
{
	bh_plan_done(&plan);
	bh_planner_free(planner);
}

static void make_planner(struct bh_planner_options options)
{
	ck_assert_int_eq(bh_planner_new(&options, &planner, NULL), 0);
}

static struct bh_planner_options entries_at_most(uint64_t max_entries)
{
	struct bh_planner_options options = BH_PLANNER_DEFAULT;

	options.max_entries = max_entries;
	return options;
}

static struct bh_task task(const char *id, const char *const *required, size_t n_required)
{
	return (struct bh_task){ .id = id,
		                 .required_entry_ids = required,
		                 .n_required_entry_ids = n_required };
}

#define LIST(...)                             \
	(const char *const[]){ __VA_ARGS__ }, \
	        sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)

static void make_plan(const struct bh_store *store, const struct bh_task *tasks, size_t n_tasks)
{
	bh_plan_done(&plan);
	ck_assert_int_eq(bh_planner_plan(planner, store, tasks, n_tasks, &plan, NULL), 0);
}

/* A plan as text: "1,2[a b] 3[]!" are two batches, of tasks 1 and 2 with the
 * entries a and b, and of task 3 above the limit. */
static const char *shape(void)
{
	static char text[1024];
	char *at = text;

	*at = '\0';
	for (size_t i = 0; i < plan.n_batches; i++) {
		const struct bh_batch *batch = &plan.batches[i];

		at = stpcpy(at, i ? " " : "");
		for (size_t j = 0; j < batch->n_tasks; j++)
			at = stpcpy(stpcpy(at, j ? "," : ""), batch->tasks[j]->id);
		at = stpcpy(at, "[");
		for (size_t j = 0; j < batch->n_entry_ids; j++)
			at = stpcpy(stpcpy(at, j ? " " : ""), batch->entry_ids[j]);
		at = stpcpy(at, batch->exceeds_limit ? "]!" : "]");
	}
	return text;
}

/* Options. */

START_TEST(a_limit_of_zero_is_refused)
{
	struct bh_planner_options options = BH_PLANNER_DEFAULT;
	uint64_t *const limits[] = { &options.max_entries, &options.max_tasks,
		                     &options.max_tokens };
	struct bh_error err = BH_ERROR_UNSET;

	*limits[_i] = 0;
	ck_assert_int_eq(bh_planner_new(&options, &planner, &err), -EINVAL);
	ck_assert_ptr_null(planner);
	ck_assert_int_eq(err.code, EINVAL);
}
END_TEST

START_TEST(the_default_is_two_hundred_entries_in_the_order_given)
{
	struct bh_planner_options options = BH_PLANNER_DEFAULT;

	ck_assert_uint_eq(options.max_entries, 200);
	ck_assert(options.max_tasks == BH_UNLIMITED);
	ck_assert(options.max_tokens == BH_UNLIMITED);
	ck_assert(!options.sort_priority);
}
END_TEST

/* The rules. */

START_TEST(no_task_gives_an_empty_plan)
{
	make_planner(BH_PLANNER_DEFAULT);
	make_plan(NULL, NULL, 0);
	ck_assert_uint_eq(plan.n_batches, 0);
	const struct bh_task tasks[] = { task("1", NULL, 0) };
	make_plan(NULL, tasks, 1);
	ck_assert_str_eq(plan.batches[0].batch_id, "batch_0001"); /* no number was used up */
}
END_TEST

START_TEST(a_task_joins_while_the_union_stays_within_the_limit)
{
	const struct bh_task tasks[] = {
		task("1", LIST("a", "b")),
		task("2", LIST("b", "c")),
		task("3", LIST("c", "d")),
		task("4", LIST("a")),
	};

	make_planner(entries_at_most(3));
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1,2[a b c] 3,4[c d a]");
	ck_assert_ptr_eq(plan.batches[1].tasks[0], &tasks[2]);
	ck_assert_ptr_eq(plan.batches[0].entry_ids[0], tasks[0].required_entry_ids[0]);
}
END_TEST

START_TEST(earlier_batches_are_not_revisited)
{
	const struct bh_task tasks[] = {
		task("1", LIST("a")),
		task("2", LIST("b", "c")),
		task("3", LIST("a")),
	};

	make_planner(entries_at_most(2));
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1[a] 2[b c] 3[a]");
}
END_TEST

START_TEST(an_entry_required_twice_by_a_task_counts_once)
{
	const struct bh_task tasks[] = {
		task("1", LIST("a", "a", "b", "a")),
		task("2", LIST("b", "b")),
	};

	make_planner(entries_at_most(2));
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1,2[a b]");
}
END_TEST

START_TEST(a_task_above_the_limit_gets_a_batch_of_its_own)
{
	const struct bh_task tasks[] = {
		task("1", LIST("a")),
		task("2", LIST("a", "b", "c")),
		task("3", LIST("a")),
		task("4", NULL, 0),
	};

	make_planner(entries_at_most(2));
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1[a] 2[a b c]! 3,4[a]");
}
END_TEST

START_TEST(tasks_without_entries_are_kept)
{
	const struct bh_task tasks[] = {
		task("1", NULL, 0),   task("2", NULL, 0), task("3", LIST("a")),
		task("4", LIST("b")), task("5", NULL, 0),
	};

	make_planner(entries_at_most(1));
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1,2,3[a] 4,5[b]");
	make_plan(NULL, tasks, 2);
	ck_assert_str_eq(shape(), "1,2[]");
}
END_TEST

START_TEST(a_task_without_entries_does_not_join_a_batch_above_the_limit)
{
	const struct bh_task tasks[] = { task("1", LIST("a", "b")), task("2", NULL, 0) };

	make_planner(entries_at_most(1));
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1[a b]! 2[]");
}
END_TEST

START_TEST(tasks_are_sorted_by_descending_priority_only_when_asked)
{
	struct bh_task tasks[] = { task("1", NULL, 0), task("2", NULL, 0), task("3", NULL, 0),
		                   task("4", NULL, 0), task("5", NULL, 0) };
	static const int64_t priorities[] = { 0, INT64_MIN, 5, 0, INT64_MAX };
	struct bh_planner_options options = BH_PLANNER_DEFAULT;

	for (size_t i = 0; i < BH_COUNT_OF(tasks); i++)
		tasks[i].priority = priorities[i];
	options.sort_priority = _i;
	make_planner(options);
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), _i ? "5,3,1,4,2[]" : "1,2,3,4,5[]");
}
END_TEST

START_TEST(a_batch_has_no_more_tasks_than_allowed)
{
	const struct bh_task tasks[] = { task("1", LIST("a")), task("2", LIST("a")),
		                         task("3", LIST("a")) };
	struct bh_planner_options options = BH_PLANNER_DEFAULT;

	options.max_tasks = 2;
	make_planner(options);
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1,2[a] 3[a]");
}
END_TEST

static void add(struct bh_store *store, const char *id, size_t tokens)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	char *content = calloc(1, 4 * tokens + 1);

	memset(content, 'x', 4 * tokens);
	entry.id = id;
	entry.source = "s";
	entry.content = (struct bh_span){ content, 4 * tokens };
	ck_assert_int_eq(bh_store_add(store, &entry, NULL), 0);
	free(content);
}

START_TEST(a_batch_has_no_more_tokens_than_allowed)
{
	const struct bh_task tasks[] = {
		task("1", LIST("a")), task("2", LIST("a", "unknown")), task("3", LIST("b")),
		task("4", LIST("a")), task("5", LIST("large")),        task("6", NULL, 0),
	};
	struct bh_planner_options options = BH_PLANNER_DEFAULT;
	struct bh_store *store = bh_store_new();

	add(store, "a", 3);
	add(store, "b", 2);
	add(store, "large", 6);
	options.max_tokens = 5;
	make_planner(options);
	make_plan(store, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1,2,3,4[a unknown b] 5[large] 6[]");
	bh_plan_done(&plan);
	bh_planner_free(planner);

	options.max_tokens = 4;
	make_planner(options);
	make_plan(store, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(shape(), "1,2[a unknown] 3[b] 4[a] 5[large] 6[]");
	bh_store_free(store);
}
END_TEST

START_TEST(ids_of_batches_go_on_counting_over_the_calls)
{
	static struct bh_task tasks[10001];
	static char ids[10001][8];
	struct bh_planner_options options = BH_PLANNER_DEFAULT;

	for (size_t i = 0; i < BH_COUNT_OF(tasks); i++) {
		snprintf(ids[i], sizeof(ids[i]), "%zu", i);
		tasks[i] = task(ids[i], NULL, 0);
	}
	options.max_tasks = 1;
	make_planner(options);
	make_plan(NULL, tasks, 2);
	ck_assert_str_eq(plan.batches[0].batch_id, "batch_0001");
	ck_assert_str_eq(plan.batches[1].batch_id, "batch_0002");
	make_plan(NULL, tasks, BH_COUNT_OF(tasks));
	ck_assert_str_eq(plan.batches[0].batch_id, "batch_0003");
	ck_assert_str_eq(plan.batches[9996].batch_id, "batch_9999");
	ck_assert_str_eq(plan.batches[9997].batch_id, "batch_10000");
	ck_assert_str_eq(plan.batches[10000].batch_id, "batch_10003");
}
END_TEST

START_TEST(an_unset_plan_is_done_with_twice)
{
	const struct bh_task tasks[] = { task("1", NULL, 0) };

	make_planner(BH_PLANNER_DEFAULT);
	make_plan(NULL, tasks, 1);
	bh_plan_done(&plan);
	ck_assert_ptr_null(plan.batches);
	ck_assert_uint_eq(plan.n_batches, 0);
	bh_plan_done(&plan);
	bh_planner_free(NULL);
}
END_TEST

/* Refusals. */

#define PARAMS(bytes) .params = { bytes, sizeof(bytes) - 1 }
#define NOT_UTF8      "\xc3("

static const char *const blank_ids[] = { "a", " " };
static const char *const null_ids[] = { "a", NULL };
static const char *const wrong_ids[] = { NOT_UTF8 };

/* clang-format off */
static const struct {
	const char *why;
	struct bh_task task;
} refused[] = {
	{ "no id", { .id = NULL } },
	{ "empty id", { .id = "" } },
	{ "blank id", { .id = "\t " } },
	{ "id not UTF-8", { .id = NOT_UTF8 } },
	{ "repeated id", { .id = "ok" } },
	{ "description not UTF-8", { .id = "i", .description = NOT_UTF8 } },
	{ "blank required id",
	  { .id = "i", .required_entry_ids = blank_ids, .n_required_entry_ids = 2 } },
	{ "NULL required id",
	  { .id = "i", .required_entry_ids = null_ids, .n_required_entry_ids = 2 } },
	{ "required id not UTF-8",
	  { .id = "i", .required_entry_ids = wrong_ids, .n_required_entry_ids = 1 } },
	{ "NULL required ids", { .id = "i", .n_required_entry_ids = 1 } },
	{ "params of no bytes", { .id = "i", PARAMS("") } },
	{ "params that are cut", { .id = "i", PARAMS("\x92\x01") } },
	{ "two params", { .id = "i", PARAMS("\x01\x02") } },
	{ "params of an unused byte", { .id = "i", PARAMS("\xc1") } },
	{ "params with an array that claims 2^32 - 1 items",
	  { .id = "i", PARAMS("\xdd\xff\xff\xff\xff") } },
	{ "params with a str that is not UTF-8", { .id = "i", PARAMS("\xa2" NOT_UTF8) } },
};
/* clang-format on */

START_TEST(a_task_that_breaks_a_rule_is_refused_and_uses_no_number)
{
	const struct bh_task good = { .id = "ok" };
	const struct bh_task tasks[] = { good, refused[_i].task };
	struct bh_plan untouched = { .n_batches = 77 };
	struct bh_error err = BH_ERROR_UNSET;

	make_planner(BH_PLANNER_DEFAULT);
	int r = bh_planner_plan(planner, NULL, tasks, 2, &untouched, &err);

	ck_assert_msg(r == -EINVAL, "%s: got %d", refused[_i].why, r);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert(bh_utf8_valid(err.text, strlen(err.text)));
	ck_assert_uint_eq(untouched.n_batches, 77);
	make_plan(NULL, tasks, 1);
	ck_assert_str_eq(plan.batches[0].batch_id, "batch_0001");
}
END_TEST

static const struct {
	const char *why;
	struct bh_span bytes;
} accepted[] = {
	{ "nothing", { NULL, 0 } },          { "nil", { "\xc0", 1 } },
	{ "an integer", { "\x07", 1 } },     { "an empty map", { "\x80", 1 } },
	{ "a map", { "\x81\xa1k\xc3", 4 } }, { "bytes", { "\xc4\x02\xff\xff", 4 } },
};

START_TEST(params_are_any_one_value)
{
	const struct bh_task tasks[] = { { .id = "1", .params = accepted[_i].bytes } };

	make_planner(BH_PLANNER_DEFAULT);
	int r = bh_planner_plan(planner, NULL, tasks, 1, &plan, NULL);
	ck_assert_msg(r == 0, "%s: got %d", accepted[_i].why, r);
}
END_TEST

/* Arrays in arrays: the innermost is an empty one. In a context, params stand in
 * three containers. */
START_TEST(params_are_as_deep_as_a_context_of_32_allows)
{
	char bytes[30];
	struct bh_task deep = { .id = "1", .params = { bytes, 29 } };

	memset(bytes, '\x91', sizeof(bytes));
	bytes[28] = '\x90';
	make_planner(BH_PLANNER_DEFAULT);
	make_plan(NULL, &deep, 1);
	bytes[28] = '\x91';
	bytes[29] = '\x90';
	deep.params.size = 30;
	bh_plan_done(&plan);
	ck_assert_int_eq(bh_planner_plan(planner, NULL, &deep, 1, &plan, NULL), -EINVAL);
}
END_TEST

/* The planner against one that is slow and obvious. */

#define MAX_TASKS    24
#define MAX_REQUIRED 6
#define POOL         10

static const char *const pool[POOL] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "unknown" };
static const char *const task_ids[MAX_TASKS] = {
	"1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10", "11", "12",
	"13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24",
};

struct input {
	struct bh_planner_options options;
	struct bh_task tasks[MAX_TASKS];
	const char *required[MAX_TASKS][MAX_REQUIRED];
	size_t n_tasks;
	size_t tokens[POOL];
	struct bh_store *store;
};

static uint64_t generate_limit(struct generator *generator, size_t most)
{
	size_t limit = generate_below(generator, most + 2);

	return limit == 0 ? BH_UNLIMITED : limit;
}

static void generate_input(struct generator *generator, struct input *ret)
{
	ret->options = (struct bh_planner_options){
		.max_entries = generate_limit(generator, POOL),
		.max_tasks = generate_limit(generator, 8),
		.max_tokens = generate_limit(generator, 12),
		.sort_priority = generate_below(generator, 2),
	};
	ret->n_tasks = generate_below(generator, MAX_TASKS + 1);
	for (size_t i = 0; i < ret->n_tasks; i++) {
		size_t n_required = generate_below(generator, MAX_REQUIRED + 1);

		ret->tasks[i] = task(task_ids[i], ret->required[i], n_required);
		ret->tasks[i].priority = (int64_t)generate_below(generator, 5) - 2;
		for (size_t j = 0; j < n_required; j++)
			ret->required[i][j] = pool[generate_below(generator, POOL)];
	}
	ret->store = bh_store_new();
	ret->tokens[POOL - 1] = 0;
	for (size_t i = 0; i + 1 < POOL; i++) {
		ret->tokens[i] = generate_below(generator, 6);
		add(ret->store, pool[i], ret->tokens[i]);
	}
}

struct slow_batch {
	const struct bh_task *tasks[MAX_TASKS];
	size_t n_tasks;
	const char *ids[POOL];
	size_t n_ids;
};

static void slow_add(struct slow_batch *batch, const struct bh_task *added)
{
	batch->tasks[batch->n_tasks++] = added;
	for (size_t i = 0; i < added->n_required_entry_ids; i++) {
		bool is_there = false;

		for (size_t j = 0; j < batch->n_ids; j++)
			is_there |= strcmp(batch->ids[j], added->required_entry_ids[i]) == 0;
		if (!is_there)
			batch->ids[batch->n_ids++] = added->required_entry_ids[i];
	}
}

static bool slow_fits(const struct input *input, const struct slow_batch *batch)
{
	uint64_t tokens = 0;

	for (size_t i = 0; i < batch->n_ids; i++)
		for (size_t j = 0; j < POOL; j++)
			if (strcmp(batch->ids[i], pool[j]) == 0)
				tokens += input->tokens[j];
	return batch->n_ids <= input->options.max_entries &&
	       batch->n_tasks <= input->options.max_tasks && tokens <= input->options.max_tokens;
}

static void slow_order(const struct input *input, const struct bh_task **ret)
{
	for (size_t i = 0; i < input->n_tasks; i++) {
		size_t at = i;

		for (; input->options.sort_priority && at > 0 &&
		       ret[at - 1]->priority < input->tasks[i].priority;
		     at--)
			ret[at] = ret[at - 1];
		ret[at] = &input->tasks[i];
	}
}

static size_t slow_plan(const struct input *input, struct slow_batch *ret)
{
	const struct bh_task *order[MAX_TASKS];
	size_t n_batches = 0;

	slow_order(input, order);
	for (size_t i = 0; i < input->n_tasks; i++) {
		if (n_batches > 0) {
			struct slow_batch joined = ret[n_batches - 1];

			slow_add(&joined, order[i]);
			if (slow_fits(input, &joined)) {
				ret[n_batches - 1] = joined;
				continue;
			}
		}
		ret[n_batches] = (struct slow_batch){ .n_tasks = 0 };
		slow_add(&ret[n_batches++], order[i]);
	}
	return n_batches;
}

static void compare_batch(const struct input *input, const struct bh_batch *got,
                          const struct slow_batch *want, size_t number)
{
	char id[32];

	snprintf(id, sizeof(id), "batch_%04zu", number);
	ck_assert_str_eq(got->batch_id, id);
	ck_assert_uint_eq(got->n_tasks, want->n_tasks);
	for (size_t i = 0; i < want->n_tasks; i++)
		ck_assert_ptr_eq(got->tasks[i], want->tasks[i]);
	ck_assert_uint_eq(got->n_entry_ids, want->n_ids);
	for (size_t i = 0; i < want->n_ids; i++)
		ck_assert_str_eq(got->entry_ids[i], want->ids[i]);
	ck_assert(got->exceeds_limit == (want->n_ids > input->options.max_entries));
}

START_TEST(a_plan_is_what_the_obvious_planner_makes)
{
	struct generator generator = generator_new("planner");
	static struct slow_batch want[MAX_TASKS];
	static struct input input;

	for (size_t round = 0; round < 5000; round++) {
		generate_input(&generator, &input);
		size_t n_batches = slow_plan(&input, want);

		make_planner(input.options);
		make_plan(input.store, input.tasks, input.n_tasks);
		ck_assert_uint_eq(plan.n_batches, n_batches);
		for (size_t i = 0; i < n_batches; i++)
			compare_batch(&input, &plan.batches[i], &want[i], i + 1);
		bh_plan_done(&plan);
		bh_planner_free(planner);
		planner = NULL;
		bh_store_free(input.store);
	}
}
END_TEST

/* Many tasks. */

#define MANY 100000

static char many_ids[MANY][8];
static const char *many_required[MANY];
static struct bh_task many_tasks[MANY];

static void make_many(size_t n_required)
{
	for (size_t i = 0; i < MANY; i++) {
		snprintf(many_ids[i], sizeof(many_ids[i]), "%zu", i);
		many_required[i] = many_ids[i];
	}
	for (size_t i = 0; i < MANY; i++) {
		size_t n = n_required < MANY - i ? n_required : MANY - i;
		many_tasks[i] = task(many_ids[i], &many_required[i], n);
	}
}

START_TEST(a_hundred_thousand_tasks_with_an_entry_each_fill_their_batches)
{
	make_many(1);
	make_planner(BH_PLANNER_DEFAULT);
	make_plan(NULL, many_tasks, MANY);
	ck_assert_uint_eq(plan.n_batches, MANY / BH_DEFAULT_MAX_ENTRIES);
	for (size_t i = 0; i < MANY; i++) {
		const struct bh_batch *batch = &plan.batches[i / BH_DEFAULT_MAX_ENTRIES];
		size_t at = i % BH_DEFAULT_MAX_ENTRIES;

		ck_assert_ptr_eq(batch->tasks[at], &many_tasks[i]);
		ck_assert_ptr_eq(batch->entry_ids[at], many_ids[i]);
	}
}
END_TEST

START_TEST(a_hundred_thousand_tasks_fit_one_batch_without_limits)
{
	make_many(20);
	make_planner(entries_at_most(BH_UNLIMITED));
	make_plan(NULL, many_tasks, MANY);
	ck_assert_uint_eq(plan.n_batches, 1);
	ck_assert_uint_eq(plan.batches[0].n_tasks, MANY);
	ck_assert_uint_eq(plan.batches[0].n_entry_ids, MANY);
}
END_TEST

START_TEST(batches_after_a_very_large_one_are_cheap)
{
	make_many(1);
	many_tasks[0] = task("first", many_required, MANY);
	make_planner(entries_at_most(1));
	make_plan(NULL, many_tasks, MANY);
	ck_assert_uint_eq(plan.n_batches, MANY);
	ck_assert(plan.batches[0].exceeds_limit);
	ck_assert_uint_eq(plan.batches[0].n_entry_ids, MANY);
	for (size_t i = 1; i < MANY; i++) {
		ck_assert_uint_eq(plan.batches[i].n_entry_ids, 1);
		ck_assert(!plan.batches[i].exceeds_limit);
	}
}
END_TEST

START_TEST(a_repeated_id_among_many_tasks_is_found)
{
	struct bh_error err;

	make_many(1);
	many_tasks[MANY - 1].id = "500";
	make_planner(BH_PLANNER_DEFAULT);
	ck_assert_int_eq(bh_planner_plan(planner, NULL, many_tasks, MANY, &plan, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "'500'"));
}
END_TEST

static TCase *rules(void)
{
	TCase *cases = tcase_create("rules");

	tcase_add_loop_test(cases, a_limit_of_zero_is_refused, 0, 3);
	tcase_add_test(cases, the_default_is_two_hundred_entries_in_the_order_given);
	tcase_add_test(cases, no_task_gives_an_empty_plan);
	tcase_add_test(cases, a_task_joins_while_the_union_stays_within_the_limit);
	tcase_add_test(cases, earlier_batches_are_not_revisited);
	tcase_add_test(cases, an_entry_required_twice_by_a_task_counts_once);
	tcase_add_test(cases, a_task_above_the_limit_gets_a_batch_of_its_own);
	tcase_add_test(cases, tasks_without_entries_are_kept);
	tcase_add_test(cases, a_task_without_entries_does_not_join_a_batch_above_the_limit);
	tcase_add_loop_test(cases, tasks_are_sorted_by_descending_priority_only_when_asked, 0, 2);
	tcase_add_test(cases, a_batch_has_no_more_tasks_than_allowed);
	tcase_add_test(cases, a_batch_has_no_more_tokens_than_allowed);
	tcase_add_test(cases, ids_of_batches_go_on_counting_over_the_calls);
	tcase_add_test(cases, an_unset_plan_is_done_with_twice);
	return cases;
}

static TCase *refusals(void)
{
	TCase *cases = tcase_create("refusals");

	tcase_add_loop_test(cases, a_task_that_breaks_a_rule_is_refused_and_uses_no_number, 0,
	                    BH_COUNT_OF(refused));
	tcase_add_loop_test(cases, params_are_any_one_value, 0, BH_COUNT_OF(accepted));
	tcase_add_test(cases, params_are_as_deep_as_a_context_of_32_allows);
	return cases;
}

static TCase *sizes(void)
{
	TCase *cases = tcase_create("sizes");

	tcase_add_test(cases, a_plan_is_what_the_obvious_planner_makes);
	tcase_add_test(cases, a_hundred_thousand_tasks_with_an_entry_each_fill_their_batches);
	tcase_add_test(cases, a_hundred_thousand_tasks_fit_one_batch_without_limits);
	tcase_add_test(cases, batches_after_a_very_large_one_are_cheap);
	tcase_add_test(cases, a_repeated_id_among_many_tasks_is_found);
	tcase_set_timeout(cases, 120);
	return cases;
}

int main(void)
{
	Suite *suite = suite_create("planner");
	TCase *const cases[] = { rules(), refusals(), sizes() };

	for (size_t i = 0; i < BH_COUNT_OF(cases); i++) {
		tcase_add_checked_fixture(cases[i], reset, free_all);
		suite_add_tcase(suite, cases[i]);
	}

	return run_suite(suite);
}
