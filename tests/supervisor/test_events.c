/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "run_fixture.h"
#include "tests/check.h"

#define MAX_EVENTS 4096

struct seen {
	enum bh_event_type type;
	size_t index;
	uint32_t attempt;
	uint64_t time_us;
	char task_id[16];
	bool failed;
	uint64_t record_bytes;
	enum bh_kind kind;
};

struct witness {
	struct run run;
	struct seen seen[MAX_EVENTS];
	size_t n;
	enum bh_event_type act_at; /* with `act` */
	void (*act)(struct witness *witness);
	const struct bh_batch *to_submit;
	struct bh_result *results[8];
	size_t n_results;
};

static enum bh_kind kind_of(const struct bh_event *event)
{
	if (event->type == BH_EVENT_ATTEMPT_FAILED)
		return event->outcome->kind;
	return event->type == BH_EVENT_BATCH_ENDED ? event->result->outcome.kind : BH_KIND_NONE;
}

static void on_event(const struct bh_event *event, void *userdata)
{
	struct witness *witness = userdata;
	struct seen *seen = &witness->seen[witness->n++];

	ck_assert_uint_lt(witness->n, MAX_EVENTS);
	*seen = (struct seen){ .type = event->type,
		               .index = event->index,
		               .attempt = event->attempt,
		               .time_us = event->time_us,
		               .failed = event->failed,
		               .record_bytes = event->record_bytes,
		               .kind = kind_of(event) };
	if (event->task_id.data)
		memcpy(seen->task_id, event->task_id.data,
		       event->task_id.size < 15 ? event->task_id.size : 15);
	if (witness->act && event->type == witness->act_at)
		witness->act(witness);
}

static void keep(struct bh_result *result, void *userdata)
{
	struct witness *witness = userdata;

	witness->results[witness->n_results++] = result;
}

static void submit(struct witness *witness, const struct bh_batch *batch)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_submit(witness->run.executor, batch, keep, witness, NULL, &err);
	ck_assert_msg(r == 0, "submit: %s", err.text);
}

static struct witness *open_witness_with(uint64_t timeout_us)
{
	struct witness *witness = calloc(1, sizeof(*witness));

	ck_assert_ptr_nonnull(witness);
	run_init(&witness->run, "faulty");
	witness->run.options.on_event = on_event;
	witness->run.options.event_userdata = witness;
	witness->run.options.watch_us = 20000;
	witness->run.options.limits.timeout_us = timeout_us;
	run_open(&witness->run);
	return witness;
}

static struct witness *open_witness(void)
{
	return open_witness_with(BH_UNLIMITED);
}

static void close_witness(struct witness *witness)
{
	for (size_t i = 0; i < witness->n_results; i++)
		bh_result_free(witness->results[i]);
	run_done(&witness->run);
	free(witness);
}

static void drain(struct witness *witness)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_executor_drain(witness->run.executor, -1, &err);
	ck_assert_msg(r == 0, "drain: %s", err.text);
}

static size_t count(const struct witness *witness, enum bh_event_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < witness->n; i++)
		n += witness->seen[i].type == type;
	return n;
}

START_TEST(events_of_a_batch_come_in_order)
{
	static const struct {
		enum bh_event_type type;
		const char *task_id;
		bool failed;
	} wanted[] = {
		{ BH_EVENT_QUEUED, "", false },         { BH_EVENT_LEASED, "", false },
		{ BH_EVENT_STARTED, "", false },        { BH_EVENT_TASK_STARTED, "a", false },
		{ BH_EVENT_TASK_ENDED, "a", false },    { BH_EVENT_TASK_STARTED, "b", false },
		{ BH_EVENT_TASK_ENDED, "b", true },     { BH_EVENT_TASK_STARTED, "c", false },
		{ BH_EVENT_ATTEMPT_FAILED, "", false }, { BH_EVENT_BATCH_ENDED, "", false },
	};
	struct witness *witness = open_witness();
	struct test_batch batch;
	uint64_t before_us = 0;
	size_t at = 0;

	batch_init(&batch, "batch");
	batch_add_way(&batch, "a", "none", NULL, 0);
	batch_add_way(&batch, "b", "task-error", NULL, 0);
	batch_add_way(&batch, "c", "segv", NULL, 0);
	submit(witness, &batch.batch);
	drain(witness);

	for (size_t i = 0; i < witness->n; i++) {
		const struct seen *seen = &witness->seen[i];
		ck_assert_uint_ge(seen->time_us, before_us);
		before_us = seen->time_us;
		if (seen->type == BH_EVENT_RECORDS)
			continue; /* how often depends on when it was looked at */
		ck_assert_uint_lt(at, sizeof(wanted) / sizeof(wanted[0]));
		ck_assert_str_eq(bh_event_name(seen->type), bh_event_name(wanted[at].type));
		ck_assert_str_eq(seen->task_id, wanted[at].task_id);
		ck_assert_int_eq(seen->failed, wanted[at++].failed);
	}
	ck_assert_uint_eq(at, sizeof(wanted) / sizeof(wanted[0]));
	ck_assert_int_eq(witness->seen[witness->n - 1].kind, BH_KIND_SIGNAL);
	ck_assert_uint_ge(count(witness, BH_EVENT_RECORDS), 1);
	close_witness(witness);
	batch_done(&batch);
}
END_TEST

/* Steps until there is such an event; the test's own time limit ends a wait in vain. */
static void step_until(struct witness *witness, enum bh_event_type type)
{
	struct pollfd fd = { .fd = bh_executor_fd(witness->run.executor), .events = POLLIN };

	while (count(witness, type) == 0) {
		ck_assert_int_ge(poll(&fd, 1, -1), 0);
		ck_assert_int_eq(bh_executor_step(witness->run.executor, NULL), 0);
	}
}

