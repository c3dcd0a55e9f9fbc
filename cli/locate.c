/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/locate.h"

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "cli/jsonl.h"

/* Walks over text that jansson has accepted; the end is checked all the same. */
struct walk {
	const char *at;
	const char *end;
};

static bool is_one_of(char byte, const char *set)
{
	return byte != '\0' && strchr(set, byte) != NULL;
}

static void skip_any(struct walk *walk, const char *set)
{
	while (walk->at < walk->end && is_one_of(*walk->at, set))
		walk->at++;
}

static void skip_string(struct walk *walk)
{
	walk->at++;
	while (walk->at < walk->end && *walk->at != '"')
		walk->at += *walk->at == '\\' ? 2 : 1;
	walk->at++;
	if (walk->at > walk->end)
		walk->at = walk->end;
}

static void skip_container(struct walk *walk)
{
	size_t depth = 0;

	while (walk->at < walk->end) {
		if (*walk->at == '"') {
			skip_string(walk);
			continue;
		}
		if (is_one_of(*walk->at, "{["))
			depth++;
		else if (is_one_of(*walk->at, "}]"))
			depth--;
		walk->at++;
		if (depth == 0)
			return;
	}
}

static void skip_value(struct walk *walk)
{
	if (walk->at < walk->end && *walk->at == '"')
		skip_string(walk);
	else if (walk->at < walk->end && is_one_of(*walk->at, "{["))
		skip_container(walk);
	else
		while (walk->at < walk->end && !is_one_of(*walk->at, ",]} \t\r\n"))
			walk->at++;
}

/* A key may be written with escapes: let jansson read it. */
static bool is_key(const char *start, const char *end, const char *key)
{
	json_t *string = json_loadb(start, (size_t)(end - start), JSON_DECODE_ANY, NULL);
	bool equal = string && strcmp(json_string_value(string), key) == 0;

	json_decref(string);
	return equal;
}

/* From the object's brace to the key. */
static void find_key(struct walk *walk, const char *key)
{
	walk->at++;
	while (walk->at < walk->end) {
		skip_any(walk, " \t\r\n,");
		const char *start = walk->at;
		if (start == walk->end || *start != '"')
			return;
		skip_string(walk);
		if (is_key(start, walk->at, key)) {
			walk->at = start;
			return;
		}
		skip_any(walk, " \t\r\n:");
		skip_value(walk);
	}
}

static void find_item(struct walk *walk, size_t index)
{
	walk->at++;
	skip_any(walk, " \t\r\n,");
	for (; index > 0 && walk->at < walk->end; index--) {
		skip_value(walk);
		skip_any(walk, " \t\r\n,");
	}
}

static void find(struct walk *walk, const struct bh_node *node)
{
	if (!node->parent) {
		skip_any(walk, " \t\r\n");
		return;
	}
	find(walk, node->parent);
	if (!node->key) {
		find_item(walk, node->index);
		return;
	}
	find_key(walk, node->key);
	if (walk->at == walk->end)
		return;
	skip_string(walk);
	skip_any(walk, " \t\r\n:");
}

static struct walk walk_over(const struct bh_jsonl *jsonl)
{
	return (struct walk){ jsonl->line, jsonl->line + jsonl->size };
}

static size_t column_of(const struct bh_jsonl *jsonl, const char *at)
{
	size_t column = 1;

	for (const char *c = jsonl->line; c < at; c++)
		column += ((unsigned char)*c & 0xc0) != 0x80;
	return column;
}

size_t bh_locate(const struct bh_node *node)
{
	struct walk walk = walk_over(node->jsonl);

	find(&walk, node);
	return column_of(node->jsonl, walk.at);
}

size_t bh_locate_key(const struct bh_node *object, const char *key)
{
	struct walk walk = walk_over(object->jsonl);

	find(&walk, object);
	if (walk.at < walk.end)
		find_key(&walk, key);
	return column_of(object->jsonl, walk.at);
}
