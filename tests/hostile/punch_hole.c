/* SPDX-License-Identifier: Apache-2.0 */
#include "region.h"

/* Takes bytes out that are there already. */
void attack(struct attack *a)
{
	struct region r = region_of(a);

	if (fallocate(r.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0)
		note(a, "no hole");
	if (fallocate(r.fd, FALLOC_FL_ZERO_RANGE, 0, 4096) < 0)
		note(a, "no zeros");
	gain_if_changed(a, &r);
}
