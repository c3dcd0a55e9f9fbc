/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_ARRAY_H
#define BH_CLI_ARRAY_H

/* array.h: arrays on the heap that grow by doubling. */

#include <stdbool.h>
#include <stddef.h>

/* Makes room for one item of `item_size` bytes more than the `n` there are in the
 * array whose pointer is at `array_address`. False when out of memory: the array
 * is then as it was. */
bool bh_array_grow(void *array_address, size_t *capacity, size_t n, size_t item_size);

#endif
