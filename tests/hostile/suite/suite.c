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

int run_hostile_suite(Suite *suite)
{
	char base[] = "/tmp/bulkhead-hostile-XXXXXX";

	if (!mkdtemp(base) || chmod(base, 0755) < 0 || setenv("HOSTILE_FOLDER", base, 1) < 0)
		return EXIT_FAILURE;
	int status = run_suite(suite);
	remove_folders(base);
	return status;
}
