/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "hostile.h"

/* Good records, and then the offset, which says how many bytes count, is set to
 * where it makes no sense. */
void attack(struct attack *a)
{
	off_t to = 0;

	if (is_way(a, "far, without an end"))
		to = (off_t)1 << 60;
	else
		finish(a);
	if (is_way(a, "far"))
		to = (off_t)1 << 60;
	else if (is_way(a, "middle"))
		to = lseek(4, -3, SEEK_CUR);
	exit(lseek(4, to, SEEK_SET) < 0 ? 1 : 0);
}
