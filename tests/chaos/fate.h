/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_CHAOS_FATE_H
#define BH_TESTS_CHAOS_FATE_H

/* fate.h: what is to become of a batch, and a model that says what its result has
 * to be: written from docs/semantics.md, simple, and with nothing of the
 * executor's own code. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bulkhead/bulkhead.h"

enum fate {
	FATE_GOOD,
	FATE_LOUD,       /* prints more than is kept */
	FATE_TASK_ERROR, /* the batch goes on */
	FATE_FLAKY,      /* exits in the first attempts */
	FATE_CRASH,
	FATE_VIOLATION,
	FATE_BOMB,
	FATE_EXIT,
	FATE_BATCH_ERROR,
	/* only as the last task of a batch */
	FATE_GARBAGE,
	FATE_FLOOD,
	/* until it is cancelled */
	FATE_HANG,
};
#define FATES (FATE_HANG + 1)

#define MOST_TASKS 6

/* One batch, with all that it is made of, and what happened to it. */
struct subject {
	struct bh_batch batch;
	char id[32];
	char task_ids[MOST_TASKS][8];
	struct bh_task tasks[MOST_TASKS];
	const struct bh_task *pointers[MOST_TASKS];
	uint8_t params[MOST_TASKS][64];
	enum fate fates[MOST_TASKS];
	uint32_t passes_at; /* attempt from which flaky tasks do well */
	bool too_large;     /* more entries than allowed */
	bool hangs;
	bool was_cancelled; /* by the driver */
	size_t executor;    /* which one has it */
	size_t index;       /* there */
	size_t n_results;   /* that came: one, in the end */
	void *world;        /* that it is part of */
};

/* What is the same for all batches of an executor. */
struct rules {
	uint32_t retries;
	uint64_t kinds; /* tried again */
	enum bh_poison poison;
};

enum standing {
	NO_RECORD,
	HAS_VALUE,
	HAS_ERROR,
	HAS_DEATH,
};

struct forecast {
	enum bh_kind kind;
	uint32_t attempts;
	bool flaky;
	enum standing tasks[MOST_TASKS];
};

/* The name of the way that the example handler `faulty` calls it. */
const char *fate_way(enum fate fate);

/* What a batch that nobody disturbs comes to. */
struct forecast fate_forecast(const struct subject *subject, const struct rules *rules);

/* True where the result is what was forecast; else `why` says what is not. */
bool fate_matches(const struct subject *subject, const struct forecast *forecast,
                  const struct bh_result *result, char *why, size_t why_size);

/* Prints what was to become of the tasks, and what became of each attempt. */
void fate_describe(const struct subject *subject, const struct bh_result *result, FILE *to);

#endif
