/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "hostile.h"

/* Ends with a status that may say something else than what was done. */
void attack(struct attack *a)
{
	exit((int)number_of(a, "status"));
}
