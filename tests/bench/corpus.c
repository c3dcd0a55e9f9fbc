/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/corpus.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "ipc/codec/context.h"
#include "ipc/wire/base.h"
#include "supervisor/lease.h"

#define ID_SIZE 24 /* a letter and any size_t */

static int allocate(struct corpus *corpus, struct bh_error *err)
{
	size_t n = corpus->n_entries + corpus->n_tasks;

	corpus->store = bh_store_new();
	corpus->ids = calloc(2 * corpus->n_entries, sizeof(*corpus->ids));
	corpus->tasks = calloc(corpus->n_tasks, sizeof(*corpus->tasks));
	corpus->pointers = calloc(corpus->n_tasks, sizeof(*corpus->pointers));
	corpus->text = calloc(n, ID_SIZE);
	if (!corpus->store || !corpus->ids || !corpus->tasks || !corpus->pointers || !corpus->text)
		return bh_fail(err, ENOMEM, "make %zu entries and %zu tasks", corpus->n_entries,
		               corpus->n_tasks);
	return 0;
}

static int add_entries(struct corpus *corpus, const char *content, size_t size,
                       struct bh_error *err)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	int r = 0;

	entry.source = "bench";
	entry.content = (struct bh_span){ .data = content, .size = size };
	for (size_t i = 0; r == 0 && i < corpus->n_entries; i++) {
		char *id = corpus->text + i * ID_SIZE;
		snprintf(id, ID_SIZE, "e%07zu", i);
		/* twice in a row, so that what a task requires never wraps */
		corpus->ids[i] = corpus->ids[i + corpus->n_entries] = id;
		entry.id = id;
		r = bh_store_add(corpus->store, &entry, err);
	}
	return r;
}

static void make_tasks(struct corpus *corpus, size_t most_required)
{
	for (size_t i = 0; i < corpus->n_tasks; i++) {
		char *id = corpus->text + (corpus->n_entries + i) * ID_SIZE;
		snprintf(id, ID_SIZE, "t%07zu", i);
		corpus->tasks[i] = (struct bh_task){
			.id = id,
			.required_entry_ids =
			        (const char *const *)&corpus->ids[i % corpus->n_entries],
			.n_required_entry_ids = 1 + i % most_required,
		};
		corpus->pointers[i] = &corpus->tasks[i];
	}
}

int corpus_make(struct corpus *corpus, size_t n_entries, size_t entry_bytes, size_t n_tasks,
                size_t most_required, struct bh_error *err)
{
	BH_CLEANUP(bh_free_done) char *content = malloc(entry_bytes);

	*corpus = (struct corpus){ .n_entries = n_entries, .n_tasks = n_tasks };
	if (!content)
		return bh_fail(err, ENOMEM, "make an entry of %zu bytes", entry_bytes);
	for (size_t i = 0; i < entry_bytes; i++)
		content[i] = i % 64 == 63 ? '\n' : (char)('a' + i % 26);
	int r = allocate(corpus, err);
	if (r == 0)
		r = add_entries(corpus, content, entry_bytes, err);
	if (r == 0)
		make_tasks(corpus, most_required);
	else
		corpus_done(corpus);
	return r;
}

void corpus_done(struct corpus *corpus)
{
	bh_store_free(corpus->store);
	free(corpus->ids);
	free(corpus->tasks);
	free(corpus->pointers);
	free(corpus->text);
	*corpus = (struct corpus){ .store = NULL };
}

struct bh_batch corpus_batch(const struct corpus *corpus)
{
	return (struct bh_batch){ .batch_id = "bench",
		                  .tasks = corpus->pointers,
		                  .n_tasks = corpus->n_tasks };
}

static int encode_header(const struct bh_batch *batch, const struct bh_lease *lease,
                         struct bh_encoded *ret, struct bh_error *err)
{
	const struct bh_context_header header = {
		.batch_id = batch->batch_id,
		.attempt = 1,
		.timeout_us = 30 * 1000 * 1000,
		.entry_count = lease->n_entries,
		.total_tokens = lease->total_tokens,
		.tasks = batch->tasks,
		.n_tasks = batch->n_tasks,
		.n_entries = lease->n_entries,
	};

	return bh_context_header_encode(&header, ret, err);
}

static int seal_lease(const struct bh_batch *batch, const struct bh_lease *lease,
                      struct bh_region *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_encoded_done) struct bh_encoded header = BH_ENCODED_UNSET;
	BH_CLEANUP(bh_free_done) struct iovec *parts = NULL;

	int r = encode_header(batch, lease, &header, err);
	if (r < 0)
		return r;
	parts = calloc(lease->n_entries + 1, sizeof(*parts));
	if (!parts)
		return bh_fail(err, ENOMEM, "lay out a context");
	parts[0] = (struct iovec){ .iov_base = header.data, .iov_len = header.size };
	for (size_t i = 0; i < lease->n_entries; i++) {
		struct bh_span encoded = bh_lease_encoded(lease, i);
		parts[i + 1] = (struct iovec){ .iov_base = (void *)(uintptr_t)encoded.data,
			                       .iov_len = encoded.size };
	}
	return bh_region_seal(parts, lease->n_entries + 1, SIZE_MAX / 2, ret, err);
}

int corpus_seal(const struct corpus *corpus, const struct bh_batch *batch, struct bh_region *ret,
                struct bh_error *err)
{
	BH_CLEANUP(bh_lease_release) struct bh_lease lease = BH_LEASE_UNSET;

	int r = bh_lease_take(corpus->store, batch, &lease, err);
	if (r < 0)
		return r;
	return seal_lease(batch, &lease, ret, err);
}

int corpus_encode(const struct corpus *corpus, const struct bh_batch *batch, struct bh_error *err)
{
	BH_CLEANUP(bh_lease_release) struct bh_lease lease = BH_LEASE_UNSET;
	BH_CLEANUP(bh_encoded_done) struct bh_encoded header = BH_ENCODED_UNSET;

	int r = bh_lease_take(corpus->store, batch, &lease, err);
	if (r < 0)
		return r;
	return encode_header(batch, &lease, &header, err);
}
