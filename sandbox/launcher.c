/* SPDX-License-Identifier: Apache-2.0 */
/* bulkhead-launcher: sets a sandbox up once and clones handlers into it.
 *
 * Started by the library with its end of a socket at descriptor 3 and nothing
 * else of the caller: no environment, no arguments, no memory, no descriptors.
 * As pid 1 of a PID namespace it takes every handler with it when it ends; it
 * ends when the socket does. See ipc/wire/message.h for what is said. */

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bulkhead/executor.h"
#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "ipc/wire/message.h"
#include "sandbox/arguments.h"
#include "sandbox/binds.h"
#include "sandbox/capabilities.h"
#include "sandbox/cgroup.h"
#include "sandbox/executable.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/namespaces.h"
#include "sandbox/probe.h"
#include "sandbox/profile_wire.h"
#include "sandbox/root.h"
#include "sandbox/slot.h"
#include "sandbox/user_namespace.h"

#define SOCKET_FD 3 /* given */
#define SIGNAL_FD 4 /* made first, so that descriptors of batches come after it */

#define NOBODY      65534 /* the kernel's overflow id: user_namespaces(7) */
#define MAX_RUNNING BH_INSIDE_IDS

/* How much later a process's own limit of CPU time is than that of its batch. */
#define CPU_BACKSTOP_US (1000 * 1000)

struct launcher {
	struct bh_child_plan plan;
	struct bh_arguments arguments;
	char script[sizeof(BH_ROOT_HANDLER_DIR) + 256];
	struct bh_slot *slots; /* `n_slots` of them */
	size_t n_slots;
	struct bh_templates templates;
	struct bh_limits limits;
};

/* ---- start ---- */

/* Whatever the caller ignored or blocked is not for handlers. SIGCHLD is read
 * from a descriptor. */
static int reset_signals(struct bh_error *err)
{
	sigset_t chld;

	/* EINVAL: two that can't be changed, and those that the C library keeps */
	for (int number = 1; number < NSIG; number++)
		if (signal(number, SIG_DFL) == SIG_ERR && errno != EINVAL)
			return bh_fail(err, errno, "reset signal %d", number);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	if (sigprocmask(SIG_SETMASK, &chld, NULL) < 0)
		return bh_fail(err, errno, "set the signal mask");
	int fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return bh_fail(err, errno, "signal descriptor");
	if (fd != SIGNAL_FD)
		return bh_fail_plain(err, EBADF, "signal descriptor is %d, expected %d", fd,
		                     SIGNAL_FD);
	return 0;
}

static int start_alone(struct bh_error *err)
{
	/* nobody else of this user looks into it or a reaper, and they leave no core */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return bh_fail(err, errno, "make the launcher not dumpable");
	umask(022);
	if (chdir("/") < 0)
		return bh_fail(err, errno, "change to the root directory");
	setsid(); /* fails where it leads its group already, which is as good */
	return reset_signals(err);
}

/* ---- set-up ---- */

static bool is_script(int fd)
{
	char head[2];

	return pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, "#!", 2) == 0;
}

/* The program as it was when it was checked: a copy, but for handlers that are
 * trusted and on hosts that let no memory be executed. */
