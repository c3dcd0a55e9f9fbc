/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/result.h"

#include <stdlib.h>

const char *bh_kind_name(enum bh_kind kind)
{
	static const char *const names[BH_KINDS] = {
		[BH_KIND_NONE] = "none",
		[BH_KIND_HANDLER] = "handler",
		[BH_KIND_EXIT] = "exit",
		[BH_KIND_SIGNAL] = "signal",
		[BH_KIND_TIMEOUT] = "timeout",
		[BH_KIND_CPU_LIMIT] = "cpu_limit",
		[BH_KIND_MEMORY_LIMIT] = "memory_limit",
		[BH_KIND_OUTPUT_LIMIT] = "output_limit",
		[BH_KIND_FILE_LIMIT] = "file_limit",
		[BH_KIND_PROCESS_LIMIT] = "process_limit",
		[BH_KIND_VIOLATION] = "violation",
		[BH_KIND_PROTOCOL] = "protocol",
		[BH_KIND_INCOMPLETE] = "incomplete",
		[BH_KIND_BOUNDS] = "bounds",
		[BH_KIND_MISSING] = "missing",
		[BH_KIND_SPAWN] = "spawn",
		[BH_KIND_CANCELLED] = "cancelled",
		[BH_KIND_SANDBOX] = "sandbox",
		[BH_KIND_INTERNAL] = "internal",
	};

	return (size_t)kind < BH_KINDS ? names[kind] : NULL;
}

const char *bh_memory_holder_name(enum bh_memory_holder holder)
{
	switch (holder) {
	case BH_MEMORY_HELD_BY_NONE:
		return "none";
	case BH_MEMORY_HELD_BY_RLIMIT:
		return "rlimit";
	case BH_MEMORY_HELD_BY_CGROUP:
		return "cgroup";
	}
	return NULL;
}

void bh_result_free(struct bh_result *result)
{
	if (!result)
		return;
	free(result->task_results);
	free(result->missing_task_ids);
	free(result->missing_ids);
	free(result->attempt_log);
	free(result->out.data);
	free(result->err.data);
	for (size_t i = 0; i < result->n_more_memory; i++)
		free(result->more_memory[i]);
	free(result->more_memory);
	free(result->memory); /* the committed bytes, which the task results point into */
	free(result);
}
