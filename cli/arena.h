/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_ARENA_H
#define BH_CLI_ARENA_H

/* arena.h: memory for what lives as long as the run, such as task ids: taken in
 * large pieces, given back all at once. */

#include <stddef.h>

struct bh_arena_block;

struct bh_arena {
	struct bh_arena_block *last; /* owned */
};
#define BH_ARENA_UNSET ((struct bh_arena){ .last = NULL })
void bh_arena_done(struct bh_arena *arena);

/* `count` items of `size` bytes, aligned for any type and not zeroed. NULL when
 * out of memory or where the product overflows. A count of 0 gives an address
 * that must not be read. */
void *bh_arena_take(struct bh_arena *arena, size_t count, size_t size);

/* A copy of the bytes followed by a NUL. NULL when out of memory. */
char *bh_arena_text(struct bh_arena *arena, const char *text, size_t size);

#endif
