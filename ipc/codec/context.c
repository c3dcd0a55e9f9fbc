/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/codec/context.h"

#include <assert.h>
#include <msgpack/pack.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/limits.h"
#include "bulkhead/version.h"
#include "ipc/codec/cursor.h"
#include "ipc/wire/base.h"

/* Everything is packed twice by the same code: once to count the bytes, which
 * costs no look at the texts themselves, and once into memory of exactly that
 * size. So nothing grows while packing, and a large content is copied once. */

struct encoder {
	msgpack_packer packer;
	uint8_t *data; /* NULL: only count */
	size_t size;   /* bytes so far */
	int error;     /* the first one: EOVERFLOW; sticks */
};

/* What to encode, for both passes. */
struct job {
	void (*put)(struct encoder *encoder, const void *what);
	const void *what;
};

static int take_bytes(void *data, const char *bytes, size_t size)
{
	struct encoder *encoder = data;
	size_t end;

	if (encoder->error)
		return -1;
	if (__builtin_add_overflow(encoder->size, size, &end)) {
		encoder->error = EOVERFLOW;
		return -1;
	}
	if (encoder->data && size > 0)
		memcpy(encoder->data + encoder->size, bytes, size);
	encoder->size = end;
	return 0;
}

/* True where a length or count is one that MessagePack can write. */
static bool fits(struct encoder *encoder, uint64_t count)
{
	if (count > UINT32_MAX && !encoder->error)
		encoder->error = EOVERFLOW;
	return !encoder->error;
}

static void put_str(struct encoder *encoder, struct bh_span text)
{
	if (fits(encoder, text.size))
		msgpack_pack_str_with_body(&encoder->packer, text.data, text.size);
}

static void put_bin(struct encoder *encoder, struct bh_span bytes)
{
	if (fits(encoder, bytes.size))
		msgpack_pack_bin_with_body(&encoder->packer, bytes.data, bytes.size);
}

static void put_text(struct encoder *encoder, const char *text)
{
	put_str(encoder, (struct bh_span){ text, strlen(text) });
}

static void put_text_or_nil(struct encoder *encoder, const char *text)
{
	if (text)
		put_text(encoder, text);
	else
		msgpack_pack_nil(&encoder->packer);
}

static void put_bool(struct encoder *encoder, bool value)
{
	if (value)
		msgpack_pack_true(&encoder->packer);
	else
		msgpack_pack_false(&encoder->packer);
}

static void put_array(struct encoder *encoder, size_t count)
{
	if (fits(encoder, count))
		msgpack_pack_array(&encoder->packer, count);
}

static void put_texts(struct encoder *encoder, const char *const *texts, size_t n_texts)
{
	put_array(encoder, n_texts);
	for (size_t i = 0; i < n_texts && !encoder->error; i++)
		put_text(encoder, texts[i]);
}

static int run_pass(const struct job *job, uint8_t *data, size_t *ret_size)
{
	struct encoder encoder = { .data = data };

	msgpack_packer_init(&encoder.packer, &encoder, take_bytes);
	job->put(&encoder, job->what);
	*ret_size = encoder.size;
	return -encoder.error;
}

/* Runs both passes. */
static int encode(const struct job *job, const char *name, struct bh_encoded *ret,
                  struct bh_error *err)
{
	size_t size, packed;

	int r = run_pass(job, NULL, &size);
	if (r < 0)
		return bh_fail(err, -r, "encode %s: a length or count of 2^32 or more", name);
	uint8_t *data = malloc(size);
	if (!data)
		return bh_fail(err, ENOMEM, "encode %s in %zu bytes", name, size);
	r = run_pass(job, data, &packed);
	assert(r == 0 && packed == size);
	(void)r;

	*ret = (struct bh_encoded){ data, size };
	return 0;
}

void bh_encoded_done(struct bh_encoded *encoded)
{
	free(encoded->data);
	*encoded = BH_ENCODED_UNSET;
}

struct entry_job {
	const struct bh_entry *entry;
	bool is_text;
};

static void put_content(struct encoder *encoder, const struct entry_job *job)
{
	const struct bh_entry *entry = job->entry;

	if (entry->compressed || !entry->content.data)
		msgpack_pack_nil(&encoder->packer);
	else if (job->is_text)
		put_str(encoder, entry->content);
	else
		put_bin(encoder, entry->content);
}

