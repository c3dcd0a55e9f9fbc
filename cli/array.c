/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/array.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64

bool bh_array_grow(void *array_address, size_t *capacity, size_t n, size_t item_size)
{
	void **array = array_address;
	size_t wanted = *capacity ? *capacity : FIRST_CAPACITY / 2;

	if (n < *capacity)
		return true;
	if (__builtin_mul_overflow(wanted, 2, &wanted))
		return false;
	void *grown = reallocarray(*array, wanted, item_size);
	if (!grown)
		return false;
	*array = grown;
	*capacity = wanted;
	return true;
}
