/* SPDX-License-Identifier: Apache-2.0 */

/* search: looks for a POSIX extended regular expression, line by line.
 * A task's params are {"pattern": str, "ignore_case": bool, "max_matches": int};
 * only the pattern is needed. Its result is a list of {entry, line, text}, with
 * lines counted from 1. */

#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/handler.h"

struct search {
	struct bh_handler *handler;
	regex_t pattern;
	int64_t matches_left;
};

static void put_match(struct search *search, const struct bh_handler_entry *entry, uint64_t number,
                      const char *line, size_t size)
{
	bh_result_map(search->handler, 3);
	bh_result_key(search->handler, "entry");
	bh_result_text(search->handler, entry->id);
	bh_result_key(search->handler, "line");
	bh_result_uint(search->handler, number);
	bh_result_key(search->handler, "text");
	bh_result_bytes(search->handler, line, size);
	search->matches_left--;
}

/* REG_STARTEND, of GNU and BSD, takes a line where it lies, without a NUL. Only
 * the first INT_MAX bytes of a line are looked at: what a regoff_t can count. */
static bool matches(const regex_t *pattern, const char *line, size_t size)
{
	regmatch_t range = { .rm_eo = (regoff_t)(size < INT_MAX ? size : INT_MAX) };

	return regexec(pattern, line, 1, &range, REG_STARTEND) == 0;
}

static void search_entry(struct search *search, const struct bh_handler_entry *entry)
{
	struct bh_text text = entry->content.data ? entry->content : entry->summary;
	const char *end = text.data + text.size;
	uint64_t number = 0;

	for (const char *line = text.data; line < end && search->matches_left > 0;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t size = (size_t)((newline ? newline : end) - line);
		number++;
		if (matches(&search->pattern, line, size))
			put_match(search, entry, number, line, size);
		line = newline ? newline + 1 : end;
	}
}

/* Compiles the pattern. Returns what a callback does: positive where the task
 * is to blame. */
static int compile(struct search *search, const struct bh_handler_task *task)
{
	struct bh_text text;
	bool ignore_case = false;
	char reason[128];

	if (!bh_params_text(task, "pattern", &text))
		return bh_fail_task(search->handler, "params", "params lack the str \"pattern\"");
	bh_params_bool(task, "ignore_case", &ignore_case);
	if (!bh_params_int(task, "max_matches", &search->matches_left))
		search->matches_left = INT64_MAX;
	if (memchr(text.data, '\0', text.size))
		return bh_fail_task(search->handler, "pattern", "the pattern holds a NUL");

	char *pattern = strndup(text.data, text.size);
	if (!pattern)
		return -ENOMEM;
	int r = regcomp(&search->pattern, pattern, REG_EXTENDED | (ignore_case ? REG_ICASE : 0));
	if (r != 0) {
		regerror(r, &search->pattern, reason, sizeof(reason));
		r = bh_fail_task(search->handler, "pattern", "%s: %s", pattern, reason);
	}
	free(pattern);
	return r;
}

static int search_task(struct bh_handler *handler, const struct bh_handler_task *task,
                       void *userdata)
{
	struct search search = { .handler = handler };
	struct bh_handler_entry entry;

	(void)userdata;
	int r = compile(&search, task);
	if (r != 0)
		return r;
	bh_result_array_open(handler);
	for (uint32_t i = 0; i < task->n_required_entry_ids; i++)
		if (bh_handler_task_entry(handler, task, i, &entry))
			search_entry(&search, &entry);
	regfree(&search.pattern);
	return bh_result_close(handler);
}

int main(void)
{
	return bh_handler_run(search_task, NULL);
}
