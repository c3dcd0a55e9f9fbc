/* SPDX-License-Identifier: Apache-2.0 */
#include "region.h"

/* A seal that the reader did not set could make it fail later. */
void attack(struct attack *a)
{
	struct region r = region_of(a);

	gain_if(a, "a seal", fcntl(r.fd, F_ADD_SEALS, F_SEAL_SHRINK));
	gain_if_changed(a, &r);
}
