/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_ENTRY_H
#define BULKHEAD_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/span.h"

/* entry.h: one piece of context, such as a file or the result of a command.
 * Source of the rules: docs/semantics.md, "Entries". */

enum bh_entry_type {
	BH_ENTRY_FILE,
	BH_ENTRY_COMMAND,
	BH_ENTRY_COMMAND_RESULT,
	BH_ENTRY_TASK,
	BH_ENTRY_TASK_RESULT,
	BH_ENTRY_SEARCH_RESULT,
	BH_ENTRY_SUMMARY,
	BH_ENTRY_CONTEXT_REQUEST,
	BH_ENTRY_CHAIN_MAP,
};
#define BH_ENTRY_TYPES (BH_ENTRY_CHAIN_MAP + 1)

/* The name as it stands in JSONL and in the context map, such as
 * "command_result". NULL for a value outside the enumeration. */
BH_PUBLIC const char *bh_entry_type_name(enum bh_entry_type type);

/* Finds the type with exactly this name. -EINVAL where there is none; `*ret`
 * is then untouched. */
BH_PUBLIC BH_MUST_CHECK int bh_entry_type_parse(const char *name, enum bh_entry_type *ret);

/* No ttl: the entry never expires by turns. */
#define BH_TTL_NONE (-1)

/* An entry as a caller describes it. Everything is borrowed for the call that
 * takes it. Strings are NUL-terminated UTF-8; lists may be NULL where their
 * count is 0. */
struct bh_entry {
	const char *id;     /* not blank (a blank string has white space only) */
	const char *source; /* not blank */
	enum bh_entry_type type;
	struct bh_span content; /* any bytes; `data` NULL where absent */
	const char *summary;    /* NULL where absent; needed where content is absent */
	const char *const *references;
	size_t n_references;
	const char *const *derived_from;
	size_t n_derived_from;
	const char *parent_id; /* NULL where absent */
	int64_t priority;
	int64_t ttl; /* conversation turns, >= 0, or BH_TTL_NONE */
	bool searchable;
	bool compressed; /* needs a summary; any content is then dropped */
};

/* The defaults: type file, priority 0, no ttl, searchable, not compressed. */
#define BH_ENTRY_DEFAULT ((struct bh_entry){ .ttl = BH_TTL_NONE, .searchable = true })

/* An entry as a store lends it. The spans point into the stored bytes. They are
 * valid until the store is changed or freed. */
struct bh_entry_view {
	const char *id; /* NUL-terminated */
	enum bh_entry_type type;
	struct bh_span source;
	struct bh_span content;   /* `data` NULL where absent */
	bool content_is_text;     /* content is valid UTF-8 */
	struct bh_span summary;   /* `data` NULL where absent */
	struct bh_span parent_id; /* `data` NULL where absent */
	size_t n_references;
	size_t n_derived_from;
	int64_t priority;
	int64_t ttl;
	uint64_t tokens; /* estimate: docs/semantics.md, "Tokens" */
	bool searchable;
	bool compressed;
	bool in_use;        /* held by at least one lease */
	const void *stored; /* for bh_entry_view_reference and _derived_from */
};

/* The `index`-th item of the list, in the order given when the entry was added;
 * BH_SPAN_NONE where `index` is out of range. Linear in `index`. */
BH_PUBLIC struct bh_span bh_entry_view_reference(const struct bh_entry_view *view, size_t index);
BH_PUBLIC struct bh_span bh_entry_view_derived_from(const struct bh_entry_view *view, size_t index);

#endif
