/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HANDLERS_RIG_H
#define BH_TESTS_HANDLERS_RIG_H

/* rig.h: runs handler code in a child with a real context on descriptor 3 and a
 * real result region on 4, without a supervisor and without a sandbox. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <msgpack.h>

#include "bulkhead/batch.h"
#include "bulkhead/entry.h"
#include "ipc/codec/records.h"
#include "ipc/wire/base.h"
#include "ipc/wire/region.h"
#include "tests/check.h"

/* For use in the child, where Check's own assertions would end nothing. */
#define EXPECT(condition)                                                                  \
	do {                                                                               \
		if (!(condition)) {                                                        \
			dprintf(2, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			_exit(99);                                                         \
		}                                                                          \
	} while (0)

#define TEXT(literal) ((struct bh_text){ literal, sizeof(literal) - 1 })
#define SPAN(literal) ((struct bh_span){ literal, sizeof(literal) - 1 })

/* What a child left behind. */
struct run {
	int exit_status; /* -1 where a signal ended it */
	int signal;
	size_t capacity;
	uint8_t *bytes; /* committed */
	size_t size;
	struct bh_records records;
};
void run_done(struct run *run);

/* One encoded context of the batch. */
void rig_context(const struct bh_batch *batch, const struct bh_entry *entries, size_t n_entries,
                 struct bh_region *ret);
void rig_context_of_bytes(const void *bytes, size_t size, struct bh_region *ret);

/* Runs `body` in a child that exits with what it returns. `capacity` is rounded up to
 * what can be filled; `batch` is what the records are read against. */
void rig_run(const struct bh_region *context, const struct bh_batch *batch, size_t capacity,
             int (*body)(void *), void *userdata, struct run *ret);

/* Asserts that the task's record is a value (an error map) and unpacks it. */
void run_result(const struct run *run, const char *task_id, msgpack_unpacked *ret);
void run_error(const struct run *run, const char *task_id, msgpack_unpacked *ret);

/* The member of a map; fails the test where there is none. */
const msgpack_object *member(const msgpack_object *map, const char *key);
void assert_str(const msgpack_object *object, const char *text);

#endif
