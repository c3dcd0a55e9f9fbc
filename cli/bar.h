/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_BAR_H
#define BH_CLI_BAR_H

/* bar.h: a run's progress as one line of a terminal:
 *
 *   [#####---------------] 12/48 batches, 240/960 tasks, 2 failed (1 exit, 1 signal),
 *   1 task error, 4.0 tasks/s, 3m00s left, slowest batch_0007 (12s)
 *
 * but on one line. Where it doesn't fit, the less important parts become shorter or
 * are left out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bh_roster;

/* Wider windows are not filled. */
#define BH_BAR_MOST_COLUMNS 400
#define BH_BAR_SIZE         (4 * BH_BAR_MOST_COLUMNS)

struct bh_bar_style {
	size_t width;  /* columns of the window; the last one stays free */
	bool utf8;     /* else ASCII only */
	bool stopping; /* it is being ended before its time */
};

/* Writes the line, without an end; "" where not even the number of batches fits.
 * Returns its columns, which are less than the width. */
size_t bh_bar_draw(const struct bh_roster *roster, const struct bh_bar_style *style,
                   uint64_t now_us, char ret[BH_BAR_SIZE]);

#endif
