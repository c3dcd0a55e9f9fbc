/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/growth.h"

#include <stdlib.h>

#define CAPACITY_MIN 16

void *bh_grown(void *items, size_t *capacity, size_t needed, size_t item_size)
{
	size_t wanted;

	if (items && needed <= *capacity)
		return items;
	if (__builtin_mul_overflow(*capacity, 2, &wanted) || wanted < needed)
		wanted = needed;
	if (wanted < CAPACITY_MIN)
		wanted = CAPACITY_MIN;

	void *grown = reallocarray(items, wanted, item_size);
	if (grown)
		*capacity = wanted;
	return grown;
}

void *bh_shrunk(void *items, size_t used, size_t item_size)
{
	if (used == 0) {
		free(items);
		return NULL;
	}

	void *shrunk = reallocarray(items, used, item_size);
	return shrunk ? shrunk : items;
}
