/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table with nothing that holds it: it must do harm, or else its row
 * in the sandbox proves nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bare.h"
#include "media.h"
#include "suite.h"

#define MOST_GROUPS 128

static struct group groups[MOST_GROUPS];

static bool ends_as_asked(const struct row *row, int wait_status)
{
	if (row->signal)
		return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == (int)row->signal;
	return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == (row->status & 0xff);
}

static bool does_harm(const struct row *row, const struct bare *bare)
{
	switch (row->control) {
	case CONTROL_GAINS:
		return bare->report.gained;
	case CONTROL_SURVIVES:
		return bare->survivors > 0;
	case CONTROL_STAYS:
		return bare->stayed;
	case CONTROL_BURNS:
		return bare->stayed && bare->cpu_ms > (int64_t)row->cpu_ms;
	case CONTROL_FLOODS:
		return bare->printed > 1 << 20;
	case CONTROL_ENDS:
		return ends_as_asked(row, bare->wait_status);
	case CONTROL_SEEKS:
		return bare->offset != bare->size;
	case CONTROL_UNPACKS:
		return bare->unpacked;
	case CONTROL_CHANGES:
		return bare->changed;
	case CONTROL_NONE:
		break;
	}
	return false;
}

static void control_not_run(const struct row *row, const char *why)
{
	char what[300];

	snprintf(what, sizeof(what), "control of %s", row_name(row));
	not_run(what, NULL, why);
}

/* Why a row has no control here; NULL where it has one. */
static const char *excuse(const struct row *row)
{
	if (row->control == CONTROL_NONE)
		return row->why;
	if (row->control_user == ROOT && geteuid() != 0)
		return "an ordinary user may not do it anyway";
	return NULL;
}

static void judge(const struct row *row, const struct bare *bare)
{
	if (does_harm(row, bare))
		return;
	if (row->may_lack || bare->report.absent)
		control_not_run(row, bare->report.detail);
	else
		ck_abort_msg("%s did no harm: status %x, survivors %zu, printed %lld, cpu %lld ms, "
		             "results %lld at %lld: %s",
		             row_name(row), (unsigned int)bare->wait_status, bare->survivors,
		             (long long)bare->printed, (long long)bare->cpu_ms,
		             (long long)bare->size, (long long)bare->offset, bare->report.detail);
}

START_TEST(attack_does_harm_where_nothing_holds_it)
{
	const struct group *group = &groups[_i];
	struct bare_trial *trials = calloc(group->n, sizeof(*trials));
	struct bare *bare = calloc(group->n, sizeof(*bare));
	size_t n = 0;

	ck_assert(trials && bare);
	for (size_t i = 0; i < group->n; i++) {
		const char *why = excuse(&group->rows[i]);
		if (why)
			control_not_run(&group->rows[i], why);
		else
			trials[n++].row = group->rows[i];
	}
	if (n > 0)
		bare_run(trials, n, bare);
	for (size_t i = 0; i < n; i++)
		judge(&trials[i].row, &bare[i]);
	free(trials);
	free(bare);
}
END_TEST

START_TEST(what_is_left_can_be_found_where_nothing_is_between)
{
	struct bare_trial trials[N_MEDIA];
	struct bare bare[N_MEDIA];
	size_t n = 0;

	for (size_t i = 0; i < N_MEDIA; i++) {
		struct bare_trial trial = { .row = { .program = "leave_and_find",
			                             .way = media[i].way,
			                             .control_user = media[i].user },
			                    .pair = true,
			                    .together = media[i].dies };
		const char *why = excuse(&trial.row);
		if (why)
			control_not_run(&trial.row, why);
		else
			trials[n++] = trial;
	}
	bare_run(trials, n, bare);
	for (size_t i = 0; i < n; i++)
		judge(&trials[i].row, &bare[i]);
}
END_TEST

static const char *why_not_at_all(void)
{
	if (SANITIZED)
		return "this is a build with sanitizers, and the attacks are the same programs in "
		       "every build: the release build runs their controls";
	return bare_lacks();
}

static Suite *controls_suite(void)
{
	Suite *suite = suite_create("hostile controls");
	TCase *tcase = tcase_create("controls");
	const char *only = getenv("HOSTILE_ONLY");

	tcase_add_loop_test(tcase, attack_does_harm_where_nothing_holds_it, 0,
	                    (int)find_groups(groups, MOST_GROUPS));
	if (!only || strcmp(only, "leave_and_find") == 0)
		tcase_add_test(tcase, what_is_left_can_be_found_where_nothing_is_between);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	const char *why = why_not_at_all();

	if (why) {
		not_run("controls of the attacks", NULL, why);
		return EXIT_SUCCESS;
	}
	return run_hostile_suite(controls_suite());
}
