/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_WIRE_MESSAGE_H
#define BH_IPC_WIRE_MESSAGE_H

/* message.h: all that the supervisor and its launcher say to each other.
 *
 *   supervisor                          launcher
 *   CONFIGURE (handler, strings,   ──▶  sets up the sandbox
 *              profile)
 *                                  ◀──  CGROUPS, where it has made some: their name,
 *                                       and the directories that hold them
 *                                  ◀──  MAP_IDS, as root: it is in a user namespace
 *   MAPPED                         ──▶
 *                                  ◀──  READY, or FAILED with the step
 *   SPAWN id (context, results,    ──▶  clones a handler
 *             stdout, stderr)
 *                                  ◀──  LISTENER id (listener), once for an id: where
 *                                       its handlers' forbidden calls wait
 *                                  ◀──  STARTED id, when it was executed
 *   KILL id, how                   ──▶
 *                                  ◀──  ENDED id: every process of it is gone
 *
 * Instead of CONFIGURE, PROBE is answered by one LAYER for each layer of
 * isolation (`id` is its number), tried in a child, and then READY.
 *
 * With warm handlers, STARTED tells first, where a template had to be started, that
 * this warms up (`warming`), and then, where it did, that the batch is handed to
 * it.
 *
 * SPAWN is always answered by ENDED; STARTED comes before it unless the handler
 * could not be executed. KILL for an id that has ended is ignored. Both sides
 * are the same build, so the messages are plain structs; the version is checked
 * all the same, and so is whatever else comes to the launcher (sandbox/request.h):
 * by what no supervisor says it ends. */

#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/limits.h"

#define BH_MESSAGE_VERSION 7

enum bh_message_type {
	BH_MESSAGE_CONFIGURE = 1,
	BH_MESSAGE_PROBE,
	BH_MESSAGE_LAYER,
	BH_MESSAGE_CGROUPS,
	BH_MESSAGE_MAP_IDS,
	BH_MESSAGE_MAPPED,
	BH_MESSAGE_READY,
	BH_MESSAGE_FAILED,
	BH_MESSAGE_SPAWN,
	BH_MESSAGE_LISTENER,
	BH_MESSAGE_STARTED,
	BH_MESSAGE_KILL,
	BH_MESSAGE_ENDED,
};

enum bh_kill {
	BH_KILL_TERM = 1, /* SIGTERM to the handler's own process */
	BH_KILL_ALL,      /* SIGKILL to every process of the batch */
};

/* What became of a spawned handler, as far as its processes tell. */
enum bh_ended_by {
	BH_ENDED_EXITED = 1, /* executed; `wait_status` holds what wait(2) said */
	BH_ENDED_KILLED,     /* BH_KILL_ALL came before its own end */
	BH_ENDED_NO_EXEC,    /* the handler file could not be executed: `error` */
	BH_ENDED_NO_SANDBOX, /* a step of the set-up failed: `error`, `stage` */
	BH_ENDED_NO_FORK,    /* warm: there is no template to take it, or no fork: `error` */
	BH_ENDED_PROTOCOL,   /* warm: the template broke the protocol: `error` */
};

#define BH_STAGE_TEXT_SIZE     32
#define BH_CGROUP_NAME_SIZE    48
#define BH_CGROUP_MISSING_SIZE 192

struct bh_message_configure {
	uint32_t version;
	uint32_t isolation; /* enum bh_isolation */
	struct bh_limits limits;
	uint64_t max_running;
	uint64_t scratch_bytes;     /* of each batch; 0 for none */
	uint32_t in_user_namespace; /* the launcher was cloned into a new one */
	uint32_t supervisor;        /* its pid, for names that have to differ */
	uint32_t warm;              /* enum bh_warm_mode */
	uint32_t tell_started; /* of each handler that was executed, and each batch handed over */
	uint64_t max_reuse;
	char handler_name[256];
	char python_dir[256]; /* to be shown at BH_ROOT_PYTHON_DIR; "" for none */
};

#define BH_LAYER_DETAIL_SIZE 192

struct bh_message_layer {
	int32_t code; /* 0 where it is available, else a positive errno value */
	char detail[BH_LAYER_DETAIL_SIZE];
};

/* Names cgroups that the launcher may leave behind: one in each of the directories
 * that come as descriptors. */
struct bh_message_cgroups {
	char name[BH_CGROUP_NAME_SIZE];
};

struct bh_message_ready {
	char cgroup_missing[BH_CGROUP_MISSING_SIZE]; /* what no cgroup holds, and why */
	uint32_t landlocked;                         /* the kernel has Landlock */
};

struct bh_message_failed {
	struct bh_error error;
	char stage[BH_STAGE_TEXT_SIZE];
};

struct bh_message_started {
	uint32_t warming; /* a template that is not ready for its batch yet */
};

struct bh_message_ended {
	uint32_t by; /* enum bh_ended_by */
	int32_t wait_status;
	uint64_t user_us;
	uint64_t system_us;
	uint64_t max_rss_bytes;
	uint64_t minor_faults;
	uint64_t major_faults;
	uint64_t voluntary_switches;
	uint64_t involuntary_switches;
	uint64_t memory_peak_bytes; /* of all processes; 0 where unknown */
	uint64_t oom_kills;         /* of processes, at the batch's own limit */
	uint64_t host_oom_kills;    /* the same, for want of memory elsewhere */
	uint64_t pids_hits;         /* processes and threads refused at the limit */
	uint32_t cpu_exceeded;      /* killed for the CPU time of all processes */
	uint32_t memory_held_by;    /* enum bh_memory_holder */
	uint32_t memory_held_files; /* the memory limit was the limit of each file, too */
	uint32_t warming;           /* warm: it was not ready for the batch yet */
	struct bh_error error;
	char stage[BH_STAGE_TEXT_SIZE];
};

struct bh_message {
	uint32_t type; /* enum bh_message_type */
	uint32_t id;   /* of the batch's slot; 0 for what is about none */
	union {
		struct bh_message_configure configure;
		struct bh_message_cgroups cgroups;
		struct bh_message_ready ready;
		struct bh_message_layer layer;
		struct bh_message_failed failed;
		struct bh_message_started started;
		uint32_t kill; /* enum bh_kill */
		struct bh_message_ended ended;
	};
};

#endif
