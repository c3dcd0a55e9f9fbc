/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_LABEL_H
#define BH_CLI_LABEL_H

/* label.h: an id in so many columns of a terminal, whatever bytes it has. */

#include <stdbool.h>
#include <stddef.h>

/* Room for a label of so many columns and its NUL. */
#define BH_LABEL_SIZE(columns) (2 * (columns) + 4)

/* Writes `size` bytes of text into `ret`, which has BH_LABEL_SIZE(columns) bytes.
 * What is too long is cut, and ends in "…" or "..". Bytes that are not UTF-8 and
 * characters that a terminal would obey become '?', and without `utf8` so does all
 * that is not ASCII. Terminals don't agree on the width of other characters: each
 * counts as two columns, the most that one takes. Returns the columns, which are
 * never more than `columns`. */
size_t bh_label_write(const char *text, size_t size, size_t columns, bool utf8, char *ret);

#endif
