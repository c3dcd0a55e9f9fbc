/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_VERSION_H
#define BULKHEAD_VERSION_H

/* version.h: the version that these headers describe. CMakeLists.txt reads the
 * number from here. */
#define BH_VERSION     "0.1.0"
#define BH_ABI_VERSION 1 /* of the handler ABI: docs/handler-abi.md */

#endif
