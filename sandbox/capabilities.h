/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CAPABILITIES_H
#define BH_SANDBOX_CAPABILITIES_H

/* capabilities.h: gives up every capability, for good.
 * Source: capabilities(7). */

#include <stdint.h>

/* Both work by raw calls only, so that they may run before an exec in borrowed
 * memory, and return 0 or a negative errno value. `key` is for a filter that the
 * caller may be under (sandbox/filter.h); 0 for none. */

/* Empties the bounding and the ambient set and locks the securebits: what an
 * exec or a change of ids could give is gone, what is held stays until it is
 * dropped. Inherited by clone, lost in a new user namespace. */
int bh_capabilities_lock(uint64_t key);

/* Drops all that is held. */
int bh_capabilities_drop(uint64_t key);

#endif
