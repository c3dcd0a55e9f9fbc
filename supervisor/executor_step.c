/* SPDX-License-Identifier: Apache-2.0 */

/* executor_step.c: one step of the loop. */

#include "ipc/wire/base.h"
#include "sandbox/client.h"
#include "supervisor/executor_internal.h"

#include <poll.h>

/* ---- what is ready ---- */

/* Calls read from a listener in one step, in fairness to the other attempts. */
#define CALLS_PER_STEP 16

/* The listener is the slot's for as long as there is this sandbox. */
static int take_listener(struct bh_executor *executor, struct bh_attempt *attempt, int listener,
                         struct bh_error *err)
{
	struct bh_source source = { .kind = BH_SOURCE_LISTENER,
		                    .slot = attempt->slot,
		                    .generation = executor->sandbox_generation };

	bh_attempt_close_listener(attempt);
	attempt->listener = listener;
	return bh_loop_add(&executor->loop, listener, source, err);
}

static int handle_started(struct bh_executor *executor, struct bh_attempt *attempt,
                          const struct bh_sandbox_event *event, struct bh_error *err)
{
	if (!bh_attempt_is_live(attempt))
		return bh_fail_plain(err, EPROTO, "it started a handler that was not asked for");
	bh_attempt_on_started(attempt, &executor->rules, &event->started, event->pid);
	return 0;
}

static int handle_ended(struct bh_executor *executor, struct bh_slot *slot,
                        const struct bh_message_ended *ended, struct bh_error *err)
{
	if (!bh_attempt_is_live(&slot->attempt))
		return bh_fail_plain(err, EPROTO, "it ended a handler that did not run");
	bh_attempt_on_ended(&slot->attempt, ended);
	bh_executor_settle(executor, slot);
	return 0;
}

static int handle_event(struct bh_executor *executor, struct bh_sandbox_event *event,
                        struct bh_error *err)
{
	if (event->id >= executor->n_slots) {
		bh_fd_done(&event->listener);
		return bh_fail_plain(err, EPROTO, "it spoke of an unknown handler");
	}
	struct bh_slot *slot = &executor->slots[event->id];
	switch (event->type) {
	case BH_SANDBOX_LISTENER:
		return take_listener(executor, &slot->attempt, event->listener, err);
	case BH_SANDBOX_STARTED:
		return handle_started(executor, &slot->attempt, event, err);
	case BH_SANDBOX_ENDED:
		return handle_ended(executor, slot, &event->ended, err);
	}
	return 0;
}

/* Each handler gives three events at most, so this ends. */
static int read_sandbox(struct bh_executor *executor, struct bh_error *err)
{
	struct bh_sandbox_event event;
	int r = 0;

	while (r == 0 && executor->sandbox_error.code == 0) {
		r = bh_sandbox_next_event(executor->sandbox, &event, err);
		if (r != 1)
			return r;
		r = handle_event(executor, &event, err);
	}
	return r;
}

/* What the sandbox took in while it waited to send doesn't make it readable. */
static void read_taken_in(struct bh_executor *executor)
{
	struct bh_error error = BH_ERROR_UNSET;

	if (!BH_TAKE(executor->sent, false) || !executor->sandbox ||
	    !bh_sandbox_has_taken_in(executor->sandbox))
		return;
	if (read_sandbox(executor, &error) < 0)
		bh_executor_give_up_sandbox(executor, &error);
	bh_executor_lose_given_up(executor);
}

/* A template may fork once it was told of its batch, and so were we: before it
 * could make a call, but that is perhaps not read yet. So: what the sandbox said is
 * read when a call is seen to wait, and one call is taken. */
static int handle_template_call(struct bh_executor *executor, struct bh_attempt *attempt,
                                struct bh_error *err)
{
	struct pollfd polled = { .fd = attempt->listener, .events = POLLIN };

	if (poll(&polled, 1, 0) <= 0)
		return 0;
	int r = read_sandbox(executor, err);
	if (r < 0 || attempt->listener < 0)
		return r;
	return bh_attempt_is_live(attempt)
	               ? bh_attempt_on_listener(attempt, executor->sandbox, 1, err)
	               : bh_attempt_on_idle_listener(attempt, executor->sandbox, err);
}

static int handle_call(struct bh_executor *executor, struct bh_attempt *attempt,
                       struct bh_error *err)
{
	if (executor->warm == BH_WARM_FORK)
		return handle_template_call(executor, attempt, err);
	return bh_attempt_is_live(attempt)
	               ? bh_attempt_on_listener(attempt, executor->sandbox, CALLS_PER_STEP, err)
	               : bh_attempt_on_idle_listener(attempt, executor->sandbox, err);
}

static int handle_source(struct bh_executor *executor, struct bh_source source,
                         struct bh_error *err)
{
	struct bh_attempt *attempt = &executor->slots[source.slot].attempt;

