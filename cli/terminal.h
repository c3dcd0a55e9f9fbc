/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_TERMINAL_H
#define BH_CLI_TERMINAL_H

/* terminal.h: one line at the bottom of a terminal that changes in place.
 *
 * Nothing is changed that would have to be put right at the end: whoever kills the
 * program leaves a line of text and no more. Colours are not used. */

#include <stdbool.h>
#include <stddef.h>

struct bh_terminal {
	int fd;    /* borrowed */
	bool utf8; /* the locale says that it shows UTF-8 */
	bool has_line;
};

void bh_terminal_init(struct bh_terminal *terminal, int fd);

/* A line can be changed in place: it is a terminal, and TERM says that it is not a
 * dumb one. */
bool bh_terminal_is_capable(const struct bh_terminal *terminal);

/* Columns of its window now; 80 where it doesn't know. */
size_t bh_terminal_width(const struct bh_terminal *terminal);

/* Shows a line in place of the one before it. Where nothing can be written at once,
 * or a shell has the terminal and the program is in the background, it is left out. */
void bh_terminal_show(struct bh_terminal *terminal, const char *line);

/* Takes the line away: what comes next begins where it began. */
void bh_terminal_clear(struct bh_terminal *terminal);

#endif
