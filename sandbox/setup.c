/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/setup.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "bulkhead/executor.h"
#include "ipc/wire/base.h"
#include "sandbox/binds.h"
#include "sandbox/capabilities.h"
#include "sandbox/executable.h"
#include "sandbox/holders.h"
#include "sandbox/launcher.h"
#include "sandbox/namespaces.h"
#include "sandbox/profile_wire.h"
#include "sandbox/request.h"
#include "sandbox/serve.h"
#include "sandbox/trial.h"
#include "sandbox/user_namespace.h"

static bool is_script(int fd)
{
	char head[2];

	return pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, "#!", 2) == 0;
}

/* The program as it was when it was checked: a copy, but for handlers that are
 * trusted and on hosts that let no memory be executed. */
static int open_program(const struct bh_launcher *l, const char *path, int handler_fd, int *ret,
                        struct bh_error *err)
{
	int r = -EACCES;

	if (l->plan.confined && !l->plan.namespaces)
		r = bh_executable_seal(handler_fd, ret, err);
	if (r != -EACCES)
		return r;
	*ret = l->plan.namespaces ? open(path, O_RDONLY | O_CLOEXEC)
	                          : fcntl(handler_fd, F_DUPFD_CLOEXEC, 0);
	return *ret < 0 ? bh_fail(err, errno, "open the handler at %s", path) : 0;
}

/* Where the handler is executed from: a descriptor for a program, a path for a
 * script, whose interpreter opens it once more. */
static int plan_executable(struct bh_launcher *l, const char *path, int handler_fd,
                           struct bh_error *err)
{
	l->plan.executable = -1;
	l->plan.script = path;
	if (is_script(handler_fd))
		return 0;
	return open_program(l, path, handler_fd, &l->plan.executable, err);
}

/* Root's power has done its work: from here on there is none on the host. The
 * locked securebits keep the capabilities inside when a handler's process takes
 * its id, to go on with the set-up; it drops them at the end. */
static int give_up_power(int socket, const char **stage, struct bh_error *err)
{
	*stage = "user-namespace";
	int r = bh_user_namespace_leave(socket, err);
	if (r < 0)
		return r;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return bh_fail(err, errno, "make the launcher not dumpable");
	*stage = "capabilities";
	r = bh_capabilities_lock(0);
	return r < 0 ? bh_fail(err, -r, "lock the capabilities") : 0;
}

/* The key changes with each launcher, and no handler can read it: neither the
 * launcher's memory nor a filter, and an exec clears the registers. */
static int plan_filter(struct bh_launcher *l, int profile_fd, bool allow_forks,
                       struct bh_error *err)
{
	BH_CLEANUP(bh_profile_done) struct bh_profile profile = BH_PROFILE_UNSET;

	int r = bh_profile_unpack(profile_fd, &profile, err);
	if (r < 0)
		return r;
	if (getrandom(&l->plan.key, sizeof(l->plan.key), 0) != sizeof(l->plan.key))
		return bh_fail(err, errno, "random number");
	bool names_hosts_files = !l->plan.namespaces;
	const struct bh_filter_options options = {
		.allow_forks = allow_forks,
		.keep_attributes = names_hosts_files,
		.keep_lengths = names_hosts_files && bh_landlock_abi() < BH_LANDLOCK_TRUNCATES,
		.warm = l->plan.warm != BH_WARM_OFF,
		.key = l->plan.key
	};
	return bh_filter_compile(&profile, &options, &l->plan.filter, err);
}

/* A root of our own, empty namespaces, and no power on the host any more. */
static int enter_namespaces(struct bh_launcher *l, const struct bh_message_configure *configure,
                            int handler_fd, const char **stage, struct bh_error *err)
{
	const char *handler_name = configure->handler_name;
	const char *python_dir = configure->python_dir[0] ? configure->python_dir : NULL;
	BH_CLEANUP(bh_bind_trees_done) struct bh_bind_trees binds = BH_BIND_TREES_UNSET;
	int r = bh_namespaces_enter(stage, err);

	if (r == 0) /* no layer: without namespaces it would fail as well */
		r = bh_binds_clone(l->arguments.bounds, l->arguments.n_bounds, &binds, err);
	if (r < 0)
		return r;
	*stage = "root";
	r = bh_root_enter(handler_fd, handler_name, python_dir, &binds, err);
	if (r < 0)
		return r;
	snprintf(l->script, sizeof(l->script), "%s/%s", BH_ROOT_HANDLER_DIR, handler_name);
	return l->plan.own_id ? give_up_power(l->plan.socket, stage, err) : 0;
}

