/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups of both versions on made-up trees: where they are looked for, what is
 * written to them and read from them. */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/cgroup.h"
#include "sandbox/cgroup_place.h"
#include "tests/check.h"

static char root[PATH_MAX];

static void make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/bulkhead-cgroup-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void remove_root(void)
{
	char command[PATH_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	ck_assert_int_eq(system(command), 0);
}

/* Writes a file below the root, and makes the directories above it. */
static void put(const char *path, const char *text)
{
	char whole[2 * PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(whole, 0755);
		*at = '/';
	}
	FILE *file = fopen(whole, "we");
	ck_assert_msg(file != NULL, "%s", whole);
	fputs(text, file);
	fclose(file);
}

static const char *get(const char *path)
{
	static char text[1024];
	char whole[2 * PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	FILE *file = fopen(whole, "re");
	if (!file)
		return "none";
	size_t n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	fclose(file);
	return text;
}

static int open_dir(const char *path)
{
	char whole[2 * PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	int fd = open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static int open_file(const char *path)
{
	char whole[2 * PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	int fd = open(whole, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool exists(const char *path)
{
	char whole[2 * PATH_MAX];

	snprintf(whole, sizeof(whole), "%s%s", root, path);
	return access(whole, F_OK) == 0;
}

/* ---- where ---- */

#define V2_MOUNT "30 22 0:24 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNT(id, shown, at, options) \
#id " 30 0:" #id " " shown " " at " rw,relatime - cgroup cgroup rw," options "\n"

static const struct {
	const char *why;
	const char *membership;
	const char *mounts;
	const char *controller;
	const char *own; /* NULL: none */
	const char *top;
} places[] = {
	{ "version 2", "0::/user.slice/a.scope\n", V2_MOUNT, NULL,
	  "/sys/fs/cgroup/user.slice/a.scope", "/sys/fs/cgroup" },
	{ "version 2, at the top", "0::/\n", V2_MOUNT, NULL, "/sys/fs/cgroup", "/sys/fs/cgroup" },
	{ "version 1", "4:memory:/a\n0::/\n", V1_MOUNT(33, "/", "/cg/memory", "memory"), "memory",
	  "/cg/memory/a", "/cg/memory" },
	{ "version 1, two controllers in one", "2:cpu,cpuacct:/a\n",
	  V1_MOUNT(33, "/", "/cg/cpu", "cpu,cpuacct"), "cpuacct", "/cg/cpu/a", "/cg/cpu" },
	{ "a name that another begins with", "2:cpuacct:/a\n",
	  V1_MOUNT(33, "/", "/cg/cpuacct", "cpuacct"), "cpu", NULL, NULL },
	{ "not the first mount", "4:memory:/a\n7:pids:/b\n",
	  V1_MOUNT(33, "/", "/cg/memory", "memory") V1_MOUNT(34, "/", "/cg/pids", "pids"), "pids",
	  "/cg/pids/b", "/cg/pids" },
	{ "a mount that begins below the top", "4:memory:/docker/abc/x\n",
	  V1_MOUNT(33, "/docker/abc", "/cg/memory", "memory"), "memory", "/cg/memory/x",
	  "/cg/memory" },
	{ "a mount that begins at the own cgroup", "4:memory:/docker/abc\n",
	  V1_MOUNT(33, "/docker/abc", "/cg/memory", "memory"), "memory", "/cg/memory",
	  "/cg/memory" },
	{ "a mount of another part", "4:memory:/docker/abcd\n",
	  V1_MOUNT(33, "/docker/abc", "/cg/memory", "memory"), "memory", NULL, NULL },
	{ "outside of the cgroup namespace", "0::/../other\n", V2_MOUNT, NULL, NULL, NULL },
	{ "a space in the mount point", "4:memory:/a\n", V1_MOUNT(33, "/", "/c\\040g", "memory"),
	  "memory", "/c g/a", "/c g" },
	{ "no version 2", "4:memory:/a\n", V1_MOUNT(33, "/", "/cg/memory", "memory"), NULL, NULL,
	  NULL },
	{ "version 2 is not a controller", "0::/a\n", V2_MOUNT, "memory", NULL, NULL },
	{ "nothing mounted", "4:memory:/a\n0::/a\n", "", "memory", NULL, NULL },
	{ "empty files", "", "", "memory", NULL, NULL },
	{ "lines of no use", "4\n4:memory\n::\n", "- - -\n30 22\n\n", "memory", NULL, NULL },
};

START_TEST(a_place_is_found_where_it_is_mounted)
{
	struct bh_cgroup_place place;

	put("/proc/self/cgroup", places[_i].membership);
	put("/proc/self/mountinfo", places[_i].mounts);
	bool found = bh_cgroup_place_find(root, places[_i].controller, &place);

	ck_assert_msg(found == (places[_i].own != NULL), "%s", places[_i].why);
	if (!found)
		return;
	ck_assert_str_eq(place.own + strlen(root), places[_i].own);
	ck_assert_str_eq(place.top + strlen(root), places[_i].top);
}
END_TEST

START_TEST(no_files_are_no_place)
{
	struct bh_cgroup_place place;

	ck_assert(!bh_cgroup_place_find(root, NULL, &place));
}
END_TEST

/* ---- version 2 ---- */

static struct bh_limits limits(void)
{
	struct bh_limits ret = BH_LIMITS_DEFAULT;

	ret.memory_bytes = 1 << 20;
	ret.cpu_time_us = 5000000;
	return ret;
}

static void put_v2(const char *own, const char *enabled)
{
	char path[PATH_MAX];

	put("/proc/self/cgroup", own);
	put("/proc/self/mountinfo", V2_MOUNT);
	put("/sys/fs/cgroup/cgroup.subtree_control", "memory pids\n");
	put("/sys/fs/cgroup/user.slice/cgroup.subtree_control", enabled);
	snprintf(path, sizeof(path), "/sys/fs/cgroup/user.slice/a.scope/cgroup.procs");
	put(path, "1\n");
}

START_TEST(version_2_is_planted_beside_the_own_cgroup)
{
	struct bh_cgroup cgroup;
	struct bh_limits given = limits();
	char path[PATH_MAX];

	put_v2("0::/user.slice/a.scope\n", "cpu memory pids\n");
	bh_cgroup_find(root, 77, &given, &cgroup);

	ck_assert_uint_eq(cgroup.n_trees, 1);
	ck_assert_ptr_eq(cgroup.trees[0].version, &bh_cgroup_v2);
	snprintf(path, sizeof(path), "/sys/fs/cgroup/user.slice/%s", cgroup.name);
	ck_assert_int_eq(strncmp(cgroup.name, "bulkhead-77-", 12), 0);
	ck_assert(exists(path));
	bh_cgroup_done(&cgroup);
	ck_assert(!exists(path));
}
END_TEST

START_TEST(version_2_turns_on_what_is_lacking)
{
	struct bh_cgroup cgroup;
	struct bh_limits given = limits();

	put_v2("0::/user.slice/a.scope\n", "memory\n");
	bh_cgroup_find(root, 77, &given, &cgroup);

	/* a plain file keeps what was written last */
	ck_assert_int_eq(
	        strncmp(get("/sys/fs/cgroup/user.slice/cgroup.subtree_control"), "+pids", 5), 0);
	bh_cgroup_done(&cgroup);
}
END_TEST

START_TEST(what_no_version_has_is_told)
{
	struct bh_cgroup cgroup;
	struct bh_limits given = limits();

	put("/proc/self/cgroup", "0::/a\n");
	put("/proc/self/mountinfo", V2_MOUNT);
	put("/sys/fs/cgroup/a/cgroup.procs", "1\n");
	bh_cgroup_find(root, 77, &given, &cgroup);

	ck_assert_uint_eq(cgroup.n_trees, 0);
	ck_assert_uint_eq(cgroup.controllers, 0);
	ck_assert_ptr_nonnull(strstr(cgroup.missing, "version 2: no memory and pids controllers"));
	ck_assert_ptr_nonnull(strstr(cgroup.missing, "version 1: no memory controller"));
}
END_TEST

/* ---- version 1 ---- */

START_TEST(version_1_is_planted_below_each_own_cgroup)
{
	struct bh_cgroup cgroup;
	struct bh_limits given = limits();
	char path[PATH_MAX];

	put("/proc/self/cgroup", "4:memory:/m\n8:pids:/\n2:cpu,cpuacct:/c\n");
	put("/proc/self/mountinfo",
	    V1_MOUNT(33, "/", "/cg/memory", "memory") V1_MOUNT(34, "/", "/cg/pids", "pids")
	            V1_MOUNT(35, "/", "/cg/cpu", "cpu,cpuacct"));
	put("/cg/memory/m/cgroup.procs", "");
	put("/cg/pids/cgroup.procs", "");
	put("/cg/cpu/c/cgroup.procs", "");
	bh_cgroup_find(root, 5, &given, &cgroup);

	ck_assert_str_eq(cgroup.missing, "");
	ck_assert_uint_eq(cgroup.n_trees, 3);
	ck_assert_uint_eq(cgroup.controllers, 7);
	snprintf(path, sizeof(path), "/cg/memory/m/%s", cgroup.name);
	ck_assert(exists(path));
	snprintf(path, sizeof(path), "/cg/cpu/c/%s", cgroup.name);
	ck_assert(exists(path));
	bh_cgroup_done(&cgroup);
	ck_assert(!exists(path));
}
END_TEST

START_TEST(controllers_of_one_hierarchy_share_a_directory)
{
	struct bh_cgroup cgroup;
	struct bh_limits given = limits();

	put("/proc/self/cgroup", "4:memory,pids:/m\n");
	put("/proc/self/mountinfo", V1_MOUNT(33, "/", "/cg/both", "memory,pids"));
	put("/cg/both/m/cgroup.procs", "");
	bh_cgroup_find(root, 5, &given, &cgroup);

	ck_assert_uint_eq(cgroup.n_trees, 1);
	ck_assert_uint_eq(cgroup.controllers,
	                  BH_CGROUP_BIT(BH_CGROUP_MEMORY) | BH_CGROUP_BIT(BH_CGROUP_PIDS));
	ck_assert_ptr_nonnull(strstr(cgroup.missing, "cpuacct"));
	bh_cgroup_done(&cgroup);
}
END_TEST

/* ---- writing ---- */

START_TEST(limits_are_written_as_each_version_has_them)
{
	const struct bh_cgroup_limits given = { .memory_bytes = 1048576, .pids = 257 };
	struct bh_error err;

	put("/1/memory.limit_in_bytes", "");
	put("/1/memory.memsw.limit_in_bytes", "");
	put("/1/memory.swappiness", "60");
	put("/1/pids.max", "");
	BH_CLEANUP(bh_fd_done) int one = open_dir("/1");
	ck_assert_int_eq(bh_cgroup_set(&bh_cgroup_v1, one, 7, &given, &err), 0);
	ck_assert_str_eq(get("/1/memory.limit_in_bytes"), "1048576");
	ck_assert_str_eq(get("/1/memory.memsw.limit_in_bytes"), "1048576");
	ck_assert_str_eq(get("/1/memory.swappiness"), "60");
	ck_assert_str_eq(get("/1/pids.max"), "257");

	put("/2/memory.max", "");
	put("/2/memory.swap.max", "");
	put("/2/memory.oom.group", "");
	put("/2/pids.max", "");
	BH_CLEANUP(bh_fd_done) int two = open_dir("/2");
	ck_assert_int_eq(bh_cgroup_set(&bh_cgroup_v2, two, 7, &given, &err), 0);
	ck_assert_str_eq(get("/2/memory.max"), "1048576");
	ck_assert_str_eq(get("/2/memory.swap.max"), "0");
	ck_assert_str_eq(get("/2/memory.oom.group"), "1");
	ck_assert_str_eq(get("/2/pids.max"), "257");
}
END_TEST

START_TEST(without_accounts_of_swap_nothing_is_swapped_by_choice)
{
	const struct bh_cgroup_limits given = { .memory_bytes = 1048576, .pids = 257 };
	struct bh_error err;

	put("/1/memory.limit_in_bytes", "");
	put("/1/memory.swappiness", "");
	BH_CLEANUP(bh_fd_done) int dir = open_dir("/1");
	ck_assert_int_eq(
	        bh_cgroup_set(&bh_cgroup_v1, dir, BH_CGROUP_BIT(BH_CGROUP_MEMORY), &given, &err),
	        0);
	ck_assert_str_eq(get("/1/memory.swappiness"), "0");
}
END_TEST

START_TEST(no_limit_writes_nothing)
{
	const struct bh_cgroup_limits given = { .memory_bytes = BH_UNLIMITED,
		                                .pids = BH_UNLIMITED };
	struct bh_error err;

	put("/1/memory.limit_in_bytes", "as it was");
	put("/1/pids.max", "max");
	BH_CLEANUP(bh_fd_done) int dir = open_dir("/1");
	ck_assert_int_eq(bh_cgroup_set(&bh_cgroup_v1, dir, 7, &given, &err), 0);
	ck_assert_str_eq(get("/1/memory.limit_in_bytes"), "as it was");
	ck_assert_str_eq(get("/1/pids.max"), "max");
}
END_TEST

START_TEST(a_limit_that_can_not_be_set_is_an_error)
{
	const struct bh_cgroup_limits given = { .memory_bytes = 1048576, .pids = 257 };
	struct bh_error err;

	put("/1/memory.swappiness", "");
	BH_CLEANUP(bh_fd_done) int dir = open_dir("/1");
	ck_assert_int_eq(bh_cgroup_set(&bh_cgroup_v1, dir, 7, &given, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "memory.limit_in_bytes"));
}
END_TEST

/* ---- reading ---- */

static bool count(const struct bh_cgroup_version *version, const char *oom, const char *pids,
                  const char *times, uint64_t ret[BH_CGROUP_COUNTS])
{
	put("/oom", oom);
	put("/pids", pids);
	put("/time", times);
	int files[BH_CGROUP_FILES] = { [BH_CGROUP_FILE_OOM] = open_file("/oom"),
		                       [BH_CGROUP_FILE_PEAK] = -1,
		                       [BH_CGROUP_FILE_PIDS] = open_file("/pids"),
		                       [BH_CGROUP_FILE_TIME] = open_file("/time") };
	bool whole = bh_cgroup_count(version, files, ret);
	for (size_t i = 0; i < BH_CGROUP_FILES; i++)
		bh_fd_done(&files[i]);
	return whole;
}

START_TEST(counts_of_both_versions_are_the_same_counts)
{
	uint64_t one[BH_CGROUP_COUNTS] = { 0 }, two[BH_CGROUP_COUNTS] = { 0 };

	ck_assert(count(&bh_cgroup_v1, "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "max 4\n",
	                "5000000\n", one));
	ck_assert(count(&bh_cgroup_v2,
	                "low 0\nhigh 0\nmax 9\noom 1\noom_kill 3\noom_group_kill 1\n", "max 4\n",
	                "usage_usec 5000\nuser_usec 2000\nsystem_usec 3000\n", two));
	ck_assert_uint_eq(one[BH_CGROUP_OOM_KILLS], 3);
	ck_assert_uint_eq(two[BH_CGROUP_OOM_KILLS], 3);
	ck_assert_uint_eq(two[BH_CGROUP_OOMS], 1);
	ck_assert_uint_eq(one[BH_CGROUP_PIDS_HITS], 4);
	ck_assert_uint_eq(two[BH_CGROUP_PIDS_HITS], 4);
	ck_assert_uint_eq(one[BH_CGROUP_TIME_NS], 5000000);
	ck_assert_uint_eq(two[BH_CGROUP_TIME_NS], 5000000);
	ck_assert_uint_eq(two[BH_CGROUP_USER_NS], 2000000);
	ck_assert_uint_eq(two[BH_CGROUP_SYSTEM_NS], 3000000);
}
END_TEST

static const struct {
	const char *why;
	const char *oom, *pids, *times;
} unreadable[] = {
	{ "a key is missing", "oom_kill_disable 0\n", "max 0\n", "1\n" },
	{ "no number", "oom_kill x\n", "max 0\n", "1\n" },
	{ "more than a number", "oom_kill 1x\n", "max 0\n", "1\n" },
	{ "a number that is too large", "oom_kill 1\n", "max 0\n", "99999999999999999999999\n" },
	{ "an empty file", "oom_kill 1\n", "", "1\n" },
};

START_TEST(what_is_no_count_is_refused)
{
	uint64_t counts[BH_CGROUP_COUNTS];

	ck_assert_msg(!count(&bh_cgroup_v1, unreadable[_i].oom, unreadable[_i].pids,
	                     unreadable[_i].times, counts),
	              "%s", unreadable[_i].why);
}
END_TEST

/* ---- a whole batch, version 2 in plain files ---- */

/* What the kernel makes with a cgroup, a test has to make. */
static void fill_slot(const char *dir)
{
	static const struct {
		const char *file, *text;
	} files[] = {
		{ "memory.max", "max" },
		{ "memory.swap.max", "max" },
		{ "memory.oom.group", "0" },
		{ "memory.events", "oom 1\noom_kill 2\n" },
		{ "memory.peak", "4096\n" },
		{ "pids.max", "max" },
		{ "pids.events", "max 3\n" },
		{ "pids.current", "4\n" },
		{ "cpu.stat", "usage_usec 1000000\nuser_usec 600000\nsystem_usec 400000\n" },
		{ "cgroup.procs", "" },
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < BH_COUNT_OF(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i].file);
		put(path, files[i].text);
	}
}

START_TEST(evidence_is_what_came_since_the_begin)
{
	struct bh_cgroup cgroup;
	struct bh_cgroup_slot slot = { .open = false };
	struct bh_cgroup_usage usage;
	struct bh_limits given = limits();
	struct bh_error err;
	char dir[512], path[1024];

	put_v2("0::/user.slice/a.scope\n", "memory pids\n");
	bh_cgroup_find(root, 77, &given, &cgroup);
	cgroup.controllers = cgroup.trees[0].controllers = 7; /* our own has none to show */
	snprintf(dir, sizeof(dir), "/sys/fs/cgroup/user.slice/%s/slot3", cgroup.name);
	fill_slot(dir);
	ck_assert_int_eq(bh_cgroup_slot_open(&cgroup, &slot, 3, &err), 0);
	ck_assert_int_eq(bh_cgroup_begin(&cgroup, &slot, &err), 0);
	snprintf(path, sizeof(path), "%s/memory.max", dir);
	ck_assert_str_eq(get(path), "1048576");
	ck_assert_uint_lt(slot.check_us, UINT64_MAX);

	/* 2 s of 5 */
	snprintf(path, sizeof(path), "%s/cpu.stat", dir);
	put(path, "usage_usec 3000000\nuser_usec 1600000\nsystem_usec 1400000\n");
	ck_assert(!bh_cgroup_cpu_is_exceeded(&cgroup, &slot, 1000));
	ck_assert_uint_eq(slot.check_us, 1000 + 3000000 / cgroup.cpus);
	/* a hair less than all of it: 10 ms at least */
	put(path, "usage_usec 5999999\nuser_usec 1600000\nsystem_usec 1400000\n");
	ck_assert(!bh_cgroup_cpu_is_exceeded(&cgroup, &slot, 1000));
	ck_assert_uint_eq(slot.check_us, 1000 + 10000);
	put(path, "usage_usec 6000000\nuser_usec 3600000\nsystem_usec 2400000\n");
	ck_assert(bh_cgroup_cpu_is_exceeded(&cgroup, &slot, 1000));
	ck_assert(slot.cpu_exceeded);

	snprintf(path, sizeof(path), "%s/memory.events", dir);
	put(path, "oom 2\noom_kill 6\n");
	snprintf(path, sizeof(path), "%s/pids.events", dir);
	put(path, "max 10\n");
	bh_cgroup_end(&cgroup, &slot, false, &usage);
	ck_assert_uint_eq(usage.oom_kills, 4);
	ck_assert_uint_eq(usage.host_kills, 0);
	ck_assert_uint_eq(usage.pids_hits, 7);
	ck_assert_uint_eq(usage.time_us, 5000000);
	ck_assert_uint_eq(usage.user_us, 3000000);
	ck_assert_uint_eq(usage.system_us, 2000000);
	ck_assert_int_eq(bh_cgroup_tasks(&cgroup, &slot), 4);

	/* the next batch begins where this one ended, whatever was done meanwhile */
	bh_cgroup_rest(&cgroup, &slot);
	ck_assert_int_eq(bh_cgroup_begin(&cgroup, &slot, &err), 0);
	ck_assert(!slot.cpu_exceeded);
	put(path, "max 12\n");
	bh_cgroup_end(&cgroup, &slot, false, &usage);
	ck_assert_uint_eq(usage.oom_kills, 0);
	ck_assert_uint_eq(usage.pids_hits, 2);
	ck_assert_uint_eq(usage.time_us, 0);

	bh_cgroup_slot_done(&cgroup, &slot);
	ck_assert_int_eq(bh_cgroup_tasks(&cgroup, &slot), -1);
	bh_cgroup_done(&cgroup);
}
END_TEST

/* ---- directories ---- */

START_TEST(a_directory_whose_maker_is_gone_is_removed_and_no_other)
{
	struct bh_error err;
	char name[BH_CGROUP_NAME_SIZE], path[PATH_MAX];
	int held = -1;

	put("/cg/bulkhead-1-dead/slot0/x", "");
	put("/cg/else/slot0/x", "");
	unlinkat(open_dir("/cg/bulkhead-1-dead/slot0"), "x", 0);
	BH_CLEANUP(bh_fd_done) int parent = open_dir("/cg");
	ck_assert_int_eq(bh_cgroup_dir_name(9, name, &err), 0);
	ck_assert_int_eq(bh_cgroup_dir_make(parent, name, &held, &err), 0);
	snprintf(path, sizeof(path), "/cg/%s", name);

	bh_cgroup_dir_remove_stale(parent);
	ck_assert(!exists("/cg/bulkhead-1-dead"));
	ck_assert(exists("/cg/else"));
	ck_assert(exists(path));

	bh_fd_done(&held);
	bh_cgroup_dir_remove_stale(parent);
	ck_assert(!exists(path));
}
END_TEST

/* Makes directories and removes those of others that are gone, as launchers do that
 * start together. Nobody may remove one that is held. */
static void make_and_remove(int parent, unsigned int owner)
{
	for (int i = 0; i < 1000; i++) {
		struct bh_error err = BH_ERROR_UNSET;
		char name[BH_CGROUP_NAME_SIZE];
		struct stat info, named;
		BH_CLEANUP(bh_fd_done) int held = -1;

		ck_assert_int_eq(bh_cgroup_dir_name(owner, name, &err), 0);
		int r = bh_cgroup_dir_make(parent, name, &held, &err);
		if (r == -EAGAIN) /* so many others are about that it gave up */
			continue;
		ck_assert_msg(r == 0, "%s", err.text);
		bh_cgroup_dir_remove_stale(parent);
		ck_assert_int_eq(fstatat(parent, name, &named, 0), 0);
		ck_assert_int_eq(fstat(held, &info), 0);
		ck_assert_uint_eq(info.st_ino, named.st_ino);
	}
}

START_TEST(launchers_that_start_together_keep_their_directories)
{
	pid_t pids[8];

	put("/cg/else/x", "");
	BH_CLEANUP(bh_fd_done) int parent = open_dir("/cg");
	for (unsigned int i = 0; i < BH_COUNT_OF(pids); i++) {
		pids[i] = check_fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0) {
			make_and_remove(parent, i);
			_exit(EXIT_SUCCESS);
		}
	}
	for (size_t i = 0; i < BH_COUNT_OF(pids); i++) {
		int status;
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cgroup");
	TCase *tcase = tcase_create("trees");

	tcase_add_checked_fixture(tcase, make_root, remove_root);
	tcase_add_loop_test(tcase, a_place_is_found_where_it_is_mounted, 0, BH_COUNT_OF(places));
	tcase_add_test(tcase, no_files_are_no_place);
	tcase_add_test(tcase, version_2_is_planted_beside_the_own_cgroup);
	tcase_add_test(tcase, version_2_turns_on_what_is_lacking);
	tcase_add_test(tcase, what_no_version_has_is_told);
	tcase_add_test(tcase, version_1_is_planted_below_each_own_cgroup);
	tcase_add_test(tcase, controllers_of_one_hierarchy_share_a_directory);
	tcase_add_test(tcase, limits_are_written_as_each_version_has_them);
	tcase_add_test(tcase, without_accounts_of_swap_nothing_is_swapped_by_choice);
	tcase_add_test(tcase, no_limit_writes_nothing);
	tcase_add_test(tcase, a_limit_that_can_not_be_set_is_an_error);
	tcase_add_test(tcase, counts_of_both_versions_are_the_same_counts);
	tcase_add_loop_test(tcase, what_is_no_count_is_refused, 0, BH_COUNT_OF(unreadable));
	tcase_add_test(tcase, evidence_is_what_came_since_the_begin);
	tcase_add_test(tcase, a_directory_whose_maker_is_gone_is_removed_and_no_other);
	tcase_add_test(tcase, launchers_that_start_together_keep_their_directories);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
