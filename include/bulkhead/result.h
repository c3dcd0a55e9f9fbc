/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_RESULT_H
#define BULKHEAD_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/span.h"

/* result.h: what became of one batch. Source: docs/cli.md, "Results" and
 * "Error kinds"; docs/handler-abi.md, "Result records". */

enum bh_kind {
	BH_KIND_NONE, /* success */
	BH_KIND_HANDLER,
	BH_KIND_EXIT,
	BH_KIND_SIGNAL,
	BH_KIND_TIMEOUT,
	BH_KIND_CPU_LIMIT,
	BH_KIND_MEMORY_LIMIT,
	BH_KIND_OUTPUT_LIMIT,
	BH_KIND_FILE_LIMIT,
	BH_KIND_PROCESS_LIMIT,
	BH_KIND_VIOLATION,
	BH_KIND_PROTOCOL,
	BH_KIND_INCOMPLETE,
	BH_KIND_BOUNDS,
	BH_KIND_MISSING,
	BH_KIND_SPAWN,
	BH_KIND_CANCELLED,
	BH_KIND_SANDBOX,
	BH_KIND_INTERNAL,
};
#define BH_KINDS (BH_KIND_INTERNAL + 1)

/* The name as in JSONL, such as "cpu_limit"; "none" for BH_KIND_NONE. */
BH_PUBLIC const char *bh_kind_name(enum bh_kind kind);

#define BH_FILE_SIZE 256

/* A system call that the sandbox forbids. */
struct bh_syscall {
	char name[32]; /* "unknown" where the kernel's table is newer than ours */
	char abi[16];  /* "x86_64", "i386", "x32", "aarch64", … */
	int32_t number;
	uint64_t args[6];
	uint64_t instruction; /* address of the instruction after the call */
	/* Where the call's own instruction stands: a path in the sandbox, cut to fit, and
	 * the offset in that file. "" where it is in no file or could not be known. */
	char file[BH_FILE_SIZE];
	uint64_t file_offset;
};

#define BH_MESSAGE_SIZE     384
#define BH_LAYERS_TEXT_SIZE 256
#define BH_STAGE_SIZE       32

/* The one verdict on a batch and its one cause. */
struct bh_outcome {
	enum bh_kind kind;
	char message[BH_MESSAGE_SIZE]; /* "" on success */
	int signal;                    /* that ended the handler; 0 where none did */
	int exit_status;               /* 0..255; -1 where the handler did not exit */
	bool has_syscall;
	struct bh_syscall syscall;
	char stage[BH_STAGE_SIZE]; /* step of the set-up that failed; "" where none did */
	const char *task_id; /* the task that was running; NULL where unknown. Lent by the result */
	bool infrastructure; /* our side or the host's failed, not the handler */
	bool retryable;      /* another attempt can end otherwise */
};

/* One task's record: its value, or its error. */
struct bh_task_result {
	struct bh_span task_id; /* UTF-8 */
	struct bh_span value;   /* one MessagePack value: the result, or the error map */
	bool is_error;
	bool is_unknown; /* the batch has no such task */
	/* The handler died over this task, and poison handling went on without it: the
	 * kind of the death. The error map is the library's then, with the kind as its
	 * type. BH_KIND_NONE for what the handler wrote itself. */
	enum bh_kind death;
};

/* Where there is a cgroup, times and the peak are those of all processes of the
 * batch; else times are those of processes that were waited for. */
struct bh_usage {
	uint64_t user_us;
	uint64_t system_us;
	uint64_t memory_peak_bytes; /* page cache and kernel memory included; 0 where unknown */
	uint64_t max_rss_bytes;     /* of the largest process */
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t voluntary_switches;
	uint64_t involuntary_switches;
};

/* What held the batch to its limit of memory. */
enum bh_memory_holder {
	BH_MEMORY_HELD_BY_NONE,   /* there was no limit, or no handler */
	BH_MEMORY_HELD_BY_RLIMIT, /* each process for itself, by its address space and data */
	BH_MEMORY_HELD_BY_CGROUP, /* all of its processes together */
};

