/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/mman.h>

#include "region.h"

/* By a shared map, and by one that is made writable later. */
static void scribble(struct attack *a, const struct region *r, int protection)
{
	char *map = mmap(NULL, 4096, protection, MAP_SHARED, r->fd, 0);

	if (map == MAP_FAILED)
		return note(a, "no map");
	if (!(protection & PROT_WRITE) && mprotect(map, 4096, PROT_READ | PROT_WRITE) < 0)
		return note(a, "it stays read-only");
	memset(map, 0xc1, 16);
}

void attack(struct attack *a)
{
	struct region r = region_of(a);

	scribble(a, &r, PROT_READ | PROT_WRITE);
	scribble(a, &r, PROT_READ);
	gain_if_changed(a, &r);
}
