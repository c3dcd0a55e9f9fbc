/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/entry_line.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/base64.h"
#include "cli/complaint.h"
#include "cli/entries.h"
#include "cli/jsonl.h"
#include "ipc/wire/base.h"

static const char *const entry_keys[] = {
	"id",         "type",       "source",    "content",      "content_base64",
	"summary",    "references", "parent_id", "priority",     "content_file",
	"compressed", "searchable", "ttl",       "derived_from", NULL,
};

struct reader {
	const char *path; /* of the JSONL file */
	struct bh_entries *entries;
	struct bh_arena lists; /* owned: lists of the line */
	struct bh_complaint *complaint;
};

static int read_type(struct reader *reader, const struct bh_node *line, enum bh_entry_type *ret)
{
	struct bh_node node;

	if (!bh_node_member(line, "type", &node))
		return BH_STATUS_OK;
	if (!json_is_string(node.value) ||
	    bh_entry_type_parse(json_string_value(node.value), ret) < 0)
		return bh_node_refuse(&node,
		                      "one of file, command, command_result, task, task_result, "
		                      "search_result, summary, context_request, chain_map",
		                      reader->complaint);
	return BH_STATUS_OK;
}

/* Content. */

static int read_base64(struct reader *reader, const struct bh_node *node, struct bh_span *ret)
{
	struct bh_bytes *bytes = &reader->entries->bytes;
	size_t size = json_string_length(node->value);
	size_t room = bh_base64_decoded_max(size);

	if (bytes->capacity <= room) {
		bh_bytes_done(bytes);
		bytes->data = malloc(room + 1);
		if (!bytes->data)
			return bh_complain_memory(reader->complaint);
		bytes->capacity = room + 1;
	}
	if (!bh_base64_decode(json_string_value(node->value), size, (uint8_t *)bytes->data,
	                      &bytes->size))
		return bh_node_complain(node, reader->complaint,
		                        "wrong at character %zu, expected base64 with padding",
		                        bytes->size + 1);
	*ret = (struct bh_span){ bytes->data, bytes->size };
	return BH_STATUS_OK;
}

/* The path of `name` as seen from where the JSONL file is. */
static char *beside_dup(const char *jsonl_path, const char *name)
{
	const char *slash = strrchr(jsonl_path, '/');
	char *path;

	if (name[0] == '/' || !slash)
		return strdup(name);
	if (asprintf(&path, "%.*s%s", (int)(slash + 1 - jsonl_path), jsonl_path, name) < 0)
		return NULL;
	return path;
}

static int read_file(struct reader *reader, const struct bh_node *node, struct bh_span *ret)
{
	struct bh_complaint inner = BH_COMPLAINT_UNSET;
	BH_CLEANUP(bh_free_done) char *path = NULL;
	BH_CLEANUP(bh_fd_done) int fd = -1;

	if (strlen(json_string_value(node->value)) != json_string_length(node->value))
		return bh_node_refuse(node, "a path without \\u0000", reader->complaint);
	path = beside_dup(reader->path, json_string_value(node->value));
	if (!path)
		return bh_complain_memory(reader->complaint);
	int r = bh_file_open(path, false, &fd, &inner);
	if (r == BH_STATUS_OK)
		r = bh_file_read(fd, path, &reader->entries->bytes, &inner);
	if (r == BH_STATUS_INPUT)
		bh_node_complain(node, reader->complaint, "%s", inner.text);
	else if (r != BH_STATUS_OK)
		bh_complain(reader->complaint, (enum bh_status)r, "%s", inner.text);
	bh_complaint_done(&inner);
	*ret = (struct bh_span){ reader->entries->bytes.data, reader->entries->bytes.size };
	return r;
}

static int read_text(struct reader *reader, const struct bh_node *node, struct bh_span *ret)
{
	(void)reader;
	*ret = (struct bh_span){ json_string_value(node->value), json_string_length(node->value) };
	return BH_STATUS_OK;
}

/* The ways to give content; at most one of them in a line. */
static const struct content_form {
	const char *key;
	bool or_null;
	int (*read)(struct reader *reader, const struct bh_node *node, struct bh_span *ret);
} content_forms[] = {
	{ "content", true, read_text },
	{ "content_base64", false, read_base64 },
	{ "content_file", false, read_file },
};

