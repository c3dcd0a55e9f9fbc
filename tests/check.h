/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_CHECK_H
#define BH_TESTS_CHECK_H

/* check.h: Check, with assertions that cost nothing while they hold. Check tells its
 * parent of each one that passed, by a write(2) to a file that the parent reads in
 * the end: that was most of the time of tests that assert a million times. One that
 * fails tells its file and line itself; of a test that crashes the parent now knows
 * the name, not the line of the assertion before. */

#include <check.h>
#include <stdlib.h>

#define _mark_point(file, line) ((void)0)

/* What main() of a suite gives: EXIT_SUCCESS where all of it passed. Frees the suite. */
static inline int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
