/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/executor.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ipc/wire/base.h"

#define LAUNCHER_NAME "bulkhead-launcher"

#ifndef BH_LAUNCHER_INSTALLED
#error "the build defines BH_LAUNCHER_INSTALLED, the path where the launcher is installed"
#endif

/* Writes the path of a launcher beside the running program; "" where the
 * program's own path can't be read or is too long. */
static void write_beside(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);

	path[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(path, '/');
	size_t directory = slash ? (size_t)(slash - path) + 1 : 0;
	if (!slash || sizeof(LAUNCHER_NAME) > PATH_MAX - directory)
		path[0] = '\0';
	else
		memcpy(path + directory, LAUNCHER_NAME, sizeof(LAUNCHER_NAME));
}

int bh_launcher_find(char *path, size_t path_size, struct bh_error *err)
{
	char beside[PATH_MAX];
	const char *found = beside;

	write_beside(beside);
	if (beside[0] == '\0' || access(beside, X_OK) < 0)
		found = BH_LAUNCHER_INSTALLED;
	if (access(found, X_OK) < 0)
		return bh_fail(err, ENOENT, "find %s, looked for %s and %s", LAUNCHER_NAME,
		               beside[0] ? beside : "(unknown place)", BH_LAUNCHER_INSTALLED);
	if (strlen(found) >= path_size)
		return bh_fail(err, ENAMETOOLONG, "path %s of the launcher", found);
	memcpy(path, found, strlen(found) + 1);
	return 0;
}
