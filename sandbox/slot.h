/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_SLOT_H
#define BH_SANDBOX_SLOT_H

/* slot.h: a place for one batch at a time, and the tasks that fill it.
 *
 *   spawner ──clone──▶ reaper ──clone──▶ handler ──exec
 *
 * The spawner is a thread of the launcher, one for each slot and as old as it. It
 * loads the filter once; what it clones inherits it, and its listener is the slot's
 * for good. It clones a reaper, which makes all that needs no batch (PID and mount
 * namespace, /proc) and waits to be told to go: so a batch finds its sandbox made.
 * Where it can, the reaper stays for the slot's next batch (sandbox/child.h); else
 * there is one for each. All three run in the launcher's memory and report by leaving
 * values in the slot. Source: clone(2), seccomp(2), futex(2). */

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
#include "sandbox/template.h"

/* Steps of the set-up that can fail. */
enum bh_child_step {
	BH_STEP_NONE,
	BH_STEP_REAPER,
	BH_STEP_PROC,
	BH_STEP_CLONE,
	BH_STEP_CLEANER,
	BH_STEP_CGROUP,
	BH_STEP_SESSION,
	BH_STEP_CGROUP_NAMESPACE,
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
	bool tell_started;         /* to the supervisor, where it isn't told anyway */
	int last_pid;              /* by which a staying reaper counts anew; -1: none stays */
	int over;                  /* eventfd that staying reapers write to */
	enum bh_warm_mode warm;
	int executable;     /* descriptor of an ELF handler; -1 for a script */
	const char *script; /* path of a script as its interpreter gets it */
	char *const *argv;
	char *const *envp;
};

struct bh_slot {
	const struct bh_child_plan *plan;
	uint32_t id;
	bool trial;                     /* everything but the exec */
	bool running;                   /* a batch; the launcher's */
	int context, results, out, err; /* owned by the launcher until the end */
	struct bh_cgroup_slot cgroup;   /* the launcher's; begun before the batch */

	/* between the launcher and the spawner */
	char *stacks;      /* owned; NULL before bh_slot_open */
	uint32_t asked;    /* times the spawner was asked for something: a futex */
	uint32_t answered; /* … and how often it has done it */
	int listener;      /* owned, of the filter; -1 where none, or given away */

	/* between the launcher and the reaper */
	pid_t reaper;       /* 0 where there is none */
	bool reaper_killed; /* by us: its end is on its way */
	uint32_t go;        /* 1: there is a batch; a futex */
	uint32_t over;      /* 1: its batch has ended, and the reaper waits for another */
	bool doomed; /* without a PID namespace: killed, perhaps before there was a handler */

	struct bh_template template; /* in warm mode; a reaper is a template's then */

	/* written by spawner, reaper and handler, read after the batch's end */
	enum bh_child_step failed_step;
	int failed_code;       /* positive errno value */
	int mount_namespace;   /* of a reaper that doesn't stay: see mount_proc; -1 where none */
	int handler_pidfd;     /* -1 until cloned; closed by the launcher at the end. Where the
	                        * reaper was killed in its clone, perhaps no descriptor of ours */
	pid_t handler;         /* in the reaper's PID namespace; 0 until that clone returned */
	bool counts_processes; /* trial: RLIMIT_NPROC is counted by namespace */
	bool counts_anew;      /* trial: `last_pid` works */
	bool ended;            /* the handler's end was seen: */
	int wait_status;
	struct rusage usage; /* of the handler and all that the reaper waited for */
};

/* Stacks of a slot's tasks: from the top of each, with a guard below it. */
enum bh_slot_stack {
	BH_STACK_SPAWNER,
	BH_STACK_REAPER,
	BH_STACK_HANDLER,
	BH_STACK_CLEANER,
	BH_SLOT_STACKS
};
#define BH_STACK_SIZE ((size_t)64 << 10)
char *bh_slot_stack_top(const struct bh_slot *slot, enum bh_slot_stack which);

/* Gives a slot, whose `plan` and `id` are set, its stacks and its spawner, with
 * the filter loaded where the plan has one: `listener` is then to be given to the
 * supervisor. Once; a spawner ends with the launcher.
 * Errors: the failing call's; `failed_step` says which. */
BH_MUST_CHECK
int bh_slot_open(struct bh_slot *slot, struct bh_error *err);

/* Has a reaper cloned for the next batch, where none waits. */
BH_MUST_CHECK
int bh_slot_prepare(struct bh_slot *slot, struct bh_error *err);

/* Lets the reaper begin. The slot's descriptors and `trial` are set. The slot says how
 * the batch has ended when it is over, or when the reaper has ended, which its parent,
 * the launcher, is told of. */
void bh_slot_go(struct bh_slot *slot);

/* True once after a batch whose reaper stays; the plan's `over` is readable then. */
bool bh_slot_is_over(struct bh_slot *slot);

/* Forgets a batch that was over. Its descriptors are closed. */
void bh_slot_clear(struct bh_slot *slot);

/* Sends a signal to the handler's own process. False where there is none yet, or its
 * reaper was killed. */
bool bh_slot_signal(const struct bh_slot *slot, int number);

/* Kills every process of the batch, if there is a reaper. Its end follows. */
void bh_slot_kill(struct bh_slot *slot);

/* Kills the reaper, if there is one: with it, all that is in its PID namespace. */
void bh_slot_kill_reaper(struct bh_slot *slot);

#endif
