/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_PROBE_H
#define BH_SANDBOX_PROBE_H

/* probe.h: tries one layer of isolation in a child of its own. */

#include <stddef.h>

#include "sandbox/layer.h"

/* Tries `layer` as this process and its kernel allow. Returns 0 where it works, a
 * positive errno value where it doesn't. `detail` says how much there is, or
 * which step failed. */
int bh_probe_layer(enum bh_layer_id layer, char *detail, size_t detail_size);

#endif
