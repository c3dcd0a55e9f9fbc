/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_CODEC_RECORDS_H
#define BH_IPC_CODEC_RECORDS_H

/* records.h: what a handler wrote to descriptor 4, read with limits.
 *
 * The bytes are the private copy of a result region. Records are read one after
 * another until a final one, the end, or the first byte that is wrong; those
 * before it are kept. Source: docs/handler-abi.md, "Result records". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/error.h"
#include "bulkhead/result.h"
#include "bulkhead/span.h"

enum bh_records_end {
	BH_RECORDS_OPEN,     /* the bytes end between records, with no final one */
	BH_RECORDS_DONE,     /* {"done": true} */
	BH_RECORDS_ERROR,    /* {"error": …} for the whole batch */
	BH_RECORDS_PROTOCOL, /* a byte that is wrong */
	BH_RECORDS_CUT,      /* the last record runs past the committed bytes */
};

struct bh_records {
	enum bh_records_end end;
	size_t end_offset;    /* of the byte that is wrong, or behind the last record */
	char reason[160];     /* PROTOCOL and CUT: what is wrong, with the offset */
	struct bh_span error; /* ERROR: the error map, inside the bytes */
	struct bh_task_result *task_results; /* owned; last record of each task, by first record */
	size_t n_task_results;
	uint64_t duplicate_results; /* earlier records that a later one replaced */
	uint64_t trailing_bytes;    /* after a final record */
	struct bh_span running;     /* id of the last task started and not ended; NONE where none */
	const char **missing_task_ids; /* owned; ids borrowed from the batch, in its order */
	size_t n_missing_task_ids;
};
#define BH_RECORDS_UNSET ((struct bh_records){ .end = BH_RECORDS_OPEN })

/* Reads the records of `batch` out of `bytes`, which must outlive `ret`: its
 * spans point into them. A `start` record ends with a record of the same task;
 * a new `start` replaces one that has not ended as what is running.
 * What the handler did wrong is in `ret`, not in the return value. -ENOMEM. */
BH_MUST_CHECK
int bh_records_read(struct bh_span bytes, const struct bh_batch *batch, struct bh_records *ret,
                    struct bh_error *err);
void bh_records_done(struct bh_records *records);

/* One record by itself, for news about a handler that still runs. */
enum bh_record_type {
	BH_RECORD_START,      /* of `task_id` */
	BH_RECORD_RESULT,     /* the same */
	BH_RECORD_TASK_ERROR, /* the same */
	BH_RECORD_FINAL,      /* nothing that counts comes behind it */
	BH_RECORD_SHORT,      /* the bytes end before the record does */
	BH_RECORD_WRONG,      /* it is none */
};

struct bh_record {
	enum bh_record_type type;
	struct bh_span task_id; /* inside the bytes, where the type says that it has one */
	size_t size;            /* of the whole record; 0 where SHORT or WRONG */
};

/* Reads the record that `bytes` begin with, as strictly as bh_records_read does.
 * One for which there is no memory is WRONG. */
void bh_record_peek(struct bh_span bytes, struct bh_record *ret);

/* The "message" str of an error map ({"message": str, …}), which
 * bh_records_read has checked. */
struct bh_span bh_record_error_message(struct bh_span error);

#endif
