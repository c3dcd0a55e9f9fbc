/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_LOCATE_H
#define BH_CLI_LOCATE_H

/* locate.h: where in its line a JSON value stands. jansson does not keep it, and
 * it is asked for only when there is something to complain about, so the line is
 * then gone through once more. */

#include <stddef.h>

struct bh_node;

/* The column of the node, in characters from 1. Its line is valid JSON. */
size_t bh_locate(const struct bh_node *node);

/* The column of the key `key` of the object. */
size_t bh_locate_key(const struct bh_node *object, const char *key);

#endif
