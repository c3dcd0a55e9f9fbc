/* SPDX-License-Identifier: Apache-2.0 */
/* The names of entry types, which go over the wire. */
#include <string.h>

#include "bulkhead/entry.h"
#include "ipc/wire/base.h"

static const char *const type_names[] = {
	[BH_ENTRY_FILE] = "file",
	[BH_ENTRY_COMMAND] = "command",
	[BH_ENTRY_COMMAND_RESULT] = "command_result",
	[BH_ENTRY_TASK] = "task",
	[BH_ENTRY_TASK_RESULT] = "task_result",
	[BH_ENTRY_SEARCH_RESULT] = "search_result",
	[BH_ENTRY_SUMMARY] = "summary",
	[BH_ENTRY_CONTEXT_REQUEST] = "context_request",
	[BH_ENTRY_CHAIN_MAP] = "chain_map",
};
_Static_assert(BH_COUNT_OF(type_names) == BH_ENTRY_TYPES, "a type lacks its name");

const char *bh_entry_type_name(enum bh_entry_type type)
{
	return (size_t)type < BH_ENTRY_TYPES ? type_names[type] : NULL;
}

int bh_entry_type_parse(const char *name, enum bh_entry_type *ret)
{
	for (size_t i = 0; i < BH_ENTRY_TYPES; i++) {
		if (strcmp(name, type_names[i]) == 0) {
			*ret = (enum bh_entry_type)i;
			return 0;
		}
	}
	return -EINVAL;
}
