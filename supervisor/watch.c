/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/watch.h"

#include "ipc/codec/records.h"
#include "ipc/wire/base.h"

/* Copied in one look. */
#define LOOK_SIZE 16384

/* An honest handler has a start and a record for each task; twice that, and a few
 * for those that the batch lacks, leaves room for its second thoughts. */
#define EVENTS_PER_TASK 4
#define EVENTS_BESIDE   16

static bool may_tell(const struct bh_watch *watch, const struct bh_subject *subject)
{
	uint64_t most = (uint64_t)subject->batch->n_tasks * EVENTS_PER_TASK + EVENTS_BESIDE;

	return watch->n_told < most;
}

static void tell_committed(struct bh_watch *watch, size_t committed,
                           const struct bh_subject *subject)
{
	if (committed <= watch->committed)
		return;
	watch->committed = committed;
	bh_subject_tell(subject,
	                (struct bh_event){ .type = BH_EVENT_RECORDS, .record_bytes = committed });
}

static void tell_record(struct bh_watch *watch, const struct bh_record *record,
                        const struct bh_subject *subject)
{
	bool starts = record->type == BH_RECORD_START;

	watch->told += record->size;
	watch->n_told++;
	bh_subject_tell(subject,
	                (struct bh_event){
	                        .type = starts ? BH_EVENT_TASK_STARTED : BH_EVENT_TASK_ENDED,
	                        .task_id = record->task_id,
	                        .failed = record->type == BH_RECORD_TASK_ERROR,
	                        .record_bytes = watch->told,
	                });
}

/* Tells the whole records that `bytes` begin with. Returns how many bytes they have. */
static size_t tell_records(struct bh_watch *watch, struct bh_span bytes,
                           const struct bh_subject *subject)
{
	const uint8_t *start = bytes.data;
	size_t at = 0;

	while (at < bytes.size && !watch->over) {
		struct bh_record record;

		bh_record_peek((struct bh_span){ start + at, bytes.size - at }, &record);
		if (record.type == BH_RECORD_SHORT)
			break;
		watch->over = record.type == BH_RECORD_WRONG || record.type == BH_RECORD_FINAL ||
		              !may_tell(watch, subject);
		if (watch->over)
			break;
		tell_record(watch, &record, subject);
		at += record.size;
	}
	return at;
}

void bh_watch_look(struct bh_watch *watch, const struct bh_region *results,
                   const struct bh_subject *subject)
{
	uint8_t copy[LOOK_SIZE];
	size_t committed;

	size_t wanted = watch->blind ? 0 : sizeof(copy);
	ssize_t n = bh_region_peek_committed(results, watch->told, copy, wanted, &committed);
	if (n < 0)
		return; /* no /proc: all is told at the end */
	size_t read = tell_records(watch, (struct bh_span){ copy, (size_t)n }, subject);
	watch->blind |= read == 0 && (size_t)n == sizeof(copy);
	tell_committed(watch, committed, subject);
}

void bh_watch_end(struct bh_watch *watch, struct bh_span bytes, const struct bh_subject *subject)
{
	size_t told = watch->told < bytes.size ? watch->told : bytes.size;
	struct bh_span rest = { (const uint8_t *)bytes.data + told, bytes.size - told };

	tell_records(watch, rest, subject);
	tell_committed(watch, bytes.size, subject);
}
