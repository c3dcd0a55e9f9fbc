/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_ERROR_H
#define BULKHEAD_ERROR_H

/* error.h: what went wrong on our side or the host's, in words.
 *
 * A function that can fail returns 0 or a negative errno value and, where the
 * caller passes a `struct bh_error`, says there which step failed and why. It
 * is fixed in size and holds no pointers, so it can be copied by value. What a
 * handler does wrong is never an error of this kind: it is a result. */

#define BH_ERROR_TEXT_SIZE 256

struct bh_error {
	int code;                      /* positive errno value; 0 while unset */
	char text[BH_ERROR_TEXT_SIZE]; /* NUL-terminated UTF-8, cut to fit */
};

#define BH_ERROR_UNSET ((struct bh_error){ .code = 0 })

/* Functions of the library that belong to its public face. */
#define BH_PUBLIC __attribute__((visibility("default")))

/* The result carries an error that must not be dropped. */
#define BH_MUST_CHECK __attribute__((warn_unused_result))

#endif
