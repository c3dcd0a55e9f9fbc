/* SPDX-License-Identifier: Apache-2.0 */
#include "region.h"

void attack(struct attack *a)
{
	struct region r = region_of(a);

	if (ftruncate(r.fd, 16) < 0)
		note(a, "it doesn't shrink");
	if (ftruncate(r.fd, r.stat.st_size + (1 << 20)) < 0)
		note(a, "it doesn't grow");
	if (fallocate(r.fd, 0, r.stat.st_size, 1 << 20) < 0)
		note(a, "no more room");
	gain_if_changed(a, &r);
}
