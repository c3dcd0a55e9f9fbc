/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/chaos/world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/retry.h"
#include "tests/chaos/fate.h"
#include "tests/chaos/vandal.h"

#define MOST_BATCHES 60
#define ENTRIES      12
#define MAX_ENTRIES  8
#define EXECUTORS    2
#define JOBS         3
#define HOARD        64

struct world {
	uint64_t seed;
	uint64_t random;
	struct bh_store *store;
	struct bh_executor *executors[EXECUTORS];
	struct rules rules[EXECUTORS];
	enum bh_warm_mode warm[EXECUTORS];
	struct subject *subjects;
	size_t n_subjects;
	size_t n_submitted;
	size_t n_ended;
	bool is_violent;   /* processes are killed */
	bool is_short;     /* descriptors are taken away at times */
	bool has_deadline; /* everything may be cancelled */
	bool is_abandoned; /* the executors are freed in the middle */
	size_t n_launchers_killed, n_below_killed, n_disturbed;
	int hoard[HOARD];
	size_t n_hoarded;
	bool failed;
	struct world_report *report;
};

static char entry_ids[MAX_ENTRIES + ENTRIES][8];

/* A number below `n`. */
static uint64_t draw(struct world *world, uint64_t n)
{
	return bh_retry_random(&world->random) % n;
}

static void complain(struct world *world, const char *what, const char *why)
{
	fprintf(stderr, "chaos: seed %llu: %s: %s\n", (unsigned long long)world->seed, what, why);
	world->failed = true;
}

/* ---- making one ---- */

static size_t put_text(uint8_t *at, const char *text)
{
	size_t size = strlen(text);

	at[0] = (uint8_t)(0xa0 | size);
	for (size_t i = 0; i < size; i++)
		at[1 + i] = (uint8_t)text[i];
	return size + 1;
}

/* {"fail": way, key: number} */
static struct bh_span encode_params(uint8_t *at, const char *way, const char *key, uint32_t number)
{
	size_t n = 0;

	at[n++] = 0x82;
	n += put_text(at + n, "fail");
	n += put_text(at + n, way);
	n += put_text(at + n, key);
	at[n++] = 0xce;
	for (int shift = 24; shift >= 0; shift -= 8)
		at[n++] = (uint8_t)(number >> shift);
	return (struct bh_span){ at, n };
}

static enum fate draw_fate(struct world *world, bool is_last)
{
	static const enum fate often[] = { FATE_GOOD, FATE_GOOD, FATE_GOOD, FATE_LOUD,
		                           FATE_TASK_ERROR };

	if (draw(world, 4) < 3)
		return often[draw(world, sizeof(often) / sizeof(often[0]))];
	return (enum fate)draw(world, is_last ? FATE_HANG : FATE_GARBAGE);
}

static void make_task(struct world *world, struct subject *subject, size_t i, enum fate fate)
{
	static const char *lent[MAX_ENTRIES + ENTRIES];
	struct bh_task *task = &subject->tasks[i];
	size_t entry = draw(world, ENTRIES);

	for (size_t e = 0; e < MAX_ENTRIES + ENTRIES; e++)
		lent[e] = entry_ids[e];
	subject->fates[i] = fate;
	subject->hangs |= fate == FATE_HANG;
	snprintf(subject->task_ids[i], sizeof(subject->task_ids[i]), "t%zu", i);
	*task = (struct bh_task){
		.id = subject->task_ids[i],
		.required_entry_ids = &lent[entry],
		.n_required_entry_ids = 1,
		.exclusive = draw(world, 6) == 0,
		.params = encode_params(subject->params[i], fate_way(fate),
		                        fate == FATE_LOUD ? "bytes" : "passes_at",
		                        fate == FATE_LOUD ? 8192 : subject->passes_at),
	};
	subject->pointers[i] = task;
}

static void make_too_large(struct subject *subject)
{
	static const char *all[MAX_ENTRIES + 1];

	for (size_t i = 0; i <= MAX_ENTRIES; i++)
		all[i] = entry_ids[i];
	subject->too_large = true;
	subject->batch.entry_ids = all;
	subject->batch.n_entry_ids = MAX_ENTRIES + 1;
}