static int open_program(const struct launcher *l, const char *path, int handler_fd, int *ret,
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
static int plan_executable(struct launcher *l, const char *path, int handler_fd,
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
static int give_up_power(const char **stage, struct bh_error *err)
{
	*stage = "user-namespace";
	int r = bh_user_namespace_leave(SOCKET_FD, err);
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
static int plan_filter(struct launcher *l, int profile_fd, bool allow_forks, struct bh_error *err)
{
	BH_CLEANUP(bh_profile_done) struct bh_profile profile = BH_PROFILE_UNSET;

	int r = bh_profile_unpack(profile_fd, &profile, err);
	if (r < 0)
		return r;
	if (getrandom(&l->plan.key, sizeof(l->plan.key), 0) != sizeof(l->plan.key))
		return bh_fail(err, errno, "random number");
	const struct bh_filter_options options = { .allow_forks = allow_forks,
		                                   .warm = l->plan.warm != BH_WARM_OFF,
		                                   .key = l->plan.key };
	return bh_filter_compile(&profile, &options, &l->plan.filter, err);
}

/* A root of our own, empty namespaces, and no power on the host any more. */
static int enter_namespaces(struct launcher *l, const struct bh_message_configure *configure,
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
	return l->plan.own_id ? give_up_power(stage, err) : 0;
}

/* Where there are no namespaces, a root account has ids to give all the same, as
 * far as its capabilities go. */
static void plan_host_ids(struct launcher *l, uint32_t supervisor)
{
	l->plan.first_id = bh_unused_host_id((pid_t)supervisor);
	l->plan.own_id = geteuid() == 0 && setgroups(0, NULL) == 0 && bh_capabilities_lock(0) == 0;
}

/* What a handler takes on at the end of its way. */
static int plan_confinement(struct launcher *l, const int *fds, const char **stage,
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

/* Slots keep more descriptors open than a soft limit may allow; handlers get a
 * limit of their own. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void give_up_cgroups(struct launcher *l, const char *why)
{
	for (size_t i = 0; i < l->n_slots; i++)
		bh_cgroup_slot_done(&l->plan.cgroup, &l->slots[i].cgroup);
	bh_cgroup_give_up(&l->plan.cgroup, why);
}

/* A template is a process beside those that its batch may have. */
static struct bh_limits with_template(const struct launcher *l)
{
	struct bh_limits limits = l->limits;

	if (l->plan.warm == BH_WARM_FORK)
		limits.max_procs = bh_add_saturated(limits.max_procs, 1);
	return limits;
}

/* Where they can't be had, rlimits hold what they can. */
static void make_cgroups(struct launcher *l, unsigned int owner)
{
	struct bh_error error = BH_ERROR_UNSET;
	int r = 0;

	allow_descriptors();
	struct bh_limits limits = with_template(l);
	bh_cgroup_find("", owner, &limits, &l->plan.cgroup);
	for (size_t i = 0; r == 0 && i < l->n_slots; i++)
		r = bh_cgroup_slot_open(&l->plan.cgroup, &l->slots[i].cgroup, l->slots[i].id,
		                        &error);
	if (r < 0)
		give_up_cgroups(l, error.text);
}

/* Tells of them before anything can go wrong: when its power is given up, the
 * launcher can't remove them. */
static int say_cgroups(const struct bh_cgroup *cgroup, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_CGROUPS };
	int parents[BH_CGROUP_TREES];

	if (cgroup->n_trees == 0)
		return 0;
	memcpy(message.cgroups.name, cgroup->name, sizeof(cgroup->name));
	for (size_t i = 0; i < cgroup->n_trees; i++)
		parents[i] = cgroup->trees[i].parent;
	return bh_channel_send(SOCKET_FD, &message, sizeof(message), parents, cgroup->n_trees, err);
}

static bool has_memory_cgroup(const struct launcher *l)
{
	return l->plan.cgroup.controllers & BH_CGROUP_BIT(BH_CGROUP_MEMORY);
}

/* The files that a confined handler can write to are in memory. Where no cgroup
 * counts them, none of them may be larger than that may be. */
static bool memory_holds_files(const struct launcher *l)
{
	return l->plan.confined && !has_memory_cgroup(l) &&
	       l->limits.memory_bytes < l->limits.file_size_bytes;
}

/* What a cgroup holds for the whole batch needs no limit for each process: that
 * would only be hit first, and then the batch's end would look like another. */
static void plan_rlimits(struct launcher *l, bool count_processes)
{
	struct bh_limits limits = with_template(l);

	if (memory_holds_files(l))
		limits.file_size_bytes = limits.memory_bytes;
	if (has_memory_cgroup(l))
		limits.memory_bytes = BH_UNLIMITED;
	if (l->plan.cgroup.controllers & BH_CGROUP_BIT(BH_CGROUP_PIDS))
		count_processes = false;
	if (l->plan.cgroup.controllers & BH_CGROUP_BIT(BH_CGROUP_CPU)) /* late: a backstop */
		limits.cpu_time_us = bh_add_saturated(limits.cpu_time_us, CPU_BACKSTOP_US);
	/* a process that serves batch after batch has no end to its own */
	l->templates.cpu_seconds = bh_rlimits_cpu_seconds(limits.cpu_time_us);
	if (l->plan.warm != BH_WARM_OFF)
		limits.cpu_time_us = BH_UNLIMITED;
	bh_rlimits_plan(&limits, count_processes, &l->plan.rlimits);
}

/* Makes one child go the whole way but for the exec, so that a layer that can't
 * be had shows before the first batch. */
static int try_child(struct launcher *l, const char **stage, struct bh_error *err)
{
	struct bh_slot *slot = &l->slots[0];
	pid_t pid;

	slot->trial = true;
	slot->context = slot->results = slot->out = slot->err = STDIN_FILENO;
	int r = slot->stacks ? 0 : bh_slot_open(slot, err);
	if (r == 0)
		r = bh_slot_prepare(slot, err);
	if (r < 0) {
		*stage = bh_child_step_name(slot->failed_step);
		return r;
	}
	bh_slot_go(slot);
	do
		pid = waitpid(slot->reaper, NULL, __WALL);
	while (pid < 0 && errno == EINTR);
	if (pid < 0)
		return bh_fail(err, errno, "wait for the trial child");
	slot->reaper = 0;
	slot->trial = false;
	bh_fd_done(&slot->handler_pidfd);
	bh_fd_done(&slot->mount_namespace);
	if (slot->failed_step == BH_STEP_NONE)
		return 0;
	*stage = bh_child_step_name(slot->failed_step);
	return bh_fail(err, slot->failed_code, "set up a child, at step %s", *stage);
}

/* What a child may not have, in spite of all that was found, it does without:
 * its cgroup, or, where there are no namespaces, an id of its own. */
static bool do_with_less(struct launcher *l, const struct bh_error *why)
{
	enum bh_child_step failed = l->slots[0].failed_step;

	if (failed == BH_STEP_CGROUP) {
		give_up_cgroups(l, why->text);
	} else if (failed == BH_STEP_IDS && !l->plan.namespaces && !l->plan.one_id) {
		l->plan.one_id = true;
		l->plan.first_id = NOBODY;
	} else if (failed == BH_STEP_IDS && !l->plan.namespaces && l->plan.own_id) {
		l->plan.own_id = false;
	} else {
		return false;
	}
	return true;
}

static int try_layers(struct launcher *l, const char **stage, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;
	int r;

	do {
		plan_rlimits(l, false);
		r = try_child(l, stage, &why);
	} while (r < 0 && do_with_less(l, &why));
	if (r < 0) {
		*err = why;
		return r;
	}
	*stage = "";
	if (l->plan.namespaces)
		plan_rlimits(l, l->slots[0].counts_processes);
	return 0;
}

static int allocate_slots(struct launcher *l, uint64_t max_running, struct bh_error *err)
{
	if (max_running == 0 || max_running > MAX_RUNNING)
		return bh_fail_plain(err, EINVAL, "%llu batches at a time, expected 1 to %u",
		                     (unsigned long long)max_running, MAX_RUNNING);
	l->slots = calloc(max_running, sizeof(*l->slots));
	if (!l->slots)
		return bh_fail(err, ENOMEM, "slots for %llu batches",
		               (unsigned long long)max_running);
	l->n_slots = max_running;
	for (size_t i = 0; i < l->n_slots; i++) {
		l->slots[i].plan = &l->plan;
		l->slots[i].id = (uint32_t)i;
		l->slots[i].listener = -1;
		l->slots[i].handler_pidfd = -1;
		l->slots[i].mount_namespace = -1;
	}
	return 0;
}

static int end_templates_batch(void *userdata, struct bh_slot *slot, struct bh_message_ended *told,
                               struct bh_error *err);

static int plan_templates(struct launcher *l, const struct bh_message_configure *configure,
                          const char **stage, struct bh_error *err)
{
	l->templates.mode = l->plan.warm;
	l->templates.max_batches = configure->max_reuse;
	l->templates.slots = l->slots;
	l->templates.n_slots = l->n_slots;
	l->templates.on_ended = end_templates_batch;
	l->templates.userdata = l;
	if (l->plan.warm == BH_WARM_FORK && !l->plan.namespaces) {
		*stage = "pid-namespace";
		return bh_fail_plain(err, ENOTSUP,
		                     "warm handlers that fork need namespaces, which hold what "
		                     "their forks leave; reused ones (--reuse) don't");
	}
	return bh_templates_init(&l->templates, err);
}

/* A template has its control socket at BH_WARM_FD and its executable behind that:
 * what they are made from must not lie there. Once all that is given is closed. */
static int reserve_descriptors(const struct launcher *l, struct bh_error *err)
{
	int fd = SIGNAL_FD;

	while (l->plan.warm != BH_WARM_OFF && fd <= BH_WARM_FD) {
		fd = fcntl(SIGNAL_FD, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return bh_fail(err, errno, "reserve descriptors");
	}
	return 0;
}

static int set_up(struct launcher *l, const struct bh_message_configure *configure, const int *fds,
                  const char **stage, struct bh_error *err)
{
	if (configure->version != BH_MESSAGE_VERSION)
		return bh_fail_plain(err, EPROTO, "the library speaks version %u, the launcher %d",
		                     configure->version, BH_MESSAGE_VERSION);
	int r = bh_arguments_unpack(fds[1], &l->arguments, err);
	if (r < 0)
		return r;
	l->plan.namespaces = configure->isolation == BH_ISOLATION_STRICT;
	l->plan.confined = configure->isolation != BH_ISOLATION_NONE;
	l->plan.own_id = l->plan.namespaces && !configure->in_user_namespace;
	l->plan.first_id = BH_FIRST_INSIDE_ID;
	l->plan.socket = SOCKET_FD;
	l->plan.warm = (enum bh_warm_mode)configure->warm;
	l->plan.argv = l->arguments.argv;
	l->plan.envp = l->arguments.envp;
	l->limits = configure->limits;
	bh_scratch_plan(configure->scratch_bytes, &l->plan.scratch);

	r = allocate_slots(l, configure->max_running, err);
	if (r == 0)
		r = plan_templates(l, configure, stage, err);
	if (r < 0)
		return r;
	make_cgroups(l, configure->supervisor);
	r = say_cgroups(&l->plan.cgroup, err);
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
	return r < 0 ? r : try_layers(l, stage, err);
}

/* ---- serving ---- */

/* Where the cgroup tells only the sum of user and system time, it is parted as
 * that of the processes that were waited for. */
static void describe_time(const struct bh_cgroup_usage *usage, struct bh_message_ended *ret)
{
	uint64_t waited_us = ret->user_us + ret->system_us;

	if (!usage->has_time)
		return;
	if (usage->has_split) {
		ret->user_us = usage->user_us;
		ret->system_us = usage->system_us;
		return;
	}
	double share = waited_us > 0 ? (double)ret->user_us / (double)waited_us : 1;
	ret->user_us = (uint64_t)(share * (double)usage->time_us);
	ret->system_us = usage->time_us - ret->user_us;
}

static void describe_cgroup(const struct launcher *l, struct bh_slot *slot,
                            struct bh_message_ended *ret)
{
	struct bh_cgroup_usage usage;

	if (l->limits.memory_bytes != BH_UNLIMITED)
		ret->memory_held_by = has_memory_cgroup(l) ? BH_MEMORY_HELD_BY_CGROUP
		                                           : BH_MEMORY_HELD_BY_RLIMIT;
	ret->memory_held_files = memory_holds_files(l);
	/* a template that lives on is not left behind */
	bool lives_on = l->plan.warm != BH_WARM_OFF && slot->reaper != 0;
	bh_cgroup_end(&l->plan.cgroup, &slot->cgroup, !l->plan.namespaces && !lives_on, &usage);
	describe_time(&usage, ret);
	ret->memory_peak_bytes = usage.peak_bytes;
	ret->oom_kills = usage.oom_kills;
	ret->host_oom_kills = usage.host_kills;
	ret->pids_hits = usage.pids_hits;
	ret->cpu_exceeded = slot->cgroup.cpu_exceeded;
}

static void describe_end(const struct bh_slot *slot, struct bh_message_ended *ret)
{
	const struct rusage *usage = &slot->usage;

	if (slot->failed_step != BH_STEP_NONE) {
		ret->by = slot->failed_step == BH_STEP_EXEC ? BH_ENDED_NO_EXEC
		                                            : BH_ENDED_NO_SANDBOX;
		snprintf(ret->stage, sizeof(ret->stage), "%s",
		         bh_child_step_name(slot->failed_step));
		bh_fail(&ret->error, slot->failed_code, "%s",
		        ret->by == BH_ENDED_NO_EXEC ? "execute the handler"
		                                    : "set up a handler's process");
	} else if (slot->ended) {
		ret->by = BH_ENDED_EXITED;
		ret->wait_status = slot->wait_status;
	} else {
		ret->by = BH_ENDED_KILLED;
	}
	ret->user_us = (uint64_t)usage->ru_utime.tv_sec * 1000000 +
	               (uint64_t)usage->ru_utime.tv_usec;
	ret->system_us = (uint64_t)usage->ru_stime.tv_sec * 1000000 +
	                 (uint64_t)usage->ru_stime.tv_usec;
	ret->max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024;
	ret->minor_faults = (uint64_t)usage->ru_minflt;
	ret->major_faults = (uint64_t)usage->ru_majflt;
	ret->voluntary_switches = (uint64_t)usage->ru_nvcsw;
	ret->involuntary_switches = (uint64_t)usage->ru_nivcsw;
}

/* What a batch came with. */
static void close_given(struct bh_slot *slot)
{
	bh_fd_done(&slot->context);
	bh_fd_done(&slot->results);
	bh_fd_done(&slot->out);
	bh_fd_done(&slot->err);
}

static void close_batch(struct bh_slot *slot)
{
	close_given(slot);
	bh_fd_done(&slot->handler_pidfd);
}

static int send_message(const struct bh_message *message, struct bh_error *err)
{
	return bh_channel_send(SOCKET_FD, message, sizeof(*message), NULL, 0, err);
}

static int end_slot(struct launcher *l, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_ENDED, .id = slot->id };

	slot->running = false;
	close_batch(slot);
	describe_end(slot, &message.ended);
	describe_cgroup(l, slot, &message.ended);
	return send_message(&message, err);
}

/* A reaper that ended with its batch, or could not prepare one. The next is made
 * meanwhile; where it can't be, the next batch will tell. */
static int replace_reaper(struct launcher *l, struct bh_slot *slot, struct bh_error *err)
{
	bool was_running = slot->running;
	/* closed last: that takes the mounts down */
	BH_CLEANUP(bh_fd_done) int mounts = BH_TAKE(slot->mount_namespace, -1);

	slot->reaper = 0;
	int r = was_running ? end_slot(l, slot, err) : 0;
	if (r == 0 && was_running)
		(void)!bh_slot_prepare(slot, NULL);
	return r;
}

/* Of a template, which lives on or has ended. */
static int end_templates_batch(void *userdata, struct bh_slot *slot, struct bh_message_ended *told,
                               struct bh_error *err)
{
	struct launcher *l = userdata;
	struct bh_message message = { .type = BH_MESSAGE_ENDED, .id = slot->id };

	slot->running = false;
	close_given(slot);
	if (told)
		message.ended = *told;
	else
		describe_end(slot, &message.ended);
	message.ended.warming = !slot->template.is_warm;
	describe_cgroup(l, slot, &message.ended);
	return send_message(&message, err);
}

/* A batch that could not even be cloned. */
static int refuse_spawn(struct bh_slot *slot, enum bh_child_step step, const struct bh_error *why,
                        struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_ENDED, .id = slot->id };

	close_batch(slot);
	message.ended.by = BH_ENDED_NO_SANDBOX;
	message.ended.error = *why;
	snprintf(message.ended.stage, sizeof(message.ended.stage), "%s", bh_child_step_name(step));
	return send_message(&message, err);
}

/* It comes before the first word of the slot's first batch. */
static int give_listener(struct bh_slot *slot, struct bh_error *err)
{
	const struct bh_message message = { .type = BH_MESSAGE_LISTENER, .id = slot->id };

	if (slot->listener < 0)
		return 0;
	int r = bh_channel_send(SOCKET_FD, &message, sizeof(message), &slot->listener, 1, err);
	bh_fd_done(&slot->listener);
	return r;
}

/* Hands the batch to a template, whose cgroup and reaper are its own business. */
static int spawn_warm(struct launcher *l, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;

	int r = slot->stacks ? 0 : bh_slot_open(slot, &why);
	if (r < 0)
		return refuse_spawn(slot, slot->failed_step, &why, err);
	r = give_listener(slot, err);
	if (r < 0)
		return r;
	slot->running = true;
	return bh_template_take(&l->templates, slot, err);
}

static int spawn(struct launcher *l, struct bh_slot *slot, const int *fds, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;

	if (slot->running)
		return bh_fail_plain(err, EPROTO, "spawn for %u, which runs", slot->id);
	slot->context = fds[0];
	slot->results = fds[1];
	slot->out = fds[2];
	slot->err = fds[3];
	if (l->plan.warm != BH_WARM_OFF)
		return spawn_warm(l, slot, err);
	if (bh_cgroup_begin(&l->plan.cgroup, &slot->cgroup, &why) < 0)
		return refuse_spawn(slot, BH_STEP_CGROUP, &why, err);
	int r = slot->stacks ? 0 : bh_slot_open(slot, &why);
	if (r == 0)
		r = bh_slot_prepare(slot, &why);
	if (r < 0)
		return refuse_spawn(slot, slot->failed_step, &why, err);
	slot->running = true;
	r = give_listener(slot, err);
	if (r == 0)
		bh_slot_go(slot);
	return r;
}

/* Every process of the batch. The handler dies first and by name, so that its
 * reaper still tells what it used; the reaper's end is that of the namespace.
 * Without one, the handler's process group and cgroup go too, and the reaper sees
 * to the rest. */
static void kill_all(const struct launcher *l, const struct bh_slot *slot)
{
	if (slot->handler_pidfd >= 0)
		syscall(SYS_pidfd_send_signal, slot->handler_pidfd, SIGKILL, NULL, 0);
	else if (l->plan.namespaces)
		kill(slot->reaper, SIGKILL);
	if (l->plan.namespaces)
		return;
	if (slot->handler > 0)
		kill(-slot->handler, SIGKILL);
	bh_cgroup_kill(&l->plan.cgroup, &slot->cgroup); /* and what has left the group */
}

static void kill_slot(struct launcher *l, struct bh_slot *slot, uint32_t how)
{
	if (l->plan.warm != BH_WARM_OFF) {
		bh_template_kill(&l->templates, slot, how);
		return;
	}
	if (!slot->running)
		return;
	/* without a handler yet there is nothing that could end in grace */
	if (how == BH_KILL_TERM && slot->handler_pidfd >= 0)
		syscall(SYS_pidfd_send_signal, slot->handler_pidfd, SIGTERM, NULL, 0);
	else
		kill_all(l, slot);
}

static int handle_message(struct launcher *l, const struct bh_message *message, int *fds,
                          struct bh_error *err)
{
	if (message->id >= l->n_slots)
		return bh_fail_plain(err, EPROTO, "message for batch %u", message->id);
	struct bh_slot *slot = &l->slots[message->id];
	switch (message->type) {
	case BH_MESSAGE_SPAWN:
		return spawn(l, slot, fds, err);
	case BH_MESSAGE_KILL:
		kill_slot(l, slot, message->kill);
		return 0;
	default:
		return bh_fail_plain(err, EPROTO, "message of type %u", message->type);
	}
}

/* Reports every batch whose reaper has ended. */
static int reap(struct launcher *l, struct bh_error *err)
{
	struct signalfd_siginfo info;
	pid_t pid;

	if (read(SIGNAL_FD, &info, sizeof(info)) < 0 && errno != EAGAIN)
		return bh_fail(err, errno, "read signals");
	while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
		for (size_t i = 0; i < l->n_slots; i++) {
			if (l->slots[i].reaper != pid)
				continue;
			int r = l->plan.warm != BH_WARM_OFF
			                ? bh_template_reaped(&l->templates, &l->slots[i], err)
			                : replace_reaper(l, &l->slots[i], err);
			if (r < 0)
				return r;
			break;
		}
	return pid < 0 && errno != ECHILD ? bh_fail(err, errno, "wait for reapers") : 0;
}

/* When the next look at a batch's CPU time or a template is due; UINT64_MAX for never. */
static uint64_t next_check_us(const struct launcher *l)
{
	uint64_t next_us = bh_templates_deadline_us(&l->templates);

	for (size_t i = 0; l->limits.cpu_time_us != BH_UNLIMITED && i < l->n_slots; i++)
		if (l->slots[i].running && l->slots[i].cgroup.check_us < next_us)
			next_us = l->slots[i].cgroup.check_us;
	return next_us;
}

/* The reaper lives on to say what the handler used, and takes the rest with it. */
static void kill_handler(struct launcher *l, struct bh_slot *slot)
{
	if (l->plan.warm != BH_WARM_OFF)
		bh_template_kill(&l->templates, slot, BH_KILL_ALL);
	else if (l->plan.namespaces && slot->handler_pidfd >= 0)
		syscall(SYS_pidfd_send_signal, slot->handler_pidfd, SIGKILL, NULL, 0);
	else
		kill_all(l, slot);
}

/* Kills the batches whose processes have used up their CPU time together, and
 * templates that are past waiting for. */
static void check_times(struct launcher *l)
{
	uint64_t now_us = bh_now_us();

	bh_templates_enforce(&l->templates, now_us);
	for (size_t i = 0; i < l->n_slots; i++) {
		struct bh_slot *slot = &l->slots[i];
		if (slot->running && slot->cgroup.check_us <= now_us &&
		    bh_cgroup_cpu_is_exceeded(&l->plan.cgroup, &slot->cgroup, now_us))
			kill_handler(l, slot);
	}
}

/* Waits, and looks at CPU times meanwhile where one can be used up. */
static int wait_for_work(struct launcher *l, struct pollfd *polled, size_t n_polled,
                         struct bh_error *err)
{
	uint64_t next_us = next_check_us(l);
	uint64_t now_us = next_us == UINT64_MAX ? 0 : bh_now_us();
	uint64_t wait_ms = next_us > now_us ? (next_us - now_us + 999) / 1000 : 0;
	int timeout = next_us == UINT64_MAX ? -1 : wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;

	int r = poll(polled, n_polled, timeout);
	if (r < 0 && errno != EINTR)
		return bh_fail(err, errno, "poll");
	if (next_us != UINT64_MAX)
		check_times(l);
	return r > 0;
}

/* Returns 0 when the supervisor is gone. */
static int serve(struct launcher *l, struct bh_error *err)
{
	struct pollfd polled[] = { { .fd = SOCKET_FD, .events = POLLIN },
		                   { .fd = SIGNAL_FD, .events = POLLIN },
		                   { .fd = l->templates.epoll, .events = POLLIN } };
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];
	int r = 0;

	while (r == 0) {
		r = wait_for_work(l, polled, BH_COUNT_OF(polled), err);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		r = 0;
		if (polled[2].revents)
			r = bh_templates_serve(&l->templates, err);
		if (r == 0 && polled[1].revents)
			r = reap(l, err);
		if (r < 0 || !polled[0].revents)
			continue;
		r = bh_channel_receive(SOCKET_FD, &message, sizeof(message), fds, err);
		if (r <= 0)
			return r;
		r = handle_message(l, &message, fds, err);
	}
	return r;
}

/* Without a PID namespace nothing else ends what runs, and cgroups can be removed
 * only when it has ended. */
static void kill_everything(struct launcher *l)
{
	for (size_t i = 0; i < l->n_slots; i++)
		if (l->slots[i].running || l->plan.warm != BH_WARM_OFF)
			kill_all(l, &l->slots[i]);
		else if (l->slots[i].reaper != 0)
			kill(l->slots[i].reaper, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

/* A supervisor that is gone needs no answer. */
static void say_failed(const char *stage, const struct bh_error *why)
{
	struct bh_message message = { .type = BH_MESSAGE_FAILED, .failed = { .error = *why } };
	struct bh_error ignored;

	snprintf(message.failed.stage, sizeof(message.failed.stage), "%s", stage);
	if (send_message(&message, &ignored) < 0)
		return;
}

static int say_ready(const struct launcher *l, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_READY };
	const struct bh_cgroup *cgroup = &l->plan.cgroup;

	memcpy(message.ready.cgroup_missing, cgroup->missing, sizeof(cgroup->missing));
	message.ready.landlocked = l->plan.landlock.abi > 0;
	return send_message(&message, err);
}

/* Tries every layer and tells of each. A supervisor that is gone needs no answer. */
static void probe(void)
{
	struct bh_message message;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < BH_LAYERS; i++) {
		message = (struct bh_message){ .type = BH_MESSAGE_LAYER, .id = i };
		message.layer.code = bh_probe_layer((enum bh_layer_id)i, message.layer.detail,
		                                    sizeof(message.layer.detail));
		r = send_message(&message, NULL);
	}
	message = (struct bh_message){ .type = BH_MESSAGE_READY };
	if (r < 0 || send_message(&message, NULL) < 0)
		return;
}

int main(void)
{
	static struct launcher launcher = { .plan = { .executable = -1,
		                                      .landlock = BH_LANDLOCK_UNSET },
		                            .templates = BH_TEMPLATES_UNSET };
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];
	const char *stage = "";

	int r = start_alone(&err);
	if (r < 0) {
		say_failed("process", &err);
		return EXIT_FAILURE;
	}
	r = bh_channel_receive(SOCKET_FD, &message, sizeof(message), fds, &err);
	if (r == 1 && message.type == BH_MESSAGE_PROBE) {
		probe();
		return EXIT_SUCCESS;
	}
	if (r <= 0 || message.type != BH_MESSAGE_CONFIGURE)
		return EXIT_FAILURE;
	r = set_up(&launcher, &message.configure, fds, &stage, &err);
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		bh_fd_done(&fds[i]);
	if (r == 0)
		r = reserve_descriptors(&launcher, &err);
	if (r < 0) {
		say_failed(stage, &err);
		bh_cgroup_done(&launcher.plan.cgroup);
		return EXIT_FAILURE;
	}
	r = say_ready(&launcher, &err);
	if (r == 0)
		r = serve(&launcher, &err);
	kill_everything(&launcher);
	bh_cgroup_done(&launcher.plan.cgroup);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
