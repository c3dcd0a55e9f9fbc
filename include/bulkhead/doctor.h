/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_DOCTOR_H
#define BULKHEAD_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/error.h"

/* doctor.h: which layers of isolation this kernel offers and this user can use.
 * Each is tried in a child of the launcher; nothing is read off a version.
 * Source: docs/security.md, "Layers". */

#define BH_LAYER_TEXT_SIZE 192

struct bh_layer {
	const char *name;   /* "user-namespace", …; the same words as a result's `stage` */
	const char *what;   /* it does, in a line */
	const char *remedy; /* what would give it, in a line */
	bool needed;        /* strict isolation refuses to run without it */
	bool available;
	char detail[BH_LAYER_TEXT_SIZE]; /* how much there is, or why there is none */
};

/* Tries every layer. `launcher` is a path, or NULL: see bh_launcher_find. `*ret`
 * is an array of the caller's (free(3)) with `*ret_n` layers, in the order in
 * which a handler meets them.
 * Errors: -ENOENT without a launcher; -EPIPE, -EPROTO, -ETIMEDOUT for one that
 * doesn't answer; -ENOMEM. A layer that can't be had is no error. */
BH_PUBLIC BH_MUST_CHECK int bh_doctor(const char *launcher, struct bh_layer **ret, size_t *ret_n,
                                      struct bh_error *err);

/* True where every needed layer is available: strict isolation runs here. */
BH_PUBLIC bool bh_doctor_strict_works(const struct bh_layer *layers, size_t n);

#endif
