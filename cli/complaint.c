/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/complaint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "ipc/wire/base.h"

void bh_complaint_done(struct bh_complaint *complaint)
{
	free(complaint->text);
	*complaint = BH_COMPLAINT_UNSET;
}

static void put_escaped(FILE *to, const char *at, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (at[i] == '\n')
			fputs("\\n", to);
		else if (at[i] == '\t')
			fputs("\\t", to);
		else
			fprintf(to, "\\x%02x", (unsigned int)(unsigned char)at[i]);
	}
}

static void put_printable(FILE *to, const char *text, size_t size)
{
	while (size > 0) {
		size_t length = bh_utf8_length(text, size);

		if (length == 0)
			put_escaped(to, text, length = 1);
		else if (bh_utf8_is_control(text, length))
			put_escaped(to, text, length);
		else
			fwrite(text, 1, length, to);
		text += length;
		size -= length;
	}
}

char *bh_printable_dup(const char *text, size_t size)
{
	char *made = NULL;
	size_t made_size;
	FILE *memory = open_memstream(&made, &made_size);

	if (!memory)
		return NULL;
	put_printable(memory, text, size);
	if (fclose(memory) != 0) {
		free(made);
		return NULL;
	}
	return made;
}

__attribute__((format(printf, 1, 0))) static char *format_printable(const char *format,
                                                                    va_list args)
{
	BH_CLEANUP(bh_free_done) char *raw = NULL;

	if (vasprintf(&raw, format, args) < 0) {
		raw = NULL;
		return NULL;
	}
	return bh_printable_dup(raw, strlen(raw));
}

int bh_complain(struct bh_complaint *complaint, enum bh_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	bh_complaint_done(complaint);
	complaint->text = format_printable(format, args);
	va_end(args);
	return (int)status;
}

static enum bh_status errno_status(int code)
{
	switch (code) {
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENOSYS:
		return BH_STATUS_INFRASTRUCTURE;
	default:
		return BH_STATUS_INPUT;
	}
}

int bh_complain_errno(struct bh_complaint *complaint, int code, const char *format, ...)
{
	BH_CLEANUP(bh_free_done) char *text = NULL;
	va_list args;

	va_start(args, format);
	text = format_printable(format, args);
	va_end(args);
	return bh_complain(complaint, errno_status(code), "%s: %s", text ? text : "",
	                   strerrordesc_np(code));
}

int bh_complain_memory(struct bh_complaint *complaint)
{
	return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "out of memory");
}

void bh_note(const char *format, ...)
{
	BH_CLEANUP(bh_free_done) char *text = NULL;
	va_list args;

	va_start(args, format);
	text = format_printable(format, args);
	va_end(args);
	fprintf(stderr, "bulkhead: %s\n", text ? text : "out of memory");
}
