/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_OUTLET_H
#define BH_CLI_OUTLET_H

/* outlet.h: results on their way out, each written as one line and freed.
 *
 * In input order, a result waits for those before it; without, it is written as
 * it comes. With `keep`, results stay in memory for an aggregate. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"
#include "bulkhead/result.h"
#include "cli/json_writer.h"
#include "cli/sink.h"

struct bh_complaint;
struct bh_outlet_slot;

struct bh_outlet {
	struct bh_sink *sink; /* borrowed */
	struct bh_json json;
	bool ordered;
	bool keep;
	struct bh_outlet_slot *slots; /* owned: one for each batch */
	size_t n_slots;
	size_t next;    /* in order: the first that is not settled */
	size_t settled; /* written or absent, in any order */
};
#define BH_OUTLET_UNSET ((struct bh_outlet){ .n_slots = 0 })
BH_MUST_CHECK
int bh_outlet_init(struct bh_outlet *outlet, struct bh_sink *sink, size_t n_batches, bool ordered,
                   bool keep, struct bh_complaint *complaint);
void bh_outlet_done(struct bh_outlet *outlet);

/* Takes the result of batch `index`, NULL for a batch that gets no line, and
 * writes what can be written now. Owns `result` also on failure. */
BH_MUST_CHECK
int bh_outlet_take(struct bh_outlet *outlet, size_t index, struct bh_result *result,
                   struct bh_complaint *complaint);

/* Writes what still waits for batches that will have no result. */
BH_MUST_CHECK
int bh_outlet_finish(struct bh_outlet *outlet, struct bh_complaint *complaint);

/* Adds the results kept, in input order. -ENOMEM. */
BH_MUST_CHECK
int bh_outlet_aggregate(const struct bh_outlet *outlet, struct bh_aggregate *aggregate);

#endif
