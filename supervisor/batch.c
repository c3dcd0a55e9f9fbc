/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/batch.h"

#include <string.h>

#include "ipc/wire/base.h"
#include "supervisor/task.h"

static int check_id(const char *id, const char *what, struct bh_error *err)
{
	if (!id || bh_text_is_blank(id))
		return bh_fail_plain(err, EINVAL, "%s is blank", what);
	if (!bh_utf8_valid(id, strlen(id)))
		return bh_fail_plain(err, EINVAL, "%s is not valid UTF-8", what);
	return 0;
}

int bh_batch_check(const struct bh_batch *batch, struct bh_error *err)
{
	int r = check_id(batch->batch_id, "a batch's id", err);

	for (size_t i = 0; r == 0 && i < batch->n_tasks; i++)
		r = bh_task_check(batch->tasks[i], err);
	for (size_t i = 0; r == 0 && i < batch->n_entry_ids; i++)
		r = check_id(batch->entry_ids[i], "an entry id of a batch", err);
	if (r < 0 || batch->n_tasks < 2)
		return r;
	return bh_tasks_check_ids(batch->tasks, batch->n_tasks, err);
}