static void make_subject(struct world *world, struct subject *subject, size_t number)
{
	size_t n = draw(world, MOST_TASKS + 1);
	bool hangs = draw(world, 10) == 0;

	snprintf(subject->id, sizeof(subject->id), "batch %zu", number);
	subject->world = world;
	subject->passes_at = 2 + (uint32_t)draw(world, 2);
	subject->executor = draw(world, EXECUTORS);
	subject->batch = (struct bh_batch){ .batch_id = subject->id,
		                            .tasks = subject->pointers,
		                            .n_tasks = n };
	for (size_t i = 0; i < n; i++) {
		bool is_last = i + 1 == n;
		make_task(world, subject, i,
		          hangs && is_last ? FATE_HANG : draw_fate(world, is_last));
	}
	if (draw(world, 20) == 0)
		make_too_large(subject);
}

static void draw_rules(struct world *world, struct rules *rules)
{
	static const uint64_t kinds[] = { 0, BH_KIND_BIT(BH_KIND_EXIT),
		                          BH_KIND_BIT(BH_KIND_EXIT) | BH_KIND_BIT(BH_KIND_SIGNAL),
		                          BH_KIND_BIT(BH_KIND_PROTOCOL) |
		                                  BH_KIND_BIT(BH_KIND_HANDLER) };

	*rules = (struct rules){ .retries = (uint32_t)draw(world, 3),
		                 .kinds = kinds[draw(world, 4)],
		                 .poison = (enum bh_poison)draw(world, 3) };
}

static bool open_executor(struct world *world, size_t number)
{
	static const enum bh_warm_mode modes[] = { BH_WARM_OFF,  BH_WARM_OFF,  BH_WARM_OFF,
		                                   BH_WARM_FORK, BH_WARM_FORK, BH_WARM_REUSE };
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	const struct rules *rules = &world->rules[number];
	struct bh_error err = BH_ERROR_UNSET;

	options.handler = BH_BUILD_DIR "/handlers/faulty";
	options.launcher = BH_BUILD_DIR "/bin/bulkhead-launcher";
	options.jobs = 1 + draw(world, JOBS);
	options.max_entries = MAX_ENTRIES;
	options.max_queued = draw(world, 2) ? 4 : 0;
	options.limits.output_bytes = 1000;
	options.limits.results_bytes = 16384;
	options.retry = (struct bh_retry){ .retries = rules->retries,
		                           .backoff_us = 500,
		                           .backoff_max_us = 2000,
		                           .kinds = rules->kinds,
		                           .keep_lease = draw(world, 2) };
	options.poison = rules->poison;
	options.warm = world->warm[number] = modes[draw(world, sizeof(modes) / sizeof(modes[0]))];
	options.max_reuse = draw(world, 2) ? 1 + draw(world, 4) : BH_UNLIMITED;
	int r = bh_executor_new(world->store, &options, &world->executors[number], &err);
	if (r < 0)
		complain(world, "executor", err.text);
	return r == 0;
}

static bool add_entries(struct world *world)
{
	for (size_t i = 0; i < ENTRIES; i++) {
		struct bh_entry entry = BH_ENTRY_DEFAULT;

		snprintf(entry_ids[i], sizeof(entry_ids[i]), "e%zu", i);
		entry.id = entry.source = entry_ids[i];
		entry.content = (struct bh_span){ entry_ids[i], 2 };
		if (bh_store_add(world->store, &entry, NULL) < 0)
			return false;
	}
	return true;
}

static bool open_world(struct world *world)
{
	unsigned int kind = (unsigned int)draw(world, 8);

	world->is_violent = kind >= 4;
	world->is_short = kind == 3 || kind == 7;
	world->has_deadline = draw(world, 8) == 0;
	world->is_abandoned = draw(world, 10) == 0;
	world->n_subjects = 1 + draw(world, MOST_BATCHES);
	world->store = bh_store_new();
	world->subjects = calloc(world->n_subjects, sizeof(*world->subjects));
	if (!world->store || !world->subjects || !add_entries(world))
		return false;
	for (size_t i = 0; i < world->n_subjects; i++)
		make_subject(world, &world->subjects[i], i);
	for (size_t i = 0; i < EXECUTORS; i++) {
		draw_rules(world, &world->rules[i]);
		if (!open_executor(world, i))
			return false;
	}
	return true;
}

