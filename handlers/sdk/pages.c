/* SPDX-License-Identifier: Apache-2.0 */

#include <sys/mman.h>

#include "pages.h"

void *bh_pages_new(size_t size)
{
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

void *bh_pages_grow(void *pages, size_t size, size_t new_size)
{
	void *grown = mremap(pages, size, new_size, MREMAP_MAYMOVE);

	return grown == MAP_FAILED ? NULL : grown;
}

void bh_pages_free(void *pages, size_t size)
{
	if (pages)
		munmap(pages, size);
}
