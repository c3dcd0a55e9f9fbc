/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SUPERVISOR_GROWTH_H
#define BH_SUPERVISOR_GROWTH_H

/* growth.h: arrays on the heap that grow by doubling. */

#include <stddef.h>

#include "bulkhead/error.h"

/* Makes room for `needed` items of `item_size` bytes in an array of `*capacity`
 * items. Returns where the items are now, which replaces `items`; NULL when out
 * of memory, and nothing is then changed. */
BH_MUST_CHECK
void *bh_grown(void *items, size_t *capacity, size_t needed, size_t item_size);

/* Gives back what `used` items don't need. Returns where they are now; NULL, and
 * the array freed, where none is used. Never fails. */
BH_MUST_CHECK
void *bh_shrunk(void *items, size_t used, size_t item_size);

#endif
