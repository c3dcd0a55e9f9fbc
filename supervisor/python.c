/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/python.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/wire/base.h"
#include "sandbox/root.h"
#include "supervisor/program.h"

#define FROM_BIN "/../share/bulkhead/python"

/* False where there is none. */
static bool find(const char *given_launcher, char ret[PATH_MAX])
{
	char launcher[PATH_MAX], path[PATH_MAX + sizeof(FROM_BIN)];

	if (given_launcher)
		snprintf(launcher, sizeof(launcher), "%s", given_launcher);
	else if (bh_launcher_find(launcher, sizeof(launcher), NULL) < 0)
		return false;
	char *slash = strrchr(launcher, '/');
	if (!slash)
		return false;
	*slash = '\0';
	snprintf(path, sizeof(path), "%s" FROM_BIN, launcher);
	return realpath(path, ret) != NULL;
}

/* Best-effort isolation may turn out to have no root of its own: so both places. */
int bh_python_find(const struct bh_executor_options *options, struct bh_program *program,
                   struct bh_python *ret, struct bh_error *err)
{
	char path[PATH_MAX];
	char variable[PATH_MAX + sizeof("PYTHONPATH=" BH_ROOT_PYTHON_DIR ":")];

	ret->dir[0] = '\0';
	if (!program->is_python || !find(options->launcher, path))
		return 0;
	bool shown = options->isolation == BH_ISOLATION_NONE || strncmp(path, "/usr/", 5) == 0;
	if (!shown && strlen(path) < sizeof(ret->dir))
		memcpy(ret->dir, path, strlen(path) + 1);
	snprintf(variable, sizeof(variable), "PYTHONPATH=%s%s", shown ? "" : BH_ROOT_PYTHON_DIR ":",
	         path);
	return bh_program_offer_variable(program, variable, err);
}
