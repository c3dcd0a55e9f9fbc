/* SPDX-License-Identifier: Apache-2.0 */

/* fail.c: why a task failed, in words. Apart from run.c, so that a handler that
 * formats nothing isn't linked to what formats. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "handler_state.h"
#include "utf8.h"

/* What a message is made of may be any bytes, and may be cut inside a letter. */
static void repair(char *text)
{
	bh_utf8_repair(text, strlen(text));
}

int bh_fail_task(struct bh_handler *handler, const char *type, const char *format, ...)
{
	struct bh_failure *failure = handler->failure;
	va_list args;

	va_start(args, format);
	vsnprintf(failure->message, sizeof(failure->message), format, args);
	va_end(args);
	repair(failure->message);

	failure->has_type = type != NULL;
	snprintf(failure->type, sizeof(failure->type), "%s", type ? type : "");
	repair(failure->type);
	failure->is_set = true;
	return 1;
}
