/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/backoff.h"

#include <stdlib.h>

#include "ipc/wire/base.h"
#include "supervisor/growth.h"

struct bh_backoff_place {
	uint64_t due_us;
	struct bh_job *job;
};

void bh_backoff_done(struct bh_backoff *backoff)
{
	free(backoff->places);
	*backoff = BH_BACKOFF_UNSET;
}

static void put(struct bh_backoff *backoff, size_t at, struct bh_backoff_place place)
{
	backoff->places[at] = place;
	place.job->place = at;
}

/* From a hole at `at` up to where `place` belongs. */
static size_t rise(struct bh_backoff *backoff, size_t at, uint64_t due_us)
{
	while (at > 0 && backoff->places[(at - 1) / 2].due_us > due_us) {
		put(backoff, at, backoff->places[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	return at;
}

static size_t sink(struct bh_backoff *backoff, size_t at, uint64_t due_us)
{
	for (size_t child; (child = at * 2 + 1) < backoff->n; at = child) {
		if (child + 1 < backoff->n &&
		    backoff->places[child + 1].due_us < backoff->places[child].due_us)
			child++;
		if (backoff->places[child].due_us >= due_us)
			break;
		put(backoff, at, backoff->places[child]);
	}
	return at;
}

int bh_backoff_add(struct bh_backoff *backoff, struct bh_job *job, uint64_t due_us)
{
	struct bh_backoff_place *grown =
	        bh_grown(backoff->places, &backoff->capacity, backoff->n + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	backoff->places = grown;
	size_t at = rise(backoff, backoff->n++, due_us);
	put(backoff, at, (struct bh_backoff_place){ due_us, job });
	return 0;
}

void bh_backoff_remove(struct bh_backoff *backoff, struct bh_job *job)
{
	size_t hole = job->place;
	struct bh_backoff_place last = backoff->places[--backoff->n];

	if (last.job == job)
		return;
	hole = rise(backoff, hole, last.due_us);
	put(backoff, sink(backoff, hole, last.due_us), last);
}

uint64_t bh_backoff_due_us(const struct bh_backoff *backoff)
{
	return backoff->n > 0 ? backoff->places[0].due_us : UINT64_MAX;
}

struct bh_job *bh_backoff_first(const struct bh_backoff *backoff)
{
	return backoff->n > 0 ? backoff->places[0].job : NULL;
}