START_TEST(tasks_are_told_while_the_handler_runs)
{
	struct witness *witness = open_witness();
	struct test_batch batch;

	batch_init(&batch, "batch");
	batch_add_way(&batch, "a", "none", NULL, 0);
	batch_add_way(&batch, "b", "hang", NULL, 0);
	submit(witness, &batch.batch);
	step_until(witness, BH_EVENT_TASK_ENDED);
	step_until(witness, BH_EVENT_RECORDS);
	ck_assert_uint_eq(bh_executor_pending(witness->run.executor), 1);
	ck_assert_uint_eq(count(witness, BH_EVENT_BATCH_ENDED), 0);

	bh_executor_cancel(witness->run.executor);
	drain(witness);
	/* what was told is not told again, and what counts is read anew */
	ck_assert_uint_eq(count(witness, BH_EVENT_TASK_ENDED), 1);
	expect_kind(witness->results[0], BH_KIND_CANCELLED);
	(void)find_record(witness->results[0], "a");
	close_witness(witness);
	batch_done(&batch);
}
END_TEST

START_TEST(a_record_larger_than_a_look_is_told_at_the_end)
{
	struct witness *witness = open_witness();
	static const char *const entry = "large";
	struct test_batch batch;

	run_add_letters(&witness->run, "large", 100000);
	batch_init(&batch, "batch");
	batch_add_way(&batch, "a", "echo", NULL, 0)->required_entry_ids = &entry;
	batch.tasks[0].n_required_entry_ids = 1;
	batch_add_way(&batch, "b", "sleep", "ms", 200);
	submit(witness, &batch.batch);
	drain(witness);

	expect_kind(witness->results[0], BH_KIND_NONE);
	ck_assert_uint_gt(find_record(witness->results[0], "a")->value.size, 100000);
	ck_assert_uint_eq(count(witness, BH_EVENT_TASK_STARTED), 2);
	ck_assert_uint_eq(count(witness, BH_EVENT_TASK_ENDED), 2);
	close_witness(witness);
	batch_done(&batch);
}
END_TEST

START_TEST(a_flood_of_records_makes_few_events)
{
	struct witness *witness = open_witness();
	struct test_batch batch;

	batch_init(&batch, "batch");
	batch_add_way(&batch, "a", "flood-results", NULL, 0);
	submit(witness, &batch.batch);
	drain(witness);
	expect_kind(witness->results[0], BH_KIND_OUTPUT_LIMIT);
	ck_assert_uint_gt(witness->results[0]->duplicate_results, 1000);
	ck_assert_uint_le(count(witness, BH_EVENT_TASK_ENDED), 20);
	close_witness(witness);
	batch_done(&batch);
}
END_TEST

static void cancel_all(struct witness *witness)
{
	bh_executor_cancel(witness->run.executor);
}

static void submit_once(struct witness *witness)
{
	witness->act = NULL;
	submit(witness, witness->to_submit);
}

/* A listener may cancel at each event that comes before the end. */
static const struct {
	enum bh_event_type at;
	uint32_t attempts;
	uint64_t timeout_us;
} cancelled_at[] = {
	{ BH_EVENT_QUEUED, 0, BH_UNLIMITED },       { BH_EVENT_LEASED, 1, BH_UNLIMITED },
	{ BH_EVENT_STARTED, 1, BH_UNLIMITED },      { BH_EVENT_TASK_STARTED, 1, BH_UNLIMITED },
	{ BH_EVENT_TIMED_OUT, 1, UINT64_C(50000) },
};

START_TEST(a_listener_may_cancel)
{
	struct witness *witness = open_witness_with(cancelled_at[_i].timeout_us);
	struct test_batch batch;

	batch_init(&batch, "batch");
	batch_add_way(&batch, "a", "hang-ignoring-term", NULL, 0);
	witness->act = cancel_all;
	witness->act_at = cancelled_at[_i].at;
	submit(witness, &batch.batch);
	drain(witness);

	ck_assert_uint_eq(witness->n_results, 1);
	expect_kind(witness->results[0], BH_KIND_CANCELLED);
	ck_assert_uint_eq(witness->results[0]->attempts, cancelled_at[_i].attempts);
	ck_assert_uint_eq(count(witness, BH_EVENT_BATCH_ENDED), 1);
	close_witness(witness);
	batch_done(&batch);
}
END_TEST

START_TEST(a_listener_may_submit)
{
	struct witness *witness = open_witness();
	struct test_batch batch;

	batch_init(&batch, "batch");
	batch_add_way(&batch, "a", "none", NULL, 0);
	witness->act = submit_once;
	witness->act_at = (enum bh_event_type)_i;
	witness->to_submit = &batch.batch;
	submit(witness, &batch.batch);
	drain(witness);

	ck_assert_uint_eq(witness->n_results, 2);
	for (size_t i = 0; i < 2; i++)
		expect_kind(witness->results[i], BH_KIND_NONE);
	ck_assert_uint_eq(count(witness, BH_EVENT_BATCH_ENDED), 2);
	close_witness(witness);
	batch_done(&batch);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("events");
	TCase *tcase = tcase_create("events");

	tcase_add_test(tcase, events_of_a_batch_come_in_order);
	tcase_add_test(tcase, tasks_are_told_while_the_handler_runs);
	tcase_add_test(tcase, a_record_larger_than_a_look_is_told_at_the_end);
	tcase_add_test(tcase, a_flood_of_records_makes_few_events);
	tcase_add_loop_test(tcase, a_listener_may_cancel, 0,
	                    (int)(sizeof(cancelled_at) / sizeof(cancelled_at[0])));
	tcase_add_loop_test(tcase, a_listener_may_submit, BH_EVENT_QUEUED, BH_EVENT_TASK_ENDED + 1);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