static void put_entry(struct encoder *encoder, const void *what)
{
	const struct entry_job *job = what;
	const struct bh_entry *entry = job->entry;

	msgpack_pack_map(&encoder->packer, 9);
	put_text(encoder, "id");
	put_text(encoder, entry->id);
	put_text(encoder, "type");
	put_text(encoder, bh_entry_type_name(entry->type));
	put_text(encoder, "source");
	put_text(encoder, entry->source);
	put_text(encoder, "content");
	put_content(encoder, job);
	put_text(encoder, "summary");
	put_text_or_nil(encoder, entry->summary);
	put_text(encoder, "references");
	put_texts(encoder, entry->references, entry->n_references);
	put_text(encoder, "parent_id");
	put_text_or_nil(encoder, entry->parent_id);
	put_text(encoder, "priority");
	msgpack_pack_int64(&encoder->packer, entry->priority);
	put_text(encoder, "compressed");
	put_bool(encoder, entry->compressed);
}

int bh_entry_encode(const struct bh_entry *entry, struct bh_encoded *ret, bool *ret_is_text,
                    struct bh_error *err)
{
	struct entry_job job = { .entry = entry };

	/* before looking at every byte of it */
	if (entry->content.size > UINT32_MAX)
		return bh_fail(err, EOVERFLOW, "encode entry: content of %zu bytes",
		               entry->content.size);
	job.is_text = entry->content.data &&
	              bh_utf8_valid(entry->content.data, entry->content.size);
	int r = encode(&(struct job){ put_entry, &job }, "entry", ret, err);
	if (r < 0)
		return r;

	*ret_is_text = job.is_text;
	return 0;
}

/* For bytes that we made: a value of another type is a mistake of ours. */
static void must(bool is_so)
{
	assert(is_so);
	(void)is_so;
}

static bool span_is(struct bh_span span, const char *text)
{
	return span.size == strlen(text) && memcmp(span.data, text, span.size) == 0;
}

static void skip_nil(struct bh_cursor *cursor)
{
	must(bh_cursor_peek(cursor) == BH_VALUE_NIL);
	cursor->at++;
}

/* Opens the map of an entry. */
static struct bh_cursor entry_cursor(struct bh_span encoded)
{
	struct bh_cursor cursor = bh_cursor_over(encoded);
	uint32_t n_keys;

	must(bh_cursor_read_map(&cursor, &n_keys) && n_keys == 9);
	return cursor;
}

static void expect_key(struct bh_cursor *cursor, const char *name)
{
	struct bh_span key;

	must(bh_cursor_read_str(cursor, &key) && span_is(key, name));
}

static struct bh_span read_text(struct bh_cursor *cursor, const char *name)
{
	struct bh_span text = BH_SPAN_NONE;

	expect_key(cursor, name);
	if (!bh_cursor_read_str(cursor, &text))
		skip_nil(cursor);
	return text;
}

static void read_content(struct bh_cursor *cursor, struct bh_entry_view *ret)
{
	ret->content = BH_SPAN_NONE;
	expect_key(cursor, "content");
	ret->content_is_text = bh_cursor_read_str(cursor, &ret->content);
	if (!ret->content_is_text && !bh_cursor_read_bin(cursor, &ret->content))
		skip_nil(cursor);
}

static enum bh_entry_type read_type(struct bh_cursor *cursor)
{
	struct bh_span name = read_text(cursor, "type");

	for (int type = 0; type < BH_ENTRY_TYPES; type++)
		if (span_is(name, bh_entry_type_name((enum bh_entry_type)type)))
			return (enum bh_entry_type)type;
	must(false);
	return BH_ENTRY_FILE;
}

/* Moves behind the list of references. Returns how many there are, with the
 * `index`-th in `ret`. */
static size_t read_references(struct bh_cursor *cursor, size_t index, struct bh_span *ret)
{
	uint32_t n_references;
	struct bh_span text;

	expect_key(cursor, "references");
	must(bh_cursor_read_array(cursor, &n_references));
	*ret = BH_SPAN_NONE;
	for (uint32_t i = 0; i < n_references; i++) {
		must(bh_cursor_read_str(cursor, &text));
		if (i == index)
			*ret = text;
	}
	return n_references;
}

