/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_HANDLERS_SDK_UTF8_H
#define BH_HANDLERS_SDK_UTF8_H

/* utf8.h: what may stand in a MessagePack str.
 * Source: RFC 3629: shortest form, no surrogates, at most U+10FFFF. */

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the valid sequence at `data`; 0 where there is none. */
size_t bh_utf8_sequence(const char *data, size_t size);

bool bh_utf8_is_valid(const char *data, size_t size);

/* Replaces each byte that belongs to no valid sequence with '?'. */
void bh_utf8_repair(char *data, size_t size);

#endif
