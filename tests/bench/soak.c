/* SPDX-License-Identifier: Apache-2.0 */

/* soak.c: many batches, half of them crashing, leave supervisor and launcher
 * with what they had after a hundred: exactly the descriptors, no process, and
 * the memory but for what the allocator's caches hold at the moment. */

#include <ctype.h>
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/runner.h"

#define FIRST_LOOK     100 /* batches */
#define AT_ONCE        50
#define JOBS           2
#define HEAP_SLACK_KIB 16
#define RSS_SLACK_KIB  512
#define PAUSE_MS       10 /* between two looks … */
#define MOST_LOOKS     1000

/* An allocator that keeps what was freed, to find uses of it. */
#ifdef __SANITIZE_ADDRESS__
static const bool memory_tells = false;
#else
static const bool memory_tells = true;
#endif

/* What is held between two batches. */
struct census {
	size_t fds;
	size_t launcher_fds; /* 0 where we may not look */
	size_t launcher_children;
	size_t heap_kib;
	size_t rss_kib;
	size_t launcher_rss_kib;
};

/* ---- looking ---- */

static pid_t parent_of(const char *pid)
{
	char path[300], line[512];
	int parent = -1;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	const char *name_end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	if (!name_end || sscanf(name_end + 1, " %*c %d", &parent) != 1)
		parent = -1;
	fclose(file);
	return parent;
}

/* `*last` is one of them, where there is one. */
static size_t count_children(pid_t of, pid_t *last)
{
	const struct dirent *entry;
	DIR *directory = opendir("/proc");
	size_t n = 0;

	while (directory && (entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]) || parent_of(entry->d_name) != of)
			continue;
		*last = (pid_t)strtol(entry->d_name, NULL, 10);
		n++;
	}
	if (directory)
		closedir(directory);
	return n;
}

/* 0 where they can't be read. */
static size_t count_fds(pid_t pid)
{
	char path[64];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *directory = opendir(path);
	if (!directory)
		return 0;
	while (readdir(directory))
		n++;
	closedir(directory);
	n -= 2; /* "." and ".." */
	return pid == getpid() ? n - 1 : n;
}

