/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_HANDLERS_SDK_HANDLER_STATE_H
#define BH_HANDLERS_SDK_HANDLER_STATE_H

/* handler_state.h: what a handler knows while it runs. The structs lie side by
 * side in one mapping, together with the context where that is small: open.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder.h"
#include "bulkhead/handler.h"
#include "reader.h"

#define BH_CONTEXT_FD 3

/* So many fit into a page together with all else: no mapping of their own. */
#define BH_FIRST_TASKS 64

/* Entries by place and by id. Made by the first question for one. */
struct bh_entry_index {
	enum { BH_INDEX_UNREAD, BH_INDEX_READ, BH_INDEX_BROKEN } state;
	const uint8_t **starts; /* of each entry; pages */
	uint32_t *slots;        /* hash table of places + 1, 0 where free; pages */
	uint64_t n_slots;       /* a power of two, at least twice the entries */
	/* Where the last required id of a task was found, so that the next one
	 * isn't looked for from the start. */
	const void *ids;   /* the list; NULL while unset */
	uint32_t id_index; /* of the id at `id_at` */
	const uint8_t *id_at;
};

/* Why the task at hand failed; see bh_fail_task. */
struct bh_failure {
	bool is_set;
	bool has_type;
	char type[64];
	char message[512];
};

struct bh_handler {
	struct bh_handler_batch batch;
	struct bh_reader context; /* the whole of it */
	bool context_is_mapped;
	const uint8_t **tasks;  /* starts, n_tasks of them; pages, or first_tasks */
	const uint8_t *entries; /* the first one; NULL where there is no list */
	bool entries_are_last;  /* nothing may follow them */
	bool is_at_last_key;    /* while the context is read */
	struct bh_entry_index *index;
	struct bh_builder *builder;
	struct bh_failure *failure;
	const uint8_t *first_tasks[BH_FIRST_TASKS]; /* of a batch that has no more */
};

/* True where this process ends with the batch that it has: cold, or a fork. */
bool bh_handler_has_last_batch(void);

/* Reads an array of str, in place. `*ret_ids` is where the first one starts. */
bool bh_reader_ids(struct bh_reader *reader, uint32_t *ret_count, const void **ret_ids,
                   const void **ret_end);
/* The `index`-th of such a list; `data` NULL past the end. */
struct bh_text bh_ids_at(const void *ids, const void *end, uint32_t count, uint32_t index);

/* A str, or absent where nil. */
bool bh_reader_str_or_nil(struct bh_reader *reader, struct bh_text *ret);

/* Finds the tasks and entries of a context and reads what is said of the batch.
 * -EPROTO, -ENOMEM. */
int bh_context_read(struct bh_handler *handler);

/* Frees what the index holds. */
void bh_entry_index_done(struct bh_entry_index *index, uint32_t n_entries);

#endif
