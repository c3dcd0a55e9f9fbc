/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HOSTILE_SUITE_H
#define BH_TESTS_HOSTILE_SUITE_H

/* suite.h: what the programs of the suite begin with. */

#include "tests/check.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Runs it with a folder for baits, which is removed in the end. The status to exit with. */
int run_hostile_suite(Suite *suite);

#endif
