/* SPDX-License-Identifier: Apache-2.0 */

/* params.c: members of a task's params, by name. */

#include "handler_state.h"

/* Moves the reader to the value of the member, where there is one. */
static bool find(const struct bh_handler_task *task, const char *name, struct bh_reader *ret)
{
	struct bh_reader reader = bh_reader_over(task->params);
	struct bh_text key;
	uint32_t pairs;

	if (!bh_reader_map(&reader, &pairs))
		return false;
	for (uint32_t i = 0; i < pairs; i++) {
		bool is_text = bh_reader_str(&reader, &key);
		if (!is_text && !bh_reader_skip(&reader))
			return false;
		if (is_text && bh_text_equals(key, name)) {
			*ret = reader;
			return true;
		}
		if (!bh_reader_skip(&reader))
			return false;
	}
	return false;
}

bool bh_params_text(const struct bh_handler_task *task, const char *name, struct bh_text *ret)
{
	struct bh_reader reader;

	return find(task, name, &reader) && bh_reader_str(&reader, ret);
}

bool bh_params_int(const struct bh_handler_task *task, const char *name, int64_t *ret)
{
	struct bh_reader reader;

	return find(task, name, &reader) && bh_reader_int(&reader, ret);
}

bool bh_params_bool(const struct bh_handler_task *task, const char *name, bool *ret)
{
	struct bh_reader reader;

	return find(task, name, &reader) && bh_reader_bool(&reader, ret);
}
