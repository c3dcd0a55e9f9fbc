/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_HANDLER_H
#define BULKHEAD_HANDLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* These functions are all that the shared library shows. */
#pragma GCC visibility push(default)

/* handler.h: for programs that bulkhead runs.
 *
 * A handler reads one context (descriptor 3) and appends one record a task
 * (descriptor 4). This is a convenience over docs/handler-abi.md, nothing more.
 *
 * The short form:
 *
 *   static int count(struct bh_handler *h, const struct bh_handler_task *task,
 *                    void *userdata) {
 *           …
 *           return bh_result_int(h, n);   // one value: the task's result
 *   }
 *   int main(void) { return bh_handler_run(count, NULL); }
 *
 * Texts and values lie in the context: nothing is copied for the caller, and all
 * pointers are valid until bh_handler_close. One thread at a time may use a
 * handler. It is linked as bulkhead-handler and needs no other library. */

/* Bytes in the context; not NUL-terminated. `data` NULL where absent (nil). */
struct bh_text {
	const char *data;
	size_t size;
};

/* A NUL-terminated string as a text; NULL as an absent one. */
struct bh_text bh_text_from(const char *string);
/* False for an absent text. */
bool bh_text_equals(struct bh_text text, const char *string);

struct bh_handler_entry {
	uint32_t index; /* its place in the context */
	struct bh_text id;
	struct bh_text type;
	struct bh_text source;
	struct bh_text content; /* str or bin */
	bool content_is_text;   /* str: valid UTF-8 */
	struct bh_text summary;
	struct bh_text parent_id;
	int64_t priority;
	bool compressed;
	uint32_t n_references;
	const void *references_;     /* private */
	const void *references_end_; /* private */
};

struct bh_handler_task {
	struct bh_text id;
	struct bh_text description;
	int64_t priority;
	struct bh_text params; /* the encoded MessagePack value; see bh_params_* */
	uint32_t n_required_entry_ids;
	const void *required_;     /* private */
	const void *required_end_; /* private */
};

struct bh_handler_batch {
	struct bh_text batch_id;
	uint64_t attempt;
	bool has_timeout;
	uint64_t timeout_ms;
	uint64_t entry_count;
	uint64_t total_tokens;
	uint32_t n_missing_ids;
	uint32_t n_tasks;
	uint32_t n_entries;       /* in the context: those found */
	const void *missing_;     /* private */
	const void *missing_end_; /* private */
};

struct bh_handler;

/* Maps the context and reads it up to its entries, which are read when the first
 * of them is asked for. Errors: -EBADF without descriptors 3 and 4, -EPROTO for a
 * context that isn't one or has another ABI version, -ENOMEM. Both descriptors
 * stay open. */
int bh_handler_open(struct bh_handler **ret);
/* NULL is a no-op. A record that was begun and not ended is dropped. */
void bh_handler_close(struct bh_handler *handler);

const struct bh_handler_batch *bh_handler_batch(const struct bh_handler *handler);

/* By place, from 0. False past the end. Constant time, after one pass over the
 * entries. Where that pass fails (-ENOMEM, -EPROTO) there are no entries, and the
 * error sticks to the results, so that it can't pass for success. */
bool bh_handler_task_at(const struct bh_handler *handler, uint32_t index,
                        struct bh_handler_task *ret);
bool bh_handler_entry_at(const struct bh_handler *handler, uint32_t index,
                         struct bh_handler_entry *ret);
/* By id. False where the context lacks it (missing or never asked for). */
bool bh_handler_entry_find(const struct bh_handler *handler, struct bh_text id,
                           struct bh_handler_entry *ret);

/* The `index`-th required entry id of a task, reference of an entry, missing id
 * of the batch; `data` NULL past the end. */
struct bh_text bh_handler_task_entry_id(const struct bh_handler_task *task, uint32_t index);
struct bh_text bh_handler_entry_reference(const struct bh_handler_entry *entry, uint32_t index);
struct bh_text bh_handler_missing_id(const struct bh_handler_batch *batch, uint32_t index);
/* The `index`-th required entry of a task, where the context has it. Constant
 * time where a task's entries are asked for in order. An id that a task requires
 * twice gives the same entry twice. */
bool bh_handler_task_entry(const struct bh_handler *handler, const struct bh_handler_task *task,
                           uint32_t index, struct bh_handler_entry *ret);

/* Params: a member of a map by name. False where params is no map, has no such
 * member, or it has another type. */
bool bh_params_text(const struct bh_handler_task *task, const char *name, struct bh_text *ret);
bool bh_params_int(const struct bh_handler_task *task, const char *name, int64_t *ret);
bool bh_params_bool(const struct bh_handler_task *task, const char *name, bool *ret);

