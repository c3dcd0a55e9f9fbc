/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_ENTRIES_H
#define BH_CLI_ENTRIES_H

/* entries.h: entries from directories and JSONL, into one store.
 *
 * Where each came from is kept, so that ids that collide can be told by both of
 * their places. Source: docs/cli.md, "Input" and "JSONL in". */

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/entry.h"
#include "bulkhead/store.h"
#include "cli/arena.h"
#include "cli/file.h"

struct bh_complaint;

/* One --entries argument. */
struct bh_source {
	const char *path; /* borrowed */
	char *name;       /* owned; NULL where none was given */
};

/* Where the entry of the same number in the store's order came from. */
struct bh_place {
	uint32_t source;
	uint64_t line; /* 0 for a file below a directory */
};

struct bh_entries {
	struct bh_store *store; /* owned */
	struct bh_source *sources;
	size_t n_sources, sources_capacity;
	struct bh_place *places;
	size_t n_places, places_capacity;
	struct bh_bytes bytes; /* content of the entry being read */
};
#define BH_ENTRIES_UNSET ((struct bh_entries){ .store = NULL })
BH_MUST_CHECK
int bh_entries_init(struct bh_entries *entries, struct bh_complaint *complaint);
void bh_entries_done(struct bh_entries *entries);

/* Reads what "[NAME=]PATH" names. NAME is letters, digits and any of "_.-"; an
 * argument that exists as a path is a path, whatever it looks like. `argument`
 * outlives `entries`. */
BH_MUST_CHECK
int bh_entries_load(struct bh_entries *entries, const char *argument,
                    struct bh_complaint *complaint);

/* Adds one entry that came from `line` of the last source. */
BH_MUST_CHECK
int bh_entries_add(struct bh_entries *entries, const struct bh_entry *entry, uint64_t line,
                   struct bh_complaint *complaint);

#endif
