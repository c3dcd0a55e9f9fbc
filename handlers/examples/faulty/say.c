/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "faulty.h"

int say_outcome(struct bh_handler *handler, const struct bh_handler_task *task, int error)
{
	bh_record_begin_result(handler, task->id);
	bh_result_map(handler, 2);
	bh_result_key(handler, "ok");
	bh_result_bool(handler, error == 0);
	bh_result_key(handler, "errno");
	if (error == 0)
		bh_result_nil(handler);
	else
		bh_result_str(handler, strerrorname_np(error));
	return bh_record_end(handler);
}

int say_bytes(struct bh_handler *handler, const struct bh_handler_task *task)
{
	struct bh_handler_entry entry;
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < task->n_required_entry_ids; i++)
		if (bh_handler_task_entry(handler, task, i, &entry))
			bytes += entry.content.size;
	bh_record_begin_result(handler, task->id);
	bh_result_map(handler, 1);
	bh_result_key(handler, "bytes");
	bh_result_uint(handler, bytes);
	return bh_record_end(handler);
}

int say_raw(const struct bh_handler_task *task, const void *value, size_t size)
{
	uint8_t head[] = { 0x82, 0xa4, 't', 'a', 's', 'k', 0xdb, 0, 0, 0, 0 };
	char key[] = "\xa6result";
	struct iovec parts[] = {
		{ head, sizeof(head) },
		{ (void *)(uintptr_t)task->id.data, task->id.size },
		{ key, sizeof(key) - 1 },
		{ (void *)(uintptr_t)value, size },
	};

	for (size_t i = 0; i < 4; i++)
		head[sizeof(head) - 1 - i] = (uint8_t)(task->id.size >> (8 * i));
	return writev(4, parts, 4) < 0 ? -errno : 0;
}
