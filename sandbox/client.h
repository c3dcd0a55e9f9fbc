/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_CLIENT_H
#define BH_SANDBOX_CLIENT_H

/* client.h: the supervisor's face of the sandbox.
 *
 * A sandbox is one launcher process with everything that is the same for all
 * batches: namespaces, root, filter, the handler file. It runs handlers, each
 * known by a small id of the caller's choice, and tells by events when a
 * handler was executed and when every process of it is gone.
 * Not thread-safe. Blocks in bh_sandbox_start and _free, and in _spawn and _kill
 * where the launcher's socket is full: 10 s at most. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/doctor.h"
#include "bulkhead/error.h"
#include "bulkhead/executor.h"
#include "bulkhead/limits.h"
#include "bulkhead/result.h"
#include "ipc/wire/message.h"

struct bh_bound;
struct bh_profile;
struct bh_sandbox;

struct bh_sandbox_options {
	const char *launcher; /* path */
	enum bh_isolation isolation;
	struct bh_limits limits;
	int handler_fd;                   /* open for reading; stays the caller's */
	const char *handler_name;         /* argv[0]; no '/' */
	const char *handler_path;         /* absolute; used without isolation, for scripts */
	const char *const *args;          /* after argv[0]; NULL-terminated; NULL for none */
	const char *const *env;           /* the whole environment; NULL-terminated */
	const struct bh_profile *profile; /* of system calls; NULL for the default one */
	size_t max_running;               /* ids are 0 … max_running - 1 */
	const struct bh_bound *bounds;    /* shown to handlers; outer ones before inner ones */
	size_t n_bounds;
	uint64_t scratch_bytes; /* of a folder that each handler may write to; 0: none */
	enum bh_warm_mode warm;
	bool tell_started;      /* somebody wants BH_SANDBOX_STARTED of every handler */
	uint64_t max_reuse;     /* with BH_WARM_REUSE */
	const char *python_dir; /* shown at BH_ROOT_PYTHON_DIR where there is a root; NULL: none */
};

/* Starts a launcher and waits until its sandbox is set up. Everything is copied.
 * Errors: `err` says which step failed; `*stage`, where not NULL, names the
 * layer ("user-namespace", "root", "seccomp", …), "" where it is none of them. */
BH_MUST_CHECK
int bh_sandbox_start(const struct bh_sandbox_options *options, struct bh_sandbox **ret,
                     char stage[BH_STAGE_TEXT_SIZE], struct bh_error *err);

/* Kills the launcher, and with it every handler, and reaps it. NULL is a no-op. */
void bh_sandbox_free(struct bh_sandbox *sandbox);

/* Why the batches of this sandbox have no cgroup, or one that holds not all of
 * memory, processes and CPU time: "" where nothing is missing. What no cgroup
 * holds is held by rlimits, one process at a time. */
const char *bh_sandbox_cgroup_missing(const struct bh_sandbox *sandbox);

/* The layers that best-effort isolation goes without, and why: "" where none is
 * missing. What cgroups don't hold is not among them. */
const char *bh_sandbox_missing(const struct bh_sandbox *sandbox);

/* Readable when bh_sandbox_next_event has something to say, but for events that
 * a spawn or kill took in while it waited: ask once more after those. */
int bh_sandbox_fd(const struct bh_sandbox *sandbox);

/* What a handler starts with; all stay the caller's. */
struct bh_spawn_fds {
	int context;
	int results;
	int out;
	int err;
};

/* Asks for a handler under `id`, which must be free: not spawned, or ended.
 * Errors: -EPIPE where the launcher is lost; else the failing call's. Nothing
 * was started then. */
BH_MUST_CHECK
int bh_sandbox_spawn(struct bh_sandbox *sandbox, uint32_t id, const struct bh_spawn_fds *fds,
                     struct bh_error *err);

/* Asks for signals to a handler that was spawned. Harmless after its end. */
BH_MUST_CHECK
int bh_sandbox_kill(struct bh_sandbox *sandbox, uint32_t id, enum bh_kill how,
                    struct bh_error *err);

enum bh_sandbox_event_type {
	BH_SANDBOX_LISTENER, /* once for an id; `listener` is the caller's */
	/* it was executed, where `tell_started` asks for that; a template warms up, and
	 * once more when it is ready */
	BH_SANDBOX_STARTED,
	BH_SANDBOX_ENDED, /* no process of it is left */
};

struct bh_sandbox_event {
	enum bh_sandbox_event_type type;
	uint32_t id;
	int listener; /* -1 but where it is told */
	int64_t pid;  /* STARTED: as in bh_event */
	struct bh_message_started started;
	struct bh_message_ended ended;
};

/* Whether there are events that were taken in while a message waited for room: those
 * don't make the descriptor readable. */
bool bh_sandbox_has_taken_in(const struct bh_sandbox *sandbox);

/* Returns 1 and an event, 0 where there is none yet, or an error when the
 * launcher is lost (-EPIPE) or broke the protocol (-EPROTO): then every handler
 * is dead or dying; free the sandbox, which waits for that. */
BH_MUST_CHECK
int bh_sandbox_next_event(struct bh_sandbox *sandbox, struct bh_sandbox_event *ret,
                          struct bh_error *err);

/* Reads one forbidden call that waits at a listener (seccomp_unotify(2)).
 * `*ret_cookie` is for bh_listener_refuse.
 * Returns 1 and the call; 0 where the caller died before it could be read;
 * -ENOENT when no process uses the filter any more: close the listener;
 * -EAGAIN where nothing waits. */
BH_MUST_CHECK
int bh_listener_receive(int listener, struct bh_syscall *ret, uint64_t *ret_cookie,
                        struct bh_error *err);

/* Lets the call fail in the handler with `code`, a positive errno value. A
 * caller that is gone is no error. */
BH_MUST_CHECK
int bh_listener_refuse(int listener, uint64_t cookie, int code, struct bh_error *err);

/* Lets the call run after all. Only where what it does is all in its registers.
 * Returns 1, or 0 where its caller had left it: dead, or for a signal, after which
 * it makes it once more. */
BH_MUST_CHECK
int bh_listener_allow(int listener, uint64_t cookie, struct bh_error *err);

/* True for a call that makes a process: such a call is notified where processes
 * are limited to one, and is a limit, not a violation. */
bool bh_syscall_makes_process(const struct bh_syscall *call);

/* Starts a launcher that only tries every layer of isolation: bh_doctor with a
 * launcher given. */
BH_MUST_CHECK
int bh_sandbox_probe(const char *launcher, struct bh_layer **ret, size_t *ret_n,
                     struct bh_error *err);

#endif
