/* SPDX-License-Identifier: Apache-2.0 */
#include "region.h"

/* Rights of the file behind a descriptor, so that others could open it. */
void attack(struct attack *a)
{
	struct region r = region_of(a);

	if (fchmod(r.fd, 0777) < 0)
		note(a, "the mode stays");
	else if (r.fd == 3)
		gain(a, "the mode is changed");
	if (fchown(r.fd, 12345, 12345) == 0)
		gain(a, "the owner is changed");
	gain_if_changed(a, &r);
}
