/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/namespaces.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "ipc/wire/base.h"

int bh_namespaces_enter(const char **ret_stage, struct bh_error *err)
{
	static const struct {
		const char *stage;
		int flag;
	} rows[] = {
		{ "mount-namespace", CLONE_NEWNS },
		{ "network-namespace", CLONE_NEWNET },
		{ "ipc-namespace", CLONE_NEWIPC },
		{ "uts-namespace", CLONE_NEWUTS },
	};

	for (size_t i = 0; i < BH_COUNT_OF(rows); i++) {
		*ret_stage = rows[i].stage;
		if (unshare(rows[i].flag) < 0)
			return bh_fail(err, errno, "create a %s", rows[i].stage);
	}
	*ret_stage = "mount-namespace";
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return bh_fail(err, errno, "make the mounts private");
	*ret_stage = "uts-namespace";
	if (sethostname("bulkhead", strlen("bulkhead")) < 0)
		return bh_fail(err, errno, "set the host name");
	*ret_stage = "";
	return 0;
}
