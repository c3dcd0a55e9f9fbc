/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "sandbox/rawcall.h"

/* Every bit that can be set, each locked: uid 0 means nothing any more. */
#define SECUREBITS                                                                               \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                         \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* The kernel answers EINVAL for the first capability that it doesn't know. */
static int drop_bounding_set(uint64_t key)
{
	for (int capability = 0;; capability++) {
		long r = bh_keyed(key, SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
		if (r == -EINVAL)
			return 0;
		if (r < 0)
			return (int)r;
	}
}

int bh_capabilities_lock(uint64_t key)
{
	int r = drop_bounding_set(key);
	if (r < 0)
		return r;
	r = (int)bh_keyed(key, SYS_prctl, PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0);
	if (r < 0)
		return r;
	return (int)bh_keyed(key, SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

int bh_capabilities_drop(uint64_t key)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	return (int)bh_keyed(key, SYS_capset, &header, none, 0, 0, 0);
}
