/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 << 10)

struct bh_arena_block {
	struct bh_arena_block *previous;
	size_t used;
	size_t size;
	_Alignas(max_align_t) char bytes[];
};

void bh_arena_done(struct bh_arena *arena)
{
	struct bh_arena_block *block = arena->last;

	while (block) {
		struct bh_arena_block *previous = block->previous;

		free(block);
		block = previous;
	}
	*arena = BH_ARENA_UNSET;
}

static struct bh_arena_block *add_block(struct bh_arena *arena, size_t size)
{
	size_t total;

	if (size < BLOCK_SIZE)
		size = BLOCK_SIZE;
	if (__builtin_add_overflow(size, sizeof(struct bh_arena_block), &total))
		return NULL;
	struct bh_arena_block *block = malloc(total);
	if (!block)
		return NULL;
	block->previous = arena->last;
	block->used = 0;
	block->size = size;
	arena->last = block;
	return block;
}

static void *take(struct bh_arena *arena, size_t size, size_t alignment)
{
	struct bh_arena_block *block = arena->last;
	size_t start = block ? (block->used + alignment - 1) & ~(alignment - 1) : 0;

	if (!block || start > block->size || block->size - start < size) {
		block = add_block(arena, size);
		if (!block)
			return NULL;
		start = 0;
	}
	block->used = start + size;
	return block->bytes + start;
}

void *bh_arena_take(struct bh_arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return take(arena, total, _Alignof(max_align_t));
}

char *bh_arena_text(struct bh_arena *arena, const char *text, size_t size)
{
	if (size == SIZE_MAX)
		return NULL;
	char *copy = take(arena, size + 1, 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, size);
	copy[size] = '\0';
	return copy;
}
