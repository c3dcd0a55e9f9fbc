/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_WIRE_BASE_H
#define BH_IPC_WIRE_BASE_H

/* base.h: the few helpers that every module shares. Needs no library. */

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

/* Runs `done` on the variable's address when it leaves its scope. */
#define BH_CLEANUP(done) __attribute__((cleanup(done)))

/* The value of `from`, which is left as `unset`: hands an object over. */
#define BH_TAKE(from, unset)                      \
	({                                        \
		__typeof__(from) taken_ = (from); \
		(from) = (unset);                 \
		taken_;                           \
	})

#define BH_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Fills in `err` (may be NULL) and returns -code: `return bh_fail(…)`. `code` is
 * a positive errno value; its description is appended after ": ". */
int bh_fail(struct bh_error *err, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The same, for a message that says everything by itself. */
int bh_fail_plain(struct bh_error *err, int code, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Closes *fd unless it is -1, and sets it to -1. For BH_CLEANUP. */
void bh_fd_done(int *fd);

/* free() for BH_CLEANUP on a pointer variable: pass the variable's address. */
void bh_free_done(void *pointer_address);

/* Monotonic time in microseconds (clock_gettime(2), CLOCK_MONOTONIC). */
uint64_t bh_now_us(void);

/* a + b, or UINT64_MAX where that is past it. */
uint64_t bh_add_saturated(uint64_t a, uint64_t b);

/* True where the bytes are valid UTF-8 (RFC 3629: shortest form, no surrogates,
 * at most U+10FFFF). */
bool bh_utf8_valid(const void *data, size_t size);

/* True where the string is empty or holds white space only (ASCII space and
 * \t \n \v \f \r). */
bool bh_text_is_blank(const char *text);

#endif