/* ---- results ----
 *
 * A record is built between bh_record_begin_* and bh_record_end, or by the
 * short forms. The builder buffers one record and appends it with one write, so
 * that a record is committed whole. Errors stick: every call after the first
 * failure returns it again (but see bh_batch_error).
 * -ENOSPC: descriptor 4 is full; -EINVAL: calls out of order, a text that is
 * not UTF-8, a map that got a wrong number of members, nesting deeper than 32
 * (the record is 1); -ENOMEM. Not checked: two equal keys in one map, which break
 * the protocol. */

/* Publishes that work on a task begins, so that a crash names it. */
int bh_record_start(struct bh_handler *handler, struct bh_text task_id);

/* One record for a task: begin, exactly one value, end. */
int bh_record_begin_result(struct bh_handler *handler, struct bh_text task_id);
int bh_record_end(struct bh_handler *handler);

/* Values. A container is followed by its `count` values (a map by `count` pairs:
 * bh_result_key, then a value). Inside a per-task callback the record is begun
 * and ended by the caller: just write the value. */
int bh_result_nil(struct bh_handler *handler);
int bh_result_bool(struct bh_handler *handler, bool value);
int bh_result_int(struct bh_handler *handler, int64_t value);
int bh_result_uint(struct bh_handler *handler, uint64_t value);
int bh_result_float(struct bh_handler *handler, double value);
int bh_result_str(struct bh_handler *handler, const char *text); /* NUL-terminated */
int bh_result_text(struct bh_handler *handler, struct bh_text text);
int bh_result_bin(struct bh_handler *handler, const void *data, size_t size);
/* A str where the bytes are UTF-8, else a bin: the rule for an entry's content. */
int bh_result_bytes(struct bh_handler *handler, const void *data, size_t size);
int bh_result_array(struct bh_handler *handler, uint32_t count);
int bh_result_map(struct bh_handler *handler, uint32_t count);
int bh_result_key(struct bh_handler *handler, const char *key); /* NUL-terminated */
int bh_result_key_text(struct bh_handler *handler, struct bh_text key);
/* A container whose count isn't known yet: its members, then bh_result_close. */
int bh_result_array_open(struct bh_handler *handler);
int bh_result_map_open(struct bh_handler *handler);
int bh_result_close(struct bh_handler *handler);
/* One value that is encoded already, such as a task's params. */
int bh_result_raw(struct bh_handler *handler, struct bh_text encoded);

/* This task failed; the batch goes on. `type` may be NULL. Replaces a result
 * that was begun and not ended. */
int bh_task_error(struct bh_handler *handler, struct bh_text task_id, const char *type,
                  const char *message);
/* The whole batch failed. Final. May be called after any -EINVAL and -ENOMEM, and
 * inside a record, which is then dropped. */
int bh_batch_error(struct bh_handler *handler, const char *type, const char *message);
/* All work is done. Final. */
int bh_batch_done(struct bh_handler *handler);

/* ---- batches ----
 *
 * A handler that is started warm (docs/handler-abi.md, "Warm mode") does what is
 * the same for all batches first, and then:
 *
 *   int status = 0, r;
 *   while ((r = bh_handler_next(status)) > 0)
 *           status = handle_one_batch(); // open … close
 *   return r < 0 ? 1 : status;
 *
 * Started cold, the same code handles its one batch. */

/* Waits for a batch, with its context and results on descriptors 3 and 4. Started
 * cold, there is one, and then no more. In warm mode the first call says ready; it
 * returns in a fork for each batch, where the second returns 0, or, with --reuse,
 * for batch after batch in the same process. `status`: as exit(3) takes it, of the
 * batch before; the first time it says nothing. stdio is flushed.
 * Returns 1 for a batch, 0 when there are no more, or -errno: exit with
 * a status of failure then. Only one
 * thread may run in a template that forks. */
int bh_handler_next(int status);

/* Runs `on_task` for each task of each batch in order: publishes its start, begins its
 * result, calls, ends. A callback that writes one value and returns 0 has given
 * the task's result; one that returns a positive number has failed the task (it
 * may have called bh_fail_task, else a general message is used); a negative
 * return ends the batch with an error. Then says done. Works cold and warm: what
 * comes before it is done once, by a template.
 * Returns the exit status for main: 0, or 1 after a message on stderr. */
int bh_handler_run(int (*on_task)(struct bh_handler *handler, const struct bh_handler_task *task,
                                  void *userdata),
                   void *userdata);

/* Inside a callback: this task failed for this reason. Returns 1, so that
 * `return bh_fail_task(…)` does it. printf-like. */
int bh_fail_task(struct bh_handler *handler, const char *type, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
