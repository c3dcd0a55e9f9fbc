/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CGROUP_H
#define BH_SANDBOX_CGROUP_H

/* cgroup.h: one cgroup a slot, for limits over all processes of a batch and for
 * what the kernel says of them afterwards.
 *
 * Memory, processes and CPU time are each taken from version 2 where the host
 * has them there, else from version 1, else not at all: `controllers` says which
 * were found and `missing` why others weren't. A slot's cgroups are made, limited
 * and opened once and kept; a batch begins in an empty one, and what is reported
 * are differences against its beginning. The handler's process joins before
 * anything else; the reaper stays out.
 *
 *   bh_cgroup_find ── bh_cgroup_slot_open ──▶ begin ── (clone) join ──▶ end
 *                                               ▲                        │
 *                                               └────────────────────────┘
 *
 * All that a batch needs is open before the launcher leaves the host's root and
 * gives up its power: the kernel asks what the opener may do, not the writer.
 * Source: cgroups(7). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/limits.h"
#include "sandbox/cgroup_dir.h"
#include "sandbox/cgroup_version.h"

#define BH_CGROUP_TREES BH_CGROUP_CONTROLLERS /* at most: one hierarchy each */

/* Our directory in one hierarchy. */
struct bh_cgroup_tree {
	const struct bh_cgroup_version *version;
	int hierarchy;            /* the kernel's number */
	unsigned int controllers; /* bits: what it is used for */
	int parent;               /* owned */
	int dir;                  /* owned; holds the lock */
};

struct bh_cgroup {
	struct bh_cgroup_tree trees[BH_CGROUP_TREES];
	size_t n_trees;
	size_t n_used;            /* `n_trees`, or 0 where they turned out to be no use */
	unsigned int controllers; /* bits, of the trees used */
	char name[BH_CGROUP_NAME_SIZE];
	struct bh_cgroup_limits limits;
	uint64_t cpu_time_us;                 /* BH_UNLIMITED for none */
	unsigned int cpus;                    /* that a batch can use at a time */
	char missing[BH_CGROUP_MISSING_SIZE]; /* why a controller isn't there; "" */
};

/* A slot's cgroups, by tree. */
struct bh_cgroup_slot {
	bool open;
	uint32_t id;
	unsigned int generation;    /* a cgroup that can't be emptied is left behind */
	int joins[BH_CGROUP_TREES]; /* owned: files for joining */
	int files[BH_CGROUP_TREES][BH_CGROUP_FILES]; /* owned; -1 where there is none */
	uint64_t counts[BH_CGROUP_COUNTS];           /* when the batch began */
	bool is_at_rest; /* … and these are still what the files hold */
	bool has_peak;
	uint64_t first_bytes; /* memory that was in use when the batch began */
	uint64_t check_us;    /* when its CPU time is to be looked at; UINT64_MAX: never */
	bool cpu_exceeded;
};

/* What a batch used, as far as its cgroups know. */
struct bh_cgroup_usage {
	uint64_t oom_kills;  /* of its processes, for its own limit */
	uint64_t host_kills; /* the same, for a limit above it or the host's end of memory */
	uint64_t pids_hits;
	bool has_time;
	uint64_t time_us; /* of all processes and threads */
	bool has_split;   /* version 2: */
	uint64_t user_us, system_us;
	uint64_t peak_bytes; /* beyond what was there before it; 0 where unknown */
};

/* Finds where cgroups can be made and makes a directory there. Never fails: what
 * can't be had is told in `missing`. `root` is "" but in tests; `owner` is the
 * pid for the directory's name. Removes directories of launchers that are gone. */
void bh_cgroup_find(const char *root, unsigned int owner, const struct bh_limits *limits,
                    struct bh_cgroup *ret);

/* Removes all directories and what runs in them, and closes. Twice is safe. */
void bh_cgroup_done(struct bh_cgroup *cgroup);

/* Goes on without: joining turned out to be refused. `missing` then says `why`.
 * Slots are to be closed before. */
void bh_cgroup_give_up(struct bh_cgroup *cgroup, const char *why);

/* Makes the cgroups of the slot `id`, all zeroes before, and opens what batches
 * need of them. A no-op where no cgroup can be had. */
BH_MUST_CHECK
int bh_cgroup_slot_open(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot, uint32_t id,
                        struct bh_error *err);

/* Closes; the directories stay for bh_cgroup_done. Twice is safe. */
void bh_cgroup_slot_done(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot);

/* Makes the slot ready for a batch, with new cgroups where the last one left its
 * own in use. After bh_cgroup_rest nothing is left to be done for most. */
BH_MUST_CHECK
int bh_cgroup_begin(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot,
                    struct bh_error *err);

/* Takes the calling process into the slot's cgroups, by raw calls only; `key` is
 * for the filter that it is under (sandbox/filter.h). Returns 0 or a negative errno
 * value. */
int bh_cgroup_join(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot, uint64_t key);

/* What the batch used. The end of its PID namespace is the proof that its cgroups
 * are empty; without one, `may_be_left`, what is still in them is killed, and
 * cgroups that stay in use are never used again. */
void bh_cgroup_end(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot, bool may_be_left,
                   struct bh_cgroup_usage *ret);

/* After bh_cgroup_end, when there is time: what can be done for the next batch
 * already. Nothing but a template may run in the slot until that begins. */
void bh_cgroup_rest(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot);

/* Processes and threads that are in the slot's cgroups, or ended in them and were not
 * waited for yet; -1 where that isn't known. */
int64_t bh_cgroup_tasks(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot);

/* True where the running batch has used up its CPU time. Otherwise sets when it
 * could at the earliest: `check_us`. */
bool bh_cgroup_cpu_is_exceeded(const struct bh_cgroup *cgroup, struct bh_cgroup_slot *slot,
                               uint64_t now_us);

/* Kills every process in the slot's cgroups. */
void bh_cgroup_kill(const struct bh_cgroup *cgroup, const struct bh_cgroup_slot *slot);

#endif
