/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

/* A program with the set-user-id bit or with capabilities: what it got of them. */
void attack(struct attack *a)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	struct statvfs usr;

	if (geteuid() == 0 || getegid() == 0)
		gain(a, "is user %d, group %d", geteuid(), getegid());
	if (syscall(SYS_capget, &header, data) == 0 &&
	    (data[0].permitted | data[1].permitted | data[0].inheritable | data[1].inheritable))
		gain(a, "has capabilities %x %x", data[1].permitted, data[0].permitted);
	for (int capability = 0; capability < 64; capability++)
		if (prctl(PR_CAPBSET_READ, capability) == 1)
			note(a, "capability %d is in the bounding set", capability);
	/* other programs of the kind, if it were to execute them */
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 && statvfs("/usr", &usr) == 0 &&
	    !(usr.f_flag & ST_NOSUID))
		gain(a, "such programs would get their power");
}
