/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_JSONL_H
#define BH_CLI_JSONL_H

/* jsonl.h: one JSON object a line, read strictly.
 *
 * A line may be as long as memory allows; empty lines are skipped. Nodes know
 * where they stand, so that a complaint names file, line and column, the value
 * found and what was expected: "tasks.jsonl:3:22: priority: got "high", expected
 * an integer". Columns count characters from 1.
 * Source: docs/cli.md, "JSONL in". */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bulkhead/error.h"

struct bh_arena;
struct bh_complaint;

struct bh_jsonl {
	const char *name; /* as messages show it; borrowed */
	FILE *file;       /* owned; NULL while unset */
	char *line;       /* owned */
	size_t capacity;
	size_t size;
	uint64_t number; /* of the line, from 1 */
	json_t *value;   /* owned */
};
#define BH_JSONL_UNSET ((struct bh_jsonl){ .file = NULL })
void bh_jsonl_done(struct bh_jsonl *jsonl);

/* Opens a file, or standard input for "-". `path` is borrowed. */
BH_MUST_CHECK
int bh_jsonl_open(const char *path, struct bh_jsonl *ret, struct bh_complaint *complaint);

/* Reads from an open stream, which is owned from here on, also on failure. */
void bh_jsonl_take(FILE *file, const char *name, struct bh_jsonl *ret);

/* A value of the line, and the way to it. Lives as long as its parent and until
 * the next line. */
struct bh_node {
	const struct bh_jsonl *jsonl;
	const struct bh_node *parent; /* NULL for the line's own object */
	const char *key;              /* in an object; NULL in an array */
	size_t index;                 /* in an array */
	const json_t *value;
};

/* Reads the next line into `*ret`; `ret->value` is NULL at the end. */
BH_MUST_CHECK
int bh_jsonl_next(struct bh_jsonl *jsonl, struct bh_node *ret, struct bh_complaint *complaint);

/* A member or item. False where there is none. `parent` is kept. */
bool bh_node_member(const struct bh_node *parent, const char *key, struct bh_node *ret);
bool bh_node_item(const struct bh_node *parent, size_t index, struct bh_node *ret);

/* "…: got VALUE, expected EXPECTED" at the node. Returns the status. */
int bh_node_refuse(const struct bh_node *node, const char *expected,
                   struct bh_complaint *complaint);
/* The same in words of the caller's. */
int bh_node_complain(const struct bh_node *node, struct bh_complaint *complaint, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/* The node must be an object with no other keys than these (NULL-terminated). */
BH_MUST_CHECK
int bh_node_check_keys(const struct bh_node *object, const char *const *keys,
                       struct bh_complaint *complaint);

/* Reads of members. Where the member is absent they leave `*ret` alone and
 * succeed, but for `_id`, which requires it. Texts are NUL-terminated and so
 * can't hold a NUL; those of an id are not blank. They are jansson's, valid until
 * the next line; lists are copied into the arena. `null` is "absent" where
 * `or_null`. */
BH_MUST_CHECK
int bh_node_read_id(const struct bh_node *object, const char *key, const char **ret,
                    struct bh_complaint *complaint);
BH_MUST_CHECK
int bh_node_read_text(const struct bh_node *object, const char *key, bool or_null, const char **ret,
                      struct bh_complaint *complaint);
BH_MUST_CHECK
int bh_node_read_int(const struct bh_node *object, const char *key, bool or_null, int64_t least,
                     int64_t *ret, struct bh_complaint *complaint);
BH_MUST_CHECK
int bh_node_read_bool(const struct bh_node *object, const char *key, bool *ret,
                      struct bh_complaint *complaint);
BH_MUST_CHECK
int bh_node_read_ids(const struct bh_node *object, const char *key, struct bh_arena *arena,
                     const char *const **ret, size_t *ret_n, struct bh_complaint *complaint);

#endif
