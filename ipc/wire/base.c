/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__attribute__((format(printf, 3, 0))) static void format_text(struct bh_error *err, int code,
                                                              const char *format, va_list args)
{
	err->code = code;
	if (vsnprintf(err->text, sizeof(err->text), format, args) < 0)
		err->text[0] = '\0';
}

int bh_fail(struct bh_error *err, int code, const char *format, ...)
{
	if (!err)
		return -code;

	va_list args;
	va_start(args, format);
	format_text(err, code, format, args);
	va_end(args);

	size_t used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerrordesc_np(code));
	return -code;
}

int bh_fail_plain(struct bh_error *err, int code, const char *format, ...)
{
	if (!err)
		return -code;

	va_list args;
	va_start(args, format);
	format_text(err, code, format, args);
	va_end(args);
	return -code;
}

void bh_fd_done(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void bh_free_done(void *pointer_address)
{
	void **pointer = pointer_address;

	free(*pointer);
	*pointer = NULL;
}

uint64_t bh_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t bh_add_saturated(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

bool bh_text_is_blank(const char *text)
{
	return text[strspn(text, " \t\n\v\f\r")] == '\0';
}
