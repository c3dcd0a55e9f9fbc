/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_ENTRY_LINE_H
#define BH_CLI_ENTRY_LINE_H

/* entry_line.h: entries as JSONL. Source: docs/cli.md, "JSONL in". */

#include "bulkhead/error.h"

struct bh_complaint;
struct bh_entries;
struct bh_jsonl;

/* Adds the entry of each line. `path` is what files of `content_file` are
 * relative to: they are looked for in its directory. */
BH_MUST_CHECK
int bh_entry_lines_load(struct bh_jsonl *jsonl, const char *path, struct bh_entries *entries,
                        struct bh_complaint *complaint);

#endif
