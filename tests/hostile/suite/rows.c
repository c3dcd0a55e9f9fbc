/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE       KIND(BH_KIND_NONE)
#define VIOLATION  KIND(BH_KIND_VIOLATION)
#define INCOMPLETE KIND(BH_KIND_INCOMPLETE)
#define PROTOCOL   KIND(BH_KIND_PROTOCOL)
#define TIMEOUT    KIND(BH_KIND_TIMEOUT)
#define PROCESSES  KIND(BH_KIND_PROCESS_LIMIT)
#define MEMORY     KIND(BH_KIND_MEMORY_LIMIT)
#define OUTPUT     KIND(BH_KIND_OUTPUT_LIMIT)
#define SIGNAL     KIND(BH_KIND_SIGNAL)

#define OF_ITS_OWN "what a handler does to its own results harms only itself"
#define MIB        ((int64_t)1 << 20)

/* One attack with what most of them have: nobody may be told more than "refused". */
#define CALL(program_, way_, kinds_)                                                        \
	{                                                                                   \
		.program = program_, .way = way_, .kinds = kinds_, .control = CONTROL_GAINS \
	}
/* About files and devices that only a root of its own or Landlock keeps from it. */
#define CALL_WALLED(program_, way_, kinds_)                                                  \
	{                                                                                    \
		.program = program_, .way = way_, .kinds = kinds_, .control = CONTROL_GAINS, \
		.walled = true                                                               \
	}
#define CALL_OF_ROOT(program_, way_, kinds_)                                                 \
	{                                                                                    \
		.program = program_, .way = way_, .kinds = kinds_, .control = CONTROL_GAINS, \
		.control_user = ROOT                                                         \
	}
#define CALL_MAY_LACK(program_, way_, kinds_)                                                \
	{                                                                                    \
		.program = program_, .way = way_, .kinds = kinds_, .control = CONTROL_GAINS, \
		.may_lack = true                                                             \
	}
#define LIE(way_, kinds_)                                                                   \
	{                                                                                   \
		.program = "lies", .way = way_, .kinds = kinds_, .control = CONTROL_UNPACKS \
	}
#define EAT(way_, kinds_, by_cgroup_)                                                   \
	{                                                                               \
		.program = "eat_memory", .way = way_, .kinds = kinds_, .memory_mb = 32, \
		.bytes = 64 * MIB, .control = CONTROL_GAINS, .by_cgroup = by_cgroup_    \
	}
/* A scratch of 8 MiB, which holds 2048 files: one is the folder itself. */
#define FILL(way_, kinds_, bytes_, allowed_, profile_)                                    \
	{                                                                                 \
		.program = "fill_scratch", .way = way_, .kinds = kinds_, .scratch_mb = 8, \
		.profile = profile_, .bytes = bytes_, .allowed = allowed_,                \
		.kinds_not_strict = KIND(BH_KIND_EXIT), .status = 3, /* there is none */  \
		        .control = CONTROL_GAINS, .walled = true                          \
	}
/* In the profile that allows most. */
#define CHANGE_TRUSTED(way_)                                                                  \
	{                                                                                     \
		.program = "change_attributes", .way = way_, .kinds = NONE, .may_lack = true, \
		.profile = "trusted", .control = CONTROL_GAINS                                \
	}
#define STAY(way_, signal_)                                                          \
	{                                                                            \
		.program = "stay", .way = way_, .kinds = TIMEOUT, .timeout_ms = 300, \
		.control = CONTROL_STAYS, .stay_signal = signal_                     \
	}

