/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/bar.h"

/* To the first column, and erase from there to the end of the line (ECMA-48, EL). */
#define START_OF_LINE "\r"
#define ERASE_REST    "\x1b[K"

#define USUAL_WIDTH 80

/* The program's own locale stays "C": what it prints doesn't depend on where. */
static bool locale_has_utf8(void)
{
	locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);

	if (locale == (locale_t)0)
		return false;
	bool utf8 = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
	freelocale(locale);
	return utf8;
}

void bh_terminal_init(struct bh_terminal *terminal, int fd)
{
	*terminal = (struct bh_terminal){ .fd = fd, .utf8 = locale_has_utf8() };
}

bool bh_terminal_is_capable(const struct bh_terminal *terminal)
{
	const char *term = getenv("TERM");

	return isatty(terminal->fd) && term && term[0] != '\0' && strcmp(term, "dumb") != 0;
}

size_t bh_terminal_width(const struct bh_terminal *terminal)
{
	struct winsize size;

	if (ioctl(terminal->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return USUAL_WIDTH;
	return size.ws_col;
}

/* Where it is not the terminal that the program is controlled by, nobody else is. */
static bool is_in_background(const struct bh_terminal *terminal)
{
	pid_t group = tcgetpgrp(terminal->fd);

	return group >= 0 && group != getpgrp();
}

static bool is_writable(const struct bh_terminal *terminal)
{
	struct pollfd polled = { .fd = terminal->fd, .events = POLLOUT };

	return poll(&polled, 1, 0) == 1 && (polled.revents & POLLOUT) != 0;
}

/* In one piece, so that nobody else's output gets into it. A terminal that is gone
 * has no use for it. */
static void put(const struct bh_terminal *terminal, const char *text, size_t size)
{
	(void)!write(terminal->fd, text, size);
}

void bh_terminal_show(struct bh_terminal *terminal, const char *line)
{
	char text[BH_BAR_SIZE + sizeof(START_OF_LINE ERASE_REST)];

	if (is_in_background(terminal) || !is_writable(terminal))
		return;
	int n = snprintf(text, sizeof(text), START_OF_LINE "%s" ERASE_REST, line);
	put(terminal, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
	terminal->has_line = true;
}

void bh_terminal_clear(struct bh_terminal *terminal)
{
	static const char text[] = START_OF_LINE ERASE_REST;

	if (!terminal->has_line)
		return;
	terminal->has_line = false;
	if (!is_in_background(terminal))
		put(terminal, text, sizeof(text) - 1);
}
