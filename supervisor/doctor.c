/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/doctor.h"

#include <limits.h>

#include "bulkhead/executor.h"
#include "sandbox/client.h"

int bh_doctor(const char *launcher, struct bh_layer **ret, size_t *ret_n, struct bh_error *err)
{
	char found[PATH_MAX];

	if (!launcher) {
		int r = bh_launcher_find(found, sizeof(found), err);
		if (r < 0)
			return r;
		launcher = found;
	}
	return bh_sandbox_probe(launcher, ret, ret_n, err);
}

bool bh_doctor_strict_works(const struct bh_layer *layers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (layers[i].needed && !layers[i].available)
			return false;
	return true;
}
