/* SPDX-License-Identifier: Apache-2.0 */

/* What a handler and the processes beside it have open, as the kernel lists it of
 * the real ones. The handler's side can send nothing but bytes in regions, pipes
 * and its exit status; the reaper, which shares the launcher's descriptors, has
 * nothing that isn't explained here. */

#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "tests/sandbox/driver.h"

#define MAX_FDS   256
#define MAX_SLOTS 2 /* of driver.h */
#define TREES     3 /* hierarchies of cgroups at most */

struct descriptor {
	int number;
	char what[512];
};

struct listing {
	struct descriptor items[MAX_FDS];
	size_t n;
};

/* A driver whose handler waits until it is killed. */
static void start_waiting(struct driver *d)
{
	static const char *const args[] = { "600", NULL };
	struct bh_sandbox_options options = driver_options("/usr/bin/sleep", args);
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_sandbox_event event;
	int r;

	driver_start(d, &options);
	driver_spawn(d, 0);
	do {
		struct pollfd polled = { .fd = bh_sandbox_fd(d->sandbox), .events = POLLIN };
		ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
		r = bh_sandbox_next_event(d->sandbox, &event, &err);
		ck_assert_msg(r >= 0, "event: %s", err.text);
		bh_fd_done(&event.listener);
	} while (r == 0 || event.type == BH_SANDBOX_LISTENER);
	ck_assert_int_eq(event.type, BH_SANDBOX_STARTED);
}

static void end(struct driver *d)
{
	bh_sandbox_free(d->sandbox);
	bh_fd_done(&d->out);
	bh_region_done(&d->context);
	bh_region_done(&d->results);
}

/* Of a process from /proc/PID/stat: "PID (name) state parent …". */
static pid_t parent_of(pid_t pid)
{
	char path[64], text[512];
	int parent = -1;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return -1;
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	const char *after = strrchr(text, ')');
	if (!after || sscanf(after, ") %*c %d", &parent) != 1)
		return -1;
	return parent;
}

/* The only child of `parent`. */
static pid_t child_of(pid_t parent)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t found = -1;

	ck_assert_ptr_nonnull(proc);
	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		if (!isdigit((unsigned char)entry->d_name[0]) || parent_of(pid) != parent)
			continue;
		ck_assert_msg(found < 0, "%d has more than one child", parent);
		found = pid;
	}
	closedir(proc);
	ck_assert_msg(found > 0, "%d has no child", parent);
	return found;
}

static int compare(const void *a, const void *b)
{
	return ((const struct descriptor *)a)->number - ((const struct descriptor *)b)->number;
}

/* False where this user may not look. */
static bool list(pid_t pid, struct listing *ret)
{
	char path[64];
	struct dirent *entry;

	ret->n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	DIR *fds = opendir(path);
	if (!fds)
		return false;
	while ((entry = readdir(fds))) {
		struct descriptor *item = &ret->items[ret->n];
		if (entry->d_name[0] == '.')
			continue;
		ck_assert_uint_lt(ret->n, MAX_FDS);
		item->number = atoi(entry->d_name);
		ssize_t n =
		        readlinkat(dirfd(fds), entry->d_name, item->what, sizeof(item->what) - 1);
		if (n < 0) /* closed since */
			continue;
		item->what[n] = '\0';
		ret->n++;
	}
	closedir(fds);
	qsort(ret->items, ret->n, sizeof(ret->items[0]), compare);
	return true;
}

/* While the handler's loader works, it has a library open, or the list of them. */
static bool is_loading(const struct listing *seen)
{
	return seen->n > 0 && fnmatch("*.so*", seen->items[seen->n - 1].what, 0) == 0;
}

static void check_handler(const struct listing *seen)
{
	static const struct {
		const char *what;
		const char *why;
	} rows[] = { { "/dev/null", "opened anew for each handler" },
		     { "pipe:*", "standard output" },
		     { "pipe:*", "standard error" },
		     { "/memfd:bulkhead-context*", "sealed" },
		     { "/memfd:bulkhead-results*", "of a sealed size" } };

	ck_assert_uint_eq(seen->n, BH_COUNT_OF(rows));
	for (size_t i = 0; i < seen->n; i++) {
		ck_assert_int_eq(seen->items[i].number, (int)i);
		ck_assert_msg(fnmatch(rows[i].what, seen->items[i].what, 0) == 0,
		              "%zu is %s, expected %s", i, seen->items[i].what, rows[i].what);
	}
}

