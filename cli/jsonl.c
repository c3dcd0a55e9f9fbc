/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/jsonl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/arena.h"
#include "cli/complaint.h"
#include "cli/file.h"
#include "cli/locate.h"
#include "cli/text.h"
#include "ipc/wire/base.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void bh_jsonl_done(struct bh_jsonl *jsonl)
{
	json_decref(jsonl->value);
	free(jsonl->line);
	if (jsonl->file)
		fclose(jsonl->file);
	*jsonl = BH_JSONL_UNSET;
}

void bh_jsonl_take(FILE *file, const char *name, struct bh_jsonl *ret)
{
	*ret = (struct bh_jsonl){ .name = name, .file = file };
}

static int open_fd(const char *path, int *ret_fd, struct bh_complaint *complaint)
{
	if (strcmp(path, "-") != 0)
		return bh_file_open(path, true, ret_fd, complaint);
	*ret_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (*ret_fd < 0)
		return bh_complain_errno(complaint, errno, "standard input");
	return BH_STATUS_OK;
}

int bh_jsonl_open(const char *path, struct bh_jsonl *ret, struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_fd_done) int fd = -1;

	int r = open_fd(path, &fd, complaint);
	if (r != BH_STATUS_OK)
		return r;
	FILE *file = fdopen(fd, "re");
	if (!file)
		return bh_complain_errno(complaint, errno, "%s", path);
	fd = -1;
	bh_jsonl_take(file, strcmp(path, "-") == 0 ? "(standard input)" : path, ret);
	return BH_STATUS_OK;
}

/* Reads a line that is not empty. `*ret` is false at the end. */
static int read_line(struct bh_jsonl *jsonl, bool *ret, struct bh_complaint *complaint)
{
	for (;;) {
		errno = 0;
		ssize_t n = getline(&jsonl->line, &jsonl->capacity, jsonl->file);
		int code = errno;

		*ret = n >= 0;
		if (n < 0 && (ferror(jsonl->file) || code != 0))
			return bh_complain_errno(complaint, code, "read %s", jsonl->name);
		if (n < 0)
			return BH_STATUS_OK;
		jsonl->size = (size_t)n;
		jsonl->number++;
		if (strspn(jsonl->line, " \t\r\n") != jsonl->size)
			return BH_STATUS_OK;
	}
}

static int refuse_line(const struct bh_jsonl *jsonl, size_t column, const char *what,
                       struct bh_complaint *complaint)
{
	return bh_complain(complaint, BH_STATUS_INPUT,
	                   "%s:%" PRIu64 ":%zu: %s, expected a JSON object", jsonl->name,
	                   jsonl->number, column, what);
}

static int parse_line(struct bh_jsonl *jsonl, struct bh_complaint *complaint)
{
	json_error_t error;

	if (jsonl->number == 1 && jsonl->size >= 3 && memcmp(jsonl->line, BYTE_ORDER_MARK, 3) == 0)
		return refuse_line(jsonl, 1, "starts with a byte order mark", complaint);
	jsonl->value = json_loadb(jsonl->line, jsonl->size,
	                          JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY,
	                          &error);
	if (jsonl->value)
		return BH_STATUS_OK;
	if (error.text[0] == '\0') /* what is wrong with a line has a text */
		return bh_complain_memory(complaint);
	return refuse_line(jsonl, error.column > 0 ? (size_t)error.column : 1, error.text,
	                   complaint);
}

int bh_jsonl_next(struct bh_jsonl *jsonl, struct bh_node *ret, struct bh_complaint *complaint)
{
	bool found;

	json_decref(jsonl->value);
	jsonl->value = NULL;
	*ret = (struct bh_node){ .jsonl = jsonl };

	int r = read_line(jsonl, &found, complaint);
	if (r != BH_STATUS_OK || !found)
		return r;
	r = parse_line(jsonl, complaint);
	if (r != BH_STATUS_OK)
		return r;
	ret->value = jsonl->value;
	return BH_STATUS_OK;
}

bool bh_node_member(const struct bh_node *parent, const char *key, struct bh_node *ret)
{
	const json_t *value = json_object_get(parent->value, key);

	if (!value)
		return false;
	*ret = (struct bh_node){ parent->jsonl, parent, key, 0, value };
	return true;
}