	if (source.kind == BH_SOURCE_SANDBOX)
		return source.generation == executor->sandbox_generation
		               ? read_sandbox(executor, err)
		               : 0;
	if (source.kind == BH_SOURCE_LISTENER)
		return source.generation == executor->sandbox_generation
		               ? handle_call(executor, attempt, err)
		               : 0;
	if (!bh_attempt_is_live(attempt))
		return 0;
	if (source.generation != attempt->generation)
		return 0;
	return bh_attempt_on_output(attempt, executor->sandbox, source.kind, err);
}

static int handle_ready(struct bh_executor *executor, struct bh_error *err)
{
	struct bh_source sources[BH_LOOP_BATCH];
	size_t n;

	int r = bh_loop_ready(&executor->loop, sources, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && executor->sandbox; i++) {
		struct bh_error error = BH_ERROR_UNSET;
		if (handle_source(executor, sources[i], &error) < 0)
			bh_executor_give_up_sandbox(executor, &error);
		bh_executor_lose_given_up(executor);
	}
	return 0;
}

static void enforce_deadlines(struct bh_executor *executor)
{
	uint64_t now_us = bh_now_us();

	for (size_t i = 0; i < executor->n_slots; i++) {
		struct bh_attempt *attempt = &executor->slots[i].attempt;
		struct bh_error error = BH_ERROR_UNSET;
		if (!bh_attempt_is_live(attempt) || now_us < attempt->deadline_us)
			continue;
		executor->sent = true;
		if (bh_attempt_on_deadline(attempt, executor->sandbox, now_us, &error) < 0)
			bh_executor_give_up_sandbox(executor, &error);
	}
	bh_executor_lose_given_up(executor);
}

/* Nothing tells that a handler has written to its results, so somebody who wants
 * to hear of it makes us look at intervals. */
static void look_at_records(struct bh_executor *executor)
{
	uint64_t now_us = bh_now_us();

	if (now_us < executor->next_look_us)
		return;
	for (size_t i = 0; i < executor->n_slots; i++)
		bh_attempt_look(&executor->slots[i].attempt);
	executor->next_look_us = bh_add_saturated(now_us, executor->watch_us);
}

static void enforce_run_deadline(struct bh_executor *executor)
{
	if (executor->deadline_us == UINT64_MAX || bh_now_us() < executor->deadline_us)
		return;
	executor->deadline_us = UINT64_MAX;
	executor->past_deadline = true;
	bh_executor_cancel_all(executor);
}

/* ---- the step ---- */

/* Somebody was turned away and may come again. */
static void tell_room(struct bh_executor *executor)
{
	if (!executor->was_full || bh_executor_room(executor) == 0)
		return;
	executor->was_full = false;
	if (executor->on_room)
		executor->on_room(executor->room_userdata);
}

/* After the last batch of an executor that takes no more. */
static void let_launcher_go(struct bh_executor *executor)
{
	if (executor->closed && bh_executor_pending(executor) == 0)
		bh_executor_drop_sandbox(executor);
}

static bool has_work(const struct bh_executor *executor)
{
	bool can_start = executor->queue.first || bh_lease_asker_granted(&executor->asker);

	return (can_start && executor->n_running < executor->n_slots) || executor->ended.first ||
	       executor->sandbox_error.code != 0 || executor->sent;
}

static int arm(struct bh_executor *executor, struct bh_error *err)
{
	uint64_t due_us = bh_backoff_due_us(&executor->backoff);
	uint64_t earliest = due_us < executor->deadline_us ? due_us : executor->deadline_us;

	for (size_t i = 0; i < executor->n_slots; i++) {
		const struct bh_attempt *attempt = &executor->slots[i].attempt;
		if (bh_attempt_is_live(attempt) && attempt->deadline_us < earliest)
			earliest = attempt->deadline_us;
	}
	if (executor->watch_us > 0 && executor->n_running > 0 && executor->next_look_us < earliest)
		earliest = executor->next_look_us;
	if (has_work(executor))
		earliest = 0;
	return bh_loop_arm(&executor->loop, earliest, err);
}

static int step(struct bh_executor *executor, struct bh_error *err)
{
	bh_executor_lose_given_up(executor);
	int r = handle_ready(executor, err);
	if (r < 0)
		return r;
	enforce_run_deadline(executor);
	enforce_deadlines(executor);
	if (executor->watch_us > 0)
		look_at_records(executor);
	r = bh_executor_start_queued(executor, err);
	read_taken_in(executor);
	tell_room(executor);
	let_launcher_go(executor);
	int armed = arm(executor, r < 0 ? NULL : err);
	return r < 0 ? r : armed;
}

int bh_executor_step(struct bh_executor *executor, struct bh_error *err)
{
	if (executor->stepping)
		return bh_fail_plain(err, EBUSY, "a callback may not step its executor");
	executor->stepping = true;
	executor->will_step = false;
	int r = step(executor, err);
	executor->stepping = false;
	return r;
}
