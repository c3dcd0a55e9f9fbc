/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_EXECUTOR_H
#define BULKHEAD_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/event.h"
#include "bulkhead/limits.h"
#include "bulkhead/result.h"
#include "bulkhead/retry.h"
#include "bulkhead/store.h"

/* executor.h: runs batches in sandboxed handlers.
 *
 * An executor belongs to one thread. It has one descriptor to poll and one
 * function to step, so that it lives in any loop (examples/epoll.c,
 * examples/libuv.c), installs no signal handlers and waits for no process but
 * its own launcher. What a handler does is never an error of these functions: it
 * is a result.
 *
 * Several executors of one thread may share a store. Where a batch of one waits
 * for entries that a batch of another holds, or for one that waits itself, both
 * executors have to be stepped: a blocking form of the one would wait for ever.
 * When the entries are released, the descriptor of who waits gets readable.
 * Source: docs/architecture.md; docs/semantics.md, "Executing". */

enum bh_isolation {
	BH_ISOLATION_STRICT,      /* refuse to run where a layer is missing */
	BH_ISOLATION_BEST_EFFORT, /* run with the layers that there are; results say what is missing
	                           */
	BH_ISOLATION_NONE,        /* limits and clean-up only: for code that is trusted */
};

/* A file or folder of the host that handlers see, read-only, without set-user-id
 * programs and devices, with all that is mounted below it. Its path is opened once,
 * with the caller's rights, and links in it are followed then. Folders on the way
 * to its place are made, but in another bind, where the place has to exist. */
struct bh_bind {
	const char *path;
	const char *dest; /* its place: absolute, without ".."; NULL: the path as given */
};

#define BH_SCRATCH_MOST ((uint64_t)1 << 40)

/* How handlers are started. All but the first need a handler that speaks the warm
 * mode of docs/handler-abi.md, as the SDKs do. */
enum bh_warm_mode {
	BH_WARM_OFF,   /* afresh for each batch */
	BH_WARM_FORK,  /* once for each slot; a fork of it handles each batch */
	BH_WARM_REUSE, /* once for `max_reuse` batches: nothing parts them from each other */
};

struct bh_executor_options {
	const char *handler;             /* path of an ELF executable or a script with `#!` */
	const char *const *handler_args; /* after the name; NULL-terminated; NULL for none */
	const char *const *env; /* "K=V" added to the handler's; NULL-terminated; NULL for none */
	const char *launcher;   /* path of bulkhead-launcher; NULL: see bh_launcher_find */
	struct bh_limits limits;
	enum bh_isolation isolation;
	const char *profile; /* of system calls: see bulkhead/profile.h; NULL: "compute" */
	/* Without a mount namespace (BEST_EFFORT, NONE) each has to be where it is. */
	const struct bh_bind *binds; /* NULL for none */
	size_t n_binds;
	/* Of a folder at /tmp that a handler may write to, new for each batch and gone
	 * with it, in memory; at most BH_SCRATCH_MOST; 0: none. What is missing under
	 * BEST_EFFORT where there is no mount namespace; refused with NONE. */
	uint64_t scratch_bytes;
	size_t jobs;          /* batches at a time, at most 1024; 0: the online CPUs */
	uint64_t max_entries; /* more unique entries than this are `bounds` */
	bool strict_results;  /* a missing or unknown task id fails the batch */
	enum bh_warm_mode warm;
	uint64_t max_reuse; /* with BH_WARM_REUSE: at least 1; BH_UNLIMITED for no end */
	struct bh_retry retry;
	enum bh_poison poison;
	/* Called for each event, from bh_executor_submit (QUEUED) and bh_executor_step
	 * (the rest); it may submit and cancel, not step or free. NULL: nobody listens. */
	void (*on_event)(const struct bh_event *event, void *userdata);
	void *event_userdata;
	/* How often to look at the records of running batches for events of tasks, where
	 * somebody listens; 0: only when they have ended. */
	uint64_t watch_us;
	size_t max_queued; /* batches that may wait; 0: no bound */
	/* Called once from bh_executor_step when there is room again after a submission
	 * was refused for want of it; it may submit and cancel. May be NULL. */
	void (*on_room)(void *userdata);
	void *room_userdata;
};
#define BH_EXECUTOR_DEFAULT                                         \
	((struct bh_executor_options){ .limits = BH_LIMITS_DEFAULT, \
	                               .max_entries = 200,          \
	                               .max_reuse = BH_UNLIMITED,   \
	                               .retry = BH_RETRY_DEFAULT })

struct bh_executor;

/* Opens and checks the handler, starts the launcher and sets up the sandbox.
 * Options are copied; `store` is borrowed and outlives the executor.
 * Errors: -ENOENT, -EACCES, -ENOEXEC, -EISDIR for a handler that can't be run, or
 * a bind that can't be opened;
 * -EINVAL for a profile that is none, limits or retries that make no sense, a scratch too
 * large or without isolation, a bind whose place can't be one, or an `env` without key or '=';
 * -ENOTSUP when the sandbox can't be set up: `err->text` names the layer or
 * step; -ENOMEM, -EMFILE, -ENFILE for what the host is short of. */
BH_PUBLIC BH_MUST_CHECK int bh_executor_new(struct bh_store *store,
                                            const struct bh_executor_options *options,
                                            struct bh_executor **ret, struct bh_error *err);

