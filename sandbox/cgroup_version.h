/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CGROUP_VERSION_H
#define BH_SANDBOX_CGROUP_VERSION_H

/* cgroup_version.h: what the two versions of cgroups call the same things, as
 * data. Source: the kernel's admin-guide/cgroup-v2.rst and
 * admin-guide/cgroup-v1/{memory,pids,cpuacct}.rst. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

enum bh_cgroup_controller {
	BH_CGROUP_MEMORY,
	BH_CGROUP_PIDS,
	BH_CGROUP_CPU,
};
#define BH_CGROUP_CONTROLLERS     (BH_CGROUP_CPU + 1)
#define BH_CGROUP_BIT(controller) (1u << (controller))

struct bh_cgroup_limits {
	uint64_t memory_bytes; /* BH_UNLIMITED for none */
	uint64_t pids;         /* processes and threads; BH_UNLIMITED for none */
};

/* What is written to a new cgroup. */
enum bh_cgroup_value {
	BH_CGROUP_VALUE_MEMORY,
	BH_CGROUP_VALUE_PIDS,
	BH_CGROUP_VALUE_ZERO,
	BH_CGROUP_VALUE_ONE,
};

struct bh_cgroup_setting {
	enum bh_cgroup_controller controller;
	const char *file;
	enum bh_cgroup_value value;
	bool optional; /* not every kernel has the file */
	bool instead;  /* only where the file of the setting before is not there */
};

/* What is read from a cgroup. */
enum bh_cgroup_file {
	BH_CGROUP_FILE_OOM,
	BH_CGROUP_FILE_PEAK,
	BH_CGROUP_FILE_PIDS,
	BH_CGROUP_FILE_TIME,
	BH_CGROUP_FILE_TASKS,
};
#define BH_CGROUP_FILES (BH_CGROUP_FILE_TASKS + 1)

enum bh_cgroup_count {
	BH_CGROUP_OOM_KILLS, /* processes killed for want of memory */
	BH_CGROUP_OOMS,      /* of these, for the cgroup's own limit: times that it was hit */
	BH_CGROUP_PIDS_HITS, /* processes and threads refused */
	BH_CGROUP_TIME_NS,
	BH_CGROUP_USER_NS,
	BH_CGROUP_SYSTEM_NS,
};
#define BH_CGROUP_COUNTS (BH_CGROUP_SYSTEM_NS + 1)

struct bh_cgroup_source {
	enum bh_cgroup_file file;
	const char *key; /* NULL: the file is one number; "": this version has no such count */
	uint64_t unit;   /* what the number is multiplied by */
};

struct bh_cgroup_version {
	const char *const *controllers; /* names for /proc/self/cgroup, by controller */
	const char *join;               /* file that a process of one thread writes "0" to */
	const struct bh_cgroup_setting *settings;
	size_t n_settings;
	const char *files[BH_CGROUP_FILES];
	enum bh_cgroup_controller owners[BH_CGROUP_FILES];
	struct bh_cgroup_source sources[BH_CGROUP_COUNTS];
};

extern const struct bh_cgroup_version bh_cgroup_v1;
extern const struct bh_cgroup_version bh_cgroup_v2;

/* Writes the settings of these controllers (bits) to a cgroup. */
BH_MUST_CHECK
int bh_cgroup_set(const struct bh_cgroup_version *version, int dir, unsigned int controllers,
                  const struct bh_cgroup_limits *limits, struct bh_error *err);

/* Reads every count that `files` hold (-1: not open) into `ret`; others are left
 * as they are. False where one can't be read. */
bool bh_cgroup_count(const struct bh_cgroup_version *version, const int files[BH_CGROUP_FILES],
                     uint64_t ret[BH_CGROUP_COUNTS]);

/* A file that is one number. */
bool bh_cgroup_read_number(int fd, uint64_t *ret);

#endif
