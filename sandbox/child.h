/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CHILD_H
#define BH_SANDBOX_CHILD_H

/* child.h: the two processes of one batch, from their clone to the handler's
 * exec.
 *
 *   launcher ──clone──▶ reaper ──clone──▶ handler ──exec
 *
 * The reaper is pid 1 of the batch's PID namespace, so that the handler is not:
 * abort() and raise() of a pid 1 don't do what they do elsewhere. It executes
 * the handler, says STARTED, waits for its end and exits; the kernel then kills
 * whatever is left in the namespace. Both run in the launcher's memory, the
 * reaper beside it, the handler until its exec, and report by leaving values in
 * their slot. What the handler does, an exit status included, can't look like a
 * failed set-up. Source: pid_namespaces(7); clone(2). */

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "bulkhead/error.h"
#include "sandbox/cgroup.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/rlimits.h"
#include "sandbox/scratch.h"

/* Steps of the set-up that can fail, in their order. */
enum bh_child_step {
	BH_STEP_NONE,
	BH_STEP_REAPER,
	BH_STEP_CLONE,
	BH_STEP_CGROUP,
	BH_STEP_SESSION,
	BH_STEP_CGROUP_NAMESPACE,
	BH_STEP_PROC,
	BH_STEP_IDS,
	BH_STEP_SCRATCH,
	BH_STEP_USER_NAMESPACE,
	BH_STEP_RLIMITS,
	BH_STEP_CAPABILITIES,
	BH_STEP_LANDLOCK,
	BH_STEP_SECCOMP,
	BH_STEP_DESCRIPTORS,
	BH_STEP_SIGNALS,
	BH_STEP_EXEC,
	BH_STEP_ANNOUNCE, /* it was executed, and then killed */
};
/* The name of the layer, as it stands in a result's `stage`. */
const char *bh_child_step_name(enum bh_child_step step);

/* What is the same for all batches of a launcher. */
struct bh_child_plan {
	bool namespaces; /* and all that needs them */
	bool confined;   /* capabilities, Landlock and filter, not limits alone */
	bool own_id;     /* as root: an id for each slot, from first_id on */
	bool one_id;     /* with own_id: the same for all slots, where there is no other */
	uid_t first_id;
	struct bh_cgroup cgroup;
	struct bh_rlimits rlimits;
	struct bh_filter filter;
	uint64_t key; /* that lets our own calls pass the filter; a secret */
	struct bh_landlock landlock;
	struct bh_scratch scratch; /* where there are namespaces */
	int socket;                /* to the supervisor */
	int executable;            /* descriptor of an ELF handler; -1 for a script */
	const char *script;        /* path of a script as its interpreter gets it */
	char *const *argv;
	char *const *envp;
};

struct bh_slot {
	const struct bh_child_plan *plan;
	uint32_t id;
	bool trial;                     /* everything but the exec */
	char *stacks;                   /* owned by the launcher: see bh_slot_allocate */
	int context, results, out, err; /* owned by the launcher until the end */
	struct bh_cgroup_slot cgroup;   /* the launcher's; begun before the start */
	pid_t reaper;                   /* 0 while nothing runs */
	/* written by the reaper and the handler, read after the reaper's end */
	enum bh_child_step failed_step;
	int failed_code;       /* positive errno value */
	int listener;          /* -1 where none */
	int mount_namespace;   /* holds it until after the end: see mount_proc; -1 where none */
	int handler_pidfd;     /* -1 until cloned; closed by the launcher at the end */
	pid_t handler;         /* in the reaper's PID namespace */
	bool counts_processes; /* trial: RLIMIT_NPROC is counted by namespace */
	bool ended;            /* the handler's end was seen: */
	int wait_status;
	struct rusage usage; /* of the handler and all that the reaper waited for */
};

/* Gives a slot its stacks; once. */
BH_MUST_CHECK
int bh_slot_allocate(struct bh_slot *slot, struct bh_error *err);

/* Clones the reaper, which does the rest. The slot's `plan`, `id`, `trial` and
 * descriptors are set. On success `reaper` is the child to wait for. */
BH_MUST_CHECK
int bh_slot_start(struct bh_slot *slot, struct bh_error *err);

#endif
