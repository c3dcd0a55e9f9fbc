/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/codec/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/codec/cursor.h"
#include "ipc/codec/texttable.h"
#include "ipc/wire/base.h"

/* Every record is read once: the shape of its own map and of an error map here,
 * each value inside by bh_cursor_skip, which checks all of it. Nothing is
 * decoded; what is kept are spans. */

/* What reading a step comes to, besides -errno. */
#define READ_ON 0
#define REFUSED 1 /* `end`, `end_offset` and `reason` are set */

/* No record of this task so far. */
#define NO_RESULT UINT32_MAX

/* Depths of what a record holds: the record itself is 1. */
#define FIELD_DEPTH       2
#define ERROR_FIELD_DEPTH 3

struct reader {
	struct bh_cursor cursor;
	uint64_t objects; /* that may still come */
	const struct bh_batch *batch;
	uint32_t *result_of; /* owned; for each task of the batch: index of its result */
	size_t next_task;    /* the one that is likely to be next: tasks are done in order */
	struct bh_text_table places; /* made when a record comes out of order; see find_place */
	size_t capacity;             /* of records.task_results */
	struct bh_records records;
};

#define NAME(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}

enum field {
	FIELD_START,
	FIELD_TASK,
	FIELD_RESULT,
	FIELD_ERROR,
	FIELD_DONE,
};
static const struct bh_span record_fields[] = {
	[FIELD_START] = NAME("start"), [FIELD_TASK] = NAME("task"), [FIELD_RESULT] = NAME("result"),
	[FIELD_ERROR] = NAME("error"), [FIELD_DONE] = NAME("done"),
};
#define HAS(field) (1u << (field))

enum error_field {
	ERROR_FIELD_MESSAGE,
	ERROR_FIELD_TYPE,
	ERROR_FIELD_DETAIL,
};
static const struct bh_span error_fields[] = {
	[ERROR_FIELD_MESSAGE] = NAME("message"),
	[ERROR_FIELD_TYPE] = NAME("type"),
	[ERROR_FIELD_DETAIL] = NAME("detail"),
};

struct record {
	unsigned int fields;  /* HAS() of those read */
	struct bh_span text;  /* of start or task */
	struct bh_span value; /* of result or error */
};