/* ---- results ---- */

/* A template that is killed can have no batch, or cost it its fork. */
static bool is_of_strikes(const struct world *world, const struct subject *subject,
                          enum bh_kind kind)
{
	if (kind == BH_KIND_SPAWN)
		return world->warm[subject->executor] != BH_WARM_OFF;
	return kind == BH_KIND_INTERNAL || kind == BH_KIND_SANDBOX || kind == BH_KIND_SIGNAL;
}

/* Something that the driver did to it, or may have done. */
static bool is_excused(struct world *world, const struct subject *subject,
                       const struct bh_result *result)
{
	bool struck = is_of_strikes(world, subject, result->outcome.kind);

	/* killed while a call of its waited to be read */
	struck |= result->outcome.kind == BH_KIND_VIOLATION && !result->outcome.has_syscall;

	/* one that had failed by then gets no other attempt, and no task to blame */
	if (subject->was_cancelled || world->has_deadline) {
		world->report->n_cancelled++;
		return true;
	}
	for (size_t i = 0; i < result->n_attempt_log; i++) {
		struck |= is_of_strikes(world, subject, result->attempt_log[i].kind);
		struck |= result->attempt_log[i].kind == BH_KIND_VIOLATION;
	}
	if (!struck || !(world->is_violent || world->is_short))
		return false;
	world->n_disturbed++;
	world->report->n_disturbed++;
	return true;
}

static void complain_of(struct world *world, const struct subject *subject,
                        const struct bh_result *result, const char *why)
{
	const struct rules *rules = &world->rules[subject->executor];

	complain(world, subject->id, why);
	fprintf(stderr, "chaos: %s, %s, warm %d, poison %d, %u retries of kinds %llx\n",
	        world->is_violent ? "violent" : "calm", world->is_short ? "short" : "not short",
	        world->warm[subject->executor], rules->poison, rules->retries,
	        (unsigned long long)rules->kinds);
	fate_describe(subject, result, stderr);
}

static void submit_more(struct world *world);

static void judge(struct bh_result *result, struct subject *subject)
{
	struct world *world = subject->world;
	struct forecast forecast = fate_forecast(subject, &world->rules[subject->executor]);
	char why[640];

	world->n_ended++;
	world->report->n_batches++;
	if (++subject->n_results != 1)
		complain(world, subject->id, "has more than one result");
	if (result->batch_id != subject->id || result->index != subject->index)
		complain(world, subject->id, "has a result of another batch");
	if (fate_matches(subject, &forecast, result, why, sizeof(why)))
		world->report->n_as_forecast++;
	else if (!is_excused(world, subject, result))
		complain_of(world, subject, result, why);
	bh_result_free(result);
}

static void on_result(struct bh_result *result, void *userdata)
{
	struct subject *subject = userdata;
	struct world *world = subject->world;

	judge(result, subject);
	if (draw(world, 2))
		submit_more(world);
}

static void take_results(struct world *world)
{
	struct bh_result *result;
	void *subject;

	for (size_t i = 0; i < EXECUTORS; i++)
		while ((result = bh_executor_next_result(world->executors[i], &subject)))
			judge(result, subject);
}

/* ---- what goes on ---- */

static void submit_more(struct world *world)
{
	for (uint64_t n = draw(world, 4); n > 0 && world->n_submitted < world->n_subjects; n--) {
		struct subject *subject = &world->subjects[world->n_submitted];
		struct bh_error err = BH_ERROR_UNSET;
		bool taken = draw(world, 3) == 0;

		int r = bh_executor_submit(world->executors[subject->executor], &subject->batch,
		                           taken ? NULL : on_result, subject, &subject->index,
		                           &err);
		if (r == -EAGAIN)
			return;
		if (r < 0)
			complain(world, subject->id, err.text);
		world->n_submitted++;
	}
}

static void cancel(struct world *world, struct subject *subject)
{
	int r = bh_executor_cancel_batch(world->executors[subject->executor], subject->index);

	subject->was_cancelled |= r == 0;
	if (r == -ENOENT && subject->n_results == 0)
		complain(world, subject->id, "can't be found to be cancelled");
}

