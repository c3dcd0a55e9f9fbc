/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/idmap.h"

#include <errno.h>
#include <stdlib.h>

/* Open addressing with linear probing. A slot is in use when its generation is
 * the map's, so that bh_idmap_clear only has to start a new generation; 0 is
 * never the map's. Removal moves later slots of a run back instead of leaving
 * tombstones, which would make lookups slower with every removal. */

struct bh_idmap_slot {
	const void *key;
	size_t key_size;
	union bh_idmap_value value;
	uint32_t hash; /* places the slot: hence the limit on their number */
	uint32_t generation;
};

#define SLOTS_MIN 16
#define SLOTS_MAX ((size_t)1 << 32)

static uint32_t hash_of(const struct bh_idmap *map, struct bh_span key)
{
	return (uint32_t)bh_hash(&map->hash_key, key);
}

static bool is_free(const struct bh_idmap *map, const struct bh_idmap_slot *slot)
{
	return slot->generation != map->generation;
}

static bool holds(const struct bh_idmap_slot *slot, struct bh_span key, uint32_t hash)
{
	return slot->hash == hash && slot->key_size == key.size &&
	       (key.size == 0 || memcmp(slot->key, key.data, key.size) == 0);
}

/* The slot of the key, or the free one where it would be added. There always is
 * a free one. */
static struct bh_idmap_slot *probe(const struct bh_idmap *map, struct bh_span key, uint32_t hash)
{
	size_t at = hash & map->mask;

	while (!is_free(map, &map->slots[at]) && !holds(&map->slots[at], key, hash))
		at = (at + 1) & map->mask;
	return &map->slots[at];
}

static struct bh_idmap_slot *find_slot(const struct bh_idmap *map, struct bh_span key)
{
	if (map->count == 0)
		return NULL;

	struct bh_idmap_slot *slot = probe(map, key, hash_of(map, key));
	return is_free(map, slot) ? NULL : slot;
}

/* Keys that fit: three quarters of the slots. */
static size_t room(const struct bh_idmap *map)
{
	return map->slots ? (map->mask + 1) / 4 * 3 : 0;
}

static void move_slots(const struct bh_idmap *from, struct bh_idmap *to)
{
	for (size_t i = 0; from->slots && i <= from->mask; i++) {
		const struct bh_idmap_slot *slot = &from->slots[i];

		if (is_free(from, slot))
			continue;
		size_t at = slot->hash & to->mask;
		while (!is_free(to, &to->slots[at]))
			at = (at + 1) & to->mask;
		to->slots[at] = *slot;
		to->slots[at].generation = to->generation;
	}
}

int bh_idmap_reserve(struct bh_idmap *map, size_t n_keys)
{
	struct bh_idmap grown = *map;
	size_t n_slots = SLOTS_MIN;

	if (n_keys <= room(map))
		return 0;
	while (n_slots < SLOTS_MAX && n_slots / 4 * 3 < n_keys)
		n_slots *= 2;
	if (n_slots / 4 * 3 < n_keys)
		return -ENOMEM;
	if (!map->slots) {
		int r = bh_hash_key_init(&grown.hash_key);
		if (r < 0)
			return r;
	}

	grown.slots = calloc(n_slots, sizeof(*grown.slots));
	if (!grown.slots)
		return -ENOMEM;
	grown.mask = n_slots - 1;
	grown.generation = 1;
	move_slots(map, &grown);
	free(map->slots);
	*map = grown;
	return 0;
}

int bh_idmap_insert(struct bh_idmap *map, struct bh_span key, union bh_idmap_value value)
{
	if (map->count == room(map)) {
		if (find_slot(map, key))
			return -EEXIST;
		int r = bh_idmap_reserve(map, map->count + 1);
		if (r < 0)
			return r;
	}

	uint32_t hash = hash_of(map, key);
	struct bh_idmap_slot *slot = probe(map, key, hash);
	if (!is_free(map, slot))
		return -EEXIST;
	*slot = (struct bh_idmap_slot){ .key = key.data,
		                        .key_size = key.size,
		                        .value = value,
		                        .hash = hash,
		                        .generation = map->generation };
	map->count++;
	return 0;
}

/* Asks for the memory of all lookups of a window before using any of it: where
 * the map is larger than the caches, they wait for it together. */
#define WINDOW 16

static void find_window(const struct bh_idmap *map, const struct bh_span *keys, size_t n_keys,
                        union bh_idmap_value **ret)
{
	uint32_t hashes[WINDOW];

	for (size_t i = 0; i < n_keys; i++) {
		hashes[i] = hash_of(map, keys[i]);
		__builtin_prefetch(&map->slots[hashes[i] & map->mask]);
	}
	for (size_t i = 0; i < n_keys; i++)
		__builtin_prefetch(map->slots[hashes[i] & map->mask].key);
	for (size_t i = 0; i < n_keys; i++) {
		struct bh_idmap_slot *slot = probe(map, keys[i], hashes[i]);

		ret[i] = is_free(map, slot) ? NULL : &slot->value;
	}
}

void bh_idmap_find_each(const struct bh_idmap *map, const struct bh_span *keys, size_t n_keys,
                        union bh_idmap_value **ret)
{
	for (size_t i = 0; i < n_keys; i += WINDOW) {
		size_t n = n_keys - i < WINDOW ? n_keys - i : WINDOW;

		if (map->count > 0)
			find_window(map, keys + i, n, ret + i);
		else
			memset(ret + i, 0, n * sizeof(ret[i]));
	}
}

union bh_idmap_value *bh_idmap_find(const struct bh_idmap *map, struct bh_span key)
{
	struct bh_idmap_slot *slot = find_slot(map, key);

	return slot ? &slot->value : NULL;
}

bool bh_idmap_replace(struct bh_idmap *map, struct bh_span key, union bh_idmap_value value)
{
	struct bh_idmap_slot *slot = find_slot(map, key);

	if (!slot)
		return false;
	slot->key = key.data;
	slot->value = value;
	return true;
}

bool bh_idmap_remove(struct bh_idmap *map, struct bh_span key)
{
	struct bh_idmap_slot *slot = find_slot(map, key);

	if (!slot)
		return false;

	size_t gap = (size_t)(slot - map->slots);
	size_t at = (gap + 1) & map->mask;
	for (; !is_free(map, &map->slots[at]); at = (at + 1) & map->mask) {
		size_t home = map->slots[at].hash & map->mask;

		/* it may move back to the gap, but not before its home */
		if (((at - home) & map->mask) < ((at - gap) & map->mask))
			continue;
		map->slots[gap] = map->slots[at];
		gap = at;
	}
	map->slots[gap].generation = 0;
	map->count--;
	return true;
}

void bh_idmap_clear(struct bh_idmap *map)
{
	if (!map->slots)
		return;
	map->count = 0;
	if (++map->generation == 0) {
		memset(map->slots, 0, (map->mask + 1) * sizeof(*map->slots));
		map->generation = 1;
	}
}

void bh_idmap_done(struct bh_idmap *map)
{
	free(map->slots);
	*map = BH_IDMAP_UNSET;
}
