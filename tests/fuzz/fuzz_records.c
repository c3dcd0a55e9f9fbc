/* SPDX-License-Identifier: Apache-2.0 */
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/codec/cursor.h"
#include "ipc/codec/records.h"
#include "ipc/wire/base.h"

/* Reads any bytes as result records and as one value. Beside what the sanitizers
 * find, it must hold that what is kept lies inside the bytes, and that msgpack-c
 * accepts whatever we accept. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct bh_task task_a = { .id = "a" }, task_b = { .id = "b" };
static const struct bh_task *const tasks[] = { &task_a, &task_b };
static const struct bh_batch batch = { .batch_id = "batch", .tasks = tasks, .n_tasks = 2 };

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_inside(struct bh_span span, const uint8_t *data, size_t size)
{
	const uint8_t *start = span.data;

	must(start >= data && start <= data + size);
	must(span.size <= (size_t)(data + size - start));
}

/* msgpack-c reads a value at the start, of this size. */
static void check_msgpack(const void *value, size_t left, size_t size)
{
	msgpack_unpacked unpacked;
	size_t offset = 0;

	msgpack_unpacked_init(&unpacked);
	msgpack_unpack_return r = msgpack_unpack_next(&unpacked, value, left, &offset);
	must(r == MSGPACK_UNPACK_SUCCESS || r == MSGPACK_UNPACK_EXTRA_BYTES);
	must(offset == size);
	msgpack_unpacked_destroy(&unpacked);
}

static void check_results(const struct bh_records *records, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < records->n_task_results; i++) {
		const struct bh_task_result *result = &records->task_results[i];
		check_inside(result->task_id, data, size);
		check_inside(result->value, data, size);
		check_msgpack(result->value.data, result->value.size, result->value.size);
		if (result->is_error)
			check_inside(bh_record_error_message(result->value), data, size);
	}
	if (records->end == BH_RECORDS_ERROR)
		check_inside(bh_record_error_message(records->error), data, size);
	if (records->running.data)
		check_inside(records->running, data, size);
}

static void check_records(const uint8_t *data, size_t size)
{
	struct bh_records records = BH_RECORDS_UNSET;
	bool is_refused;

	if (bh_records_read((struct bh_span){ data, size }, &batch, &records, NULL) < 0)
		return;
	is_refused = records.end == BH_RECORDS_PROTOCOL || records.end == BH_RECORDS_CUT;
	must(records.end_offset <= size);
	must(is_refused == (records.reason[0] != '\0'));
	must(is_refused || records.end_offset + records.trailing_bytes == size);
	check_results(&records, data, size);
	bh_records_done(&records);
}

static void check_value(const uint8_t *data, size_t size)
{
	struct bh_cursor cursor = bh_cursor_over((struct bh_span){ data, size });
	uint64_t objects = UINT64_MAX;

	enum bh_cursor_error error = bh_cursor_skip(&cursor, 1, &objects);
	must(bh_cursor_offset(&cursor) <= size);
	if (!error)
		check_msgpack(data, size, bh_cursor_offset(&cursor));
}

/* One at a time as all at once: whole records are as many bytes. */
static void check_peeks(const uint8_t *data, size_t size)
{
	struct bh_record record = { .type = BH_RECORD_START };
	size_t at = 0;

	while (at < size && record.type < BH_RECORD_FINAL) {
		bh_record_peek((struct bh_span){ data + at, size - at }, &record);
		must(record.size <= size - at);
		must((record.size > 0) == (record.type <= BH_RECORD_FINAL));
		if (record.type < BH_RECORD_FINAL) /* the others are of no task */
			check_inside(record.task_id, data, size);
		at += record.size;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_records(data, size);
	check_value(data, size);
	check_peeks(data, size);
	return 0;
}
