/* SPDX-License-Identifier: Apache-2.0 */

/* spin5: uses 5 ms of CPU time, then says that all is done. */

#include <time.h>
#include <unistd.h>

#include "bulkhead/handler.h"

#define SPIN_NS (5 * 1000 * 1000)

int main(void)
{
	struct bh_handler *handler;
	struct timespec used;

	if (bh_handler_open(&handler) < 0)
		_exit(1);
	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	while (used.tv_sec == 0 && used.tv_nsec < SPIN_NS);
	_exit(bh_batch_done(handler) < 0);
}
