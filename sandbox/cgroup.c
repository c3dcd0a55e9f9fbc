/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/cgroup_place.h"
#include "sandbox/rawcall.h"

#define LEAST_CHECK_US 10000 /* between two looks at a batch's CPU time */

/* A killed process leaves its cgroup when it has ended. */
#define EMPTY_TRIES    100
#define EMPTY_PAUSE_NS (1000 * 1000)

/* ---- finding ---- */

__attribute__((format(printf, 2, 3))) static void add_missing(struct bh_cgroup *cgroup,
                                                              const char *format, ...)
{
	size_t used = strlen(cgroup->missing);
	va_list args;

	if (used > 0 && used + 2 < sizeof(cgroup->missing)) {
		memcpy(cgroup->missing + used, "; ", 3);
		used += 2;
	}
	va_start(args, format);
	if (vsnprintf(cgroup->missing + used, sizeof(cgroup->missing) - used, format, args) < 0)
		cgroup->missing[used] = '\0';
	va_end(args);
}

/* Makes our directory in `parent`, which is the caller's and taken on success. */
static int plant(struct bh_cgroup *cgroup, struct bh_cgroup_tree tree, int *parent,
                 struct bh_error *err)
{
	bh_cgroup_dir_remove_stale(*parent);
	int r = bh_cgroup_dir_make(*parent, cgroup->name, &tree.dir, err);
	if (r < 0)
		return r;
	tree.parent = BH_TAKE(*parent, -1);
	cgroup->controllers |= tree.controllers;
	cgroup->trees[cgroup->n_trees++] = tree;
	cgroup->n_used = cgroup->n_trees;
	return 0;
}

static bool list_has_word(const char *list, const char *word)
{
	size_t size = strlen(word);

	for (const char *at = list; *at; at += strcspn(at, " \n")) {
		at += strspn(at, " \n");
		if (strncmp(at, word, size) == 0 && strchr(" \n", at[size]))
			return true;
	}
	return false;
}

/* Which controllers (bits) a cgroup gives to those below it. Turns on what is
 * not, which the kernel refuses where processes are in it. */
static unsigned int enable_below(int dir)
{
	static const enum bh_cgroup_controller wanted[] = { BH_CGROUP_MEMORY, BH_CGROUP_PIDS };
	BH_CLEANUP(bh_fd_done)
	int fd = openat(dir, "cgroup.subtree_control", O_RDWR | O_CLOEXEC);
	BH_CLEANUP(bh_fd_done)
	int readable = openat(dir, "cgroup.subtree_control", O_RDONLY | O_CLOEXEC);
	unsigned int enabled = 0;
	char list[512], order[16];

	for (size_t i = 0; i < BH_COUNT_OF(wanted); i++) {
		const char *name = bh_cgroup_v2.controllers[wanted[i]];
		ssize_t n = pread(readable, list, sizeof(list) - 1, 0);
		list[n > 0 ? n : 0] = '\0';
		int size = snprintf(order, sizeof(order), "+%s", name);
		if (list_has_word(list, name) ||
		    (fd >= 0 && write(fd, order, (size_t)size) == size))
			enabled |= BH_CGROUP_BIT(wanted[i]);
	}
	return enabled;
}

/* A version 2 directory below `path`, beside the own cgroup and never below one
 * with processes, which the kernel would not let have controllers. */
static int plant_v2(struct bh_cgroup *cgroup, const char *path, struct bh_error *err)
{
	struct bh_cgroup_tree tree = { .version = &bh_cgroup_v2 };

	BH_CLEANUP(bh_fd_done) int parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return bh_fail(err, errno, "open a cgroup");
	if (enable_below(parent) == 0)
		return bh_fail_plain(err, ENOTSUP, "no memory and pids controllers to be had");
	int r = plant(cgroup, tree, &parent, err);
	if (r < 0)
		return r;
	struct bh_cgroup_tree *planted = &cgroup->trees[cgroup->n_trees - 1];
	planted->controllers = enable_below(planted->dir) | BH_CGROUP_BIT(BH_CGROUP_CPU);
	cgroup->controllers |= planted->controllers;
	return 0;
}

