/* SPDX-License-Identifier: Apache-2.0 */

/* untaken: a handler whose forks die before they take their batch, every other one of
 * them, the first among these. The result of each task is its own id. */

#include <pthread.h>
#include <signal.h>

#include "bulkhead/handler.h"

static unsigned int n_forks;

static void count(void)
{
	n_forks++;
}

static void die_at_times(void)
{
	if (n_forks % 2 == 1)
		raise(SIGKILL);
}

static int answer(struct bh_handler *handler, const struct bh_handler_task *task, void *unused)
{
	(void)unused;
	return bh_result_text(handler, task->id);
}

int main(void)
{
	if (pthread_atfork(count, NULL, die_at_times) != 0)
		return 1;
	return bh_handler_run(answer, NULL);
}