/* Where there are no namespaces, a root account has ids to give all the same, as
 * far as its capabilities go. */
static void plan_host_ids(struct bh_launcher *l, uint32_t supervisor)
{
	l->plan.first_id = bh_unused_host_id((pid_t)supervisor);
	l->plan.own_id = geteuid() == 0 && setgroups(0, NULL) == 0 && bh_capabilities_lock(0) == 0;
}

/* What a handler takes on at the end of its way. */
static int plan_confinement(struct bh_launcher *l, const int *fds, const char **stage,
                            struct bh_error *err)
{
	*stage = "no-new-privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return bh_fail(err, errno, "set no_new_privs");
	*stage = "landlock";
	int r = l->plan.namespaces
	                ? bh_landlock_plan(l->plan.scratch.wanted, &l->plan.landlock, err)
	                : bh_landlock_plan_host(fds[0], l->arguments.bounds, l->arguments.n_bounds,
	                                        &l->plan.landlock, err);
	if (r < 0)
		return r;
	*stage = "seccomp";
	r = plan_filter(l, fds[2], l->limits.max_procs > 1, err);
	if (r == 0)
		*stage = "";
	return r;
}

/* A reaper that stays for more than one batch is one that can make its namespace count
 * anew, and that holds nothing of a batch: no template, no scratch. */
static int open_last_pid(const struct bh_child_plan *plan)
{
	if (!plan->namespaces || plan->warm != BH_WARM_OFF || plan->scratch.wanted)
		return -1;
	return open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
}

static int check_warm(const struct bh_launcher *l, const char **stage, struct bh_error *err)
{
	if (l->plan.warm != BH_WARM_FORK || l->plan.namespaces)
		return 0;
	*stage = "pid-namespace";
	return bh_fail_plain(err, ENOTSUP,
	                     "warm handlers that fork need namespaces, which hold what "
	                     "their forks leave; reused ones (--reuse) don't");
}

int bh_launcher_set_up(struct bh_launcher *l, const struct bh_message_configure *configure,
                       const int *fds, const char **stage, struct bh_error *err)
{
	int r = bh_configure_check(configure, err);

	if (r == 0)
		r = bh_arguments_unpack(fds[1], &l->arguments, err);
	if (r < 0)
		return r;
	l->plan.namespaces = configure->isolation == BH_ISOLATION_STRICT;
	l->plan.confined = configure->isolation != BH_ISOLATION_NONE;
	l->plan.own_id = l->plan.namespaces && !configure->in_user_namespace;
	l->plan.first_id = BH_FIRST_INSIDE_ID;
	l->plan.warm = (enum bh_warm_mode)configure->warm;
	l->plan.tell_started = configure->tell_started;
	l->plan.argv = l->arguments.argv;
	l->plan.envp = l->arguments.envp;
	l->limits = configure->limits;
	bh_scratch_plan(configure->scratch_bytes, &l->plan.scratch);

	l->plan.last_pid = open_last_pid(&l->plan);
	r = check_warm(l, stage, err);
	if (r == 0)
		r = bh_serve_init(l, configure->max_running, configure->max_reuse, err);
	if (r < 0)
		return r;
	bh_launcher_make_cgroups(l, configure->supervisor);
	r = bh_launcher_say_cgroups(l, err);
	if (r < 0)
		return r;
	if (l->plan.namespaces)
		r = enter_namespaces(l, configure, fds[0], stage, err);
	else if (l->plan.confined)
		plan_host_ids(l, configure->supervisor);
	if (r == 0 && l->plan.confined)
		r = plan_confinement(l, fds, stage, err);
	if (r == 0)
		r = plan_executable(l, l->plan.namespaces ? l->script : l->arguments.path, fds[0],
		                    err);
	if (r < 0)
		return r;
	*stage = "rlimits";
	r = bh_rlimits_lower_common(err);
	return r < 0 ? r : bh_launcher_try(l, stage, err);
}
