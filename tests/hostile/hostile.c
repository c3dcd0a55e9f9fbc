/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

bool is_way(const struct attack *a, const char *way)
{
	struct bh_text text;

	return bh_params_text(&a->task, "way", &text) && bh_text_equals(text, way);
}

int64_t number_of(const struct attack *a, const char *name)
{
	int64_t value;

	return bh_params_int(&a->task, name, &value) ? value : 0;
}

const char *text_of(const struct attack *a, const char *name)
{
	static char copy[512];
	struct bh_text text = { .size = 0 };

	if (!bh_params_text(&a->task, name, &text))
		return "";
	snprintf(copy, sizeof(copy), "%.*s", (int)text.size, text.data);
	return copy;
}

const char *bait_path(const struct attack *a, const char *name)
{
	static char path[1024];

	snprintf(path, sizeof(path), "%s/%s", text_of(a, "folder"), name);
	return path;
}

__attribute__((format(printf, 2, 0))) static void add_detail(struct attack *a, const char *format,
                                                             va_list list)
{
	size_t used = strlen(a->detail);

	if (used > 0 && used + 2 < sizeof(a->detail)) {
		strcpy(a->detail + used, "; ");
		used += 2;
	}
	vsnprintf(a->detail + used, sizeof(a->detail) - used, format, list);
}

void note(struct attack *a, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add_detail(a, format, list);
	va_end(list);
}

void gain(struct attack *a, const char *format, ...)
{
	va_list list;

	a->gained = true;
	va_start(list, format);
	add_detail(a, format, list);
	va_end(list);
}

static const char *name_of(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "an unknown error";
}

void gain_unless_refused(struct attack *a, const char *what, long result)
{
	int error = errno;

	if (result >= 0)
		gain(a, "%s was allowed", what);
	else if (error == EPERM || error == EACCES)
		note(a, "%s was refused: %s", what, name_of(error));
	else if (error == ENOSYS)
		note(a, "%s doesn't exist", what);
	else
		gain(a, "%s was let through: %s", what, name_of(error));
	a->absent = a->absent || (result < 0 && error == ENOSYS);
}

void gain_if(struct attack *a, const char *what, long result)
{
	int error = errno;

	if (result >= 0)
		gain(a, "%s worked", what);
	else
		note(a, "%s: %s", what, name_of(error));
	a->absent = a->absent ||
	            (result < 0 && (error == ENOSYS || error == EAFNOSUPPORT || error == ENODEV));
}

void finish(struct attack *a)
{
	bh_record_begin_result(a->handler, a->task.id);
	a->until_ms = now_ms();
	bh_result_map(a->handler, 5);
	bh_result_key(a->handler, "gained");
	bh_result_bool(a->handler, a->gained);
	bh_result_key(a->handler, "absent");
	bh_result_bool(a->handler, a->absent);
	bh_result_key(a->handler, "detail");
	bh_result_bytes(a->handler, a->detail, strlen(a->detail));
	bh_result_key(a->handler, "from_ms");
	bh_result_int(a->handler, a->from_ms);
	bh_result_key(a->handler, "until_ms");
	bh_result_int(a->handler, a->until_ms);
	bh_record_end(a->handler);
	bh_batch_done(a->handler);
}

void sleep_ms(int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0)
		;
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(void)
{
	struct attack a = { .gained = false };

	if (bh_handler_open(&a.handler) < 0 || !bh_handler_task_at(a.handler, 0, &a.task))
		return 1;
	bh_record_start(a.handler, a.task.id);
	a.from_ms = now_ms();
	attack(&a);
	finish(&a);
	bh_handler_close(a.handler);
	return 0;
}