bool bh_node_item(const struct bh_node *parent, size_t index, struct bh_node *ret)
{
	const json_t *value = json_array_get(parent->value, index);

	if (!value)
		return false;
	*ret = (struct bh_node){ parent->jsonl, parent, NULL, index, value };
	return true;
}

/* Complaints. */

#define SHOWN_BYTES 60

struct shown {
	size_t size;
	char text[SHOWN_BYTES + 8];
};

/* Keeps what fits; fails, and so ends the dump, once there is more. */
static int keep_shown(const char *text, size_t size, void *userdata)
{
	struct shown *shown = userdata;
	size_t room = SHOWN_BYTES - shown->size;
	size_t kept = bh_utf8_cut(text, size, room);

	memcpy(shown->text + shown->size, text, kept);
	shown->size += kept;
	return kept == size ? 0 : -1;
}

static void show(const json_t *value, struct shown *shown)
{
	*shown = (struct shown){ .size = 0 };
	if (json_dump_callback(value, keep_shown, shown, JSON_ENCODE_ANY | JSON_COMPACT) < 0)
		memcpy(shown->text + shown->size, "…", sizeof("…"));
}

static void write_way(FILE *to, const struct bh_node *node)
{
	if (!node->parent)
		return;
	write_way(to, node->parent);
	if (!node->key)
		fprintf(to, "[%zu]", node->index);
	else
		fprintf(to, "%s%s", node->parent->parent ? "." : "", node->key);
}

/* "tasks[2].priority: ", or "" for the line itself. On the heap. */
static char *way_dup(const struct bh_node *node)
{
	char *way = NULL;
	size_t size;
	FILE *memory = open_memstream(&way, &size);

	if (!memory)
		return NULL;
	write_way(memory, node);
	if (node->parent)
		fputs(": ", memory);
	if (fclose(memory) != 0) {
		free(way);
		return NULL;
	}
	return way;
}

int bh_node_complain(const struct bh_node *node, struct bh_complaint *complaint, const char *format,
                     ...)
{
	BH_CLEANUP(bh_free_done) char *way = way_dup(node);
	BH_CLEANUP(bh_free_done) char *text = NULL;
	va_list args;

	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		text = NULL;
	return bh_complain(complaint, BH_STATUS_INPUT, "%s:%" PRIu64 ":%zu: %s%s",
	                   node->jsonl->name, node->jsonl->number, bh_locate(node), way ? way : "",
	                   text ? text : "");
}

int bh_node_refuse(const struct bh_node *node, const char *expected, struct bh_complaint *complaint)
{
	struct shown shown;

	show(node->value, &shown);
	return bh_node_complain(node, complaint, "got %s, expected %s", shown.text, expected);
}

static char *keys_dup(const char *const *keys)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return NULL;
	for (size_t i = 0; keys[i]; i++)
		fprintf(memory, "%s%s", i == 0 ? "" : ", ", keys[i]);
	if (fclose(memory) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int refuse_key(const struct bh_node *object, const char *key, const char *const *keys,
                      struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_free_done) char *known = keys_dup(keys);
	BH_CLEANUP(bh_free_done) char *way = way_dup(object);

	return bh_complain(complaint, BH_STATUS_INPUT,
	                   "%s:%" PRIu64 ":%zu: %sunknown key '%s', expected one of %s",
	                   object->jsonl->name, object->jsonl->number, bh_locate_key(object, key),
	                   way ? way : "", key, known ? known : "");
}

static bool is_known(const char *key, const char *const *keys)
{
	while (*keys && strcmp(*keys, key) != 0)
		keys++;
	return *keys != NULL;
}

int bh_node_check_keys(const struct bh_node *object, const char *const *keys,
                       struct bh_complaint *complaint)
{
	const char *key;
	json_t *value;

	if (!json_is_object(object->value))
		return bh_node_refuse(object, "a JSON object", complaint);
	json_object_foreach((json_t *)object->value, key,
	                    value) if (!is_known(key, keys)) return refuse_key(object, key, keys,
	                                                                       complaint);
	return BH_STATUS_OK;
}