/* "none", "rlimit" or "cgroup". */
BH_PUBLIC const char *bh_memory_holder_name(enum bh_memory_holder holder);

/* What a handler printed: the first bytes, up to the cap. */
struct bh_output {
	char *data; /* owned by the result; NULL where `size` is 0 */
	size_t size;
	uint64_t dropped; /* bytes past the cap */
};

/* What came of one attempt of several. */
struct bh_attempt_note {
	enum bh_kind kind;    /* BH_KIND_NONE: it succeeded */
	size_t n_tasks;       /* that it was given */
	uint64_t duration_us; /* from lease to release */
	uint64_t delay_us;    /* waited before it */
	const char *task_id;  /* that was running when it failed; NULL where unknown */
};

/* Owned by whoever took it from the executor; everything inside is freed with
 * it, so nothing inside outlives bh_result_free. */
struct bh_result {
	const char *batch_id;
	size_t index; /* place of the batch in what was submitted, from 0 */
	bool success;
	bool partial; /* failed after some records were complete */
	struct bh_outcome outcome;
	struct bh_task_result
	        *task_results; /* last record of each task, in order of first record */
	size_t n_task_results;
	const char **missing_task_ids; /* tasks of the batch with no record, in batch order */
	size_t n_missing_task_ids;
	const char **missing_ids; /* required entries that the store lacks */
	size_t n_missing_ids;
	size_t n_tasks; /* of the batch */
	uint64_t duplicate_results;
	uint64_t trailing_bytes; /* after a final record */
	uint64_t entry_count;    /* unique entries required, found or not */
	uint64_t entries_found;
	uint64_t total_tokens;
	uint32_t attempts; /* handlers started or tried to be started */
	bool flaky;        /* it succeeded when it was tried again */
	/* Of each attempt, where there was more than one; else NULL. */
	struct bh_attempt_note *attempt_log;
	size_t n_attempt_log;
	uint64_t duration_us;  /* from lease to release, over all attempts */
	struct bh_usage usage; /* of all attempts together */
	enum bh_memory_holder memory_held_by;
	char missing_layers[BH_LAYERS_TEXT_SIZE]; /* of isolation; "" where none is missing */
	struct bh_output out;
	struct bh_output err;
	void *memory; /* private, as what follows */
	void **more_memory;
	size_t n_more_memory;
};

BH_PUBLIC void bh_result_free(struct bh_result *result);

/* All task results of a run by task id.
 * Results are added in the order of their batches; on a repeated task id the
 * last one wins and is counted. Task errors and failed batches are no obstacle.
 * The aggregate borrows the results: free it first. */
struct bh_aggregate;
BH_PUBLIC BH_MUST_CHECK struct bh_aggregate *bh_aggregate_new(void);
BH_PUBLIC void bh_aggregate_free(struct bh_aggregate *aggregate);
/* -ENOMEM; the aggregate then holds what it held. Only values are taken in: not
 * task errors, nor records for tasks that the batch lacks, which could replace
 * what another batch said. */
BH_PUBLIC BH_MUST_CHECK int bh_aggregate_add(struct bh_aggregate *aggregate,
                                             const struct bh_result *result);
BH_PUBLIC size_t bh_aggregate_count(const struct bh_aggregate *aggregate);
BH_PUBLIC uint64_t bh_aggregate_duplicates(const struct bh_aggregate *aggregate);
/* The `index`-th, in order of the first record of each id; NULL past the end. */
BH_PUBLIC const struct bh_task_result *bh_aggregate_at(const struct bh_aggregate *aggregate,
                                                       size_t index);
/* NULL where there is no such task. */
BH_PUBLIC const struct bh_task_result *bh_aggregate_find(const struct bh_aggregate *aggregate,
                                                         const char *task_id);

#endif