static void find_v2(struct bh_cgroup *cgroup, const char *root)
{
	struct bh_error error = BH_ERROR_UNSET;
	struct bh_cgroup_place place;

	if (!bh_cgroup_place_find(root, NULL, &place))
		return;
	char *last = strrchr(place.own, '/');
	if (last && strcmp(place.own, place.top) != 0) {
		*last = '\0';
		if (plant_v2(cgroup, place.own, &error) == 0)
			return;
	}
	/* its own parent, where it has one, says best what is lacking */
	bool said = error.code != 0;
	if (plant_v2(cgroup, place.top, said ? NULL : &error) < 0)
		add_missing(cgroup, "version 2: %s", error.text);
}

static bool share_tree(struct bh_cgroup *cgroup, int hierarchy, enum bh_cgroup_controller wanted)
{
	for (size_t i = 0; i < cgroup->n_trees; i++) {
		struct bh_cgroup_tree *tree = &cgroup->trees[i];
		if (tree->version != &bh_cgroup_v1 || tree->hierarchy != hierarchy)
			continue;
		tree->controllers |= BH_CGROUP_BIT(wanted);
		cgroup->controllers |= BH_CGROUP_BIT(wanted);
		return true;
	}
	return false;
}

static void find_v1(struct bh_cgroup *cgroup, const char *root, enum bh_cgroup_controller wanted)
{
	const char *name = bh_cgroup_v1.controllers[wanted];
	struct bh_error error = BH_ERROR_UNSET;
	struct bh_cgroup_place place;

	if (!bh_cgroup_place_find(root, name, &place)) {
		add_missing(cgroup, "version 1: no %s controller mounted", name);
		return;
	}
	if (share_tree(cgroup, place.hierarchy, wanted))
		return;
	struct bh_cgroup_tree tree = { .version = &bh_cgroup_v1,
		                       .hierarchy = place.hierarchy,
		                       .controllers = BH_CGROUP_BIT(wanted) };
	BH_CLEANUP(bh_fd_done) int parent = open(place.own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = parent < 0 ? bh_fail(&error, errno, "open a cgroup")
	                   : plant(cgroup, tree, &parent, &error);
	if (r < 0)
		add_missing(cgroup, "version 1, %s: %s", name, error.text);
}

/* A batch with few threads can't use more CPUs than that. */
static unsigned int usable_cpus(uint64_t pids)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int cpus = online > 0 ? (unsigned int)online : 1;

	return pids < cpus && pids > 0 ? (unsigned int)pids : cpus;
}

void bh_cgroup_find(const char *root, unsigned int owner, const struct bh_limits *limits,
                    struct bh_cgroup *ret)
{
	struct bh_error error = BH_ERROR_UNSET;
	uint64_t pids = bh_add_saturated(limits->max_procs, limits->max_threads);

	*ret = (struct bh_cgroup){ .limits = { .memory_bytes = limits->memory_bytes, .pids = pids },
		                   .cpu_time_us = limits->cpu_time_us,
		                   .cpus = usable_cpus(pids) };
	if (bh_cgroup_dir_name(owner, ret->name, &error) < 0) {
		add_missing(ret, "%s", error.text);
		return;
	}
	find_v2(ret, root);
	for (unsigned int i = 0; i < BH_CGROUP_CONTROLLERS; i++)
		if (!(ret->controllers & BH_CGROUP_BIT(i)))
			find_v1(ret, root, (enum bh_cgroup_controller)i);
	if (ret->controllers == BH_CGROUP_BIT(BH_CGROUP_CONTROLLERS) - 1)
		ret->missing[0] = '\0';
}

void bh_cgroup_done(struct bh_cgroup *cgroup)
{
	for (size_t i = 0; i < cgroup->n_trees; i++) {
		bh_cgroup_dir_remove(cgroup->trees[i].parent, cgroup->name);
		bh_fd_done(&cgroup->trees[i].parent);
		bh_fd_done(&cgroup->trees[i].dir);
	}
	cgroup->n_trees = 0;
	cgroup->n_used = 0;
	cgroup->controllers = 0;
}

