/* SPDX-License-Identifier: Apache-2.0 */
#include "run_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

void run_init(struct run *run, const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), BH_BUILD_DIR "/handlers/%s", name);
	*run = (struct run){ .store = bh_store_new(), .options = BH_EXECUTOR_DEFAULT };
	ck_assert_ptr_nonnull(run->store);
	run->options.handler = path;
	run->options.launcher = BH_BUILD_DIR "/bin/bulkhead-launcher";
	run->options.jobs = 2;
}

void run_open(struct run *run)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_new(run->store, &run->options, &run->executor, &err);
	ck_assert_msg(r == 0, "executor: %s", err.text);
}

static void count_start(const struct bh_event *event, void *userdata)
{
	struct run *run = userdata;

	run->n_started += event->type == BH_EVENT_STARTED;
}

void run_count_starts(struct run *run)
{
	run->n_started = 0;
	run->options.on_event = count_start;
	run->options.event_userdata = run;
}

void run_done(struct run *run)
{
	bh_executor_free(run->executor);
	struct bh_lease_stats stats = bh_store_lease_stats(run->store);
	ck_assert_uint_eq(stats.leases_requested, stats.leases_taken + stats.leases_withdrawn);
	ck_assert_uint_eq(stats.leases_waiting, 0);
	ck_assert_uint_eq(stats.leases_taken, stats.leases_released);
	ck_assert_uint_eq(stats.entries_taken, stats.entries_released);
	ck_assert_uint_eq(stats.entries_in_use, 0);
	bh_store_free(run->store);
}

static void add_bytes(struct run *run, const char *id, const char *bytes, size_t size)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	struct bh_error err = BH_ERROR_UNSET;

	entry.id = id;
	entry.source = "test";
	entry.content = (struct bh_span){ .data = bytes, .size = size };
	int r = bh_store_add(run->store, &entry, &err);
	ck_assert_msg(r == 0, "entry %s: %s", id, err.text);
}

void run_add_entry(struct run *run, const char *id, const char *content)
{
	add_bytes(run, id, content, strlen(content));
}

void run_add_letters(struct run *run, const char *id, size_t size)
{
	char *letters = malloc(size);

	ck_assert_ptr_nonnull(letters);
	memset(letters, 'a', size);
	add_bytes(run, id, letters, size);
	free(letters);
}

void batch_init(struct test_batch *batch, const char *id)
{
	*batch = (struct test_batch){ .batch = { .batch_id = id } };
	batch->batch.tasks = batch->pointers;
}

void batch_done(struct test_batch *batch)
{
	for (size_t i = 0; i < batch->batch.n_tasks; i++)
		msgpack_sbuffer_destroy(&batch->params[i]);
}

struct bh_task *batch_add(struct test_batch *batch, const char *task_id, const char *const *entry)
{
	size_t place = batch->batch.n_tasks++;
	struct bh_task *task = &batch->tasks[place];

	ck_assert_uint_lt(place, BATCH_MAX_TASKS);
	*task = (struct bh_task){ .id = task_id };
	if (entry) {
		task->required_entry_ids = entry;
		task->n_required_entry_ids = 1;
	}
	batch->pointers[place] = task;
	msgpack_sbuffer_init(&batch->params[place]);
	return task;
}

static void pack_text(msgpack_packer *packer, const char *text)
{
	msgpack_pack_str_with_body(packer, text, strlen(text));
}

struct bh_task *batch_add_way(struct test_batch *batch, const char *task_id, const char *way,
                              const char *key, int64_t number)
{
	struct bh_task *task = batch_add(batch, task_id, NULL);
	msgpack_sbuffer *params = &batch->params[batch->batch.n_tasks - 1];
	msgpack_packer packer;

	msgpack_packer_init(&packer, params, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, key ? 2 : 1);
	pack_text(&packer, "fail");
	pack_text(&packer, way);
	if (key) {
		pack_text(&packer, key);
		msgpack_pack_int64(&packer, number);
	}
	task->params = (struct bh_span){ .data = params->data, .size = params->size };
	return task;
}

struct bh_result *run_batch(struct run *run, const struct test_batch *batch)
{
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_result *result;

	int r = bh_execute_batch(run->executor, &batch->batch, &result, &err);
	ck_assert_msg(r == 0, "batch %s: %s", batch->batch.batch_id, err.text);
	return result;
}

struct bh_result *run_way(struct run *run, const char *way, const char *key, int64_t number)
{
	static struct test_batch batch; /* results borrow from it */

	batch_done(&batch);
	batch_init(&batch, "way");
	batch_add_way(&batch, "t", way, key, number);
	return run_batch(run, &batch);
}

void expect_kind(const struct bh_result *result, enum bh_kind kind)
{
	ck_assert_msg(result->outcome.kind == kind, "expected %s, got %s: %s", bh_kind_name(kind),
	              bh_kind_name(result->outcome.kind), result->outcome.message);
	ck_assert_int_eq(result->success, kind == BH_KIND_NONE);
	ck_assert_int_eq(result->outcome.infrastructure,
	                 kind == BH_KIND_SANDBOX || kind == BH_KIND_INTERNAL);
	ck_assert_int_eq(result->outcome.message[0] == '\0', kind == BH_KIND_NONE);
}

const struct bh_task_result *find_record(const struct bh_result *result, const char *task_id)
{
	for (size_t i = 0; i < result->n_task_results; i++) {
		struct bh_span id = result->task_results[i].task_id;
		if (id.size == strlen(task_id) && memcmp(id.data, task_id, id.size) == 0)
			return &result->task_results[i];
	}
	ck_abort_msg("no record of task %s", task_id);
}

int64_t record_int(const struct bh_task_result *record, const char *key)
{
	msgpack_unpacked unpacked;
	int64_t found = -1;

	msgpack_unpacked_init(&unpacked);
	ck_assert_int_eq(
	        msgpack_unpack_next(&unpacked, record->value.data, record->value.size, NULL),
	        MSGPACK_UNPACK_SUCCESS);
	ck_assert_int_eq(unpacked.data.type, MSGPACK_OBJECT_MAP);
	for (uint32_t i = 0; i < unpacked.data.via.map.size; i++) {
		const msgpack_object_kv *pair = &unpacked.data.via.map.ptr[i];
		if (pair->key.via.str.size == strlen(key) &&
		    memcmp(pair->key.via.str.ptr, key, strlen(key)) == 0)
			found = pair->val.via.i64;
	}
	msgpack_unpacked_destroy(&unpacked);
	return found;
}

size_t count_open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n - 3; /* ".", ".." and the directory's own */
}

pid_t find_launcher(void)
{
	char path[64], children[256] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(read(fd, children, sizeof(children) - 1), 0);
	close(fd);
	return (pid_t)strtol(children, NULL, 10);
}

void kill_launcher(void)
{
	pid_t launcher = find_launcher();
	siginfo_t end;

	kill(launcher, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)launcher, &end, WEXITED | WNOWAIT), 0);
}
