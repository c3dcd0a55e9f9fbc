/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_JSON_WRITER_H
#define BH_CLI_JSON_WRITER_H

/* json_writer.h: one JSON text, written as it comes.
 *
 * A tree of jansson's would hold a batch's results a second time, has no integers
 * above 2^63 - 1 and drops what it can't represent, so results are written
 * directly. Commas and colons are the writer's business. Source: RFC 8259. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/span.h"

struct bh_sink;

struct bh_json {
	struct bh_sink *sink; /* borrowed */
	bool need_comma;      /* a value stands before, in the same container */
	uint64_t replaced;    /* NaN and infinities that became null */
};

void bh_json_init(struct bh_json *json, struct bh_sink *sink);

void bh_json_begin_object(struct bh_json *json);
void bh_json_end_object(struct bh_json *json);
void bh_json_begin_array(struct bh_json *json);
void bh_json_end_array(struct bh_json *json);

/* A member's name; its value follows. */
void bh_json_key(struct bh_json *json, const char *key);
void bh_json_key_span(struct bh_json *json, struct bh_span key);

void bh_json_null(struct bh_json *json);
void bh_json_bool(struct bh_json *json, bool value);
void bh_json_int(struct bh_json *json, int64_t value);
void bh_json_uint(struct bh_json *json, uint64_t value);
/* The shortest form that reads back as the same double, always with a point or
 * an exponent. What JSON lacks becomes null and is counted. */
void bh_json_double(struct bh_json *json, double value);
/* Microseconds as milliseconds with up to three decimals. */
void bh_json_ms(struct bh_json *json, uint64_t us);
/* As a string "0x…": 64 bits that are no quantity, such as an address. */
void bh_json_hex(struct bh_json *json, uint64_t value);

/* A key and its value. */
void bh_json_member_bool(struct bh_json *json, const char *key, bool value);
void bh_json_member_uint(struct bh_json *json, const char *key, uint64_t value);
void bh_json_member_ms(struct bh_json *json, const char *key, uint64_t us);

/* UTF-8; a byte that is none becomes U+FFFD. NULL gives null. */
void bh_json_string(struct bh_json *json, const char *text);
void bh_json_string_span(struct bh_json *json, struct bh_span text);
/* Any bytes, without loss: a byte that is not UTF-8 becomes the four characters
 * \xNN, and a backslash before an x becomes \x5c, so that each \xNN of the string
 * stands for one byte and all else for itself. */
void bh_json_bytes(struct bh_json *json, struct bh_span bytes);
/* As a base64 string. */
void bh_json_base64(struct bh_json *json, struct bh_span bytes);

#endif
