/* SPDX-License-Identifier: Apache-2.0 */

/* record.c: the records of docs/handler-abi.md, around the values. */

#include <errno.h>

#include "builder.h"
#include "handler_state.h"

static int append_key(struct bh_builder *builder, const char *key)
{
	return bh_builder_append_text(builder, bh_text_from(key));
}

static void drop_record(struct bh_builder *builder)
{
	if (builder->state == BH_BUILDER_RECORD)
		builder->state = BH_BUILDER_IDLE;
	builder->size = 0;
	builder->n_frames = 0;
}

int bh_record_start(struct bh_handler *handler, struct bh_text task_id)
{
	struct bh_builder *builder = handler->builder;
	int r = bh_builder_require(builder, BH_BUILDER_IDLE);
	if (r < 0)
		return r;

	bh_builder_append_sized(builder, BH_SIZED_MAP, 1);
	append_key(builder, "start");
	bh_builder_append_text(builder, task_id);
	return bh_builder_commit(builder);
}

/* The part that records of a task have in common. */
static int append_task(struct bh_builder *builder, struct bh_text task_id)
{
	bh_builder_append_sized(builder, BH_SIZED_MAP, 2);
	append_key(builder, "task");
	return bh_builder_append_text(builder, task_id);
}

int bh_record_begin_result(struct bh_handler *handler, struct bh_text task_id)
{
	struct bh_builder *builder = handler->builder;
	int r = bh_builder_require(builder, BH_BUILDER_IDLE);
	if (r < 0)
		return r;

	append_task(builder, task_id);
	r = append_key(builder, "result");
	if (r < 0)
		return r;
	builder->frames[0] = (struct bh_frame){ .due = 1 };
	builder->n_frames = 1;
	builder->state = BH_BUILDER_RECORD;
	return 0;
}

int bh_record_end(struct bh_handler *handler)
{
	struct bh_builder *builder = handler->builder;
	int r = bh_builder_require(builder, BH_BUILDER_RECORD);
	if (r < 0)
		return r;

	if (builder->n_frames != 1 || builder->frames[0].written != 1)
		return bh_builder_fail(builder, -EINVAL);
	builder->state = BH_BUILDER_IDLE;
	return bh_builder_commit(builder);
}

static int append_error(struct bh_builder *builder, const char *type, const char *message)
{
	append_key(builder, "error");
	bh_builder_append_sized(builder, BH_SIZED_MAP, type ? 2 : 1);
	append_key(builder, "message");
	bh_builder_append_text(builder, bh_text_from(message));
	if (!type)
		return builder->error;
	append_key(builder, "type");
	return bh_builder_append_text(builder, bh_text_from(type));
}

int bh_task_error(struct bh_handler *handler, struct bh_text task_id, const char *type,
                  const char *message)
{
	struct bh_builder *builder = handler->builder;

	if (builder->error < 0)
		return builder->error;
	drop_record(builder);
	int r = bh_builder_require(builder, BH_BUILDER_IDLE);
	if (r < 0)
		return r;
	append_task(builder, task_id);
	append_error(builder, type, message);
	return bh_builder_commit(builder);
}

int bh_batch_error(struct bh_handler *handler, const char *type, const char *message)
{
	struct bh_builder *builder = handler->builder;

	/* What went wrong while a record was built is no reason to be silent. */
	if (builder->state != BH_BUILDER_FINAL &&
	    (builder->error == -EINVAL || builder->error == -ENOMEM))
		builder->error = 0;
	if (builder->error == 0)
		drop_record(builder);
	int r = bh_builder_require(builder, BH_BUILDER_IDLE);
	if (r < 0)
		return r;
	bh_builder_append_sized(builder, BH_SIZED_MAP, 1);
	append_error(builder, type, message);
	r = bh_builder_commit(builder);
	if (r == 0)
		builder->state = BH_BUILDER_FINAL;
	return r;
}

int bh_batch_done(struct bh_handler *handler)
{
	struct bh_builder *builder = handler->builder;
	int r = bh_builder_require(builder, BH_BUILDER_IDLE);
	if (r < 0)
		return r;

	bh_builder_append_sized(builder, BH_SIZED_MAP, 1);
	append_key(builder, "done");
	bh_builder_append_number(builder, 0xc3, 0, 0);
	r = bh_builder_commit(builder);
	if (r == 0)
		builder->state = BH_BUILDER_FINAL;
	return r;
}
