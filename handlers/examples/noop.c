/* SPDX-License-Identifier: Apache-2.0 */

/* noop: opens its context and says that all is done, with no result for any task.
 * For measuring what it costs to run a handler at all. */

#include <unistd.h>

#include "bulkhead/handler.h"

int main(void)
{
	struct bh_handler *handler;
	int status = 0;
	int r;

	while ((r = bh_handler_next(status)) > 0) {
		status = bh_handler_open(&handler) < 0 || bh_batch_done(handler) < 0;
		if (status == 0)
			bh_handler_close(handler);
	}
	_exit(r < 0 ? 1 : status); /* there is nothing to flush */
}
