/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/capabilities.h"
#include "sandbox/cgroup.h"
#include "sandbox/landlock.h"
#include "sandbox/rlimits.h"

/* What a child of the probe tells by its exit status: 0, or the errno value of
 * what failed. Values above 255 don't exist on Linux. */
static int status_of(long result)
{
	return result < 0 ? errno : 0;
}

/* Root makes namespaces by itself; anybody else inside a user namespace. */
static int gain_power(void)
{
	if (unshare(CLONE_NEWNS) == 0)
		return 0;
	return status_of(unshare(CLONE_NEWUSER | CLONE_NEWNS));
}

static int try_namespace(int flag)
{
	int code = gain_power();

	return code ? code : status_of(unshare(flag));
}

static int try_user_namespace(void)
{
	return status_of(unshare(CLONE_NEWUSER));
}

static int try_mounts(void)
{
	int code = gain_power();

	if (code == 0)
		code = status_of(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	if (code == 0)
		code = status_of(mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, NULL));
	return code;
}

/* In a child of a new PID namespace, which is the first to be in it. */
static int try_in_pid_namespace(int (*run)(void))
{
	int status;

	int code = try_namespace(CLONE_NEWPID);
	if (code)
		return code;
	pid_t pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(run());
	if (waitpid(pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int mount_proc(void)
{
	int code = status_of(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));

	if (code)
		return code;
	return status_of(
	        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid"));
}

static int do_nothing(void)
{
	return 0;
}

static int try_pid_namespace(void)
{
	return try_in_pid_namespace(do_nothing);
}

static int try_proc(void)
{
	return try_in_pid_namespace(mount_proc);
}

static int try_network_namespace(void)
{
	return try_namespace(CLONE_NEWNET);
}

static int try_ipc_namespace(void)
{
	return try_namespace(CLONE_NEWIPC);
}

static int try_uts_namespace(void)
{
	return try_namespace(CLONE_NEWUTS);
}

static int try_cgroup_namespace(void)
{
	return try_namespace(CLONE_NEWCGROUP);
}

static int try_rlimits(void)
{
	struct bh_error error = BH_ERROR_UNSET;

	return -bh_rlimits_lower_common(&error);
}

/* The bounding set can be emptied only with a capability, which a handler's
 * process has at that point of its way and the probe may lack. */
static int try_capabilities(void)
{
	return -bh_capabilities_drop(0);
}

static int try_no_new_privs(void)
{
	return status_of(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static int try_landlock(void)
{
	struct bh_error error = BH_ERROR_UNSET;
	struct bh_landlock landlock;

	int code = try_no_new_privs();
	if (code)
		return code;
	if (bh_landlock_abi() == 0)
		return ENOSYS;
	int r = bh_landlock_plan(false, &landlock, &error);
	return r < 0 ? -r : -bh_landlock_enter(&landlock, 0);
}

static int load_filter(unsigned int flags)
{
	struct sock_filter allow_all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	struct sock_fprog program = { .len = 1, .filter = allow_all };

	int code = try_no_new_privs();
	if (code)
		return code;
	return status_of(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

static int try_seccomp(void)
{
	return load_filter(0);
}

static int try_seccomp_notify(void)
{
	return load_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

static int try_cgroup(void)
{
	const struct bh_limits limits = BH_LIMITS_DEFAULT;
	struct bh_error error = BH_ERROR_UNSET;
	struct bh_cgroup cgroup;
	struct bh_cgroup_slot slot = { .open = false };

	bh_cgroup_find("", (unsigned int)getpid(), &limits, &cgroup);
	int r = cgroup.n_used > 0 ? bh_cgroup_slot_open(&cgroup, &slot, 0, &error) : -ENOTSUP;
	bh_cgroup_slot_done(&cgroup, &slot);
	bh_cgroup_done(&cgroup);
	return -r;
}

static int (*const tries[BH_LAYERS])(void) = {
	[BH_LAYER_USER_NAMESPACE] = try_user_namespace,
	[BH_LAYER_MOUNT_NAMESPACE] = try_mounts,
	[BH_LAYER_PID_NAMESPACE] = try_pid_namespace,
	[BH_LAYER_PROC] = try_proc,
	[BH_LAYER_NETWORK_NAMESPACE] = try_network_namespace,
	[BH_LAYER_IPC_NAMESPACE] = try_ipc_namespace,
	[BH_LAYER_UTS_NAMESPACE] = try_uts_namespace,
	[BH_LAYER_CGROUP_NAMESPACE] = try_cgroup_namespace,
	[BH_LAYER_CGROUP] = try_cgroup,
	[BH_LAYER_RLIMITS] = try_rlimits,
	[BH_LAYER_CAPABILITIES] = try_capabilities,
	[BH_LAYER_NO_NEW_PRIVS] = try_no_new_privs,
	[BH_LAYER_LANDLOCK] = try_landlock,
	[BH_LAYER_SECCOMP] = try_seccomp,
	[BH_LAYER_SECCOMP_NOTIFY] = try_seccomp_notify,
};

static int try_in_child(int (*run)(void))
{
	int status;

	pid_t pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(run());
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

/* How much of a layer there is, where that is a matter of more or less. */
static void describe(enum bh_layer_id layer, char *detail, size_t detail_size)
{
	const struct bh_limits limits = BH_LIMITS_DEFAULT;
	struct bh_cgroup cgroup;

	detail[0] = '\0';
	if (layer == BH_LAYER_LANDLOCK)
		snprintf(detail, detail_size, "ABI %d", bh_landlock_abi());
	if (layer != BH_LAYER_CGROUP)
		return;
	bh_cgroup_find("", (unsigned int)getpid(), &limits, &cgroup);
	snprintf(detail, detail_size, "%s", cgroup.missing);
	bh_cgroup_done(&cgroup);
}

int bh_probe_layer(enum bh_layer_id layer, char *detail, size_t detail_size)
{
	int code = try_in_child(tries[layer]);

	describe(layer, detail, detail_size);
	if (code && detail[0] == '\0')
		snprintf(detail, detail_size, "%s", strerrordesc_np(code));
	return code;
}
