/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/base64.h"
#include "cli/sink.h"
#include "cli/text.h"

void bh_json_init(struct bh_json *json, struct bh_sink *sink)
{
	*json = (struct bh_json){ .sink = sink };
}

/* Everything that stands where a value may stand goes through here. */
static void begin_value(struct bh_json *json)
{
	if (json->need_comma)
		bh_sink_puts(json->sink, ",");
	json->need_comma = true;
}

static void put_value(struct bh_json *json, const char *text)
{
	begin_value(json);
	bh_sink_puts(json->sink, text);
}

static void begin_container(struct bh_json *json, const char *bracket)
{
	put_value(json, bracket);
	json->need_comma = false;
}

static void end_container(struct bh_json *json, const char *bracket)
{
	bh_sink_puts(json->sink, bracket);
	json->need_comma = true;
}

void bh_json_begin_object(struct bh_json *json)
{
	begin_container(json, "{");
}

void bh_json_end_object(struct bh_json *json)
{
	end_container(json, "}");
}

void bh_json_begin_array(struct bh_json *json)
{
	begin_container(json, "[");
}

void bh_json_end_array(struct bh_json *json)
{
	end_container(json, "]");
}

void bh_json_null(struct bh_json *json)
{
	put_value(json, "null");
}

void bh_json_bool(struct bh_json *json, bool value)
{
	put_value(json, value ? "true" : "false");
}

void bh_json_int(struct bh_json *json, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	put_value(json, text);
}

void bh_json_uint(struct bh_json *json, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_value(json, text);
}

void bh_json_double(struct bh_json *json, double value)
{
	char text[40];

	if (!isfinite(value)) {
		json->replaced++;
		bh_json_null(json);
		return;
	}
	/* 17 digits always suffice for a double; 15 often do */
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	if (!strpbrk(text, ".e")) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof(text) - used, ".0");
	}
	put_value(json, text);
}

void bh_json_ms(struct bh_json *json, uint64_t us)
{
	char text[32];
	size_t length = (size_t)snprintf(text, sizeof(text), "%" PRIu64 ".%03u", us / 1000,
	                                 (unsigned int)(us % 1000));

	while (text[length - 1] == '0')
		text[--length] = '\0';
	if (text[length - 1] == '.')
		text[--length] = '\0';
	put_value(json, text);
}

void bh_json_hex(struct bh_json *json, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "\"0x%" PRIx64 "\"", value);
	put_value(json, text);
}

/* How a byte is written inside a string; 0: as it is, 'u': as \u00NN. */
static char escape_of(unsigned char byte)
{
	switch (byte) {
	case '"':
	case '\\':
		return (char)byte;
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return byte < 0x20 || byte == 0x7f ? 'u' : 0;
	}
}

/* U+0080 to U+009F, in two bytes: some terminals obey them like the first 32. */
static bool is_c1_control(const char *at, size_t size)
{
	return size >= 2 && (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] >= 0x80 &&
	       (unsigned char)at[1] < 0xa0;
}

static void put_escape(struct bh_sink *sink, char escape, unsigned char byte)
{
	char text[8] = { '\\', escape, '\0' };

	if (escape == 'u')
		snprintf(text, sizeof(text), "\\u%04x", byte);
	bh_sink_puts(sink, text);
}

static void put_bad_byte(struct bh_sink *sink, unsigned char byte, bool lossless)
{
	char text[8] = "\xef\xbf\xbd";

	if (lossless)
		snprintf(text, sizeof(text), "\\\\x%02x", byte);
	bh_sink_puts(sink, text);
}

/* Bytes from `at` on that need no escape. */
static size_t plain_length(const char *at, size_t size)
{
	size_t length = 0;

	while (length < size) {
		size_t n = bh_utf8_length(at + length, size - length);

		if (n == 0 || (n == 1 && escape_of((unsigned char)at[length]) != 0) ||
		    is_c1_control(at + length, size - length))
			break;
		length += n;
	}
	return length;
}

static void put_string(struct bh_sink *sink, struct bh_span text, bool lossless)
{
	const char *at = text.data;
	const char *end = at ? at + text.size : at;

	bh_sink_puts(sink, "\"");
	while (at < end) {
		size_t plain = plain_length(at, (size_t)(end - at));

		bh_sink_put(sink, at, plain);
		at += plain;
		if (at == end)
			break;
		if (is_c1_control(at, (size_t)(end - at))) {
			put_escape(sink, 'u', (unsigned char)at[1]);
			at += 2;
			continue;
		}
		char escape = escape_of((unsigned char)*at);
		if (escape == 0 || (lossless && *at == '\\' && end - at > 1 && at[1] == 'x'))
			put_bad_byte(sink, (unsigned char)*at, lossless);
		else
			put_escape(sink, escape, (unsigned char)*at);
		at++;
	}
	bh_sink_puts(sink, "\"");
}

void bh_json_string_span(struct bh_json *json, struct bh_span text)
{
	begin_value(json);
	put_string(json->sink, text, false);
}

void bh_json_string(struct bh_json *json, const char *text)
{
	if (text)
		bh_json_string_span(json, (struct bh_span){ text, strlen(text) });
	else
		bh_json_null(json);
}

void bh_json_bytes(struct bh_json *json, struct bh_span bytes)
{
	begin_value(json);
	put_string(json->sink, bytes, true);
}

void bh_json_key_span(struct bh_json *json, struct bh_span key)
{
	bh_json_string_span(json, key);
	bh_sink_puts(json->sink, ":");
	json->need_comma = false;
}

void bh_json_key(struct bh_json *json, const char *key)
{
	bh_json_key_span(json, (struct bh_span){ key, strlen(key) });
}

void bh_json_member_uint(struct bh_json *json, const char *key, uint64_t value)
{
	bh_json_key(json, key);
	bh_json_uint(json, value);
}

void bh_json_member_bool(struct bh_json *json, const char *key, bool value)
{
	bh_json_key(json, key);
	bh_json_bool(json, value);
}

void bh_json_member_ms(struct bh_json *json, const char *key, uint64_t us)
{
	bh_json_key(json, key);
	bh_json_ms(json, us);
}

void bh_json_base64(struct bh_json *json, struct bh_span bytes)
{
	char text[1024];
	const size_t step = sizeof(text) / 4 * 3;
	const uint8_t *at = bytes.data;

	begin_value(json);
	bh_sink_puts(json->sink, "\"");
	for (size_t left = bytes.size; left > 0;) {
		size_t n = left < step ? left : step;

		bh_base64_encode(at, n, text);
		bh_sink_put(json->sink, text, bh_base64_encoded_size(n));
		at += n;
		left -= n;
	}
	bh_sink_puts(json->sink, "\"");
}
