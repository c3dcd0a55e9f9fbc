/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_COMPLAINT_H
#define BH_CLI_COMPLAINT_H

/* complaint.h: what the program has to say on standard error.
 *
 * A complaint ends a command. Its text is one printable line whatever went into
 * it: control characters and bytes that are not UTF-8 are shown as \xNN (\n and
 * \t as such), so that a file's name can't speak to the terminal. */

#include <stddef.h>

#include "bulkhead/error.h"
#include "cli/status.h"

struct bh_complaint {
	char *text; /* owned; NULL while unset, or when there was no memory for it */
};
#define BH_COMPLAINT_UNSET ((struct bh_complaint){ .text = NULL })
void bh_complaint_done(struct bh_complaint *complaint);

/* Sets the text and returns `status`: `return bh_complain(…)`. */
int bh_complain(struct bh_complaint *complaint, enum bh_status status, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The same for an errno value: infrastructure where memory or descriptors ran
 * out, else input. ": " and the value's description are appended. */
int bh_complain_errno(struct bh_complaint *complaint, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

int bh_complain_memory(struct bh_complaint *complaint);

/* The text made printable, on the heap; NULL when out of memory. */
char *bh_printable_dup(const char *text, size_t size);

/* Prints "bulkhead: " and one printable line on standard error. */
void bh_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
