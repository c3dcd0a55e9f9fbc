/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_QUANTITY_H
#define BH_CLI_QUANTITY_H

/* quantity.h: numbers as they are typed on the command line.
 *
 * Each function takes the whole text or returns false and leaves `*ret` alone:
 * no signs, no spaces, no fractions, and nothing that does not fit in 64 bits
 * (the largest 64-bit number is left to mean "unlimited"). */

#include <stdbool.h>
#include <stdint.h>

/* Digits. */
bool bh_count_parse(const char *text, uint64_t *ret);

/* Digits, and K, M or G for 2^10, 2^20 or 2^30. Bytes. */
bool bh_size_parse(const char *text, uint64_t *ret);

/* Digits and one of us, ms, s, m, h; 0 needs no unit. Microseconds. */
bool bh_duration_parse(const char *text, uint64_t *ret);

#endif
