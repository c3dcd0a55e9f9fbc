/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_RUN_FIXTURE_H
#define BH_TESTS_RUN_FIXTURE_H

/* run_fixture.h: a store, an executor and batches of a few tasks, for tests that
 * run real handlers. Functions fail the test where something can't be made. */

#include <msgpack.h>
#include <sys/types.h>

#include "bulkhead/bulkhead.h"

struct run {
	struct bh_store *store;
	struct bh_executor_options options; /* a test changes them before run_open */
	struct bh_executor *executor;
	size_t n_started; /* attempts, with run_count_starts */
};

/* An empty store and options for the example handler `name`. */
void run_init(struct run *run, const char *name);
/* Starts the executor: the first batch would do, but a test wants to know. */
void run_open(struct run *run);
/* Before run_open: `n_started` says how many attempts have begun to run. */
void run_count_starts(struct run *run);
/* Frees all, and checks that every lease was released. */
void run_done(struct run *run);

void run_add_entry(struct run *run, const char *id, const char *content);
/* An entry of `size` bytes, all of them 'a'. */
void run_add_letters(struct run *run, const char *id, size_t size);

#define BATCH_MAX_TASKS 8

struct test_batch {
	struct bh_batch batch;
	struct bh_task tasks[BATCH_MAX_TASKS];
	const struct bh_task *pointers[BATCH_MAX_TASKS];
	msgpack_sbuffer params[BATCH_MAX_TASKS];
};

void batch_init(struct test_batch *batch, const char *id);
void batch_done(struct test_batch *batch);
/* A task over at most one entry (NULL for none). */
struct bh_task *batch_add(struct test_batch *batch, const char *task_id, const char *const *entry);
/* A task with the params {"fail": way, key: number}; `key` NULL for the way alone. */
struct bh_task *batch_add_way(struct test_batch *batch, const char *task_id, const char *way,
                              const char *key, int64_t number);

/* Runs one batch to its end. */
struct bh_result *run_batch(struct run *run, const struct test_batch *batch);
/* The same for a batch of one task "t" that goes this way. */
struct bh_result *run_way(struct run *run, const char *way, const char *key, int64_t number);

/* The kind, with the message in what a failed test says. */
void expect_kind(const struct bh_result *result, enum bh_kind kind);

/* The record of a task; fails where there is none. */
const struct bh_task_result *find_record(const struct bh_result *result, const char *task_id);

/* A member of a result that is a map; -1 where there is none. */
int64_t record_int(const struct bh_task_result *record, const char *key);

/* Descriptors that this process has open. */
size_t count_open_fds(void);

/* The first child of this process. */
pid_t find_launcher(void);
/* It is gone when this returns, and left for the executor to reap. */
void kill_launcher(void);

#endif
