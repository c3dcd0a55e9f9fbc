/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_CODEC_TEXTTABLE_H
#define BH_IPC_CODEC_TEXTTABLE_H

/* texttable.h: a hash table from texts to numbers, for texts that a handler may
 * have chosen to collide: the hash is keyed anew for each table. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/span.h"
#include "ipc/wire/hash.h"

struct bh_text_slot {
	const void *data; /* borrowed text; NULL: the slot is free */
	uint32_t size;
	uint32_t value;
};

struct bh_text_table {
	struct bh_text_slot *slots; /* owned */
	size_t n_slots;
	size_t n_used;
	struct bh_hash_key key;
};
#define BH_TEXT_TABLE_UNSET ((struct bh_text_table){ .slots = NULL })

/* An empty table that takes `n_texts` texts without growing, in 24 bytes each.
 * -ENOMEM, -EOVERFLOW, else getrandom's -errno; `*ret` is then untouched. */
BH_MUST_CHECK
int bh_text_table_init(struct bh_text_table *ret, size_t n_texts);
void bh_text_table_done(struct bh_text_table *table);

/* The value of `text` for reading and writing, until the next call. A text that
 * is new gets `value` first, and the table borrows it. `text.data` is not NULL,
 * `*ret_is_new` says which it was. -ENOMEM; -EOVERFLOW for a text of 2^32 bytes
 * and more. */
BH_MUST_CHECK
int bh_text_table_put(struct bh_text_table *table, struct bh_span text, uint32_t value,
                      uint32_t **ret, bool *ret_is_new);

#endif