const struct row rows[] = {
	/* processes */
	{ .program = "fork_bomb",
	  .kinds = NONE | PROCESSES,
	  .allowed = 1,
	  .control = CONTROL_GAINS },
	{ .program = "fork_bomb",
	  .way = "--max-procs 16",
	  .kinds = NONE | PROCESSES,
	  .max_procs = 16,
	  .max_threads = 16,
	  .allowed = 32,
	  .control = CONTROL_GAINS,
	  .by_cgroup = true,
	  .needs = "namespaces" },
	{ .program = "double_fork", .kinds = NONE, .max_procs = 4, .control = CONTROL_SURVIVES },
	{ .program = "keep_stdout", .kinds = NONE, .max_procs = 4, .control = CONTROL_SURVIVES },
	{ .program = "adopt_orphans", .kinds = NONE, .max_procs = 8, .control = CONTROL_SURVIVES },
	{ .program = "many_threads",
	  .kinds = NONE | PROCESSES,
	  .allowed = 257,
	  .control = CONTROL_GAINS,
	  .by_cgroup = true,
	  .needs = "namespaces" },

	/* output and results */
	{ .program = "flood_output",
	  .way = "stdout",
	  .kinds = NONE,
	  .bytes = 8 * MIB,
	  .control = CONTROL_FLOODS },
	{ .program = "flood_output",
	  .way = "stderr",
	  .kinds = NONE,
	  .bytes = 8 * MIB,
	  .control = CONTROL_FLOODS },
	{ .program = "flood_output",
	  .way = "endless",
	  .kinds = TIMEOUT,
	  .timeout_ms = 300,
	  .control = CONTROL_FLOODS },
	{ .program = "flood_output",
	  .way = "both, endless",
	  .kinds = TIMEOUT,
	  .timeout_ms = 300,
	  .control = CONTROL_FLOODS },
	{ .program = "flood_output",
	  .way = "own reader",
	  .kinds = NONE,
	  .bytes = 8 * MIB,
	  .control = CONTROL_FLOODS },
	{ .program = "overfill_results",
	  .way = "and fail",
	  .kinds = OUTPUT,
	  .control = CONTROL_GAINS },
	{ .program = "overfill_results",
	  .way = "as if all were well",
	  .kinds = OUTPUT | INCOMPLETE,
	  .control = CONTROL_GAINS },
	{ .program = "seek_results",
	  .way = "far",
	  .kinds = NONE, /* behind a final record */
	  .control = CONTROL_SEEKS },
	{ .program = "seek_results",
	  .way = "far, without an end",
	  .kinds = PROTOCOL | INCOMPLETE,
	  .control = CONTROL_SEEKS },
	{ .program = "seek_results",
	  .way = "middle",
	  .kinds = PROTOCOL | INCOMPLETE,
	  .control = CONTROL_SEEKS },
	{ .program = "seek_results",
	  .way = "zero",
	  .kinds = PROTOCOL | INCOMPLETE,
	  .control = CONTROL_SEEKS },
	CALL("punch_hole", "context", NONE),
	{ .program = "punch_hole",
	  .way = "results",
	  .kinds = NONE | PROTOCOL | INCOMPLETE,
	  .control = CONTROL_NONE,
	  .why = OF_ITS_OWN },
	CALL("truncate_region", "context", NONE),
	CALL("truncate_region", "results", NONE | PROTOCOL | INCOMPLETE),
	CALL("seal_region", "context", NONE),
	CALL("seal_region", "results", NONE),
	CALL("chmod_region", "context", NONE),
	{ .program = "chmod_region",
	  .way = "results",
	  .kinds = NONE,
	  .control = CONTROL_NONE,
	  .why = OF_ITS_OWN },
	CALL("append_region", "context", NONE),
	{ .program = "append_region",
	  .way = "results",
	  .kinds = NONE | PROTOCOL | INCOMPLETE | OUTPUT,
	  .control = CONTROL_NONE,
	  .why = OF_ITS_OWN },
	CALL("map_region", "context", NONE),
	{ .program = "map_region",
	  .way = "results",
	  .kinds = NONE | PROTOCOL | INCOMPLETE,
	  .control = CONTROL_NONE,
	  .why = OF_ITS_OWN },
	{ .program = "late_writer",
	  .kinds = NONE | PROTOCOL,
	  .max_procs = 4,
	  .control = CONTROL_CHANGES },
	CALL("reopen_context", "context", NONE),
	LIE("array of 2^32-1", PROTOCOL),
	LIE("map of 2^32-1", PROTOCOL),
	LIE("str of 2^32-1", PROTOCOL),
	LIE("bin of 2^32-1", PROTOCOL),
	{ .program = "lies",
	  .way = "ext of 2^32-1",
	  .kinds = PROTOCOL,
	  .control = CONTROL_NONE,
	  .why = "msgpack-c refuses it, too" },
	LIE("nested 33", PROTOCOL),
	LIE("nested 1000000", PROTOCOL),
	LIE("nested arrays of 65535", PROTOCOL),
	LIE("duplicate keys", PROTOCOL),
	LIE("bad UTF-8", PROTOCOL),
	LIE("trailing bytes", PROTOCOL),
	LIE("a million records", NONE | PROTOCOL),
	LIE("a million values", NONE | PROTOCOL),
	{ .program = "lies",
	  .way = "reserved byte",
	  .kinds = PROTOCOL,
	  .control = CONTROL_NONE,
	  .why = "every reader refuses it" },

	/* memory: in steps, until there is no more or twice the limit */
	EAT("heap", MEMORY | NONE, false),
	{ .program = "eat_memory",
	  .way = "stack",
	  .kinds = SIGNAL | MEMORY,
	  .memory_mb = 32,
	  .bytes = 64 * MIB,
	  .control = CONTROL_ENDS,
	  .signal = SIGSEGV },
	{ .program = "eat_memory",
	  .way = "memfd",
	  .kinds = MEMORY | NONE,
	  .kinds_no_cgroup = SIGNAL, /* one file is held to the limit: docs/cli.md, --memory */
	  .signal = SIGXFSZ,
	  .memory_mb = 32,
	  .bytes = 64 * MIB,
	  .control = CONTROL_GAINS },
	EAT("many memfds", MEMORY | NONE, true),
	{ .program = "eat_memory",
	  .way = "tmpfs",
	  .kinds = NONE,
	  .memory_mb = 32,
	  .bytes = 64 * MIB,
	  .control = CONTROL_GAINS,
	  .walled = true },
	EAT("page tables", MEMORY | NONE, false),
	{ .program = "eat_memory",
	  .way = "pipes",
	  .kinds = MEMORY | NONE,
	  .memory_mb = 12,
	  .bytes = 24 * MIB,
	  .control = CONTROL_GAINS,
	  .by_cgroup = true },
	{ .program = "eat_memory",
	  .way = "sockets",
	  .kinds = NONE,
	  .memory_mb = 12,
	  .bytes = 24 * MIB,
	  .control = CONTROL_GAINS },
	{ .program = "eat_memory",
	  .way = "sockets",
	  .kinds = MEMORY | NONE,
	  .memory_mb = 12,
	  .bytes = 24 * MIB,
	  .profile = "tools",
	  .control = CONTROL_GAINS,
	  .by_cgroup = true },

	/* memory by way of the scratch: until it is full, or the memory of the batch is */
	FILL("one file", NONE, 8 * MIB, 0, NULL),
	FILL("reserved", NONE, 8 * MIB, 0, NULL),
	FILL("unlinked", NONE, 8 * MIB, 0, NULL),
	FILL("files", NONE, 0, 2047, NULL),
	FILL("folders", NONE, 0, 2047, NULL),
	FILL("links", NONE, 0, 2047, NULL),
	FILL("symbolic links", NONE, 0, 2047, NULL),
	{ .program = "fill_scratch",
	  .way = "attributes", /* which some kernels have there */
	  .kinds = NONE,
	  .profile = "tools",
	  .scratch_mb = 8,
	  .bytes = 2 * MIB,
	  .kinds_not_strict = KIND(BH_KIND_EXIT),
	  .status = 3,
	  .control = CONTROL_GAINS,
	  .may_lack = true },
	{ .program = "fill_scratch",
	  .way = "unlinked",
	  .kinds = MEMORY,
	  .memory_mb = 32,
	  .scratch_mb = 128,
	  .bytes = 64 * MIB,
	  .kinds_not_strict = KIND(BH_KIND_EXIT),
	  .status = 3,
	  .control = CONTROL_GAINS,
	  .by_cgroup = true },
	{ .program = "fill_scratch",
	  .way = "files",
	  .kinds = MEMORY,
	  .memory_mb = 16,
	  .scratch_mb = 256,
	  .allowed = 60000,
	  .kinds_not_strict = KIND(BH_KIND_EXIT),
	  .status = 3,
	  .control = CONTROL_GAINS,
	  .by_cgroup = true },

	CALL("raise_priority", "mlock", NONE),
	CALL("raise_priority", "mlockall", NONE),
	CALL_OF_ROOT("raise_priority", "real-time", NONE),
	CALL_OF_ROOT("raise_priority", "sched_setattr", NONE),
	CALL_OF_ROOT("raise_priority", "nice", NONE),
	CALL_OF_ROOT("raise_priority", "ioprio", NONE),
	CALL("raise_priority", "affinity", NONE),

	/* time */
	{ .program = "spin",
	  .way = "alone",
	  .kinds = KIND(BH_KIND_CPU_LIMIT),
	  .cpu_ms = 300,
	  .control = CONTROL_BURNS },
	{ .program = "spin",
	  .way = "threads",
	  .kinds = KIND(BH_KIND_CPU_LIMIT),
	  .cpu_ms = 300,
	  .control = CONTROL_BURNS },
	{ .program = "spin",
	  .way = "ignoring SIGXCPU",
	  .kinds = KIND(BH_KIND_CPU_LIMIT),
	  .cpu_ms = 300,
	  .control = CONTROL_STAYS,
	  .stay_signal = SIGXCPU },
	{ .program = "spin",
	  .way = "processes",
	  .kinds = KIND(BH_KIND_CPU_LIMIT),
	  .cpu_ms = 300,
	  .max_procs = 4,
	  .control = CONTROL_BURNS },
	STAY("ignoring SIGTERM", SIGTERM),
	STAY("stopped", SIGTERM),
	STAY("stopped group", SIGTERM),
	{ .program = "stay",
	  .way = "waiting for vfork",
	  .kinds = TIMEOUT,
	  .timeout_ms = 300,
	  .max_procs = 4,
	  .control = CONTROL_STAYS,
	  .stay_signal = SIGCHLD },
	STAY("asleep", 0),

	/* ends */
	{ .program = "exit_early", .way = "0", .kinds = INCOMPLETE, .control = CONTROL_ENDS },
	{ .program = "exit_early",
	  .way = "263",
	  .kinds = KIND(BH_KIND_EXIT),
	  .status = 263,
	  .control = CONTROL_ENDS },
	{ .program = "die",
	  .way = "abort",
	  .kinds = SIGNAL,
	  .signal = SIGABRT,
	  .control = CONTROL_ENDS },
	{ .program = "die",
	  .way = "raise",
	  .kinds = SIGNAL,
	  .signal = SIGSYS,
	  .control = CONTROL_ENDS },
	{ .program = "die",
	  .way = "kill",
	  .kinds = SIGNAL,
	  .signal = SIGSYS,
	  .control = CONTROL_ENDS },
	{ .program = "die",
	  .way = "kill",
	  .kinds = SIGNAL,
	  .signal = SIGKILL,
	  .control = CONTROL_ENDS },
	{ .program = "die",
	  .way = "kill",
	  .kinds = SIGNAL,
	  .signal = SIGTERM,
	  .control = CONTROL_ENDS },
	{ .program = "die",
	  .way = "kill",
	  .kinds = SIGNAL,
	  .signal = SIGXCPU,
	  .control = CONTROL_ENDS },
	{ .program = "die",
	  .way = "dispatch",
	  .kinds = SIGNAL,
	  .signal = SIGSYS,
	  .control = CONTROL_ENDS },

	/* others */
	CALL("kill_others", "all", NONE | SIGNAL),
	CALL("kill_others", "parent", NONE),
	CALL("kill_others", "host process", NONE | SIGNAL),
	{ .program = "kill_others",
	  .way = "first",
	  .kinds = NONE | SIGNAL,
	  .control = CONTROL_NONE,
	  .why = "the pid 1 of a namespace can't be killed from inside" },
	CALL("own_pipe", NULL, NONE),
	CALL("look_into", "ptrace", VIOLATION | NONE),
	CALL("look_into", "traced", VIOLATION | NONE),
	CALL("look_into", "process_vm_readv", VIOLATION | NONE),
	CALL("look_into", "process_vm_writev", VIOLATION | NONE),
	CALL("look_into", "pidfd_getfd", VIOLATION | NONE),
	CALL("look_into", "kcmp", VIOLATION | NONE),
	CALL_OF_ROOT("look_into", "process_madvise", VIOLATION | NONE),
	CALL_WALLED("look_into", "files of processes", NONE),
	CALL("overwrite", "itself", NONE),
	CALL_WALLED("overwrite", "anything", NONE),
	CALL_WALLED("overwrite", "launcher and handler", NONE),
	CALL("change_attributes", "mode", NONE),
	CALL("change_attributes", "owner", NONE),
	CALL("change_attributes", "times", NONE),
	CALL_MAY_LACK("change_attributes", "attributes", NONE),
	CALL_MAY_LACK("change_attributes", "flags", NONE),
	CHANGE_TRUSTED("mode"),
	CHANGE_TRUSTED("owner"),
	CHANGE_TRUSTED("times"),
	CHANGE_TRUSTED("attributes"),
	CHANGE_TRUSTED("flags"),
	CALL("find_secrets", "environment", NONE),
	CALL("find_secrets", "descriptors", NONE),
	CALL_WALLED("find_secrets", "command lines", NONE),
	CALL_WALLED("find_secrets", "mounts", NONE),
	CALL_WALLED("find_secrets", "cwd", NONE),
	CALL_WALLED("find_secrets", "paths", NONE),

	/* the terminal */
	CALL("type_into_terminal", "TIOCSTI", VIOLATION | NONE),
	CALL("type_into_terminal", "TIOCSTI, upper bits set", VIOLATION | NONE),
	CALL("type_into_terminal", "TIOCLINUX", VIOLATION | NONE),
	CALL("type_into_terminal", "TIOCSCTTY", VIOLATION | NONE),
	CALL_OF_ROOT("type_into_terminal", "TIOCCONS", VIOLATION | NONE),
	CALL_WALLED("type_into_terminal", "devices", NONE),

	/* namespaces and mounts */
	CALL("new_namespace", "user", VIOLATION | NONE),
	CALL("new_namespace", "mount", VIOLATION | NONE),
	CALL("new_namespace", "net", VIOLATION | NONE),
	CALL("new_namespace", "pid", VIOLATION | NONE),
	CALL("new_namespace", "ipc", VIOLATION | NONE),
	CALL("new_namespace", "uts", VIOLATION | NONE),
	CALL("new_namespace", "cgroup", VIOLATION | NONE),
	CALL_MAY_LACK("new_namespace", "time", VIOLATION | NONE),
	CALL("new_namespace", "clone", VIOLATION | NONE),
	CALL("new_namespace", "clone, mount and user", VIOLATION | NONE),
	CALL("new_namespace", "clone3", VIOLATION | NONE),
	CALL("new_namespace", "setns", VIOLATION | NONE),
	CALL("change_mounts", "mount", VIOLATION | NONE),
	CALL("change_mounts", "remount", VIOLATION | NONE),
	CALL("change_mounts", "umount", VIOLATION | NONE),
	CALL("change_mounts", "move_mount", VIOLATION | NONE),
	CALL("change_mounts", "open_tree", VIOLATION | NONE),
	CALL("change_mounts", "fsopen", VIOLATION | NONE),
	CALL("change_mounts", "mount_setattr", VIOLATION | NONE),
	CALL("change_mounts", "pivot_root", VIOLATION | NONE),
	CALL("change_mounts", "chroot", VIOLATION | NONE),
	CALL_OF_ROOT("change_mounts", "open_by_handle_at", VIOLATION | NONE),
	CALL_OF_ROOT("change_mounts", "mknod", VIOLATION | NONE),
	{ .program = "change_mounts",
	  .way = "devices",
	  .kinds = NONE,
	  .control = CONTROL_GAINS,
	  .may_lack = true,
	  .walled = true },

	/* the kernel */
	CALL_MAY_LACK("ask_kernel", "io_uring_setup", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "io_uring_enter", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "io_uring_register", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "bpf", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "perf_event_open", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "userfaultfd", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "add_key", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "request_key", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "keyctl", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "init_module", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "finit_module", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "delete_module", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "kexec_load", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "kexec_file_load", VIOLATION | NONE),
	CALL("ask_kernel", "reboot", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "swapon", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "swapoff", VIOLATION | NONE),
	CALL("ask_kernel", "clock_settime", VIOLATION | NONE),
	CALL("ask_kernel", "clock_adjtime", VIOLATION | NONE),
	CALL("ask_kernel", "adjtimex", VIOLATION | NONE),
	CALL("ask_kernel", "settimeofday", VIOLATION | NONE),
	CALL("ask_kernel", "sethostname", VIOLATION | NONE),
	CALL("ask_kernel", "setdomainname", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "quotactl", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "acct", VIOLATION | NONE),
	CALL_OF_ROOT("ask_kernel", "syslog", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "ioperm", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "iopl", VIOLATION | NONE),
	CALL_OF_ROOT("ask_kernel", "vhangup", VIOLATION | NONE),
	CALL("ask_kernel", "personality", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "fanotify_init", VIOLATION | NONE),
	CALL("ask_kernel", "name_to_handle_at", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "migrate_pages", VIOLATION | NONE),
	CALL("ask_kernel", "seccomp", VIOLATION | NONE),
	CALL_MAY_LACK("ask_kernel", "landlock_create_ruleset", VIOLATION | NONE),
	{ .program = "other_abi",
	  .way = "x32",
	  .kinds = VIOLATION | NONE,
	  .kinds_not_strict = SIGNAL, /* by the filter of a container engine */
	  .signal = SIGSYS,
	  .control = CONTROL_GAINS,
	  .may_lack = true },
	{ .program = "other_abi",
	  .way = "int 0x80",
	  .kinds = VIOLATION | NONE,
	  .kinds_not_strict = SIGNAL,
	  .signal = SIGSYS,
	  .control = CONTROL_GAINS,
	  .may_lack = true },

	/* the network */
	CALL("reach_network", "IPv4", NONE),
	CALL_MAY_LACK("reach_network", "IPv6", NONE),
	CALL("reach_network", "netlink", NONE),
	CALL_MAY_LACK("reach_network", "packet", NONE),
	CALL_MAY_LACK("reach_network", "vsock", NONE),
	CALL("reach_network", "Unix", NONE),
	CALL("reach_network", "raw", NONE),
	CALL_MAY_LACK("reach_network", "key", NONE),
	CALL_MAY_LACK("reach_network", "crypto", NONE),
	CALL("reach_network", "loopback", NONE),
	CALL("reach_network", "abstract socket", NONE),
	CALL("reach_network", "path socket", NONE),
	CALL("reach_network", "datagram pair", NONE),
	{ .program = "reach_network",
	  .way = "loopback",
	  .kinds = NONE,
	  .profile = "trusted",
	  .control = CONTROL_GAINS,
	  .needs = "namespaces landlock" },
	{ .program = "reach_network",
	  .way = "abstract socket",
	  .kinds = NONE,
	  .profile = "trusted",
	  .control = CONTROL_GAINS,
	  .needs = "namespaces landlock" },
	{ .program = "reach_network",
	  .way = "path socket",
	  .kinds = NONE,
	  .profile = "trusted",
	  .control = CONTROL_GAINS,
	  .needs = "namespaces" },
	{ .program = "reach_network",
	  .way = "datagram pair",
	  .kinds = NONE,
	  .profile = "tools",
	  .control = CONTROL_GAINS },

	/* power */
	CALL_OF_ROOT("be_setuid", "set-user-id", NONE),
	CALL_OF_ROOT("be_setuid", "capabilities", NONE),
	CALL_MAY_LACK("raise_limits", "oom_score_adj", NONE),
	CALL_OF_ROOT("raise_limits", "hard limits", NONE),
	CALL("raise_limits", "core", NONE),
	CALL("raise_limits", "securebits", NONE),
	CALL("raise_limits", "keepcaps", NONE),
	CALL_WALLED("write_kernel_files", NULL, NONE),
};
const size_t n_rows = sizeof(rows) / sizeof(rows[0]);

