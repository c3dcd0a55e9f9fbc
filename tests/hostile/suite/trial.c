/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/check.h"

#define MOST_PROCESSES 4096

void not_run(const char *what, const char *way, const char *why)
{
	printf("NOT RUN: %s%s%s: %s\n", what, way ? ": " : "", way ? way : "", why);
	fflush(stdout);
}

/* ---- looking ---- */

struct process {
	pid_t pid, parent;
	bool launcher; /* by its name, of which the kernel keeps 15 bytes */
	bool mine;
};

static size_t list_processes(struct process *ret)
{
	DIR *proc = opendir("/proc");
	char path[300], text[512];
	size_t n = 0;

	ck_assert_ptr_nonnull(proc);
	for (struct dirent *entry; (entry = readdir(proc)) && n < MOST_PROCESSES;) {
		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		FILE *file = atoi(entry->d_name) > 0 ? fopen(path, "re") : NULL;
		if (!file)
			continue;
		char *end = fgets(text, sizeof(text), file) ? strrchr(text, ')') : NULL;
		fclose(file);
		if (end)
			ret[n++] =
			        (struct process){ .pid = atoi(entry->d_name),
				                  .parent = atoi(end + 3),
				                  .launcher = strstr(text, "(bulkhead-launch)") };
	}
	closedir(proc);
	return n;
}

size_t count_descendants(void)
{
	static struct process all[MOST_PROCESSES];
	size_t n = list_processes(all), found = 0, counted = 0, before;

	do {
		before = found;
		for (size_t i = 0; i < n; i++) {
			bool mine = all[i].parent == getpid();
			for (size_t j = 0; j < n && !mine; j++)
				mine = all[j].mine && all[j].pid == all[i].parent;
			found += mine && !all[i].mine;
			counted += mine && !all[i].mine && !all[i].launcher;
			all[i].mine = all[i].mine || mine;
		}
	} while (found > before);
	return counted;
}

static size_t count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t n = 0;

	ck_assert_ptr_nonnull(folder);
	while (readdir(folder))
		n++;
	closedir(folder);
	return n;
}

/* ---- the executor ---- */

static void set_limits(struct bh_limits *limits, const struct row *row)
{
	limits->timeout_us = row->timeout_ms ? row->timeout_ms * 1000 : 60 * (uint64_t)1000000;
	limits->grace_us = 100 * 1000;
	if (row->memory_mb)
		limits->memory_bytes = row->memory_mb << 20;
	if (row->cpu_ms)
		limits->cpu_time_us = row->cpu_ms * 1000;
	if (row->max_procs)
		limits->max_procs = row->max_procs;
	if (row->max_threads)
		limits->max_threads = row->max_threads;
}

void trial_reopen(struct trial *trial, const struct bh_executor_options *wanted)
{
	struct bh_executor_options options = *wanted;
	struct bh_error err = BH_ERROR_UNSET;

	bh_executor_free(trial->executor);
	trial->executor = NULL;
	options.launcher = trial->launcher;
	int r = bh_executor_new(trial->store, &options, &trial->executor, &err);
	if (r == -ENOTSUP) {
		snprintf(trial->missing_layers, sizeof(trial->missing_layers), "%s", err.text);
		options.isolation = BH_ISOLATION_BEST_EFFORT;
		r = bh_executor_new(trial->store, &options, &trial->executor, &err);
	}
	ck_assert_msg(r == 0, "%s: %s", options.handler, err.text);
	trial->processes_before = count_descendants();
}

static void use_one_cpu(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
}

/* Those of the build tree; copies of this user's where files are what it is about. */
static void choose_files(struct trial *trial, const struct row *row)
{
	bool overwrites = strcmp(row->program, "overwrite") == 0;

	snprintf(trial->program, sizeof(trial->program), BH_BUILD_DIR "/hostile/%s", row->program);
	snprintf(trial->launcher, sizeof(trial->launcher), "%s",
	         overwrites ? bait_copy_launcher(&trial->bait)
	                    : BH_BUILD_DIR "/bin/bulkhead-launcher");
	if (overwrites || strcmp(row->program, "be_setuid") == 0)
		snprintf(trial->program, sizeof(trial->program), "%s",
		         bait_copy_program(&trial->bait, row->program, row->way));
}

void trial_init(struct trial *trial, const struct row *row, size_t jobs)
{
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;

	*trial = (struct trial){ .store = bh_store_new() };
	ck_assert_ptr_nonnull(trial->store);
	/* whoever loses its parent becomes a child of this process, and is counted */
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	trial->fds_before = count_fds();
	bait_init(&trial->bait);
	choose_files(trial, row);
	if (strcmp(row->program, "raise_priority") == 0) /* "affinity": there is one to leave */
		use_one_cpu();
	options.handler = trial->program;
	options.profile = row->profile;
	options.jobs = jobs;
	options.scratch_bytes = row->scratch_mb << 20;
	set_limits(&options.limits, row);
	trial_reopen(trial, &options);
}

