/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/task.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/codec/cursor.h"
#include "ipc/wire/base.h"
#include "ipc/wire/hash.h"
#include "supervisor/quote.h"

/* Where params stand in a context: inside its map, the array of tasks and the
 * task's map. The whole context keeps to the depth that readers can count on. */
#define PARAMS_DEPTH 4

static int refuse(const struct bh_task *task, const char *why, struct bh_error *err)
{
	return bh_fail_plain(err, EINVAL, "task '%.*s': %s", bh_quote_size(task->id), task->id,
	                     why);
}

static bool is_utf8(const char *text)
{
	return bh_utf8_valid(text, strlen(text));
}

static int check_id(const struct bh_task *task, struct bh_error *err)
{
	if (!task->id || bh_text_is_blank(task->id))
		return bh_fail_plain(err, EINVAL, "a task's id is blank");
	if (!is_utf8(task->id))
		return bh_fail_plain(err, EINVAL, "a task's id is not valid UTF-8");
	return 0;
}

static const char *wrong_required_id(const struct bh_task *task)
{
	if (task->n_required_entry_ids > 0 && !task->required_entry_ids)
		return "required entry ids are NULL";
	for (size_t i = 0; i < task->n_required_entry_ids; i++) {
		const char *id = task->required_entry_ids[i];

		if (!id || bh_text_is_blank(id))
			return "a required entry id is blank";
		if (!is_utf8(id))
			return "a required entry id is not valid UTF-8";
	}
	return NULL;
}

static int check_params(const struct bh_task *task, struct bh_error *err)
{
	struct bh_cursor cursor = bh_cursor_over(task->params);
	uint64_t objects = UINT64_MAX;

	if (!task->params.data)
		return 0;

	enum bh_cursor_error error = bh_cursor_skip(&cursor, PARAMS_DEPTH, &objects);
	if (error == BH_CURSOR_E_MEMORY)
		return bh_fail(err, ENOMEM, "check the params of a task");
	const char *wrong = error ? bh_cursor_error_text(error) : "bytes after the value";
	if (error == BH_CURSOR_OK && bh_cursor_offset(&cursor) == task->params.size)
		return 0;
	return bh_fail_plain(err, EINVAL, "task '%.*s': params are not one MessagePack value: %s",
	                     bh_quote_size(task->id), task->id, wrong);
}

int bh_task_check(const struct bh_task *task, struct bh_error *err)
{
	int r = check_id(task, err);
	if (r < 0)
		return r;
	if (task->description && !is_utf8(task->description))
		return refuse(task, "description is not valid UTF-8", err);

	const char *wrong = wrong_required_id(task);
	if (wrong)
		return refuse(task, wrong, err);
	return check_params(task, err);
}

/* Where ids were met: the index of the task + 1 in the low bits, as many as it
 * takes to number the slots, and the id's hash in the others; 0 is free. Next to
 * a map of ids this needs a quarter of the memory, and touching memory is most
 * of the cost for a million tasks. */
struct met {
	uint64_t *slots; /* owned */
	uint64_t mask;   /* number of slots - 1: the low bits */
	struct bh_hash_key hash_key;
};

static void met_done(struct met *met)
{
	free(met->slots);
}

/* At most three quarters of the slots are used. */
static int met_init(struct met *ret, size_t n_tasks)
{
	uint64_t n_slots = 16;

	while (n_slots / 4 * 3 < n_tasks)
		if (__builtin_mul_overflow(n_slots, 2, &n_slots))
			return -ENOMEM;
	int r = bh_hash_key_init(&ret->hash_key);
	if (r < 0)
		return r;
	ret->mask = n_slots - 1;
	ret->slots = calloc(n_slots, sizeof(*ret->slots));
	return ret->slots ? 0 : -ENOMEM;
}

/* False where an earlier task has the id. */
static bool meet(struct met *met, const struct bh_task *const *tasks, size_t index, uint64_t hash)
{
	uint64_t at = hash & met->mask;

	for (; met->slots[at]; at = (at + 1) & met->mask) {
		if (((met->slots[at] ^ hash) & ~met->mask) != 0)
			continue;
		size_t earlier = (size_t)(met->slots[at] & met->mask) - 1;
		if (strcmp(tasks[earlier]->id, tasks[index]->id) == 0)
			return false;
	}
	met->slots[at] = (hash & ~met->mask) | (index + 1);
	return true;
}

/* Tasks whose slots are asked for together, before any is used. */
#define WINDOW 16

/* Returns the first of `n` tasks from `first` on whose id was met before, or
 * NULL. */
static const struct bh_task *meet_window(struct met *met, const struct bh_task *const *tasks,
                                         size_t first, size_t n)
{
	uint64_t hashes[WINDOW];

	for (size_t i = 0; i < n; i++) {
		const char *id = tasks[first + i]->id;

		hashes[i] = bh_hash(&met->hash_key, (struct bh_span){ id, strlen(id) });
		__builtin_prefetch(&met->slots[hashes[i] & met->mask], 1);
	}
	for (size_t i = 0; i < n; i++)
		if (!meet(met, tasks, first + i, hashes[i]))
			return tasks[first + i];
	return NULL;
}

int bh_tasks_check_ids(const struct bh_task *const *tasks, size_t n_tasks, struct bh_error *err)
{
	BH_CLEANUP(met_done) struct met met = { .slots = NULL };

	int r = met_init(&met, n_tasks);
	if (r < 0)
		return bh_fail(err, -r, "check the ids of %zu tasks", n_tasks);
	for (size_t i = 0; i < n_tasks; i += WINDOW) {
		size_t n = n_tasks - i < WINDOW ? n_tasks - i : WINDOW;
		const struct bh_task *again = meet_window(&met, tasks, i, n);

		if (again)
			return refuse(again, "another task has the same id", err);
	}
	return 0;
}
