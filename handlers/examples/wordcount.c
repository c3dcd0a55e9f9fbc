/* SPDX-License-Identifier: Apache-2.0 */

/* wordcount: counts like wc(1) and takes a digest of each entry.
 * A task's result is a map: entry id → {lines, words, bytes, fnv1a64}. An entry
 * without content is counted by its summary. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bulkhead/handler.h"

struct counts {
	uint64_t lines; /* newline characters */
	uint64_t words; /* runs of anything but white space */
	uint64_t digest;
};

static bool is_space(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct counts count(struct bh_text text)
{
	struct counts counts = { .digest = UINT64_C(0xcbf29ce484222325) };
	bool in_word = false;

	for (size_t i = 0; i < text.size; i++) {
		bool space = is_space(text.data[i]);
		counts.lines += text.data[i] == '\n';
		counts.words += in_word && space;
		in_word = !space;
		/* FNV-1a, 64 bits */
		counts.digest = (counts.digest ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
	}
	counts.words += in_word;
	return counts;
}

static void put_counts(struct bh_handler *handler, const struct bh_handler_entry *entry)
{
	struct bh_text text = entry->content.data ? entry->content : entry->summary;
	struct counts counts = count(text);
	char digest[17];

	snprintf(digest, sizeof(digest), "%016" PRIx64, counts.digest);
	bh_result_key_text(handler, entry->id);
	bh_result_map(handler, 4);
	bh_result_key(handler, "lines");
	bh_result_uint(handler, counts.lines);
	bh_result_key(handler, "words");
	bh_result_uint(handler, counts.words);
	bh_result_key(handler, "bytes");
	bh_result_uint(handler, text.size);
	bh_result_key(handler, "fnv1a64");
	bh_result_str(handler, digest);
}

static int count_task(struct bh_handler *handler, const struct bh_handler_task *task,
                      void *userdata)
{
	struct bh_handler_entry entry;
	/* A task may require an entry twice; a map must not have a key twice. */
	bool *seen = calloc(bh_handler_batch(handler)->n_entries + 1, sizeof(*seen));

	(void)userdata;
	if (!seen)
		return -ENOMEM;
	bh_result_map_open(handler);
	for (uint32_t i = 0; i < task->n_required_entry_ids; i++) {
		if (!bh_handler_task_entry(handler, task, i, &entry) || seen[entry.index])
			continue;
		seen[entry.index] = true;
		put_counts(handler, &entry);
	}
	free(seen);
	/* Errors of the calls above stick: the last call tells of them all. */
	return bh_result_close(handler);
}

int main(void)
{
	return bh_handler_run(count_task, NULL);
}
