/* SPDX-License-Identifier: Apache-2.0 */
/* What surrounds a handler: its file, its arguments, and what is read for it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"
#include "tests/check.h"
#include "trial.h"

/* ---- the handler's file ---- */

enum change { IN_PLACE, RENAMED_OVER };

/* The bytes of another program, in this file or in one that takes its name. */
static void change_file(const char *path, enum change change)
{
	char next[512];

	snprintf(next, sizeof(next), "%s.next", path);
	bait_copy_file(BH_BUILD_DIR "/hostile/exit_early", change == IN_PLACE ? path : next);
	if (change == RENAMED_OVER)
		ck_assert_int_eq(rename(next, path), 0);
}

/* Opens "die" as the handler, then has its file changed to "exit_early", and runs. */
static enum bh_kind kind_after_change(enum bh_isolation isolation, enum change change)
{
	const struct row row = { .program = "die" };
	struct params params = { .way = "kill", .signal = SIGUSR1, .status = 7 };
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	struct trial_batch batch;
	struct trial trial;

	trial_init(&trial, &row, 1);
	options.handler = bait_copy_program(&trial.bait, "die", NULL);
	options.isolation = isolation;
	trial_reopen(&trial, &options);
	change_file(options.handler, change);
	trial_submit(&trial, &batch, &params);
	trial_run(&trial);
	enum bh_kind kind = batch.result->outcome.kind;
	trial_batch_done(&batch);
	trial_done(&trial);
	return kind;
}

START_TEST(program_that_was_opened_goes_on_running_when_its_file_is_changed)
{
	ck_assert_int_eq(kind_after_change(BH_ISOLATION_STRICT, (enum change)_i), BH_KIND_SIGNAL);
}
END_TEST

/* The control of the above. */
START_TEST(program_without_isolation_is_what_its_file_holds)
{
	ck_assert_int_eq(kind_after_change(BH_ISOLATION_NONE, IN_PLACE), BH_KIND_EXIT);
}
END_TEST

/* ---- arguments at the kernel's limits ---- */

static const struct {
	const char *what;
	size_t size, count;
	unsigned int kinds;
} sizes[] = {
	{ "a variable of the largest size", 131072, 1, KIND(BH_KIND_NONE) },
	{ "a variable one byte larger", 131073, 1, KIND(BH_KIND_SPAWN) },
	{ "a megabyte in all", 131072, 8, KIND(BH_KIND_NONE) | KIND(BH_KIND_SPAWN) },
	{ "more than any stack takes", 131072, 64, KIND(BH_KIND_SPAWN) },
};

/* Each with a name of its own, for of two variables of one name one is passed on. */
static void make_strings(char **strings, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++) {
		strings[i] = malloc(size);
		ck_assert_ptr_nonnull(strings[i]);
		memset(strings[i], 'x', size - 1);
		strings[i][snprintf(strings[i], 16, "v%02zu", i)] = '=';
		strings[i][size - 1] = '\0';
	}
}

START_TEST(environment_and_arguments_of_any_size_run_or_end_as_spawn)
{
	const struct row row = { .program = "exit_early" };
	struct params params = { .way = "0" };
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	char *strings[65] = { NULL };
	struct trial_batch batch;
	struct trial trial;
	const char *what = sizes[_i / 2].what;

	make_strings(strings, sizes[_i / 2].count, sizes[_i / 2].size);
	trial_init(&trial, &row, 1);
	options.handler = trial.program;
	if (_i % 2)
		options.handler_args = (const char *const *)strings;
	else
		options.env = (const char *const *)strings;
	trial_reopen(&trial, &options);
	trial_submit(&trial, &batch, &params);
	trial_run(&trial);
	enum bh_kind kind = batch.result->outcome.kind;
	if (kind == BH_KIND_INCOMPLETE) /* it ran, and said nothing */
		kind = BH_KIND_NONE;
	ck_assert_msg(KIND(kind) & sizes[_i / 2].kinds, "%s: came to %s: %s", what,
	              bh_kind_name(kind), batch.result->outcome.message);
	trial_batch_done(&batch);
	trial_done(&trial);
	for (size_t i = 0; strings[i]; i++)
		free(strings[i]);
}
END_TEST

/* ---- what is read before anything starts ---- */

static const struct {
	const char *what, *make; /* in an empty folder: shell */
	const char *entries;
	int status;
	const char *changes; /* shell that is repeated meanwhile: then 2 is right, too */
} inputs[] = {
	{ "a FIFO", "mkfifo x", "x", 2, NULL },
	{ "a FIFO in a folder", "mkdir d; mkfifo d/x", "d", 2, NULL },
	{ "a device", "ln -s /dev/zero x", "x", 2, NULL },
	{ "a link to a device in a folder", "mkdir d; ln -s /dev/zero d/x", "d", 2, NULL },
	{ "links in a circle", "ln -s y x; ln -s x y", "x", 2, NULL },
	{ "links in a circle in a folder", "mkdir d; ln -s y d/x; ln -s x d/y", "d", 2, NULL },
	{ "a folder in itself", "mkdir d; ln -s . d/x; echo > d/y", "d", 0, NULL },
	{ "a file of 0 bytes", ": > x", "x", 0, NULL },
	{ "a file of 0 bytes in a folder", "mkdir d; : > d/x", "d", 0, NULL },
	{ "a socket in a folder", "mkdir d; cp -a ../socket d/x", "d", 2, NULL },
	{ "a file that grows", "echo > x", "x", 0, "echo more >> x" },
	{ "a file that grows and shrinks", "echo > x", "x", 0, "seq 99999 > x; : > x" },
	{ "a folder that changes", "mkdir d", "d", 0, ": > d/x; mv d/x d/y; rm d/y" },
};

START_TEST(input_of_any_kind_is_read_or_refused_and_never_waited_for)
{
	const char *changes = inputs[_i].changes ? inputs[_i].changes : "exit";
	struct bait bait;
	char command[1024];

	bait_init(&bait);
	snprintf(command, sizeof(command),
	         "mkdir in && cd in && { %s; } || exit 99; "
	         "{ trap exit TERM; while :; do %s; done; } 2>/dev/null & p=$!; "
	         "timeout 60 %s/bin/bulkhead run --isolate none --entries %s -- "
	         "%s/handlers/noop >out 2>err </dev/null; status=$?; "
	         "kill $p 2>/dev/null; wait $p; exit $status",
	         inputs[_i].make, changes, BH_BUILD_DIR, inputs[_i].entries, BH_BUILD_DIR);
	int status = system(command);
	ck_assert_msg(WIFEXITED(status) && (WEXITSTATUS(status) == inputs[_i].status ||
	                                    (inputs[_i].changes && WEXITSTATUS(status) == 2)),
	              "%s: status %d", inputs[_i].what, WEXITSTATUS(status));
	bait_done(&bait);
}
END_TEST

static Suite *edges_suite(void)
{
	Suite *suite = suite_create("hostile edges");
	TCase *tcase = tcase_create("edges");

	tcase_add_loop_test(tcase, program_that_was_opened_goes_on_running_when_its_file_is_changed,
	                    0, 2);
	tcase_add_test(tcase, program_without_isolation_is_what_its_file_holds);
	tcase_add_loop_test(tcase, environment_and_arguments_of_any_size_run_or_end_as_spawn, 0,
	                    2 * (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_loop_test(tcase, input_of_any_kind_is_read_or_refused_and_never_waited_for, 0,
	                    (int)(sizeof(inputs) / sizeof(inputs[0])));
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_hostile_suite(edges_suite());
}
