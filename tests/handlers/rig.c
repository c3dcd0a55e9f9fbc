/* SPDX-License-Identifier: Apache-2.0 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "bulkhead/limits.h"
#include "ipc/codec/context.h"
#include "rig.h"

void run_done(struct run *run)
{
	bh_records_done(&run->records);
	free(run->bytes);
	run->bytes = NULL;
}

void rig_context(const struct bh_batch *batch, const struct bh_entry *entries, size_t n_entries,
                 struct bh_region *ret)
{
	static const char *const missing[] = { "gone", "never was" };
	struct bh_context_header header = {
		.batch_id = batch->batch_id,
		.attempt = 2,
		.timeout_us = 1500 * 1000,
		.entry_count = n_entries + 2,
		.total_tokens = 75,
		.missing_ids = missing,
		.n_missing_ids = 2,
		.tasks = batch->tasks,
		.n_tasks = batch->n_tasks,
		.n_entries = n_entries,
	};
	struct bh_encoded *parts = calloc(n_entries + 1, sizeof(*parts));
	struct iovec *iov = calloc(n_entries + 1, sizeof(*iov));
	bool is_text;

	ck_assert(parts && iov);
	ck_assert_int_eq(bh_context_header_encode(&header, &parts[0], NULL), 0);
	for (size_t i = 0; i < n_entries; i++)
		ck_assert_int_eq(bh_entry_encode(&entries[i], &parts[i + 1], &is_text, NULL), 0);
	for (size_t i = 0; i <= n_entries; i++)
		iov[i] = (struct iovec){ parts[i].data, parts[i].size };
	ck_assert_int_eq(bh_region_seal(iov, n_entries + 1, SIZE_MAX, ret, NULL), 0);
	for (size_t i = 0; i <= n_entries; i++)
		bh_encoded_done(&parts[i]);
	free(parts);
	free(iov);
}

void rig_context_of_bytes(const void *bytes, size_t size, struct bh_region *ret)
{
	const struct iovec part = { (void *)(uintptr_t)bytes, size };

	ck_assert_int_eq(bh_region_seal(&part, 1, SIZE_MAX, ret, NULL), 0);
}

static void enter_child(int context, int results)
{
	/* Out of the way first: either may be 3 or 4 already. */
	context = fcntl(context, F_DUPFD_CLOEXEC, 10);
	results = fcntl(results, F_DUPFD_CLOEXEC, 10);
	EXPECT(context >= 0 && results >= 0);
	EXPECT(dup2(context, 3) == 3 && dup2(results, 4) == 4);
}

void rig_run(const struct bh_region *context, const struct bh_batch *batch, size_t capacity,
             int (*body)(void *), void *userdata, struct run *ret)
{
	BH_CLEANUP(bh_region_done) struct bh_region results = BH_REGION_UNSET;
	int status;

	*ret = (struct run){ .exit_status = -1, .records = BH_RECORDS_UNSET };
	ck_assert_int_eq(bh_region_find_capacity(capacity, &ret->capacity, NULL), 0);
	ck_assert_int_eq(bh_region_open_results(ret->capacity, &results, NULL), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		enter_child(context->fd, results.fd);
		_exit(body(userdata));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status))
		ret->exit_status = WEXITSTATUS(status);
	else
		ret->signal = WTERMSIG(status);
	ck_assert_int_eq(bh_region_copy_committed(&results, &ret->bytes, &ret->size, NULL), 0);
	struct bh_span bytes = { ret->bytes, ret->size };
	ck_assert_int_eq(bh_records_read(bytes, batch, &ret->records, NULL), 0);
}

static const struct bh_task_result *find(const struct run *run, const char *task_id)
{
	for (size_t i = 0; i < run->records.n_task_results; i++) {
		const struct bh_task_result *result = &run->records.task_results[i];
		if (result->task_id.size == strlen(task_id) &&
		    memcmp(result->task_id.data, task_id, result->task_id.size) == 0)
			return result;
	}
	ck_abort_msg("no record for task %s: %s", task_id, run->records.reason);
	return NULL;
}

static void unpack(const struct bh_task_result *result, msgpack_unpacked *ret)
{
	msgpack_unpacked_init(ret);
	ck_assert_int_eq(msgpack_unpack_next(ret, result->value.data, result->value.size, NULL),
	                 MSGPACK_UNPACK_SUCCESS);
}

void run_result(const struct run *run, const char *task_id, msgpack_unpacked *ret)
{
	const struct bh_task_result *result = find(run, task_id);

	ck_assert(!result->is_error);
	unpack(result, ret);
}

void run_error(const struct run *run, const char *task_id, msgpack_unpacked *ret)
{
	const struct bh_task_result *result = find(run, task_id);

	ck_assert(result->is_error);
	unpack(result, ret);
}

const msgpack_object *member(const msgpack_object *map, const char *key)
{
	ck_assert_int_eq(map->type, MSGPACK_OBJECT_MAP);
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *pair = &map->via.map.ptr[i];
		if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == strlen(key) &&
		    memcmp(pair->key.via.str.ptr, key, strlen(key)) == 0)
			return &pair->val;
	}
	ck_abort_msg("no member %s", key);
	return NULL;
}

void assert_str(const msgpack_object *object, const char *text)
{
	ck_assert_int_eq(object->type, MSGPACK_OBJECT_STR);
	ck_assert_msg(object->via.str.size == strlen(text) &&
	                      memcmp(object->via.str.ptr, text, strlen(text)) == 0,
	              "got %.*s, not %s", (int)object->via.str.size, object->via.str.ptr, text);
}