/* The end of a process is told before it is gone from the list. */
static void await_processes(size_t most)
{
	size_t n = 0;

	for (int i = 0; i < 1000 && (n = count_descendants()) > most; i++)
		usleep(10000);
	ck_assert_msg(n <= most, "%zu processes are left over", n - most);
}

void trial_done(struct trial *trial)
{
	await_processes(trial->processes_before);
	ck_assert_msg(bait_is_well(&trial->bait), "a process of the host was killed or stopped");
	bh_executor_free(trial->executor);
	struct bh_lease_stats stats = bh_store_lease_stats(trial->store);
	ck_assert_uint_eq(stats.leases_taken, stats.leases_released);
	ck_assert_uint_eq(stats.entries_taken, stats.entries_released);
	bh_store_free(trial->store);
	bait_done(&trial->bait);
	errno = 0;
	ck_assert_msg(waitpid(-1, NULL, 0) < 0 && errno == ECHILD, "a child is left over");
	ck_assert_uint_eq(count_fds(), trial->fds_before);
}

static void on_result(struct bh_result *result, void *userdata)
{
	struct trial_batch *batch = userdata;

	batch->result = result;
}

struct params trial_params(const struct trial *trial, const struct row *row)
{
	return (struct params){ .way = row->way,
		                .handler = trial->program,
		                .bytes = row->bytes,
		                .capacity = TRIAL_CAPACITY,
		                .allowed = row->allowed,
		                .status = row->status,
		                .signal = row->signal };
}

void trial_submit(struct trial *trial, struct trial_batch *batch, const struct params *params)
{
	struct bh_error err = BH_ERROR_UNSET;

	*batch = (struct trial_batch){ .task = { .id = "t" } };
	batch->pointer = &batch->task;
	batch->batch = (struct bh_batch){ .batch_id = "b", .tasks = &batch->pointer, .n_tasks = 1 };
	params_pack(params, &trial->bait, &batch->params);
	batch->task.params = (struct bh_span){ batch->params.data, batch->params.size };
	int r = bh_executor_submit(trial->executor, &batch->batch, on_result, batch, NULL, &err);
	ck_assert_msg(r == 0, "submit: %s", err.text);
}

void trial_run(struct trial *trial)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_drain(trial->executor, -1, &err);
	ck_assert_msg(r == 0, "drain: %s", err.text);
}

void trial_batch_done(struct trial_batch *batch)
{
	bh_result_free(batch->result);
	msgpack_sbuffer_destroy(&batch->params);
}

/* ---- reports ---- */

static bool is_text(const msgpack_object *object, const char *text)
{
	return object->type == MSGPACK_OBJECT_STR && object->via.str.size == strlen(text) &&
	       memcmp(object->via.str.ptr, text, strlen(text)) == 0;
}

struct report report_read(const void *value, size_t size)
{
	struct report report = { .there = true };
	msgpack_unpacked unpacked;

	msgpack_unpacked_init(&unpacked);
	ck_assert_int_eq(msgpack_unpack_next(&unpacked, value, size, NULL), MSGPACK_UNPACK_SUCCESS);
	report.there = unpacked.data.type == MSGPACK_OBJECT_MAP;
	for (uint32_t i = 0; report.there && i < unpacked.data.via.map.size; i++) {
		const msgpack_object_kv *pair = &unpacked.data.via.map.ptr[i];
		if (is_text(&pair->key, "gained"))
			report.gained = pair->val.via.boolean;
		else if (is_text(&pair->key, "absent"))
			report.absent = pair->val.via.boolean;
		else if (is_text(&pair->key, "from_ms"))
			report.from_ms = pair->val.via.i64;
		else if (is_text(&pair->key, "until_ms"))
			report.until_ms = pair->val.via.i64;
		else if (is_text(&pair->key, "detail"))
			snprintf(report.detail, sizeof(report.detail), "%.*s",
			         (int)pair->val.via.str.size, pair->val.via.str.ptr);
	}
	msgpack_unpacked_destroy(&unpacked);
	return report;
}

struct report report_of(const struct bh_result *result)
{
	for (size_t i = 0; i < result->n_task_results; i++)
		if (!result->task_results[i].is_error &&
		    strncmp(result->task_results[i].task_id.data, "t", 1) == 0)
			return report_read(result->task_results[i].value.data,
			                   result->task_results[i].value.size);
	return (struct report){ .there = false };
}

bool trial_has_wall(const struct bh_result *result)
{
	return !trial_lacks(result, "namespaces") || !trial_lacks(result, "landlock");
}

bool trial_lacks(const struct bh_result *result, const char *layers)
{
	char list[256], *rest = list;

	if (!layers || !result->missing_layers[0])
		return false;
	snprintf(list, sizeof(list), "%s", layers);
	for (char *layer; (layer = strsep(&rest, " "));)
		if (strstr(result->missing_layers, layer))
			return true;
	return false;
}
