/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/binds.h"

#include <string.h>

#include "cli/arena.h"
#include "cli/complaint.h"

static int split(const char *word, struct bh_arena *arena, struct bh_bind *ret,
                 struct bh_complaint *complaint)
{
	const char *colon = strrchr(word, ':');

	*ret = (struct bh_bind){ .path = word };
	if (!colon)
		return BH_STATUS_OK;
	if (colon == word || colon[1] != '/')
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "--bind: got '%s', expected PATH or PATH:DEST with an absolute "
		                   "DEST (the last colon counts)",
		                   word);
	ret->path = bh_arena_text(arena, word, (size_t)(colon - word));
	ret->dest = colon + 1;
	return ret->path ? BH_STATUS_OK : bh_complain_memory(complaint);
}

int bh_binds_split(const struct bh_words *words, struct bh_arena *arena, const struct bh_bind **ret,
                   struct bh_complaint *complaint)
{
	struct bh_bind *binds = bh_arena_take(arena, words->n, sizeof(*binds));
	int r = binds ? BH_STATUS_OK : bh_complain_memory(complaint);

	for (size_t i = 0; r == BH_STATUS_OK && i < words->n; i++)
		r = split(words->items[i], arena, &binds[i], complaint);
	*ret = binds;
	return r;
}
