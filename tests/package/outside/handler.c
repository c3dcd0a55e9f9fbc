/* SPDX-License-Identifier: Apache-2.0 */

/* handler: a task's result is the number of bytes in its entries. */

#include <bulkhead/handler.h>

static int count(struct bh_handler *handler, const struct bh_handler_task *task, void *userdata)
{
	struct bh_handler_entry entry;
	uint64_t bytes = 0;

	(void)userdata;
	for (uint32_t i = 0; i < task->n_required_entry_ids; i++)
		if (bh_handler_task_entry(handler, task, i, &entry))
			bytes += entry.content.size;
	return bh_result_uint(handler, bytes);
}

int main(void)
{
	return bh_handler_run(count, NULL);
}