void bh_entry_decode(struct bh_span encoded, struct bh_entry_view *ret)
{
	struct bh_cursor cursor = entry_cursor(encoded);
	struct bh_span unused;

	read_text(&cursor, "id");
	ret->type = read_type(&cursor);
	ret->source = read_text(&cursor, "source");
	read_content(&cursor, ret);
	ret->summary = read_text(&cursor, "summary");
	ret->n_references = read_references(&cursor, SIZE_MAX, &unused);
	ret->parent_id = read_text(&cursor, "parent_id");
	expect_key(&cursor, "priority");
	must(bh_cursor_read_int(&cursor, &ret->priority));
	expect_key(&cursor, "compressed");
	must(bh_cursor_read_bool(&cursor, &ret->compressed));
}

struct bh_span bh_entry_encoded_reference(struct bh_span encoded, size_t index)
{
	struct bh_cursor cursor = entry_cursor(encoded);
	struct bh_entry_view view;
	struct bh_span reference;

	read_text(&cursor, "id");
	read_type(&cursor);
	read_text(&cursor, "source");
	read_content(&cursor, &view);
	read_text(&cursor, "summary");
	read_references(&cursor, index, &reference);
	return reference;
}

static uint64_t count_code_points(const uint8_t *text, size_t size)
{
	uint64_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += (text[i] & 0xc0) != 0x80; /* bytes that go on a code point are no start */
	return count;
}

uint64_t bh_entry_tokens(const struct bh_entry *entry, bool content_is_text)
{
	const struct bh_span *content = &entry->content;

	if (!entry->compressed && content->data && content->size > 0)
		return (content_is_text ? count_code_points(content->data, content->size)
		                        : content->size) /
		       4;
	if (!entry->summary)
		return 0;
	return count_code_points((const uint8_t *)entry->summary, strlen(entry->summary)) / 4;
}

static void put_task(struct encoder *encoder, const struct bh_task *task)
{
	msgpack_pack_map(&encoder->packer, 5);
	put_text(encoder, "id");
	put_text(encoder, task->id);
	put_text(encoder, "description");
	put_text(encoder, task->description ? task->description : "");
	put_text(encoder, "required_entry_ids");
	put_texts(encoder, task->required_entry_ids, task->n_required_entry_ids);
	put_text(encoder, "priority");
	msgpack_pack_int64(&encoder->packer, task->priority);
	put_text(encoder, "params");
	if (task->params.data)
		take_bytes(encoder, task->params.data, task->params.size); /* encoded already */
	else
		msgpack_pack_nil(&encoder->packer);
}

static void put_timeout(struct encoder *encoder, uint64_t timeout_us)
{
	if (timeout_us == BH_UNLIMITED)
		msgpack_pack_nil(&encoder->packer);
	else
		msgpack_pack_uint64(&encoder->packer, timeout_us / 1000 + (timeout_us % 1000 != 0));
}

static void put_header(struct encoder *encoder, const void *what)
{
	const struct bh_context_header *header = what;

	msgpack_pack_map(&encoder->packer, 9);
	put_text(encoder, "abi");
	msgpack_pack_uint64(&encoder->packer, BH_ABI_VERSION);
	put_text(encoder, "batch_id");
	put_text(encoder, header->batch_id);
	put_text(encoder, "attempt");
	msgpack_pack_uint64(&encoder->packer, header->attempt);
	put_text(encoder, "timeout_ms");
	put_timeout(encoder, header->timeout_us);
	put_text(encoder, "entry_count");
	msgpack_pack_uint64(&encoder->packer, header->entry_count);
	put_text(encoder, "total_tokens");
	msgpack_pack_uint64(&encoder->packer, header->total_tokens);
	put_text(encoder, "missing_ids");
	put_texts(encoder, header->missing_ids, header->n_missing_ids);
	put_text(encoder, "tasks");
	put_array(encoder, header->n_tasks);
	for (size_t i = 0; i < header->n_tasks && !encoder->error; i++)
		put_task(encoder, header->tasks[i]);
	put_text(encoder, "entries");
	put_array(encoder, header->n_entries);
}

int bh_context_header_encode(const struct bh_context_header *header, struct bh_encoded *ret,
                             struct bh_error *err)
{
	return encode(&(struct job){ put_header, header }, "context header", ret, err);
}