/* Kills and reaps everything that runs, releases every lease and frees. Batches
 * with no result yet get none. NULL is a no-op. Not from inside a callback. */
BH_PUBLIC void bh_executor_free(struct bh_executor *executor);

/* Readable whenever bh_executor_step has something to do, deadlines included.
 * The descriptor stays the executor's. */
BH_PUBLIC int bh_executor_fd(const struct bh_executor *executor);

/* Queues a batch; it starts in bh_executor_step. `batch` and its tasks are
 * borrowed until its result was delivered, and as long as that is kept.
 * `on_result` is called once for each batch submitted, from bh_executor_step,
 * when every process of the batch is gone and its lease is released. It owns
 * the result, and may submit and cancel. With NULL, the result waits for
 * bh_executor_next_result. `*ret_index` (may be NULL) counts submissions from 0;
 * the result has it, and bh_executor_cancel_batch takes it.
 * Errors: -EINVAL for a batch whose tasks repeat an id or whose ids are blank;
 * -EAGAIN where `max_queued` wait already; -ESHUTDOWN after bh_executor_close;
 * -ENOMEM. Nothing is queued then. */
BH_PUBLIC BH_MUST_CHECK int
bh_executor_submit(struct bh_executor *executor, const struct bh_batch *batch,
                   void (*on_result)(struct bh_result *result, void *userdata), void *userdata,
                   size_t *ret_index, struct bh_error *err);

/* How many submissions would be taken now; SIZE_MAX without a bound. */
BH_PUBLIC size_t bh_executor_room(const struct bh_executor *executor);

/* The next result of a batch that was submitted without `on_result`, which is then
 * the caller's, in the order in which they ended; NULL where none waits. They are
 * there after a step: take all of them, for a waiting result doesn't make the
 * descriptor readable. `*ret_userdata` (may be NULL) is what was submitted. */
BH_PUBLIC struct bh_result *bh_executor_next_result(struct bh_executor *executor,
                                                    void **ret_userdata);

/* Does what is to be done now: starts batches, reads, enforces deadlines,
 * delivers results. Blocks only while a lost launcher is replaced, or while a
 * launcher takes no message (10 s at most: then it is lost).
 * Errors are of the executor itself (-ENOMEM, epoll failing); results of
 * batches that can't go on for that reason are delivered as `internal`. */
BH_PUBLIC BH_MUST_CHECK int bh_executor_step(struct bh_executor *executor, struct bh_error *err);

/* Batches that have no result yet: queued, running, or waiting for entries or to be
 * tried again. */
BH_PUBLIC size_t bh_executor_pending(const struct bh_executor *executor);

/* Kills what runs and ends it and all that waits as `cancelled`. Results come
 * through bh_executor_step as always: records complete by then are kept. */
BH_PUBLIC void bh_executor_cancel(struct bh_executor *executor);

/* The same for one batch, by its index. -ENOENT where it has its result already,
 * or was never there. */
BH_PUBLIC BH_MUST_CHECK int bh_executor_cancel_batch(struct bh_executor *executor, size_t index);

/* In `after_us` from now, everything that is pending then is cancelled, and so is
 * everything that is submitted later, until another time is set. BH_UNLIMITED:
 * no more deadline. -errno where the timer can't be set. */
BH_PUBLIC BH_MUST_CHECK int bh_executor_set_deadline(struct bh_executor *executor,
                                                     uint64_t after_us, struct bh_error *err);

/* Takes no more batches. What is pending goes on to its end; then the launcher is
 * let go. Twice is once. */
BH_PUBLIC void bh_executor_close(struct bh_executor *executor);

/* Steps until nothing is pending or `stop_fd` (-1 for none) becomes readable.
 * Returns 0, -ECANCELED when `stop_fd` said so, or an error of step. */
BH_PUBLIC BH_MUST_CHECK int bh_executor_drain(struct bh_executor *executor, int stop_fd,
                                              struct bh_error *err);

/* Runs one batch to its end. Nothing else may be pending (-EBUSY). */
BH_PUBLIC BH_MUST_CHECK int bh_execute_batch(struct bh_executor *executor,
                                             const struct bh_batch *batch, struct bh_result **ret,
                                             struct bh_error *err);

/* Runs batches, up to `jobs` at a time. Nothing else may be pending (-EBUSY).
 * `index` of a result is its batch's place in the input. `results` has room for
 * `n_batches` pointers and gets them in input order; `*n_results` says how many.
 * With `stop_on_error`, the first failure is kept, what runs is cancelled and
 * reported as `cancelled`, and batches not started are absent: the pointers of
 * the rest are packed together, still in input order.
 * Errors are as for submit and step; results got by then are still returned. */
BH_PUBLIC BH_MUST_CHECK int bh_execute_all(struct bh_executor *executor,
                                           const struct bh_batch *batches, size_t n_batches,
                                           bool stop_on_error, struct bh_result **results,
                                           size_t *n_results, struct bh_error *err);

/* Finds bulkhead-launcher: beside the running program, then where the library
 * was installed. Writes a NUL-terminated path into `path`. -ENOENT where there
 * is none, with the places tried in `err`. */
BH_PUBLIC BH_MUST_CHECK int bh_launcher_find(char *path, size_t path_size, struct bh_error *err);

#endif
