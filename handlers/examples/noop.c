/* SPDX-License-Identifier: Apache-2.0 */

/* noop: opens its context and says that all is done, with no result for any task.
 * For measuring what it costs to run a handler at all. */

#include <unistd.h>

#include "bulkhead/handler.h"

int main(void)
{
	struct bh_handler *handler;

	if (bh_handler_open(&handler) < 0 || bh_batch_done(handler) < 0)
		_exit(1);
	_exit(0); /* there is nothing to flush or to free */
}