void bh_cgroup_give_up(struct bh_cgroup *cgroup, const char *why)
{
	cgroup->n_used = 0;
	cgroup->controllers = 0;
	cgroup->missing[0] = '\0';
	add_missing(cgroup, "%s", why);
}

/* ---- a slot's cgroups ---- */

static void slot_name(const struct bh_cgroup_slot *slot, uint32_t id, char ret[32])
{
	if (slot->generation == 0)
		snprintf(ret, 32, "slot%" PRIu32, id);
	else
		snprintf(ret, 32, "slot%" PRIu32 "-%u", id, slot->generation);
}

static int open_file(const struct bh_cgroup_tree *tree, int dir, enum bh_cgroup_file which,
                     int *ret, struct bh_error *err)
{
	const char *name = tree->version->files[which];
	bool is_peak = which == BH_CGROUP_FILE_PEAK;
	bool is_wanted = !is_peak && which != BH_CGROUP_FILE_TASKS;

	*ret = -1;
	if (!(tree->controllers & BH_CGROUP_BIT(tree->version->owners[which])))
		return 0;
	*ret = openat(dir, name, (is_peak ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	/* memory.peak is younger than version 2, and could not be reset at first */
	if (*ret < 0 && is_wanted)
		return bh_fail(err, errno, "open %s of a cgroup", name);
	return 0;
}

static int open_in_tree(const struct bh_cgroup *cgroup, size_t at, struct bh_cgroup_slot *slot,
                        const char *name, struct bh_error *err)
{
	const struct bh_cgroup_tree *tree = &cgroup->trees[at];

	if (mkdirat(tree->dir, name, 0755) < 0 && errno != EEXIST)
		return bh_fail(err, errno, "make cgroup %s", name);
	BH_CLEANUP(bh_fd_done)
	int dir = openat(tree->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return bh_fail(err, errno, "open cgroup %s", name);
	int r = bh_cgroup_set(tree->version, dir, tree->controllers, &cgroup->limits, err);
	for (unsigned int i = 0; r == 0 && i < BH_CGROUP_FILES; i++)
		r = open_file(tree, dir, (enum bh_cgroup_file)i, &slot->files[at][i], err);
	if (r < 0)
		return r;
	slot->joins[at] = openat(dir, tree->version->join, O_WRONLY | O_CLOEXEC);
	return slot->joins[at] < 0
	               ? bh_fail(err, errno, "open %s of cgroup %s", tree->version->join, name)
	               : 0;
}

static void reset_slot(struct bh_cgroup_slot *slot)
{
	*slot = (struct bh_cgroup_slot){ .generation = slot->generation, .check_us = UINT64_MAX };
	for (size_t i = 0; i < BH_CGROUP_TREES; i++) {
		slot->joins[i] = -1;
		for (size_t j = 0; j < BH_CGROUP_FILES; j++)
			slot->files[i][j] = -1;
	}
}

void bh_cgroup_slot_done(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot)
{
	for (size_t i = 0; slot->open && i < cgroup->n_used; i++) {
		bh_fd_done(&slot->joins[i]);
		for (size_t j = 0; j < BH_CGROUP_FILES; j++)
			bh_fd_done(&slot->files[i][j]);
	}
	slot->open = false;
}

int bh_cgroup_slot_open(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot, uint32_t id,
                        struct bh_error *err)
{
	char name[32];
	int r = 0;

	if (cgroup->n_used == 0)
		return 0;
	reset_slot(slot);
	slot->id = id;
	slot->open = true;
	slot_name(slot, id, name);
	for (size_t i = 0; r == 0 && i < cgroup->n_used; i++)
		r = open_in_tree(cgroup, i, slot, name, err);
	if (r < 0)
		bh_cgroup_slot_done(cgroup, slot);
	return r;
}

/* ---- a batch ---- */

static bool read_counts(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot,
                        uint64_t ret[BH_CGROUP_COUNTS])
{
	bool whole = true;

	for (size_t i = 0; i < cgroup->n_used; i++)
		whole &= bh_cgroup_count(cgroup->trees[i].version, slot->files[i], ret);
	return whole;
}

static int find_file(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot,
                     enum bh_cgroup_file which)
{
	for (size_t i = 0; i < cgroup->n_used; i++)
		if (slot->files[i][which] >= 0)
			return slot->files[i][which];
	return -1;
}

/* After this the peak is what is in use now: what earlier batches left in the
 * page cache is not this one's. */
static void reset_peak(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot)
{
	int fd = find_file(cgroup, slot, BH_CGROUP_FILE_PEAK);

	slot->has_peak = fd >= 0 && pwrite(fd, "0", 1, 0) == 1 &&
	                 bh_cgroup_read_number(fd, &slot->first_bytes);
}

static uint64_t cpu_left_us(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot)
{
	uint64_t counts[BH_CGROUP_COUNTS] = { 0 };

	if (!read_counts(cgroup, slot, counts))
		return cgroup->cpu_time_us; /* not known: look again */
	uint64_t used_us = (counts[BH_CGROUP_TIME_NS] - slot->counts[BH_CGROUP_TIME_NS]) / 1000;
	return used_us < cgroup->cpu_time_us ? cgroup->cpu_time_us - used_us : 0;
}

static void plan_check(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot, uint64_t now_us,
                       uint64_t left_us)
{
	uint64_t wait_us = left_us / cgroup->cpus;

	slot->check_us =
	        bh_add_saturated(now_us, wait_us < LEAST_CHECK_US ? LEAST_CHECK_US : wait_us);
}

int bh_cgroup_begin(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot,
                    struct bh_error *err)
{
	if (cgroup->n_used == 0)
		return 0;
	int r = slot->open ? 0 : bh_cgroup_slot_open(cgroup, slot, slot->id, err);
	if (r < 0)
		return r;
	if (!slot->is_at_rest) {
		if (!read_counts(cgroup, slot, slot->counts))
			return bh_fail_plain(err, EIO, "the counters of a cgroup can't be read");
		reset_peak(cgroup, slot);
	}
	slot->is_at_rest = false;
	slot->cpu_exceeded = false;
	slot->check_us = UINT64_MAX;
	if (cgroup->cpu_time_us != BH_UNLIMITED &&
	    (cgroup->controllers & BH_CGROUP_BIT(BH_CGROUP_CPU)))
		plan_check(cgroup, slot, bh_now_us(), cgroup->cpu_time_us);
	return 0;
}

int bh_cgroup_join(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot, uint64_t key)
{
	for (size_t i = 0; i < cgroup->n_used; i++) {
		long r = bh_keyed(key, SYS_write, slot->joins[i], "0", 1, 0, 0);
		if (r < 0)
			return (int)r;
	}
	return 0;
}

bool bh_cgroup_cpu_is_exceeded(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot,
                               uint64_t now_us)
{
	uint64_t left_us = cpu_left_us(cgroup, slot);

	if (left_us > 0) {
		plan_check(cgroup, slot, now_us, left_us);
		return false;
	}
	slot->check_us = UINT64_MAX;
	slot->cpu_exceeded = true;
	return true;
}

/* ---- its end ---- */

static int open_slot_dir(const struct bh_cgroup_tree *tree, const struct bh_cgroup_slot *slot)
{
	char name[32];

	slot_name(slot, slot->id, name);
	return openat(tree->dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void bh_cgroup_kill(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot)
{
	/* a process that is in one of them is in all */
	if (!slot->open || cgroup->n_used == 0)
		return;
	BH_CLEANUP(bh_fd_done) int dir = open_slot_dir(&cgroup->trees[0], slot);
	if (dir >= 0)
		bh_cgroup_dir_kill(dir);
}

/* Opened anew each time: version 1 goes on showing an older list to who has it
 * open. */
static bool is_empty(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot)
{
	char byte;

	BH_CLEANUP(bh_fd_done) int dir = open_slot_dir(&cgroup->trees[0], slot);
	BH_CLEANUP(bh_fd_done) int fd = openat(dir, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &byte, 1) == 0;
}

/* Where it stays in use, the slot's next batch gets another. */
static void empty_slot(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot)
{
	const struct timespec pause = { .tv_nsec = EMPTY_PAUSE_NS };

	for (int i = 0; i < EMPTY_TRIES; i++) {
		if (is_empty(cgroup, slot))
			return;
		bh_cgroup_kill(cgroup, slot);
		nanosleep(&pause, NULL);
	}
	bh_cgroup_slot_done(cgroup, slot);
	slot->generation++;
}

/* Version 1 doesn't say whose limit a kill was for: at its own limit a cgroup
 * has nearly all of it in use. */
static bool is_own_limit(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot,
                         const uint64_t used[BH_CGROUP_COUNTS], uint64_t most_bytes)
{
	uint64_t limit = cgroup->limits.memory_bytes;

	if (limit == BH_UNLIMITED)
		return false;
	if (used[BH_CGROUP_OOMS] > 0 || !slot->has_peak)
		return true;
	return most_bytes >= limit - limit / 8;
}

static void describe_memory(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot,
                            const uint64_t used[BH_CGROUP_COUNTS], struct bh_cgroup_usage *ret)
{
	uint64_t most_bytes = 0;
	uint64_t kills = used[BH_CGROUP_OOM_KILLS];

	if (slot->has_peak &&
	    bh_cgroup_read_number(find_file(cgroup, slot, BH_CGROUP_FILE_PEAK), &most_bytes) &&
	    most_bytes > slot->first_bytes)
		ret->peak_bytes = most_bytes - slot->first_bytes;
	if (kills > 0 && is_own_limit(cgroup, slot, used, most_bytes))
		ret->oom_kills = kills;
	else
		ret->host_kills = kills;
}

static void describe_time(const struct bh_cgroup *cgroup, const uint64_t used[BH_CGROUP_COUNTS],
                          struct bh_cgroup_usage *ret)
{
	ret->has_time = cgroup->controllers & BH_CGROUP_BIT(BH_CGROUP_CPU);
	ret->time_us = used[BH_CGROUP_TIME_NS] / 1000;
	ret->user_us = used[BH_CGROUP_USER_NS] / 1000;
	ret->system_us = used[BH_CGROUP_SYSTEM_NS] / 1000;
	ret->has_split = used[BH_CGROUP_USER_NS] + used[BH_CGROUP_SYSTEM_NS] > 0;
}

void bh_cgroup_end(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot, bool may_be_left,
                   struct bh_cgroup_usage *ret)
{
	uint64_t now[BH_CGROUP_COUNTS] = { 0 }, used[BH_CGROUP_COUNTS] = { 0 };

	*ret = (struct bh_cgroup_usage){ .oom_kills = 0 };
	slot->check_us = UINT64_MAX;
	if (!slot->open)
		return;
	if (read_counts(cgroup, slot, now)) {
		for (size_t i = 0; i < BH_CGROUP_COUNTS; i++)
			used[i] = now[i] > slot->counts[i] ? now[i] - slot->counts[i] : 0;
		ret->pids_hits = used[BH_CGROUP_PIDS_HITS];
		describe_memory(cgroup, slot, used, ret);
		describe_time(cgroup, used, ret);
		memcpy(slot->counts, now, sizeof(now));
		slot->is_at_rest = !may_be_left;
	}
	if (may_be_left)
		empty_slot(cgroup, slot);
}

void bh_cgroup_rest(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot)
{
	if (slot->open && slot->is_at_rest)
		reset_peak(cgroup, slot);
}

int64_t bh_cgroup_tasks(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot)
{
	uint64_t n;

	if (!slot->open ||
	    !bh_cgroup_read_number(find_file(cgroup, slot, BH_CGROUP_FILE_TASKS), &n))
		return -1;
	return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}
