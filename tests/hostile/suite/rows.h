/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HOSTILE_ROWS_H
#define BH_TESTS_HOSTILE_ROWS_H

/* rows.h: the table of attacks: what each must come to in the sandbox, and how it
 * is shown that it does harm without one. */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/bulkhead.h"

enum control {
	CONTROL_GAINS,    /* its own report says that it gained */
	CONTROL_SURVIVES, /* a process outlives the handler */
	CONTROL_STAYS,    /* it runs on, also after `stay_signal` */
	CONTROL_BURNS,    /* it runs on, and uses up the CPU time of the limit */
	CONTROL_FLOODS,   /* more is printed than anyone keeps */
	CONTROL_ENDS,     /* as `status` or `signal` says */
	CONTROL_SEEKS,    /* the offset of the results isn't where the records end */
	CONTROL_UNPACKS,  /* a plain MessagePack reader doesn't refuse the bytes */
	CONTROL_CHANGES,  /* the results go on changing after the handler's end */
	CONTROL_NONE,     /* can't be; `why` says it */
};

/* A control can do only what its user may, in namespaces of its own. */
enum control_user {
	ANYONE,
	ROOT, /* as an ordinary user the call is refused anyway */
};

#define KIND(k) (1u << (k))

struct row {
	const char *program, *way;
	unsigned int kinds; /* KIND(…): the outcomes that are right */
	/* options; 0 is the default */
	uint64_t memory_mb, scratch_mb, cpu_ms, timeout_ms, max_procs, max_threads;
	const char *profile;
	/* params */
	int64_t bytes, allowed, status, signal;
	enum control control;
	int stay_signal;
	enum control_user control_user;
	bool may_lack; /* the kernel or the machine may lack it: then there is no control */
	/* Right, too, where isolation is less than strict, or no cgroup holds the batch. */
	unsigned int kinds_not_strict, kinds_no_cgroup;
	bool by_cgroup;    /* promised only where a cgroup holds the batch … */
	const char *needs; /* … or only with these, as results name them */
	bool walled;       /* promised only where there is a root of its own or Landlock */
	const char *why;
};

extern const struct row rows[];
extern const size_t n_rows;

/* Rows, one after another, that one executor can run. */
struct group {
	const struct row *rows;
	size_t n;
};
/* All of them; with HOSTILE_ONLY=PROGRAM in the environment, those of one attack. */
size_t find_groups(struct group *ret, size_t most);

/* The row, as it is called in what tests say; good until the next call. */
const char *row_name(const struct row *row);

#endif
