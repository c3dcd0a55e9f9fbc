/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_BINDS_H
#define BH_CLI_BINDS_H

/* binds.h: PATH[:DEST] as --bind takes it. */

#include "bulkhead/executor.h"
#include "cli/option.h"

struct bh_arena;
struct bh_complaint;

/* Splits each word at its last colon, if it has one. `*ret` has an item for each
 * word, in the arena. Returns a status of cli/status.h. */
BH_MUST_CHECK
int bh_binds_split(const struct bh_words *words, struct bh_arena *arena, const struct bh_bind **ret,
                   struct bh_complaint *complaint);

#endif