static size_t resident_kib(pid_t pid)
{
	size_t pages = 0;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*s %zu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

static int look(struct census *ret, struct bh_error *err)
{
	pid_t launcher = 0, ignored = 0;

	size_t n = count_children(getpid(), &launcher);
	if (n != 1)
		return bh_fail_plain(err, EPROTO, "%zu children, expected the launcher alone", n);
	struct mallinfo2 heap = mallinfo2();
	*ret = (struct census){
		.fds = count_fds(getpid()),
		.launcher_fds = count_fds(launcher),
		.launcher_children = count_children(launcher, &ignored),
		.heap_kib = (heap.uordblks + heap.hblkhd) / 1024,
		.rss_kib = resident_kib(getpid()),
		.launcher_rss_kib = resident_kib(launcher),
	};
	return 0;
}

/* ---- running ---- */

struct soak {
	struct corpus corpus;
	struct bh_executor *executor;
	struct bh_batch fine;
	struct bh_batch crashing;
};

static void soak_done(struct soak *soak)
{
	bh_executor_free(soak->executor);
	corpus_done(&soak->corpus);
}

/* The handler crashes on tasks with "1" in their id: the second of the two. */
static int soak_open(struct soak *soak, struct bh_error *err)
{
	static const char *const args[] = { "segv", "1", NULL };
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;

	int r = corpus_make(&soak->corpus, 1, 4096, 2, 1, err);
	if (r < 0)
		return r;
	soak->fine = soak->crashing = corpus_batch(&soak->corpus);
	soak->fine.n_tasks = soak->crashing.n_tasks = 1;
	soak->crashing.tasks++;
	options.handler = BH_HANDLERS "/faulty";
	options.handler_args = args;
	options.jobs = JOBS;
	return bh_executor_new(soak->corpus.store, &options, &soak->executor, err);
}

static int check_result(const struct bh_result *result, bool crashes, struct bh_error *err)
{
	enum bh_kind expected = crashes ? BH_KIND_SIGNAL : BH_KIND_NONE;

	if (result->outcome.kind == expected)
		return 0;
	return bh_fail_plain(err, EPROTO, "a batch ended as %s, expected %s: %s",
	                     bh_kind_name(result->outcome.kind), bh_kind_name(expected),
	                     result->outcome.message);
}

static int run_some(const struct soak *soak, size_t n, struct bh_error *err)
{
	struct bh_batch batches[AT_ONCE];
	struct bh_result *results[AT_ONCE];
	size_t n_results;

	for (size_t i = 0; i < n; i++)
		batches[i] = i % 2 ? soak->crashing : soak->fine;
	int r = bh_execute_all(soak->executor, batches, n, false, results, &n_results, err);
	for (size_t i = 0; i < n_results; i++) {
		if (r == 0)
			r = check_result(results[i], results[i]->index % 2 == 1, err);
		bh_result_free(results[i]);
	}
	return r;
}

static int run_many(const struct soak *soak, uint64_t n, struct bh_error *err)
{
	int r = 0;

	while (r == 0 && n > 0) {
		size_t some = n < AT_ONCE ? (size_t)n : AT_ONCE;
		r = run_some(soak, some, err);
		n -= some;
	}
	return r;
}

/* ---- judging ---- */

static int compare(const struct census *first, const struct census *last, struct bh_error *err)
{
	const struct {
		const char *what;
		size_t first, last, slack;
		bool counts;
	} rows[] = {
		{ "descriptors", first->fds, last->fds, 0, true },
		/* each slot may have a reaper that waits for its next batch in namespaces of
		 * its own */
		{ "descriptors of the launcher", first->launcher_fds, last->launcher_fds, JOBS,
		  true },
		{ "children of the launcher", 0, last->launcher_children, JOBS, true },
		{ "KiB of heap", first->heap_kib, last->heap_kib, HEAP_SLACK_KIB, memory_tells },
		{ "KiB resident", first->rss_kib, last->rss_kib, RSS_SLACK_KIB, memory_tells },
		{ "KiB resident of the launcher", first->launcher_rss_kib, last->launcher_rss_kib,
		  RSS_SLACK_KIB, memory_tells },
	};

	for (size_t i = 0; i < BH_COUNT_OF(rows); i++) {
		bool fewer_is_wrong = rows[i].slack == 0 && rows[i].last < rows[i].first;
		if (rows[i].counts &&
		    (fewer_is_wrong || rows[i].last > rows[i].first + rows[i].slack))
			return bh_fail_plain(err, EPROTO, "%zu %s, were %zu after %d batches",
			                     rows[i].last, rows[i].what, rows[i].first, FIRST_LOOK);
	}
	return 0;
}

static void describe(uint64_t batches, const struct census *first, const struct census *last,
                     struct bench_report *report)
{
	snprintf(report->note, sizeof(report->note),
	         "%d and %llu batches: descriptors %zu and %zu, the launcher's %zu and %zu; heap "
	         "%zu and %zu KiB; resident %zu and %zu KiB, the launcher's %zu and %zu KiB",
	         FIRST_LOOK, (unsigned long long)batches, first->fds, last->fds,
	         first->launcher_fds, last->launcher_fds, first->heap_kib, last->heap_kib,
	         first->rss_kib, last->rss_kib, first->launcher_rss_kib, last->launcher_rss_kib);
}

static int check_end(struct soak *soak, struct bh_error *err)
{
	pid_t ignored;

	bh_executor_free(soak->executor);
	soak->executor = NULL;
	size_t n = count_children(getpid(), &ignored);
	struct bh_lease_stats stats = bh_store_lease_stats(soak->corpus.store);
	if (n != 0)
		return bh_fail_plain(err, EPROTO, "%zu children outlive the executor", n);
	if (stats.leases_taken != stats.leases_released || stats.entries_in_use != 0)
		return bh_fail_plain(err, EPROTO, "leases: %llu taken, %llu released",
		                     (unsigned long long)stats.leases_taken,
		                     (unsigned long long)stats.leases_released);
	return 0;
}

static void pause_a_while(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };

	nanosleep(&pause, NULL);
}

/* The launcher tells of a batch's end before it puts away what that had, and then
 * makes a reaper for the next: two looks that agree see it at rest. */
static int look_at_rest(struct census *ret, struct bh_error *err)
{
	struct census before;

	int r = look(ret, err);
	for (int i = 0; r == 0 && i < MOST_LOOKS; i++) {
		before = *ret;
		pause_a_while();
		r = look(ret, err);
		if (before.launcher_fds == ret->launcher_fds &&
		    before.launcher_children == ret->launcher_children)
			break;
	}
	return r;
}

/* What is only late comes down in time; what has leaked doesn't. */
static int look_until_equal(const struct census *first, struct census *ret, struct bh_error *err)
{
	int r = look_at_rest(ret, err);

	for (int i = 0; r == 0 && i < MOST_LOOKS && compare(first, ret, NULL) < 0; i++) {
		pause_a_while();
		r = look(ret, err);
	}
	return r;
}

int bench_soak(const struct bench_options *options, struct bench_report *report,
               struct bh_error *err)
{
	BH_CLEANUP(soak_done) struct soak soak = { .executor = NULL };
	uint64_t batches = options->is_short ? 2 * FIRST_LOOK : options->batches;
	struct census first, last;

	int r = soak_open(&soak, err);
	if (r == 0)
		r = run_many(&soak, FIRST_LOOK, err);
	if (r == 0)
		r = look_at_rest(&first, err);
	if (r == 0)
		r = run_many(&soak, batches > FIRST_LOOK ? batches - FIRST_LOOK : 0, err);
	if (r == 0)
		r = look_until_equal(&first, &last, err);
	if (r < 0)
		return r;
	describe(batches, &first, &last, report);
	r = compare(&first, &last, err);
	return r < 0 ? r : check_end(&soak, err);
}
