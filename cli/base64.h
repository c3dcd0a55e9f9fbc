/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_BASE64_H
#define BH_CLI_BASE64_H

/* base64.h: bytes as text, with the standard alphabet and padding.
 * Source: RFC 4648, section 4. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that `size` bytes make: whole groups of four. `size` is at most
 * SIZE_MAX / 2. */
size_t bh_base64_encoded_size(size_t size);

/* Writes exactly that many characters, and no NUL. */
void bh_base64_encode(const uint8_t *data, size_t size, char *ret);

/* Room for what `size` characters decode to at most. */
size_t bh_base64_decoded_max(size_t size);

/* Decodes, strictly: no other characters, full padding, unused bits zero. False
 * where it is not base64: `*ret_size` is then the offset of the first character
 * that is wrong. */
bool bh_base64_decode(const char *text, size_t size, uint8_t *ret, size_t *ret_size);

#endif
