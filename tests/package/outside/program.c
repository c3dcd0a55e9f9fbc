/* SPDX-License-Identifier: Apache-2.0 */

/* program LAUNCHER HANDLER: a program that knows bulkhead only as installed.
 * Stores two entries, plans two tasks, runs them, prints what came of it. */

#include <bulkhead/bulkhead.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int r, const struct bh_error *err)
{
	if (r == 0)
		return;
	fprintf(stderr, "program: %s (%d)\n", err->text, r);
	exit(EXIT_FAILURE);
}

static void add_entry(struct bh_store *store, const char *id, const char *content)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	struct bh_error err = BH_ERROR_UNSET;

	entry.id = id;
	entry.source = id;
	entry.content = (struct bh_span){ content, strlen(content) };
	check(bh_store_add(store, &entry, &err), &err);
}

/* A result of the handler is one small MessagePack integer: one byte. */
static void print_result(const struct bh_result *result)
{
	printf("%s %s %s\n", result->batch_id, result->success ? "success" : "failure",
	       bh_kind_name(result->outcome.kind));
	for (size_t i = 0; i < result->n_task_results; i++) {
		const struct bh_task_result *task = &result->task_results[i];
		printf("%.*s %d\n", (int)task->task_id.size, (const char *)task->task_id.data,
		       *(const unsigned char *)task->value.data);
	}
	if (!result->success)
		printf("%s\n", result->outcome.message);
}

static void run(struct bh_executor *executor, const struct bh_plan *plan)
{
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_result *result;

	for (size_t i = 0; i < plan->n_batches; i++) {
		check(bh_execute_batch(executor, &plan->batches[i], &result, &err), &err);
		print_result(result);
		bh_result_free(result);
	}
}

int main(int argc, char **argv)
{
	static const char *const first_ids[] = { "a" };
	static const char *const second_ids[] = { "a", "b" };
	static const struct bh_task tasks[] = {
		{ .id = "first", .required_entry_ids = first_ids, .n_required_entry_ids = 1 },
		{ .id = "second", .required_entry_ids = second_ids, .n_required_entry_ids = 2 },
	};
	struct bh_planner_options planning = BH_PLANNER_DEFAULT;
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_planner *planner;
	struct bh_executor *executor;
	struct bh_plan plan = BH_PLAN_UNSET;

	if (argc != 3)
		return EXIT_FAILURE;
	struct bh_store *store = bh_store_new();
	if (!store)
		return EXIT_FAILURE;
	add_entry(store, "a", "four");
	add_entry(store, "b", "sevenXX");
	check(bh_planner_new(&planning, &planner, &err), &err);
	check(bh_planner_plan(planner, store, tasks, 2, &plan, &err), &err);

	options.launcher = argv[1];
	options.handler = argv[2];
	options.jobs = 1;
	/* PACKAGE_ISOLATION: a host may have no namespaces to give */
	if (getenv("PACKAGE_ISOLATION") && strcmp(getenv("PACKAGE_ISOLATION"), "none") == 0)
		options.isolation = BH_ISOLATION_NONE;
	check(bh_executor_new(store, &options, &executor, &err), &err);
	run(executor, &plan);

	bh_executor_free(executor);
	bh_plan_done(&plan);
	bh_planner_free(planner);
	bh_store_free(store);
	return EXIT_SUCCESS;
}