static bool share_executor(const struct row *a, const struct row *b)
{
	const char *profiles[] = { a->profile ? a->profile : "", b->profile ? b->profile : "" };

	return strcmp(a->program, b->program) == 0 && strcmp(profiles[0], profiles[1]) == 0 &&
	       strcmp(a->program, "be_setuid") != 0 && /* a file of its own for each */
	       a->memory_mb == b->memory_mb && a->scratch_mb == b->scratch_mb &&
	       a->cpu_ms == b->cpu_ms && a->timeout_ms == b->timeout_ms &&
	       a->max_procs == b->max_procs && a->max_threads == b->max_threads;
}

size_t find_groups(struct group *ret, size_t most)
{
	const char *only = getenv("HOSTILE_ONLY");
	size_t n = 0;

	for (size_t i = 0; i < n_rows; i++) {
		if (only && strcmp(only, rows[i].program) != 0)
			continue;
		if (n > 0 && share_executor(&ret[n - 1].rows[0], &rows[i]) &&
		    ret[n - 1].rows + ret[n - 1].n == &rows[i])
			ret[n - 1].n++;
		else if (n < most)
			ret[n++] = (struct group){ &rows[i], 1 };
		else
			abort(); /* the caller's table is too small */
	}
	return n;
}

const char *row_name(const struct row *row)
{
	static char name[256];

	snprintf(name, sizeof(name), "%s%s%s%s%s", row->program, row->way ? ": " : "",
	         row->way ? row->way : "", row->profile ? ", in profile " : "",
	         row->profile ? row->profile : "");
	return name;
}
