/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/result.h"

#include <stdlib.h>

#include "ipc/wire/base.h"
#include "supervisor/idmap.h"

struct bh_aggregate {
	struct bh_idmap places;               /* task id → place in `latest` */
	const struct bh_task_result **latest; /* in order of the first record of each id */
	size_t capacity;
	uint64_t duplicates;
};

struct bh_aggregate *bh_aggregate_new(void)
{
	return calloc(1, sizeof(struct bh_aggregate));
}

void bh_aggregate_free(struct bh_aggregate *aggregate)
{
	if (!aggregate)
		return;
	bh_idmap_done(&aggregate->places);
	free(aggregate->latest);
	free(aggregate);
}

/* Room for all that a result could add, so that adding it can't fail midway. */
static int reserve(struct bh_aggregate *aggregate, size_t n_more)
{
	size_t needed;
	size_t capacity = aggregate->capacity ? aggregate->capacity : 16;

	if (__builtin_add_overflow(aggregate->places.count, n_more, &needed))
		return -ENOMEM;
	while (capacity < needed)
		if (__builtin_mul_overflow(capacity, 2, &capacity))
			return -ENOMEM;
	if (capacity > aggregate->capacity) {
		void *grown = reallocarray(aggregate->latest, capacity, sizeof(*aggregate->latest));
		if (!grown)
			return -ENOMEM;
		aggregate->latest = grown;
		aggregate->capacity = capacity;
	}
	return bh_idmap_reserve(&aggregate->places, needed);
}

static int add_record(struct bh_aggregate *aggregate, const struct bh_task_result *record)
{
	union bh_idmap_value *place = bh_idmap_find(&aggregate->places, record->task_id);
	const union bh_idmap_value next = { .number = aggregate->places.count };

	if (place) {
		aggregate->latest[place->number] = record;
		aggregate->duplicates++;
		return 0;
	}
	int r = bh_idmap_insert(&aggregate->places, record->task_id, next);
	if (r == 0)
		aggregate->latest[next.number] = record;
	return r;
}

int bh_aggregate_add(struct bh_aggregate *aggregate, const struct bh_result *result)
{
	int r = reserve(aggregate, result->n_task_results);

	for (size_t i = 0; r == 0 && i < result->n_task_results; i++) {
		const struct bh_task_result *record = &result->task_results[i];
		/* a record for a task that its batch lacks may name one of another
		 * batch, whose result it must not replace */
		if (!record->is_error && !record->is_unknown)
			r = add_record(aggregate, record);
	}
	return r;
}

size_t bh_aggregate_count(const struct bh_aggregate *aggregate)
{
	return aggregate->places.count;
}

uint64_t bh_aggregate_duplicates(const struct bh_aggregate *aggregate)
{
	return aggregate->duplicates;
}

const struct bh_task_result *bh_aggregate_at(const struct bh_aggregate *aggregate, size_t index)
{
	return index < aggregate->places.count ? aggregate->latest[index] : NULL;
}

const struct bh_task_result *bh_aggregate_find(const struct bh_aggregate *aggregate,
                                               const char *task_id)
{
	const union bh_idmap_value *place =
	        bh_idmap_find(&aggregate->places, bh_idmap_key(task_id));

	return place ? aggregate->latest[place->number] : NULL;
}
