/* SPDX-License-Identifier: Apache-2.0 */

/* attempt_finish.c: from what is left when every process is gone to a result. */

#include <assert.h>
#include <string.h>

#include "ipc/codec/records.h"
#include "ipc/wire/base.h"
#include "supervisor/attempt_internal.h"

/* A call that was gone before it could be read is a violation where nothing else
 * explains it: not a refused fork that was interrupted and made again, nor a
 * kill of ours. */
static void judge_vanished_call(struct bh_attempt *attempt)
{
	struct bh_evidence *evidence = &attempt->evidence;

	if (attempt->call_vanished && evidence->refused_forks == 0 && !evidence->timed_out &&
	    !evidence->cancelled && !evidence->gave_up)
		evidence->violated = true;
}

/* Copies what was committed and reads the copy. */
static int read_results(struct bh_attempt *attempt, struct bh_records *ret, struct bh_error *err)
{
	struct bh_span bytes = { .data = "", .size = 0 };

	if (attempt->results.fd >= 0) {
		uint8_t *copy = NULL;
		int r = bh_region_copy_committed(&attempt->results, &copy, &bytes.size, err);
		if (r < 0)
			return r;
		attempt->result->memory = copy;
		bytes.data = copy ? (const void *)copy : "";
		attempt->evidence.results_full = bytes.size == attempt->results.size;
	}
	if (attempt->subject.audience)
		bh_watch_end(&attempt->watch, bytes, &attempt->subject);
	return bh_records_read(bytes, attempt->batch, ret, err);
}

static size_t count_unknown(const struct bh_records *records)
{
	size_t n = 0;

	for (size_t i = 0; i < records->n_task_results; i++)
		n += records->task_results[i].is_unknown;
	return n;
}

/* The batch's own id of the task: a handler can start only what it was given. */
static const char *find_task_id(const struct bh_batch *batch, struct bh_span id)
{
	for (size_t i = 0; id.data && i < batch->n_tasks; i++) {
		const char *known = batch->tasks[i]->id;
		if (strlen(known) == id.size && memcmp(known, id.data, id.size) == 0)
			return known;
	}
	return NULL;
}

/* `records` is NULL where they could not be read. */
static void decide(struct bh_attempt *attempt, const struct bh_records *records)
{
	struct bh_outcome *outcome = &attempt->result->outcome;

	attempt->evidence.records = records;
	attempt->evidence.n_unknown = records ? count_unknown(records) : 0;
	bh_outcome_decide(&attempt->evidence, outcome);
	attempt->evidence.records = NULL;
	if (records && bh_outcome_names_culprit(outcome->kind))
		outcome->task_id = find_task_id(attempt->batch, records->running);
}

static void take_records(struct bh_result *result, struct bh_records *records)
{
	result->task_results = BH_TAKE(records->task_results, NULL);
	result->n_task_results = BH_TAKE(records->n_task_results, 0);
	result->missing_task_ids = BH_TAKE(records->missing_task_ids, NULL);
	result->n_missing_task_ids = BH_TAKE(records->n_missing_task_ids, 0);
	result->duplicate_results = records->duplicate_results;
	result->trailing_bytes = records->trailing_bytes;
}

static struct bh_usage usage_of(const struct bh_message_ended *ended)
{
	return (struct bh_usage){ .user_us = ended->user_us,
		                  .system_us = ended->system_us,
		                  .memory_peak_bytes = ended->memory_peak_bytes,
		                  .max_rss_bytes = ended->max_rss_bytes,
		                  .minor_faults = ended->minor_faults,
		                  .major_faults = ended->major_faults,
		                  .voluntary_switches = ended->voluntary_switches,
		                  .involuntary_switches = ended->involuntary_switches };
}

static void fill_in(struct bh_attempt *attempt)
{
	struct bh_result *result = attempt->result;

	result->batch_id = attempt->batch->batch_id;
	result->n_tasks = attempt->batch->n_tasks;
	result->success = result->outcome.kind == BH_KIND_NONE;
	result->partial = !result->success && result->n_task_results > 0;
	result->entry_count = attempt->evidence.entry_count;
	result->entries_found = attempt->lease.n_entries;
	result->total_tokens = attempt->lease.total_tokens;
	result->usage = usage_of(&attempt->evidence.ended);
	result->memory_held_by = (enum bh_memory_holder)attempt->evidence.ended.memory_held_by;
	result->out = bh_capture_take(&attempt->out);
	result->err = bh_capture_take(&attempt->err);
}

struct bh_result *bh_attempt_finish(struct bh_attempt *attempt, struct bh_lease *ret_lease)
{
	BH_CLEANUP(bh_records_done) struct bh_records records = BH_RECORDS_UNSET;
	struct bh_error error;

	assert(attempt->state == BH_ATTEMPT_ENDED);
	if (bh_capture_drain(&attempt->out, &error) < 0 ||
	    bh_capture_drain(&attempt->err, &error) < 0)
		bh_attempt_note_failure(attempt, &error);
	bh_attempt_drain_listener(attempt);
	judge_vanished_call(attempt);
	int r = read_results(attempt, &records, &error);
	if (r < 0 && attempt->evidence.not_started == BH_NOT_STARTED_NO &&
	    !attempt->evidence.launcher_lost)
		bh_attempt_note_failure(attempt, &error);
	decide(attempt, r < 0 ? NULL : &records);
	take_records(attempt->result, &records);
	fill_in(attempt);

	struct bh_result *result = BH_TAKE(attempt->result, NULL);
	uint64_t begun_us = attempt->begun_us;
	if (ret_lease)
		*ret_lease = BH_TAKE(attempt->lease, BH_LEASE_UNSET);
	bh_attempt_done(attempt);
	result->duration_us = bh_now_us() - begun_us;
	return result;
}