/* Launcher and reaper: at most so many of each. */
struct row {
	const char *what;
	size_t most;
	const char *why;
};
static const struct row rows[] = {
	{ "/dev/null", 3, "0 to 2 of the launcher" },
	{ "socket:*", 1, "to the supervisor" },
	{ "anon_inode:?signalfd?", 1, "the ends of reapers" },
	{ "anon_inode:?eventfd?", 1, "the ends of batches whose reapers stay" },
	{ "/proc/sys/kernel/ns_last_pid", 1, "for them to count anew" },
	{ "anon_inode:?landlock-ruleset?", 1, "what each handler restricts itself by" },
	{ "*/handler/sleep", 1, "what is executed" },
	{ "*/bulkhead-*/slot*", MAX_SLOTS *(TREES + 6), "limits and counters of slots" },
	{ "*/bulkhead-*", TREES, "to make and remove cgroups of slots in" },
	{ "/memfd:bulkhead-context*", 1, "of the running batch" },
	{ "/memfd:bulkhead-results*", 1, "of the running batch" },
	{ "pipe:*", 2, "of the running batch" },
	{ "anon_inode:?pidfd?", 1, "to signal the running handler" },
	{ "mnt:*", 1, "keeps the batch's mounts until its end was told" },
	{ "/*", TREES, "where cgroups are made" },
};

static void check_launcher(const struct listing *seen)
{
	size_t counts[BH_COUNT_OF(rows)] = { 0 };

	for (size_t i = 0; i < seen->n; i++) {
		size_t at = 0;
		while (at < BH_COUNT_OF(rows) &&
		       fnmatch(rows[at].what, seen->items[i].what, 0) != 0)
			at++;
		ck_assert_msg(at < BH_COUNT_OF(rows), "%d is %s: unexplained",
		              seen->items[i].number, seen->items[i].what);
		ck_assert_msg(++counts[at] <= rows[at].most, "%d is one more %s than for: %s",
		              seen->items[i].number, seen->items[i].what, rows[at].why);
	}
}

/* The last row would explain any file: what it takes has to be a cgroup's folder. */
static void check_folders(pid_t pid, const struct listing *seen)
{
	for (size_t i = 0; i < seen->n; i++) {
		char path[64];
		struct statfs info;
		size_t at = 0;
		while (fnmatch(rows[at].what, seen->items[i].what, 0) != 0)
			at++;
		if (at + 1 < BH_COUNT_OF(rows))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, seen->items[i].number);
		ck_assert_int_eq(statfs(path, &info), 0);
		ck_assert_msg(info.f_type == CGROUP_SUPER_MAGIC ||
		                      info.f_type == CGROUP2_SUPER_MAGIC,
		              "%s is no cgroup", seen->items[i].what);
	}
}

START_TEST(a_handler_has_descriptors_0_to_4)
{
	struct listing seen;
	struct driver d;

	start_waiting(&d);
	pid_t handler = child_of(child_of(child_of(getpid())));
	do
		ck_assert(list(handler, &seen));
	while (is_loading(&seen));
	check_handler(&seen);
	end(&d);
}
END_TEST

START_TEST(launcher_and_reaper_have_nothing_unexplained)
{
	struct listing launchers, reapers;
	struct driver d;

	start_waiting(&d);
	pid_t launcher = child_of(getpid());
	pid_t reaper = child_of(launcher);
	if (list(launcher, &launchers) && list(reaper, &reapers)) {
		check_launcher(&launchers);
		check_launcher(&reapers);
		check_folders(launcher, &launchers);
	} else {
		printf("NOT RUN: descriptors of launcher and reaper: only root sees them\n");
	}
	end(&d);
}
END_TEST

START_TEST(a_launcher_keeps_no_descriptor_of_a_batch_that_ended)
{
	struct listing before, after;
	static const char *const args[] = { "0", NULL };
	struct bh_sandbox_options options = driver_options("/usr/bin/sleep", args);
	struct driver d;

	driver_start(&d, &options);
	pid_t launcher = child_of(getpid());
	if (!list(launcher, &before)) {
		printf("NOT RUN: descriptors of an idle launcher: only root sees them\n");
		bh_sandbox_free(d.sandbox);
		return;
	}
	bool reapers_stay = access("/proc/sys/kernel/ns_last_pid", W_OK) == 0;
	for (int round = 0; round < 3; round++) {
		for (uint32_t id = 0; id < 2; id++) {
			driver_spawn(&d, id);
			driver_finish(&d);
		}
		/* one listener less, which was given away, and, where reapers don't stay,
		 * a mount namespace more of each slot's next one; what a batch had is let
		 * go of after its end was told */
		size_t expected = before.n - 1 + (reapers_stay ? 0 : 2);
		for (int i = 0; i < 10000; i++) {
			ck_assert(list(launcher, &after));
			if (after.n == expected)
				break;
			usleep(1000);
		}
		ck_assert_uint_eq(after.n, expected);
	}
	bh_sandbox_free(d.sandbox);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("descriptors");
	TCase *tests = tcase_create("descriptors");

	tcase_add_test(tests, a_handler_has_descriptors_0_to_4);
	tcase_add_test(tests, launcher_and_reaper_have_nothing_unexplained);
	tcase_add_test(tests, a_launcher_keeps_no_descriptor_of_a_batch_that_ended);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
