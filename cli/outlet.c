/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/outlet.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/complaint.h"
#include "cli/result_line.h"
#include "ipc/wire/base.h"

struct bh_outlet_slot {
	struct bh_result *result; /* owned; NULL: none yet, absent, or freed */
	bool settled;             /* nothing more is expected for the batch */
};

int bh_outlet_init(struct bh_outlet *outlet, struct bh_sink *sink, size_t n_batches, bool ordered,
                   bool keep, struct bh_complaint *complaint)
{
	*outlet = (struct bh_outlet){ .sink = sink, .ordered = ordered, .keep = keep };
	bh_json_init(&outlet->json, sink);
	outlet->slots = calloc(n_batches + 1, sizeof(*outlet->slots));
	if (!outlet->slots)
		return bh_complain_memory(complaint);
	outlet->n_slots = n_batches;
	return BH_STATUS_OK;
}

void bh_outlet_done(struct bh_outlet *outlet)
{
	for (size_t i = 0; i < outlet->n_slots; i++)
		bh_result_free(outlet->slots[i].result);
	free(outlet->slots);
	*outlet = BH_OUTLET_UNSET;
}

static int write_line(struct bh_outlet *outlet, const struct bh_result *result,
                      struct bh_complaint *complaint)
{
	outlet->json.need_comma = false;
	if (bh_result_write(&outlet->json, result) < 0) {
		bh_sink_abandon_line(outlet->sink);
		return bh_complain_memory(complaint);
	}
	int r = bh_sink_end_line(outlet->sink);
	if (r < 0)
		return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "write results: %s",
		                   strerrordesc_np(-r));
	return BH_STATUS_OK;
}

/* Writes a slot's result, if it has one. */
static int write_slot(struct bh_outlet *outlet, struct bh_outlet_slot *slot,
                      struct bh_complaint *complaint)
{
	int r = BH_STATUS_OK;

	outlet->settled++;
	if (slot->result)
		r = write_line(outlet, slot->result, complaint);
	if (!outlet->keep) {
		bh_result_free(slot->result);
		slot->result = NULL;
	}
	return r;
}

static int write_in_order(struct bh_outlet *outlet, struct bh_complaint *complaint)
{
	int r = BH_STATUS_OK;

	while (r == BH_STATUS_OK && outlet->next < outlet->n_slots &&
	       outlet->slots[outlet->next].settled)
		r = write_slot(outlet, &outlet->slots[outlet->next++], complaint);
	return r;
}

int bh_outlet_take(struct bh_outlet *outlet, size_t index, struct bh_result *result,
                   struct bh_complaint *complaint)
{
	struct bh_outlet_slot *slot = &outlet->slots[index];

	slot->result = result;
	slot->settled = true;
	if (outlet->ordered)
		return write_in_order(outlet, complaint);
	return write_slot(outlet, slot, complaint);
}

int bh_outlet_finish(struct bh_outlet *outlet, struct bh_complaint *complaint)
{
	int r = BH_STATUS_OK;

	if (!outlet->ordered)
		return r;
	while (r == BH_STATUS_OK && outlet->next < outlet->n_slots)
		r = write_slot(outlet, &outlet->slots[outlet->next++], complaint);
	return r;
}

int bh_outlet_aggregate(const struct bh_outlet *outlet, struct bh_aggregate *aggregate)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < outlet->n_slots; i++)
		if (outlet->slots[i].result)
			r = bh_aggregate_add(aggregate, outlet->slots[i].result);
	return r;
}