static int read_content(struct reader *reader, const struct bh_node *line, struct bh_span *ret)
{
	for (size_t i = 0; i < BH_COUNT_OF(content_forms); i++) {
		const struct content_form *form = &content_forms[i];
		struct bh_node node;

		if (!bh_node_member(line, form->key, &node))
			continue;
		if (form->or_null && json_is_null(node.value))
			continue;
		if (!json_is_string(node.value))
			return bh_node_refuse(&node,
			                      form->or_null ? "a string or null" : "a string",
			                      reader->complaint);
		if (ret->data)
			return bh_node_complain(&node, reader->complaint,
			                        "a second content, expected one of content, "
			                        "content_base64, content_file");
		int r = form->read(reader, &node, ret);
		if (r != BH_STATUS_OK)
			return r;
	}
	return BH_STATUS_OK;
}

/* Everything else. */

static int read_lists(struct reader *reader, const struct bh_node *line, struct bh_entry *entry)
{
	int r = bh_node_read_ids(line, "references", &reader->lists, &entry->references,
	                         &entry->n_references, reader->complaint);

	if (r != BH_STATUS_OK)
		return r;
	return bh_node_read_ids(line, "derived_from", &reader->lists, &entry->derived_from,
	                        &entry->n_derived_from, reader->complaint);
}

static int read_flags(struct reader *reader, const struct bh_node *line, struct bh_entry *entry)
{
	int r = bh_node_read_bool(line, "searchable", &entry->searchable, reader->complaint);

	if (r == BH_STATUS_OK)
		r = bh_node_read_bool(line, "compressed", &entry->compressed, reader->complaint);
	if (r == BH_STATUS_OK)
		r = bh_node_read_int(line, "priority", false, INT64_MIN, &entry->priority,
		                     reader->complaint);
	if (r == BH_STATUS_OK)
		r = bh_node_read_int(line, "ttl", true, 0, &entry->ttl, reader->complaint);
	return r;
}

static int read_texts(struct reader *reader, const struct bh_node *line, struct bh_entry *entry)
{
	int r = bh_node_read_id(line, "id", &entry->id, reader->complaint);

	if (r == BH_STATUS_OK)
		r = read_type(reader, line, &entry->type);
	if (r == BH_STATUS_OK)
		r = bh_node_read_id(line, "source", &entry->source, reader->complaint);
	if (r == BH_STATUS_OK)
		r = bh_node_read_text(line, "summary", true, &entry->summary, reader->complaint);
	if (r == BH_STATUS_OK)
		r = bh_node_read_text(line, "parent_id", true, &entry->parent_id,
		                      reader->complaint);
	return r;
}

static int check_whole(struct reader *reader, const struct bh_node *line,
                       const struct bh_entry *entry)
{
	if (entry->compressed && !entry->summary)
		return bh_node_complain(line, reader->complaint,
		                        "summary is missing, expected one as compressed is true");
	if (!entry->content.data && !entry->summary)
		return bh_node_complain(line, reader->complaint,
		                        "content and summary are missing, expected one of them");
	return BH_STATUS_OK;
}

static int read_entry(struct reader *reader, const struct bh_node *line, struct bh_entry *entry)
{
	int r = bh_node_check_keys(line, entry_keys, reader->complaint);

	if (r == BH_STATUS_OK)
		r = read_texts(reader, line, entry);
	if (r == BH_STATUS_OK)
		r = read_flags(reader, line, entry);
	if (r == BH_STATUS_OK)
		r = read_lists(reader, line, entry);
	if (r == BH_STATUS_OK)
		r = read_content(reader, line, &entry->content);
	if (r == BH_STATUS_OK)
		r = check_whole(reader, line, entry);
	return r;
}

static int load_line(struct reader *reader, const struct bh_node *line)
{
	struct bh_entry entry = BH_ENTRY_DEFAULT;

	int r = read_entry(reader, line, &entry);
	if (r == BH_STATUS_OK)
		r = bh_entries_add(reader->entries, &entry, line->jsonl->number, reader->complaint);
	bh_arena_done(&reader->lists);
	return r;
}

int bh_entry_lines_load(struct bh_jsonl *jsonl, const char *path, struct bh_entries *entries,
                        struct bh_complaint *complaint)
{
	struct reader reader = { .path = path, .entries = entries, .complaint = complaint };
	struct bh_node line;

	for (;;) {
		int r = bh_jsonl_next(jsonl, &line, complaint);
		if (r != BH_STATUS_OK || !line.value)
			return r;
		r = load_line(&reader, &line);
		if (r != BH_STATUS_OK)
			return r;
	}
}
