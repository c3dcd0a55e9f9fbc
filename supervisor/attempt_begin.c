/* SPDX-License-Identifier: Apache-2.0 */

/* attempt_begin.c: what an attempt needs before a process is asked for: its
 * result, the lease, the context, the region for results, the pipes. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "ipc/codec/context.h"
#include "ipc/wire/base.h"
#include "supervisor/attempt_internal.h"

/* Without any of what has to be given back. */
static int begin_empty(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                       const struct bh_batch *batch, struct bh_error *err)
{
	assert(attempt->state == BH_ATTEMPT_IDLE);
	attempt->result = calloc(1, sizeof(*attempt->result));
	if (!attempt->result)
		return bh_fail(err, ENOMEM, "make the result of batch %s", batch->batch_id);
	attempt->batch = batch;
	attempt->begun_us = bh_now_us();
	attempt->deadline_us = UINT64_MAX;
	/* all else of it is unset, as the attempt was */
	attempt->evidence.attempts = attempt->number - 1;
	attempt->evidence.max_entries = rules->max_entries;
	attempt->evidence.limits = rules->limits;
	attempt->evidence.strict_results = rules->strict_results;
	return 0;
}

static int copy_missing_ids(const struct bh_lease *lease, struct bh_result *result,
                            struct bh_error *err)
{
	size_t n = lease->n_missing_ids;

	if (n == 0)
		return 0;
	result->missing_ids = reallocarray(NULL, n, sizeof(*result->missing_ids));
	if (!result->missing_ids)
		return bh_fail(err, ENOMEM, "list %zu missing entries", n);
	memcpy(result->missing_ids, lease->missing_ids, n * sizeof(*result->missing_ids));
	result->n_missing_ids = n;
	return 0;
}

static int encode_header(const struct bh_attempt *attempt, struct bh_encoded *ret,
                         struct bh_error *err)
{
	const struct bh_lease *lease = &attempt->lease;
	const struct bh_context_header header = {
		.batch_id = attempt->batch->batch_id,
		.attempt = attempt->number,
		.timeout_us = attempt->evidence.limits.timeout_us,
		.entry_count = attempt->evidence.entry_count,
		.total_tokens = lease->total_tokens,
		.missing_ids = lease->missing_ids,
		.n_missing_ids = lease->n_missing_ids,
		.tasks = attempt->batch->tasks,
		.n_tasks = attempt->batch->n_tasks,
		.n_entries = lease->n_entries,
	};

	return bh_context_header_encode(&header, ret, err);
}

/* Header and entries as they are stored: one vectored write, no second copy. */
static int make_context(struct bh_attempt *attempt, struct bh_error *err)
{
	BH_CLEANUP(bh_encoded_done) struct bh_encoded header = BH_ENCODED_UNSET;
	BH_CLEANUP(bh_free_done) struct iovec *parts = NULL;
	size_t n_entries = attempt->lease.n_entries;

	int r = encode_header(attempt, &header, err);
	if (r < 0)
		return r;
	parts = calloc(n_entries + 1, sizeof(*parts));
	if (!parts)
		return bh_fail(err, ENOMEM, "lay out a context of %zu entries", n_entries);
	parts[0] = (struct iovec){ .iov_base = header.data, .iov_len = header.size };
	for (size_t i = 0; i < n_entries; i++) {
		struct bh_span encoded = bh_lease_encoded(&attempt->lease, i);
		parts[i + 1].iov_base = (void *)(uintptr_t)encoded.data;
		parts[i + 1].iov_len = encoded.size;
	}
	return bh_region_seal(parts, n_entries + 1, SIZE_MAX / 2, &attempt->context, err);
}

static int make_pipes(struct bh_attempt *attempt, struct bh_error *err)
{
	uint64_t max_bytes = attempt->evidence.limits.output_bytes;

	int r = bh_capture_open(max_bytes, &attempt->out, &attempt->out_writer, err);
	if (r == 0)
		r = bh_capture_open(max_bytes, &attempt->err, &attempt->err_writer, err);
	if (r == 0)
		r = bh_loop_add(attempt->loop, attempt->out.fd,
		                bh_attempt_source(attempt, BH_SOURCE_OUT), err);
	if (r == 0)
		r = bh_loop_add(attempt->loop, attempt->err.fd,
		                bh_attempt_source(attempt, BH_SOURCE_ERR), err);
	return r;
}

/* 1 where it has to wait. */
static int take_lease(struct bh_attempt *attempt, const struct bh_attempt_rules *rules, void *owner,
                      struct bh_lease_request **ret_request, struct bh_error *err)
{
	if (attempt->lease.store)
		return 0;
	return bh_lease_ask(rules->store, attempt->batch, rules->asker, owner, &attempt->lease,
	                    ret_request, err);
}

static int prepare(struct bh_attempt *attempt, struct bh_error *err)
{
	int r = copy_missing_ids(&attempt->lease, attempt->result, err);

	if (r == 0)
		r = make_context(attempt, err);
	if (r == 0)
		r = bh_region_open_results((size_t)attempt->evidence.limits.results_bytes,
		                           &attempt->results, err);
	if (r == 0)
		r = make_pipes(attempt, err);
	return r;
}

/* What stops it is in the evidence. 1 where it has to wait for its lease. */
static int try_begin(struct bh_attempt *attempt, const struct bh_attempt_rules *rules, void *owner,
                     struct bh_lease_request **ret_request)
{
	struct bh_evidence *evidence = &attempt->evidence;

	int r = bh_batch_count_entries(attempt->batch, &evidence->entry_count);
	if (r < 0) {
		(void)bh_fail(&evidence->error, -r, "count the entries of the batch");
		evidence->not_started = BH_NOT_STARTED_INTERNAL;
		return 0;
	}
	if (evidence->entry_count > rules->max_entries) {
		evidence->not_started = BH_NOT_STARTED_BOUNDS;
		return 0;
	}
	r = take_lease(attempt, rules, owner, ret_request, &evidence->error);
	if (r == 1)
		return 1;
	attempt->result->attempts = 1;
	if (r < 0 || prepare(attempt, &evidence->error) < 0)
		evidence->not_started = BH_NOT_STARTED_INTERNAL;
	return 0;
}

int bh_attempt_begin(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                     const struct bh_batch *batch, void *owner,
                     struct bh_lease_request **ret_request, struct bh_error *err)
{
	int r = begin_empty(attempt, rules, batch, err);

	if (r < 0)
		return r;
	if (try_begin(attempt, rules, owner, ret_request) == 1) {
		bh_attempt_done(attempt);
		return 1;
	}
	if (attempt->evidence.not_started != BH_NOT_STARTED_NO) {
		bh_attempt_move_to(attempt, BH_ATTEMPT_ENDED);
		return 0;
	}
	bh_attempt_move_to(attempt, BH_ATTEMPT_PREPARED);
	bh_subject_tell(&attempt->subject, (struct bh_event){ .type = BH_EVENT_LEASED });
	return 0;
}

int bh_attempt_begin_cancelled(struct bh_attempt *attempt, const struct bh_attempt_rules *rules,
                               const struct bh_batch *batch, struct bh_error *err)
{
	int r = begin_empty(attempt, rules, batch, err);

	if (r < 0)
		return r;
	if (bh_batch_count_entries(batch, &attempt->evidence.entry_count) < 0)
		attempt->evidence.entry_count = 0; /* out of memory: the least of what is lost */
	attempt->evidence.not_started = BH_NOT_STARTED_CANCELLED;
	bh_attempt_move_to(attempt, BH_ATTEMPT_ENDED);
	return 0;
}