static void cancel_some(struct world *world)
{
	for (size_t i = 0; i < world->n_submitted; i++) {
		struct subject *subject = &world->subjects[i];
		if (subject->n_results == 0 && draw(world, subject->hangs ? 8 : 400) == 0)
			cancel(world, subject);
	}
}

static void strike(struct world *world)
{
	enum victim victim = vandal_strike(bh_retry_random(&world->random));

	world->n_launchers_killed += victim == VICTIM_LAUNCHER;
	world->n_below_killed += victim == VICTIM_BELOW;
	world->report->n_strikes += victim != VICTIM_NONE;
}

static void give_back(struct world *world)
{
	while (world->n_hoarded > 0)
		close(world->hoard[--world->n_hoarded]);
}

/* Takes all descriptors that there are but a few. */
static void hoard(struct world *world)
{
	size_t left = draw(world, 8);
	int fd;

	while (world->n_hoarded < HOARD && (fd = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0)
		world->hoard[world->n_hoarded++] = fd;
	while (left-- > 0 && world->n_hoarded > 0)
		close(world->hoard[--world->n_hoarded]);
}

static void disturb(struct world *world)
{
	cancel_some(world);
	if (world->is_violent && draw(world, 12) == 0)
		strike(world);
	if (!world->is_short)
		return;
	if (draw(world, 4) == 0)
		give_back(world);
	else if (draw(world, 12) == 0)
		hoard(world);
}

/* What is asked of executors, round and round. */
static void turn(struct world *world)
{
	struct pollfd fds[EXECUTORS];
	struct bh_error err = BH_ERROR_UNSET;

	submit_more(world);
	disturb(world);
	for (size_t i = 0; i < EXECUTORS; i++)
		fds[i] = (struct pollfd){ .fd = bh_executor_fd(world->executors[i]),
			                  .events = POLLIN };
	(void)poll(fds, EXECUTORS, 10);
	for (size_t i = 0; i < EXECUTORS; i++)
		if (fds[i].revents != 0 && bh_executor_step(world->executors[i], &err) < 0 &&
		    !world->is_short)
			complain(world, "step", err.text);
	take_results(world);
}

static void set_deadlines(struct world *world)
{
	for (size_t i = 0; i < EXECUTORS && world->has_deadline; i++)
		if (bh_executor_set_deadline(world->executors[i], draw(world, 300000), NULL) < 0)
			complain(world, "deadline", "can't be set");
}

static void play(struct world *world)
{
	set_deadlines(world);
	while (world->n_ended < world->n_subjects && !world->failed) {
		turn(world);
		if (world->is_abandoned && draw(world, 50) == 0)
			break;
	}
	give_back(world);
	world->report->n_forgotten += world->n_submitted - world->n_ended;
}

/* ---- the end ---- */

static void check_strikes(struct world *world)
{
	size_t most = world->n_launchers_killed * JOBS * 2 + world->n_below_killed;
	char why[96];

	/* when templates are killed as they warm up, no more are started */
	for (size_t i = 0; i < EXECUTORS; i++)
		if (world->warm[i] != BH_WARM_OFF)
			return;
	if (world->is_short || world->n_disturbed <= most)
		return;
	snprintf(why, sizeof(why), "%zu batches for %zu launchers and %zu others",
	         world->n_disturbed, world->n_launchers_killed, world->n_below_killed);
	complain(world, "more was disturbed than was struck", why);
}

static void check_leases(struct world *world)
{
	struct bh_lease_stats stats = bh_store_lease_stats(world->store);

	if (stats.leases_taken != stats.leases_released ||
	    stats.entries_taken != stats.entries_released || stats.entries_in_use != 0 ||
	    stats.leases_waiting != 0)
		complain(world, "leases", "not all were released");
}

bool world_play(uint64_t seed, struct world_report *report)
{
	struct world world = { .seed = seed, .random = seed, .report = report };

	if (open_world(&world))
		play(&world);
	else
		world.failed = true;
	for (size_t i = 0; i < EXECUTORS; i++)
		bh_executor_free(world.executors[i]);
	if (world.store)
		check_leases(&world);
	check_strikes(&world);
	bh_store_free(world.store);
	free(world.subjects);
	return !world.failed;
}
