/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_HANDLERS_SDK_PAGES_H
#define BH_HANDLERS_SDK_PAGES_H

/* pages.h: memory straight from the kernel.
 *
 * A handler often lives for less than a millisecond. One mapping, with its pages
 * filled in by the same call, is cheaper than the first use of malloc and the
 * page faults that follow it; a large buffer grows without being copied.
 * Source: mmap(2), MAP_POPULATE; mremap(2). */

#include <stddef.h>

/* Zeroed, writable memory; NULL when out of memory. */
void *bh_pages_new(size_t size);

/* Makes it `new_size` bytes, perhaps at another place; NULL when out of memory:
 * the old one is then as it was. */
void *bh_pages_grow(void *pages, size_t size, size_t new_size);

/* NULL is a no-op. */
void bh_pages_free(void *pages, size_t size);

#endif
