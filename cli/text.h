/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_TEXT_H
#define BH_CLI_TEXT_H

/* text.h: UTF-8, a character at a time. Source: RFC 3629. */

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed character at `text`, 1 to 4; 0 where there is none.
 * `size` is at least 1. */
size_t bh_utf8_length(const char *text, size_t size);

/* True for a well-formed character of `length` bytes that must not reach a terminal
 * as it is: it would move the cursor, change the terminal (C0, DEL, C1), or break the
 * line or show what follows in another order (separators, bidirectional controls).
 * Source: ECMA-48; Unicode Standard Annex 9. */
bool bh_utf8_is_control(const char *text, size_t length);

/* The longest beginning of the text of at most `max` bytes that cuts no
 * character in two. */
size_t bh_utf8_cut(const char *text, size_t size, size_t max);

#endif