/* Members. */

/* Finds a member that is there and not an allowed null. */
static bool present(const struct bh_node *object, const char *key, bool or_null,
                    struct bh_node *ret)
{
	return bh_node_member(object, key, ret) && !(or_null && json_is_null(ret->value));
}

static int take_text(const struct bh_node *node, const char *expected, const char **ret,
                     struct bh_complaint *complaint)
{
	const char *text = json_string_value(node->value);

	if (!text)
		return bh_node_refuse(node, expected, complaint);
	if (strlen(text) != json_string_length(node->value))
		return bh_node_refuse(node, "a string without \\u0000", complaint);
	*ret = text;
	return BH_STATUS_OK;
}

static int take_id(const struct bh_node *node, const char **ret, struct bh_complaint *complaint)
{
	const char *text = NULL;

	int r = take_text(node, "a string that is not blank", &text, complaint);
	if (r != BH_STATUS_OK)
		return r;
	if (bh_text_is_blank(text))
		return bh_node_refuse(node, "a string that is not blank", complaint);
	*ret = text;
	return BH_STATUS_OK;
}

int bh_node_read_id(const struct bh_node *object, const char *key, const char **ret,
                    struct bh_complaint *complaint)
{
	struct bh_node node;

	if (!bh_node_member(object, key, &node))
		return bh_node_complain(object, complaint,
		                        "%s is missing, expected a string that is not blank", key);
	return take_id(&node, ret, complaint);
}

int bh_node_read_text(const struct bh_node *object, const char *key, bool or_null, const char **ret,
                      struct bh_complaint *complaint)
{
	struct bh_node node;

	if (!present(object, key, or_null, &node))
		return BH_STATUS_OK;
	return take_text(&node, or_null ? "a string or null" : "a string", ret, complaint);
}

int bh_node_read_int(const struct bh_node *object, const char *key, bool or_null, int64_t least,
                     int64_t *ret, struct bh_complaint *complaint)
{
	struct bh_node node;

	if (!present(object, key, or_null, &node))
		return BH_STATUS_OK;
	if (!json_is_integer(node.value) || json_integer_value(node.value) < least)
		return bh_node_refuse(
		        &node, least == 0 ? "an integer of 0 or more, or null" : "an integer",
		        complaint);
	*ret = json_integer_value(node.value);
	return BH_STATUS_OK;
}

int bh_node_read_bool(const struct bh_node *object, const char *key, bool *ret,
                      struct bh_complaint *complaint)
{
	struct bh_node node;

	if (!bh_node_member(object, key, &node))
		return BH_STATUS_OK;
	if (!json_is_boolean(node.value))
		return bh_node_refuse(&node, "true or false", complaint);
	*ret = json_is_true(node.value);
	return BH_STATUS_OK;
}

static int copy_ids(const struct bh_node *list, struct bh_arena *arena, const char **ids,
                    struct bh_complaint *complaint)
{
	struct bh_node item;

	for (size_t i = 0; bh_node_item(list, i, &item); i++) {
		const char *text = NULL;

		int r = take_id(&item, &text, complaint);
		if (r != BH_STATUS_OK)
			return r;
		ids[i] = bh_arena_text(arena, text, json_string_length(item.value));
		if (!ids[i])
			return bh_complain_memory(complaint);
	}
	return BH_STATUS_OK;
}

int bh_node_read_ids(const struct bh_node *object, const char *key, struct bh_arena *arena,
                     const char *const **ret, size_t *ret_n, struct bh_complaint *complaint)
{
	struct bh_node list;

	if (!bh_node_member(object, key, &list))
		return BH_STATUS_OK;
	if (!json_is_array(list.value))
		return bh_node_refuse(&list, "an array of strings", complaint);

	const char **ids = bh_arena_take(arena, json_array_size(list.value), sizeof(*ids));
	if (!ids)
		return bh_complain_memory(complaint);
	int r = copy_ids(&list, arena, ids, complaint);
	if (r != BH_STATUS_OK)
		return r;
	*ret = ids;
	*ret_n = json_array_size(list.value);
	return BH_STATUS_OK;
}
