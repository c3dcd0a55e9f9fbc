/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_IDMAP_H
#define BH_SUPERVISOR_IDMAP_H

/* idmap.h: a map from ids to a number or a pointer each.
 *
 * Ids are borrowed bytes: what a key points to must stay as it is for as long
 * as the key is in the map. Finding, adding and removing take constant time,
 * and no choice of ids can change that: each map hashes with a key of its own
 * (hash.h). Emptying takes constant time too, so that one map can serve many
 * small sets in turn. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bulkhead/error.h"
#include "bulkhead/span.h"
#include "ipc/wire/hash.h"

struct bh_idmap_slot;

union bh_idmap_value {
	size_t number;
	void *pointer;
};

/* All private but `count`. */
struct bh_idmap {
	struct bh_idmap_slot *slots; /* owned; NULL while nothing was added */
	size_t mask;                 /* number of slots - 1 */
	size_t count;                /* keys in the map */
	uint32_t generation;         /* a slot of an older one is free */
	struct bh_hash_key hash_key;
};
#define BH_IDMAP_UNSET ((struct bh_idmap){ .slots = NULL })

/* The key for a NUL-terminated id. */
static inline struct bh_span bh_idmap_key(const char *id)
{
	return (struct bh_span){ .data = id, .size = strlen(id) };
}

/* Makes room, so that no bh_idmap_insert fails with -ENOMEM while the map has
 * at most `n_keys` keys. -ENOMEM, or getrandom's error; the map is then as it
 * was. */
BH_MUST_CHECK
int bh_idmap_reserve(struct bh_idmap *map, size_t n_keys);

/* Adds a key. -EEXIST where it is there already, else as bh_idmap_reserve; the
 * map is then as it was. */
BH_MUST_CHECK
int bh_idmap_insert(struct bh_idmap *map, struct bh_span key, union bh_idmap_value value);

/* The key's value, which may be written to; NULL where there is no such key.
 * Valid until the map is changed. */
union bh_idmap_value *bh_idmap_find(const struct bh_idmap *map, struct bh_span key);

/* The same for `n_keys` keys, which costs less than one after the other. */
void bh_idmap_find_each(const struct bh_idmap *map, const struct bh_span *keys, size_t n_keys,
                        union bh_idmap_value **ret);

/* Puts `key` and `value` in the place of the equal key. False, and nothing
 * done, where there is none. */
bool bh_idmap_replace(struct bh_idmap *map, struct bh_span key, union bh_idmap_value value);

/* False where there is no such key. */
bool bh_idmap_remove(struct bh_idmap *map, struct bh_span key);

/* Removes all keys and keeps the room. Constant time. */
void bh_idmap_clear(struct bh_idmap *map);

/* Frees and resets. A no-op on BH_IDMAP_UNSET, so twice is safe. */
void bh_idmap_done(struct bh_idmap *map);

#endif
