/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_IPC_CODEC_CONTEXT_H
#define BH_IPC_CODEC_CONTEXT_H

/* context.h: MessagePack on the way to a handler.
 *
 * An entry is encoded once, when it is stored. A context is a header, encoded
 * for each attempt, followed by the encoded entries as they are: header and
 * entries are written with one vectored write.
 * Source: docs/handler-abi.md, "The context map". */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/batch.h"
#include "bulkhead/entry.h"
#include "bulkhead/error.h"

/* Encoded bytes on the heap. */
struct bh_encoded {
	uint8_t *data; /* owned */
	size_t size;
};
#define BH_ENCODED_UNSET ((struct bh_encoded){ .data = NULL })
void bh_encoded_done(struct bh_encoded *encoded);

/* Encodes the map of one entry. `entry` was checked by the store: strings are
 * valid UTF-8. With `compressed` the content is left out (nil). Content is str
 * where it is valid UTF-8 (`*ret_is_text`), else bin. `*ret` is exactly as large
 * as needed. -EOVERFLOW for lengths of 2^32 and more, -ENOMEM. */
BH_MUST_CHECK
int bh_entry_encode(const struct bh_entry *entry, struct bh_encoded *ret, bool *ret_is_text,
                    struct bh_error *err);

/* Where the parts of an encoded entry are: the reverse of bh_entry_encode, for
 * bytes that it made. `ret` gets spans into `encoded`; its id, in_use, ttl,
 * searchable, tokens, n_derived_from and stored are left alone. */
void bh_entry_decode(struct bh_span encoded, struct bh_entry_view *ret);

/* The `index`-th reference of an encoded entry; BH_SPAN_NONE past the end. */
struct bh_span bh_entry_encoded_reference(struct bh_span encoded, size_t index);

/* Token estimate of an entry: floor(code points / 4) of the content, or of the
 * summary where content is absent or empty; bytes of content that is not UTF-8
 * count one each. */
uint64_t bh_entry_tokens(const struct bh_entry *entry, bool content_is_text);

struct bh_context_header {
	const char *batch_id;
	uint32_t attempt;
	uint64_t timeout_us; /* BH_UNLIMITED: nil. Milliseconds in the map, rounded up */
	uint64_t entry_count;
	uint64_t total_tokens;
	const char *const *missing_ids;
	size_t n_missing_ids;
	const struct bh_task *const *tasks;
	size_t n_tasks;
	size_t n_entries; /* found: how many encoded entries follow */
};

/* Encodes everything of the context map up to and with the head of the array
 * `entries`. -EOVERFLOW for counts of 2^32 and more, -ENOMEM. */
BH_MUST_CHECK
int bh_context_header_encode(const struct bh_context_header *header, struct bh_encoded *ret,
                             struct bh_error *err);

#endif
