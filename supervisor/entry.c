/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/entry.h"

#include <errno.h>
#include <string.h>

#include "ipc/codec/context.h"
#include "ipc/wire/base.h"
#include "supervisor/stored_entry.h"

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

struct bh_span bh_entry_view_reference(const struct bh_entry_view *view, size_t index)
{
	const struct bh_stored_entry *entry = view->stored;

	if (index >= view->n_references)
		return BH_SPAN_NONE;
	return bh_entry_encoded_reference(bh_stored_entry_encoded(entry), index);
}

struct bh_span bh_entry_view_derived_from(const struct bh_entry_view *view, size_t index)
{
	const struct bh_stored_entry *entry = view->stored;

	if (index >= view->n_derived_from)
		return BH_SPAN_NONE;

	const char *id = bh_stored_entry_derived_from(entry);
	while (index-- > 0)
		id += strlen(id) + 1;
	return (struct bh_span){ .data = id, .size = strlen(id) };
}
