/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/origin.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/wire/base.h"

/* A line has about 73 bytes before the path. Longer ones are none of ours. */
#define LINE_SIZE (PATH_MAX + 128)
#define MAX_LINES 4096

/* ---- one line ---- */

/* A number without "0x"; true where `after` follows it. */
static bool take_hex(const char **at, char after, uint64_t *ret)
{
	const char *start = *at;
	uint64_t value = 0;

	for (; **at != after; (*at)++) {
		char c = **at;
		unsigned int digit;
		if (c >= '0' && c <= '9')
			digit = (unsigned int)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned int)(c - 'a') + 10;
		else
			return false;
		value = value << 4 | digit;
	}
	if (*at == start)
		return false;
	(*at)++;
	*ret = value;
	return true;
}

static bool skip_word(const char **at)
{
	const char *space = strchr(*at, ' ');

	if (!space)
		return false;
	*at = space + 1;
	return true;
}

/* "start-end perms offset device inode     path" */
int bh_origin_parse(const char *line, uint64_t address, char *file, size_t file_size,
                    uint64_t *ret_offset)
{
	uint64_t start, end, offset;

	file[0] = '\0';
	if (!take_hex(&line, '-', &start) || !take_hex(&line, ' ', &end) || !skip_word(&line) ||
	    address < start || address >= end)
		return -EAGAIN;
	if (!take_hex(&line, ' ', &offset) || !skip_word(&line) || !skip_word(&line))
		return -ENOENT;
	line += strspn(line, " ");
	if (line[0] != '/')
		return -ENOENT; /* memory without a file, or "[vdso]" and its like */
	snprintf(file, file_size, "%s", line);
	for (char *at = file; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?'; /* a handler names its memory files as it likes */
	*ret_offset = offset + (address - start);
	return 0;
}

/* ---- the file ---- */

struct lines {
	int fd;
	size_t n;
	char bytes[LINE_SIZE];
};

/* The next line, without its end, in `bytes`; `*ret_size` is what it takes there.
 * False at the end of the file, and for a line that does not fit. */
static bool next_line(struct lines *lines, size_t taken, size_t *ret_size)
{
	lines->n -= taken;
	memmove(lines->bytes, lines->bytes + taken, lines->n);
	for (;;) {
		char *end = memchr(lines->bytes, '\n', lines->n);
		if (end) {
			*end = '\0';
			*ret_size = (size_t)(end - lines->bytes) + 1;
			return true;
		}
		if (lines->n == sizeof(lines->bytes))
			return false;
		ssize_t got =
		        read(lines->fd, lines->bytes + lines->n, sizeof(lines->bytes) - lines->n);
		if (got <= 0)
			return false;
		lines->n += (size_t)got;
	}
}

int bh_origin_find(pid_t pid, uint64_t address, char *file, size_t file_size, uint64_t *ret_offset)
{
	char path[32];
	struct lines lines = { .n = 0 };
	size_t taken = 0;
	int r = -EAGAIN;

	file[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	BH_CLEANUP(bh_fd_done) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	lines.fd = fd;
	for (int i = 0; r == -EAGAIN && i < MAX_LINES && next_line(&lines, taken, &taken); i++)
		r = bh_origin_parse(lines.bytes, address, file, file_size, ret_offset);
	return r == 0 ? 0 : -ENOENT;
}
