/* SPDX-License-Identifier: Apache-2.0 */
#include "region.h"

/* Flags of the description: none of them may matter to the reader. */
void attack(struct attack *a)
{
	struct region r = region_of(a);
	char byte = 'x';

	if (fcntl(r.fd, F_SETFL, O_APPEND | O_NONBLOCK) < 0)
		note(a, "flags stay");
	if (r.fd == 3 && write(3, &byte, 1) == 1)
		gain(a, "wrote to the context");
	if (r.fd == 4 && write(4, &byte, 1) != 1)
		note(a, "nothing appended");
	gain_if_changed(a, &r);
}
