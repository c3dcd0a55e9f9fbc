/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_SPAN_H
#define BULKHEAD_SPAN_H

#include <stddef.h>

/* span.h: borrowed bytes. Never NUL-terminated; valid as long as what lends
 * them says. `data` is NULL where there is nothing at all, which is told apart
 * from a span of size 0. */
struct bh_span {
	const void *data;
	size_t size; /* bytes */
};

#define BH_SPAN_NONE ((struct bh_span){ .data = NULL })

#endif
