/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "faulty.h"

/* The value of a record, as bytes that a string literal holds. */
#define SAY_RAW(task, literal) say_raw(task, literal, sizeof(literal) - 1)

static int append(const char *bytes, size_t size)
{
	return write(4, bytes, size) < 0 ? -errno : 0;
}

WAY(lie_garbage)
{
	(void)handler;
	(void)task;
	return append("\xc1 no MessagePack", 16);
}

/* Half a record, and an end as if all were well. */
WAY(lie_truncated)
{
	(void)handler;
	SAY_RAW(task, "\xda\x03\xe8 a thousand bytes that never came");
	exit(0);
}

WAY(lie_deep)
{
	char nested[100];

	(void)handler;
	memset(nested, 0x91, sizeof(nested) - 1);
	nested[sizeof(nested) - 1] = 0;
	return say_raw(task, nested, sizeof(nested));
}

WAY(lie_utf8)
{
	(void)handler;
	return SAY_RAW(task, "\xa3 \xc3 ");
}

WAY(lie_key)
{
	(void)handler;
	return SAY_RAW(task, "\x81\x01\x02");
}

WAY(lie_length)
{
	(void)handler;
	return SAY_RAW(task, "\xdd\xff\xff\xff\xff");
}

/* Says done, and goes on. */
WAY(lie_trailing)
{
	int r = say_bytes(handler, task);

	if (r == 0)
		r = bh_batch_done(handler);
	if (r == 0)
		r = append("trailing", 8);
	exit(r == 0 ? 0 : 1);
}

WAY(lie_duplicate)
{
	int r = say_bytes(handler, task);

	return r == 0 ? say_bytes(handler, task) : r;
}

WAY(lie_unknown_task)
{
	struct bh_handler_task other = *task;

	other.id = bh_text_from("no such task");
	int r = say_bytes(handler, &other);
	return r == 0 ? say_bytes(handler, task) : r;
}

WAY(lie_missing_task)
{
	(void)handler;
	(void)task;
	return 0;
}

WAY(lie_seek)
{
	(void)handler;
	(void)task;
	exit(lseek(4, (off_t)1 << 60, SEEK_SET) < 0 ? 1 : 0);
}
