/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_VALUE_H
#define BH_CLI_VALUE_H

/* value.h: values between JSON and MessagePack.
 *
 * What JSON lacks is written as docs/cli.md, "Values that JSON lacks", says:
 * bin as {"$base64": …}, ext as {"$ext": type, "$base64": …}, NaN and
 * infinities as null. */

#include <jansson.h>
#include <msgpack.h>
#include <stdbool.h>

#include "bulkhead/span.h"

struct bh_json;

/* Containers inside one another that params may have: a context, at most
 * BH_CURSOR_MAX_DEPTH deep, holds them at depth 4. */
#define BH_VALUE_MAX_DEPTH 29

/* True where no container of the value stands deeper than `max`. */
bool bh_value_within_depth(const json_t *value, unsigned int max);

/* Appends the value, which is within BH_VALUE_MAX_DEPTH, as MessagePack. False
 * when out of memory or past MessagePack's 32-bit lengths. */
bool bh_value_pack(const json_t *value, msgpack_sbuffer *to);

/* Writes exactly one MessagePack value as JSON. False when out of memory or where
 * the bytes aren't one value: nothing was written then. */
bool bh_value_write(struct bh_json *json, struct bh_span value);

#endif
