/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/label.h"

#include <string.h>

#include "cli/text.h"

/* One character: its bytes in the text, and what is shown for it. */
struct glyph {
	size_t length;
	bool plain; /* as it is; else '?' */
	size_t columns;
};

static struct glyph read_glyph(const char *text, size_t size, bool utf8)
{
	size_t length = bh_utf8_length(text, size);

	if (length == 0)
		return (struct glyph){ .length = 1, .columns = 1 };
	bool plain = (length == 1 || utf8) && !bh_utf8_is_control(text, length);
	return (struct glyph){ .length = length,
		               .plain = plain,
		               .columns = plain && length > 1 ? 2 : 1 };
}

/* Bytes of the text that fit into so many columns. */
static size_t measure(const char *text, size_t size, size_t columns, bool utf8)
{
	size_t at = 0;

	while (at < size) {
		struct glyph glyph = read_glyph(text + at, size - at, utf8);

		if (glyph.columns > columns)
			break;
		columns -= glyph.columns;
		at += glyph.length;
	}
	return at;
}

/* Returns the columns; `*to` goes on behind what was written. */
static size_t put(const char *text, size_t size, bool utf8, char **to)
{
	size_t columns = 0;

	for (size_t at = 0; at < size;) {
		struct glyph glyph = read_glyph(text + at, size - at, utf8);
		size_t n = glyph.plain ? glyph.length : 1;

		memcpy(*to, glyph.plain ? text + at : "?", n);
		*to += n;
		at += glyph.length;
		columns += glyph.columns;
	}
	return columns;
}

size_t bh_label_write(const char *text, size_t size, size_t columns, bool utf8, char *ret)
{
	const char *mark = utf8 ? "\xe2\x80\xa6" : "..";
	size_t mark_columns = utf8 ? 1 : 2;
	size_t fits = measure(text, size, columns, utf8);
	size_t used;

	if (fits == size) {
		used = put(text, size, utf8, &ret);
	} else if (columns < mark_columns) {
		used = 0;
	} else {
		fits = measure(text, size, columns - mark_columns, utf8);
		used = put(text, fits, utf8, &ret) + mark_columns;
		memcpy(ret, mark, strlen(mark));
		ret += strlen(mark);
	}
	*ret = '\0';
	return used;
}
