/* SPDX-License-Identifier: Apache-2.0 */
/* What one batch leaves and another finds: after it, and beside it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "media.h"
#include "suite.h"
#include "tests/check.h"
#include "trial.h"

#define BESIDE_MS  100 /* at first: doubled where two have missed each other */
#define OVERLAP_MS 20
#define MOST_TRIES 8

struct pair {
	struct trial_batch left, found;
};

static void submit_one(struct trial *trial, struct trial_batch *batch, const char *way, bool leaves,
                       int64_t ms)
{
	struct params params = { .way = way,
		                 .mark = strrchr(trial->bait.folder, '/') + 1,
		                 .leaves = leaves,
		                 .stay_ms = leaves ? ms : 0,
		                 .look_ms = leaves ? 0 : ms };

	trial_submit(trial, batch, &params);
}

static void check_pair(int place, const struct pair *pair, const char *how)
{
	const struct bh_outcome *outcome = &pair->found.result->outcome;

	ck_assert_msg(outcome->kind == BH_KIND_NONE || outcome->kind == BH_KIND_VIOLATION,
	              "%s, %s: came to %s: %s", media[place].way, how, bh_kind_name(outcome->kind),
	              outcome->message);
	if (!report_of(pair->found.result).gained)
		return;
	bool is_file = media[place].way[0] == '/';
	if (is_file && !trial_has_wall(pair->found.result)) {
		not_run("leave and find", media[place].way, "no namespaces and no Landlock");
		return;
	}
	ck_assert_msg(media[place].open, "%s, %s: a batch found what another left (%s)",
	              media[place].way, how, report_of(pair->left.result).detail);
	not_run("leave and find, at the same time", media[place].way, media[place].open);
}

static void pair_done(struct pair *pair)
{
	trial_batch_done(&pair->left);
	trial_batch_done(&pair->found);
}

START_TEST(batch_finds_nothing_that_an_earlier_one_left)
{
	const struct row row = { .program = "leave_and_find" };
	struct pair pairs[N_MEDIA];
	struct trial trial;

	trial_init(&trial, &row, 1);
	for (int i = 0; i < N_MEDIA; i++) {
		submit_one(&trial, &pairs[i].left, media[i].way, true, 0);
		submit_one(&trial, &pairs[i].found, media[i].way, false, 0);
	}
	trial_run(&trial);
	for (int i = 0; i < N_MEDIA; i++) {
		check_pair(i, &pairs[i], "one after the other");
		pair_done(&pairs[i]);
	}
	trial_done(&trial);
}
END_TEST

/* Whether one looked while the other stayed; true where nothing was left at all. */
static bool met(const struct pair *pair)
{
	struct report left = report_of(pair->left.result), found = report_of(pair->found.result);
	int64_t from = left.from_ms > found.from_ms ? left.from_ms : found.from_ms;
	int64_t until = left.until_ms < found.until_ms ? left.until_ms : found.until_ms;

	return !left.there || !found.there || strcmp(left.detail, "left it") != 0 || found.gained ||
	       until - from >= OVERLAP_MS;
}

static bool try_beside(struct trial *trial, bool *have_met, int64_t ms, const char *how)
{
	struct pair pairs[N_MEDIA];
	bool all = true;

	for (int i = 0; i < N_MEDIA; i++) {
		if (have_met[i])
			continue;
		submit_one(trial, &pairs[i].left, media[i].way, true, ms);
		submit_one(trial, &pairs[i].found, media[i].way, false, ms);
	}
	trial_run(trial);
	for (int i = 0; i < N_MEDIA; i++) {
		if (have_met[i])
			continue;
		check_pair(i, &pairs[i], how);
		have_met[i] = met(&pairs[i]);
		all = all && have_met[i];
		pair_done(&pairs[i]);
	}
	return all;
}

static const struct {
	const char *profile;
	size_t jobs;
} beside[] = { { "compute", 2 }, { "compute", 8 }, { "tools", 8 } };

START_TEST(batch_finds_nothing_of_one_that_runs_beside_it)
{
	const struct row row = { .program = "leave_and_find", .profile = beside[_i].profile };
	bool have_met[N_MEDIA] = { false };
	int64_t ms = BESIDE_MS;
	bool all = false;
	struct trial trial;

	trial_init(&trial, &row, beside[_i].jobs);
	for (int i = 0; i < MOST_TRIES && !all; i++, ms *= 2)
		all = try_beside(&trial, have_met, ms, beside[_i].profile);
	ck_assert_msg(all, "two batches never ran at the same time");
	trial_done(&trial);
}
END_TEST

/* ---- options that give something to write to, or a process that is used again ---- */

static const char *const lasting[] = { "--scratch 16M", "--warm" };

static bool knows_option(const char *option)
{
	char command[512];

	snprintf(command, sizeof(command),
	         BH_BUILD_DIR "/bin/bulkhead run --help 2>&1 | grep -q -- '%.*s'",
	         (int)strcspn(option, " "), option);
	return system(command) == 0;
}

/* A task that leaves and one that looks, for each medium. */
static void write_tasks(const char *path, size_t jobs)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	for (int i = 0; i < 2 * N_MEDIA; i++) {
		if (media[i / 2].open && jobs > 1)
			continue;
		fprintf(file,
		        "{\"id\": \"t%d\", \"params\": {\"way\": \"%s\", \"mark\": \"%s\", "
		        "\"leaves\": %d, \"stay_ms\": %d, \"look_ms\": %d}}\n",
		        i, media[i / 2].way, "bulkhead-hostile-lasting", i % 2 == 0,
		        jobs > 1 ? 200 : 0, jobs > 1 ? 100 : 0);
	}
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(batch_finds_nothing_where_something_lasts)
{
	const char *option = lasting[_i / 2];
	size_t jobs = (size_t)(_i % 2 + 1);
	struct bait bait;
	char command[1024];

	if (!knows_option(option)) {
		not_run("leave and find", option, "this program has no such option");
		return;
	}
	bait_init(&bait);
	write_tasks("tasks", jobs);
	snprintf(command, sizeof(command),
	         "%s/bin/bulkhead run %s --tasks tasks --max-tasks 1 -j%zu -o results -q -- "
	         "%s/hostile/leave_and_find; status=$?; test $status -le 1 || exit $status; "
	         "test $(wc -l <results) -gt 20 && ! grep -q '\"gained\":true' results",
	         BH_BUILD_DIR, option, jobs, BH_BUILD_DIR);
	int status = system(command);
	bait_done(&bait);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
		not_run("leave and find", option, "no strict isolation here");
	else
		ck_assert_msg(status == 0, "%s -j%zu: something was found", option, jobs);
}
END_TEST

static Suite *channels_suite(void)
{
	Suite *suite = suite_create("hostile channels");
	TCase *tcase = tcase_create("channels");

	tcase_add_test(tcase, batch_finds_nothing_that_an_earlier_one_left);
	tcase_add_loop_test(tcase, batch_finds_nothing_of_one_that_runs_beside_it, 0,
	                    (int)(sizeof(beside) / sizeof(beside[0])));
	tcase_add_loop_test(tcase, batch_finds_nothing_where_something_lasts, 0,
	                    2 * (int)(sizeof(lasting) / sizeof(lasting[0])));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_hostile_suite(channels_suite());
}
