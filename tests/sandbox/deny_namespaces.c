/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command where no namespace can be made and nothing mounted, as container
 * engines and hardened hosts have it, and, after --without, on a kernel that lacks a
 * call: deny_namespaces [--without CALL] COMMAND [ARG…]. */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int flags[] = { CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
	                     CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET };

static int deny(scmp_filter_ctx filter, const char *call, uint16_t error)
{
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(error), seccomp_syscall_resolve_name(call),
	                        0);
}

static int deny_clone(scmp_filter_ctx filter, scmp_datum_t flag)
{
	struct scmp_arg_cmp has_flag = {
		.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = flag, .datum_b = flag
	};

	return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1, &has_flag);
}

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool lacks_call = argc > 3 && strcmp(argv[1], "--without") == 0;
	char **command = argv + (lacks_call ? 3 : 1);
	int r = filter && argc > 1 ? 0 : -EINVAL;

	for (size_t i = 0; r == 0 && i < sizeof(flags) / sizeof(flags[0]); i++)
		r = deny_clone(filter, (scmp_datum_t)flags[i]);
	if (r == 0)
		r = deny(filter, "clone3", ENOSYS);
	if (r == 0)
		r = deny(filter, "unshare", EPERM);
	if (r == 0)
		r = deny(filter, "setns", EPERM);
	if (r == 0)
		r = deny(filter, "mount", EPERM);
	if (r == 0 && lacks_call)
		r = deny(filter, argv[2], ENOSYS);
	/* set-user-id programs of the command keep working, as in a container */
	if (r == 0 && geteuid() == 0)
		r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (r == 0)
		r = seccomp_load(filter);
	if (r < 0) {
		fprintf(stderr, "deny_namespaces: no filter: error %d\n", -r);
		return 126;
	}
	execvp(command[0], command);
	perror(command[0]);
	return 127;
}