static bool spans_equal(struct bh_span a, struct bh_span b)
{
	return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static size_t bytes_left(const struct reader *reader)
{
	return (size_t)(reader->cursor.end - reader->cursor.at);
}

static int refuse(struct reader *reader, enum bh_records_end end, size_t offset, const char *why)
{
	struct bh_records *records = &reader->records;

	records->end = end;
	records->end_offset = offset;
	snprintf(records->reason, sizeof(records->reason), "byte %zu: %s", offset, why);
	return REFUSED;
}

/* The value at the cursor has no place there. */
static int refuse_here(struct reader *reader, const char *why)
{
	return refuse(reader, BH_RECORDS_PROTOCOL, bh_cursor_offset(&reader->cursor), why);
}

static int refuse_error(struct reader *reader, enum bh_cursor_error error)
{
	enum bh_records_end end = error == BH_CURSOR_E_SHORT ? BH_RECORDS_CUT : BH_RECORDS_PROTOCOL;

	if (error == BH_CURSOR_E_MEMORY)
		return -ENOMEM;
	return refuse(reader, end, bh_cursor_offset(&reader->cursor), bh_cursor_error_text(error));
}

/* Reads any value at `depth`; `*ret` is all of its bytes. */
static int read_value(struct reader *reader, unsigned int depth, struct bh_span *ret)
{
	const uint8_t *start = reader->cursor.at;

	enum bh_cursor_error error = bh_cursor_skip(&reader->cursor, depth, &reader->objects);
	if (error)
		return refuse_error(reader, error);
	*ret = (struct bh_span){ start, (size_t)(reader->cursor.at - start) };
	return READ_ON;
}

/* Reads a str whose text is not checked yet. `why` says what is wrong with
 * another type. */
static int read_str(struct reader *reader, struct bh_span *ret, const char *why)
{
	if (bh_cursor_read_str(&reader->cursor, ret))
		return READ_ON;

	enum bh_value_type type = bh_cursor_peek(&reader->cursor);
	if (type == BH_VALUE_NONE && bytes_left(reader) > 0)
		return refuse_error(reader, BH_CURSOR_E_TYPE);
	if (type == BH_VALUE_STR || type == BH_VALUE_NONE)
		return refuse_error(reader, BH_CURSOR_E_SHORT);
	return refuse_here(reader, why);
}

/* Reads a str; `*ret` is its text. */
static int read_text(struct reader *reader, struct bh_span *ret, const char *why)
{
	struct bh_cursor before = reader->cursor;

	int r = read_str(reader, ret, why);
	if (r != READ_ON || bh_utf8_valid(ret->data, ret->size))
		return r;
	reader->cursor = before;
	return refuse_error(reader, BH_CURSOR_E_UTF8);
}

/* Reads the head of a map of 1 to `max` pairs. */
static int read_map(struct reader *reader, uint32_t max, uint32_t *ret_count, const char *why)
{
	struct bh_cursor behind = reader->cursor;
	enum bh_value_type type = bh_cursor_peek(&behind);

	if (type == BH_VALUE_NONE && bytes_left(reader) > 0)
		return refuse_error(reader, BH_CURSOR_E_TYPE);
	if (type != BH_VALUE_MAP && type != BH_VALUE_NONE)
		return refuse_here(reader, why);
	if (!bh_cursor_read_map(&behind, ret_count) ||
	    *ret_count > (size_t)(behind.end - behind.at) / 2)
		return refuse_error(reader, BH_CURSOR_E_SHORT);
	if (*ret_count < 1 || *ret_count > max)
		return refuse_here(reader, why);
	reader->cursor = behind;
	return READ_ON;
}

/* Why a str is not one of the keys that may stand where it does. */
static const char *key_error(struct bh_span key)
{
	return bh_utf8_valid(key.data, key.size) ? "a key that has no place here"
	                                         : bh_cursor_error_text(BH_CURSOR_E_UTF8);
}

/* Reads a key, which has to be one of `names` and not in `*seen`, where it is
 * added. */
static int read_key(struct reader *reader, const struct bh_span *names, unsigned int n_names,
                    unsigned int *seen, unsigned int *ret)
{
	size_t offset = bh_cursor_offset(&reader->cursor);
	struct bh_span key;
	unsigned int i = 0;

	int r = read_str(reader, &key, bh_cursor_error_text(BH_CURSOR_E_KEY));
	if (r != READ_ON)
		return r;
	while (i < n_names && !spans_equal(key, names[i]))
		i++;
	if (i == n_names)
		return refuse(reader, BH_RECORDS_PROTOCOL, offset, key_error(key));
	if (*seen & HAS(i))
		return refuse(reader, BH_RECORDS_PROTOCOL, offset,
		              bh_cursor_error_text(BH_CURSOR_E_DUPLICATE));
	*seen |= HAS(i);
	*ret = i;
	return READ_ON;
}

static int read_error_field(struct reader *reader, unsigned int *seen)
{
	unsigned int field;
	struct bh_span unused;

	int r = read_key(reader, error_fields, BH_COUNT_OF(error_fields), seen, &field);
	if (r != READ_ON)
		return r;
	switch ((enum error_field)field) {
	case ERROR_FIELD_MESSAGE:
		return read_text(reader, &unused, "an error message that is not a str");
	case ERROR_FIELD_TYPE:
		return read_text(reader, &unused, "an error type that is not a str");
	case ERROR_FIELD_DETAIL:
		break;
	}
	return read_value(reader, ERROR_FIELD_DEPTH, &unused);
}

static int read_error(struct reader *reader, struct bh_span *ret)
{
	const uint8_t *start = reader->cursor.at;
	size_t offset = bh_cursor_offset(&reader->cursor);
	unsigned int seen = 0;
	uint32_t n_fields;

	int r = read_map(reader, BH_COUNT_OF(error_fields), &n_fields,
	                 "an error that is not a map with a message");
	for (uint32_t i = 0; r == READ_ON && i < n_fields; i++)
		r = read_error_field(reader, &seen);
	if (r != READ_ON)
		return r;
	if (!(seen & HAS(ERROR_FIELD_MESSAGE)))
		return refuse(reader, BH_RECORDS_PROTOCOL, offset, "an error without a message");
	*ret = (struct bh_span){ start, (size_t)(reader->cursor.at - start) };
	return READ_ON;
}

static int read_done(struct reader *reader)
{
	struct bh_cursor value = reader->cursor;
	size_t offset = bh_cursor_offset(&value);
	struct bh_span unused;
	bool is_done = false;

	int r = read_value(reader, FIELD_DEPTH, &unused);
	if (r != READ_ON)
		return r;
	if (!bh_cursor_read_bool(&value, &is_done) || !is_done)
		return refuse(reader, BH_RECORDS_PROTOCOL, offset, "a done that is not true");
	return READ_ON;
}

static int read_field(struct reader *reader, struct record *record)
{
	unsigned int field;

	int r = read_key(reader, record_fields, BH_COUNT_OF(record_fields), &record->fields,
	                 &field);
	if (r != READ_ON)
		return r;
	switch ((enum field)field) {
	case FIELD_START:
	case FIELD_TASK:
		return read_text(reader, &record->text, "a task id that is not a str");
	case FIELD_RESULT:
		return read_value(reader, FIELD_DEPTH, &record->value);
	case FIELD_ERROR:
		return read_error(reader, &record->value);
	case FIELD_DONE:
		break;
	}
	return read_done(reader);
}

static int reserve_result(struct reader *reader)
{
	struct bh_records *records = &reader->records;
	size_t capacity = reader->capacity ? reader->capacity * 2 : 16;

	if (records->n_task_results < reader->capacity)
		return 0;
	/* places are 32 bits wide */
	if (capacity >= NO_RESULT || reader->batch->n_tasks >= NO_RESULT - capacity)
		return -EOVERFLOW;
	struct bh_task_result *grown =
	        reallocarray(records->task_results, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	records->task_results = grown;
	reader->capacity = capacity;
	return 0;
}

static struct bh_span task_id(const struct reader *reader, size_t index)
{
	const char *id = reader->batch->tasks[index]->id;

	return (struct bh_span){ id, strlen(id) };
}

/* Makes the table from ids to places. A task of the batch has its index as its
 * place; an id that the batch lacks has n_tasks plus the index of its result. */
static int make_places(struct reader *reader)
{
	uint32_t *place;
	bool is_new;

	int r = bh_text_table_init(&reader->places, reader->batch->n_tasks);
	for (size_t i = 0; r == 0 && i < reader->batch->n_tasks; i++)
		r = bh_text_table_put(&reader->places, task_id(reader, i), (uint32_t)i, &place,
		                      &is_new);
	return r;
}

/* Where the result of task `id` is, or NO_RESULT. `*ret_task` is its index in
 * the batch, or n_tasks for an id that the batch lacks; the table then says that
 * its result is the next one. */
static int find_place(struct reader *reader, struct bh_span id, size_t *ret_task, uint32_t *ret)
{
	struct bh_records *records = &reader->records;
	size_t n_tasks = reader->batch->n_tasks;
	uint32_t *place;
	bool is_new;
	int r = 0;

	if (!reader->places.slots)
		r = make_places(reader);
	if (r == 0)
		r = bh_text_table_put(&reader->places, id,
		                      (uint32_t)(n_tasks + records->n_task_results), &place,
		                      &is_new);
	if (r < 0)
		return r;

	if (*place < n_tasks) {
		*ret_task = *place;
		*ret = reader->result_of[*place];
	} else {
		*ret_task = n_tasks;
		*ret = is_new ? NO_RESULT : (uint32_t)(*place - n_tasks);
	}
	return 0;
}

/* The same without the table, where the id is that of the task likely to be
 * next: a handler that takes the tasks in order costs no hashing. */
static bool is_next_task(const struct reader *reader, struct bh_span id)
{
	return reader->next_task < reader->batch->n_tasks &&
	       spans_equal(id, task_id(reader, reader->next_task));
}

/* A record of one task: the first takes the next place, later ones take its. */
static int keep_result(struct reader *reader, const struct record *record)
{
	struct bh_records *records = &reader->records;
	size_t n_tasks = reader->batch->n_tasks;
	size_t task = reader->next_task;
	uint32_t index = NO_RESULT;

	int r = reserve_result(reader);
	if (r == 0 && is_next_task(reader, record->text))
		index = reader->result_of[task];
	else if (r == 0)
		r = find_place(reader, record->text, &task, &index);
	if (r < 0)
		return r;

	if (index == NO_RESULT)
		index = (uint32_t)records->n_task_results++;
	else
		records->duplicate_results++;
	if (task < n_tasks) {
		reader->result_of[task] = index;
		reader->next_task = task + 1;
	}
	records->task_results[index] = (struct bh_task_result){
		.task_id = record->text,
		.value = record->value,
		.is_error = record->fields & HAS(FIELD_ERROR),
		.is_unknown = task == n_tasks,
	};
	if (records->running.data && spans_equal(records->running, record->text))
		records->running = BH_SPAN_NONE;
	return READ_ON;
}

/* Takes in the record that starts at `offset`, as what its fields make it. */
static int take_record(struct reader *reader, const struct record *record, size_t offset)
{
	struct bh_records *records = &reader->records;

	switch (record->fields) {
	case HAS(FIELD_START):
		records->running = record->text;
		return READ_ON;
	case HAS(FIELD_TASK) | HAS(FIELD_RESULT):
	case HAS(FIELD_TASK) | HAS(FIELD_ERROR):
		return keep_result(reader, record);
	case HAS(FIELD_ERROR):
		records->end = BH_RECORDS_ERROR;
		records->error = record->value;
		return READ_ON;
	case HAS(FIELD_DONE):
		records->end = BH_RECORDS_DONE;
		return READ_ON;
	default:
		return refuse(reader, BH_RECORDS_PROTOCOL, offset,
		              "a map whose keys make no record");
	}
}

static int parse_record(struct reader *reader, struct record *record)
{
	uint32_t n_fields;

	int r = read_map(reader, 2, &n_fields, "not a map of one or two keys, as a record is");
	for (uint32_t i = 0; r == READ_ON && i < n_fields; i++)
		r = read_field(reader, record);
	return r;
}

static int read_record(struct reader *reader)
{
	size_t offset = bh_cursor_offset(&reader->cursor);
	struct record record = { .fields = 0 };

	int r = parse_record(reader, &record);
	if (r != READ_ON)
		return r;
	return take_record(reader, &record, offset);
}

static int read_records(struct reader *reader)
{
	struct bh_records *records = &reader->records;

	while (bytes_left(reader) > 0 && records->end == BH_RECORDS_OPEN) {
		int r = read_record(reader);
		if (r < 0)
			return r;
		if (r == REFUSED)
			return 0;
	}
	records->end_offset = bh_cursor_offset(&reader->cursor);
	records->trailing_bytes = bytes_left(reader);
	return 0;
}

/* No task of the batch has a result yet. */
static int clear_results(struct reader *reader)
{
	size_t n_tasks = reader->batch->n_tasks;

	if (n_tasks == 0)
		return 0;
	reader->result_of = reallocarray(NULL, n_tasks, sizeof(*reader->result_of));
	if (!reader->result_of)
		return -ENOMEM;
	for (size_t i = 0; i < n_tasks; i++)
		reader->result_of[i] = NO_RESULT;
	return 0;
}

static int list_missing(struct reader *reader)
{
	struct bh_records *records = &reader->records;
	const struct bh_batch *batch = reader->batch;

	for (size_t i = 0; i < batch->n_tasks; i++) {
		if (reader->result_of[i] != NO_RESULT)
			continue;
		if (!records->missing_task_ids)
			records->missing_task_ids = calloc(batch->n_tasks, sizeof(const char *));
		if (!records->missing_task_ids)
			return -ENOMEM;
		records->missing_task_ids[records->n_missing_task_ids++] = batch->tasks[i]->id;
	}
	return 0;
}

int bh_records_read(struct bh_span bytes, const struct bh_batch *batch, struct bh_records *ret,
                    struct bh_error *err)
{
	struct reader reader = {
		.cursor = bh_cursor_over(bytes),
		.objects = bytes.size, /* a value is a byte or more */
		.batch = batch,
		.places = BH_TEXT_TABLE_UNSET,
		.records = BH_RECORDS_UNSET,
	};

	int r = clear_results(&reader);
	if (r == 0)
		r = read_records(&reader);
	if (r == 0)
		r = list_missing(&reader);
	free(reader.result_of);
	bh_text_table_done(&reader.places);
	if (r < 0) {
		bh_records_done(&reader.records);
		return bh_fail(err, -r, "read result records in %zu bytes", bytes.size);
	}

	*ret = reader.records;
	return 0;
}

void bh_records_done(struct bh_records *records)
{
	free(records->task_results);
	free(records->missing_task_ids);
	*records = BH_RECORDS_UNSET;
}

static enum bh_record_type type_of(const struct record *record)
{
	switch (record->fields) {
	case HAS(FIELD_START):
		return BH_RECORD_START;
	case HAS(FIELD_TASK) | HAS(FIELD_RESULT):
		return BH_RECORD_RESULT;
	case HAS(FIELD_TASK) | HAS(FIELD_ERROR):
		return BH_RECORD_TASK_ERROR;
	case HAS(FIELD_ERROR):
	case HAS(FIELD_DONE):
		return BH_RECORD_FINAL;
	default:
		return BH_RECORD_WRONG;
	}
}

void bh_record_peek(struct bh_span bytes, struct bh_record *ret)
{
	struct reader reader = { .cursor = bh_cursor_over(bytes),
		                 .objects = bytes.size,
		                 .records = BH_RECORDS_UNSET };
	struct record record = { .fields = 0 };

	int r = parse_record(&reader, &record);
	bool is_short = r == REFUSED && reader.records.end == BH_RECORDS_CUT;
	*ret = (struct bh_record){ is_short ? BH_RECORD_SHORT : BH_RECORD_WRONG, BH_SPAN_NONE, 0 };
	/* well-formed fields may still be no record together */
	if (r == READ_ON && type_of(&record) != BH_RECORD_WRONG)
		*ret = (struct bh_record){ type_of(&record), record.text,
			                   bh_cursor_offset(&reader.cursor) };
}

struct bh_span bh_record_error_message(struct bh_span error)
{
	struct bh_cursor cursor = bh_cursor_over(error);
	uint64_t objects = error.size;
	uint32_t n_fields;
	struct bh_span key, message;

	if (!bh_cursor_read_map(&cursor, &n_fields))
		return BH_SPAN_NONE;
	while (n_fields-- > 0 && bh_cursor_read_str(&cursor, &key)) {
		if (spans_equal(key, error_fields[ERROR_FIELD_MESSAGE]))
			return bh_cursor_read_str(&cursor, &message) ? message : BH_SPAN_NONE;
		if (bh_cursor_skip(&cursor, 1, &objects))
			break;
	}
	return BH_SPAN_NONE;
}
