/* SPDX-License-Identifier: Apache-2.0 */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A test that fails leaves its folder behind. */
static void remove_folders(const char *base)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", base);
	if (system(command) != 0)
		fprintf(stderr, "%s is left over\n", base);
}

int run_suite(Suite *suite)
{
	char base[] = "/tmp/bulkhead-hostile-XXXXXX";
	SRunner *runner = srunner_create(suite);

	if (!mkdtemp(base) || chmod(base, 0755) < 0 || setenv("HOSTILE_FOLDER", base, 1) < 0)
		return EXIT_FAILURE;
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	remove_folders(base);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
