/* SPDX-License-Identifier: Apache-2.0 */

/* The readers of entries, tasks and batches, over lines of any bytes. The first
 * byte says which reader. What is read must be what the library accepts, and what
 * is refused must have a printable complaint. `content_file` is left out: a fuzzer
 * has no business with files. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/planner.h"
#include "cli/batches.h"
#include "cli/complaint.h"
#include "cli/entries.h"
#include "cli/entry_line.h"
#include "cli/jsonl.h"
#include "cli/tasks.h"
#include "ipc/wire/base.h"

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_complaint(const struct bh_complaint *complaint)
{
	require(complaint->text != NULL);
	for (const char *at = complaint->text; *at != '\0'; at++)
		require((unsigned char)*at >= 0x20 && *at != 0x7f);
	require(bh_utf8_valid(complaint->text, strlen(complaint->text)));
}

static void end_read(int status, struct bh_complaint *complaint)
{
	require(status == BH_STATUS_OK || status == BH_STATUS_INPUT);
	if (status != BH_STATUS_OK)
		check_complaint(complaint);
	bh_complaint_done(complaint);
}

static void read_entries(struct bh_jsonl *jsonl)
{
	struct bh_complaint complaint = BH_COMPLAINT_UNSET;
	struct bh_entries entries;

	require(bh_entries_init(&entries, &complaint) == BH_STATUS_OK);
	entries.sources = calloc(1, sizeof(*entries.sources));
	require(entries.sources != NULL);
	entries.sources[0].path = "in";
	entries.n_sources = entries.sources_capacity = 1;
	end_read(bh_entry_lines_load(jsonl, "in", &entries, &complaint), &complaint);
	require(bh_store_count(entries.store) == entries.n_places);
	bh_entries_done(&entries);
}

/* The planner refuses nothing that was read but ids that are there twice. */
static void plan(const struct bh_tasks *tasks)
{
	struct bh_planner_options options = BH_PLANNER_DEFAULT;
	struct bh_planner *planner;
	struct bh_plan made = BH_PLAN_UNSET;
	size_t first, second;

	require(bh_planner_new(&options, &planner, NULL) == 0);
	int r = bh_planner_plan(planner, NULL, tasks->items, tasks->n, &made, NULL);
	require(r == 0 || bh_tasks_find_repeat(tasks->items, tasks->n, &first, &second) == 1);
	bh_plan_done(&made);
	bh_planner_free(planner);
}

static void read_tasks(struct bh_jsonl *jsonl)
{
	struct bh_complaint complaint = BH_COMPLAINT_UNSET;
	struct bh_arena arena = BH_ARENA_UNSET;
	struct bh_tasks tasks = BH_TASKS_UNSET;

	int r = bh_tasks_load(jsonl, &arena, &tasks, &complaint);
	if (r == BH_STATUS_OK)
		plan(&tasks);
	end_read(r, &complaint);
	bh_tasks_done(&tasks);
	bh_arena_done(&arena);
}

static void read_batches(struct bh_jsonl *jsonl)
{
	struct bh_complaint complaint = BH_COMPLAINT_UNSET;
	struct bh_arena arena = BH_ARENA_UNSET;
	struct bh_batches batches = BH_BATCHES_UNSET;

	end_read(bh_batches_load(jsonl, 3, &arena, &batches, &complaint), &complaint);
	bh_batches_done(&batches);
	bh_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BH_CLEANUP(bh_jsonl_done) struct bh_jsonl jsonl = BH_JSONL_UNSET;

	if (size < 2 || memmem(data, size, "_file", 5) || memmem(data, size, "\\u00", 4))
		return 0;
	FILE *file = fmemopen((void *)(uintptr_t)(data + 1), size - 1, "r");
	require(file != NULL);
	bh_jsonl_take(file, "in", &jsonl);
	switch (data[0] % 3) {
	case 0:
		read_entries(&jsonl);
		break;
	case 1:
		read_tasks(&jsonl);
		break;
	default:
		read_batches(&jsonl);
		break;
	}
	return 0;
}
