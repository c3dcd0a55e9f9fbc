/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CAPABILITIES_H
#define BH_SANDBOX_CAPABILITIES_H

/* capabilities.h: gives up every capability, for good.
 * Source: capabilities(7). */

/* Empties all five sets of this process and locks the securebits, by raw calls
 * only, so that it may run before an exec in borrowed memory. Returns 0 or a
 * negative errno value. */
int bh_capabilities_drop(void);

#endif
