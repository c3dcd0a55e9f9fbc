/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/entry.h"

#include <errno.h>
#include <string.h>

#include "ipc/codec/context.h"
#include "ipc/wire/base.h"
#include "supervisor/stored_entry.h"

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
