/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the table in the sandbox. Rows that can share an executor run in it
 * side by side. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "suite.h"
#include "tests/check.h"
#include "trial.h"

/* Far more than any attack here takes by itself, and far less than those take that
 * are waited for in vain. */
#define MOST_SECONDS 25
#define MOST_GROUPS  128
#define MOST_JOBS    8

static struct group groups[MOST_GROUPS];

/* What is wrong with the rows of one test. */
static char wrong[4096];

__attribute__((format(printf, 2, 3))) static void complain(const struct row *row,
                                                           const char *format, ...)
{
	size_t used = strlen(wrong);
	va_list list;

	used += (size_t)snprintf(wrong + used, sizeof(wrong) - used, "\n  %s: ", row_name(row));
	if (used >= sizeof(wrong))
		return;
	va_start(list, format);
	vsnprintf(wrong + used, sizeof(wrong) - used, format, list);
	va_end(list);
}

static bool is_held_by_cgroup(const struct bh_result *result)
{
	return result->memory_held_by == BH_MEMORY_HELD_BY_CGROUP;
}

/* What is wrong with an end of the right kind; NULL for nothing. */
static const char *examine_end(const struct row *row, const struct bh_result *result)
{
	const struct bh_outcome *outcome = &result->outcome;

	if (outcome->kind == BH_KIND_SIGNAL && row->signal && outcome->signal != row->signal)
		return "another signal";
	if (outcome->kind == BH_KIND_EXIT && outcome->exit_status != (row->status & 0xff))
		return "another status";
	if (outcome->kind == BH_KIND_VIOLATION && !outcome->has_syscall)
		return "the system call is not named";
	if (outcome->kind == BH_KIND_PROTOCOL && !strpbrk(outcome->message, "0123456789"))
		return "the offset is not told";
	if (outcome->kind == BH_KIND_CPU_LIMIT && is_held_by_cgroup(result) &&
	    !strstr(outcome->message, "all processes and threads together"))
		return "not by the sum";
	return NULL;
}

static unsigned int right_kinds(const struct row *row, const struct trial *trial,
                                const struct bh_result *result)
{
	return row->kinds | (trial->missing_layers[0] ? row->kinds_not_strict : 0) |
	       (is_held_by_cgroup(result) ? 0 : row->kinds_no_cgroup);
}

static const char *examine(const struct row *row, unsigned int kinds,
                           const struct bh_result *result, const struct report *report)
{
	if (report->gained)
		return "it gained something";
	if (!(KIND(result->outcome.kind) & kinds))
		return "another outcome than that of the table";
	if (!report->there && result->success && strcmp(row->program, "lies") != 0)
		return "success without a report";
	return examine_end(row, result);
}

static bool is_before(int version, int patchlevel)
{
	struct utsname host;
	int major = 0, minor = 0;

	uname(&host);
	sscanf(host.release, "%d.%d", &major, &minor);
	return major < version || (major == version && minor < patchlevel);
}

/* Only where there is less than all of it. */
static bool is_promised(const struct row *row, const struct bh_result *result)
{
	if (row->by_cgroup && is_held_by_cgroup(result))
		return true;
	if (row->by_cgroup && (!row->needs || (geteuid() != 0 && is_before(5, 14))))
		return false;
	if (row->walled && !trial_has_wall(result))
		return false;
	return !trial_lacks(result, row->needs);
}

static void check_verdict(const struct row *row, const struct trial *trial,
                          const struct bh_result *result)
{
	struct report report = report_of(result);
	const char *what = examine(row, right_kinds(row, trial, result), result, &report);
	char why[1024];

	if (!what)
		return;
	if (is_promised(row, result)) {
		complain(row, "%s; %s: %s (%s)", what, bh_kind_name(result->outcome.kind),
		         result->outcome.message, report.detail);
		return;
	}
	snprintf(why, sizeof(why), "not promised without %s, and it comes to %s: %s",
	         row->walled       ? "namespaces and Landlock"
	         : !row->by_cgroup ? row->needs
	         : row->needs      ? "a cgroup that holds the batch, or namespaces and Linux 5.14"
	                           : "a cgroup that holds the batch",
	         bh_kind_name(result->outcome.kind), report.detail);
	not_run(row_name(row), NULL, why);
}

static void check_bounds(const struct row *row, const struct bh_result *result)
{
	const struct bh_limits limits = BH_LIMITS_DEFAULT;
	uint64_t printed = result->out.size + result->out.dropped + result->err.size +
	                   result->err.dropped;

	if (result->duration_us >= MOST_SECONDS * 1000000)
		complain(row, "took %llu ms", (unsigned long long)result->duration_us / 1000);
	if (result->out.size > limits.output_bytes || result->err.size > limits.output_bytes)
		complain(row, "more output was kept than the limit");
	if (row->control == CONTROL_FLOODS && row->bytes && printed != (uint64_t)row->bytes)
		complain(row, "%llu bytes of output counted", (unsigned long long)printed);
}

/* Why a row can't be run here, as one that would end the test, too; NULL where it can. */
static const char *why_not_here(const struct row *row, const struct trial *trial)
{
	bool scoped = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 6; /* its version */

	if (strcmp(row->program, "kill_others") == 0 && geteuid() != 0 && !scoped &&
	    strstr(trial->missing_layers, "namespace"))
		return "not promised to an ordinary user without namespaces before Linux 6.12";
	if (strcmp(row->program, "chmod_region") == 0 && geteuid() != 0 && is_before(6, 3))
		return "an owner may change the mode of a memfd before Linux 6.3";
	if (strcmp(row_name(row), "die: dispatch") == 0 && is_before(5, 11))
		return "user dispatch came with Linux 5.11";
	return NULL;
}

START_TEST(attack_gains_nothing_and_comes_to_the_outcome_of_the_table)
{
	const struct group *group = &groups[_i];
	struct trial_batch *batches = calloc(group->n, sizeof(*batches));
	struct trial trial;

	ck_assert_ptr_nonnull(batches);
	trial_init(&trial, group->rows, group->n < MOST_JOBS ? group->n : MOST_JOBS);
	for (size_t i = 0; i < group->n; i++) {
		struct params params = trial_params(&trial, &group->rows[i]);
		const char *why = why_not_here(&group->rows[i], &trial);
		if (why)
			not_run(row_name(&group->rows[i]), NULL, why);
		else
			trial_submit(&trial, &batches[i], &params);
	}
	trial_run(&trial);
	for (size_t i = 0; i < group->n; i++) {
		if (!batches[i].result)
			continue;
		check_verdict(&group->rows[i], &trial, batches[i].result);
		check_bounds(&group->rows[i], batches[i].result);
		trial_batch_done(&batches[i]);
	}
	free(batches);
	trial_done(&trial);
	ck_assert_msg(wrong[0] == '\0', "%s", wrong);
}
END_TEST

/* ---- signals: all of them ---- */

static enum bh_kind kind_of_signal(int number)
{
	static const int harmless[] = {
		SIGCHLD, SIGCONT, SIGURG, SIGWINCH, /* ignored by default; and those of … */
		SIGTSTP, SIGTTIN, SIGTTOU           /* … terminals, in an orphaned group */
	};

	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (harmless[i] == number)
			return BH_KIND_NONE;
	return BH_KIND_SIGNAL;
}

/* Two are the C library's own; "stay: stopped" stops itself. */
static bool is_left_out(int number)
{
	return number == 32 || number == 33 || number == SIGSTOP;
}

START_TEST(every_signal_that_a_handler_raises_is_told_by_its_name_and_as_nothing_else)
{
	const struct row row = { .program = "die", .way = _i ? "raise" : "kill" };
	struct trial_batch batches[65];
	struct trial trial;

	trial_init(&trial, &row, MOST_JOBS);
	for (int number = 1; number <= SIGRTMAX; number++) {
		struct params params = { .way = row.way, .signal = number };
		if (!is_left_out(number))
			trial_submit(&trial, &batches[number], &params);
	}
	trial_run(&trial);
	for (int number = 1; number <= SIGRTMAX; number++) {
		if (is_left_out(number))
			continue;
		const struct bh_outcome *outcome = &batches[number].result->outcome;
		ck_assert_msg(outcome->kind == kind_of_signal(number), "signal %d came to %s: %s",
		              number, bh_kind_name(outcome->kind), outcome->message);
		if (outcome->kind == BH_KIND_SIGNAL)
			ck_assert_int_eq(outcome->signal, number);
		trial_batch_done(&batches[number]);
	}
	trial_done(&trial);
}
END_TEST

/* ---- memory ---- */

START_TEST(neighbour_lives_on_when_a_batch_takes_all_the_memory)
{
	const struct row row = { .program = "eat_memory", .memory_mb = 64 };
	struct params eater = { .way = "heap", .bytes = 1024 << 20 };
	struct params modest = { .way = "heap", .bytes = 16 << 20 };
	struct trial_batch batches[4];
	struct trial trial;

	trial_init(&trial, &row, 2);
	for (int i = 0; i < 4; i++)
		trial_submit(&trial, &batches[i], i % 2 ? &modest : &eater);
	trial_run(&trial);
	for (int i = 0; i < 4; i++) {
		enum bh_kind kind = batches[i].result->outcome.kind;
		if (i % 2)
			ck_assert_msg(kind == BH_KIND_NONE && report_of(batches[i].result).gained,
			              "the neighbour came to %s: %s", bh_kind_name(kind),
			              batches[i].result->outcome.message);
		else if (is_held_by_cgroup(batches[i].result))
			ck_assert_int_eq(kind, BH_KIND_MEMORY_LIMIT);
		trial_batch_done(&batches[i]);
	}
	trial_done(&trial);
}
END_TEST

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

START_TEST(supervisor_grows_by_no_more_than_the_capacity_whatever_records_claim)
{
	struct row row = { .program = "lies" };
	struct trial_batch batch;
	struct trial trial;

	if (SANITIZED) {
		not_run("lies", "memory of the supervisor", "a sanitizer's bookkeeping is larger");
		return;
	}
	trial_init(&trial, &row, 1);
	long before = peak_kib();
	for (size_t i = 0; i < n_rows; i++) {
		if (strcmp(rows[i].program, row.program) != 0)
			continue;
		struct params params = { .way = rows[i].way };
		trial_submit(&trial, &batch, &params);
		trial_run(&trial);
		trial_batch_done(&batch);
		ck_assert_msg(peak_kib() - before <= 4 * TRIAL_CAPACITY / 1024, "%s: %ld KiB",
		              rows[i].way, peak_kib() - before);
	}
	trial_done(&trial);
}
END_TEST

static Suite *attacks_suite(void)
{
	Suite *suite = suite_create("hostile attacks");
	TCase *tcase = tcase_create("attacks");

	tcase_add_loop_test(tcase, attack_gains_nothing_and_comes_to_the_outcome_of_the_table, 0,
	                    (int)find_groups(groups, MOST_GROUPS));
	if (!getenv("HOSTILE_ONLY")) {
		tcase_add_loop_test(
		        tcase,
		        every_signal_that_a_handler_raises_is_told_by_its_name_and_as_nothing_else,
		        0, 2);
		tcase_add_test(tcase, neighbour_lives_on_when_a_batch_takes_all_the_memory);
		tcase_add_test(
		        tcase,
		        supervisor_grows_by_no_more_than_the_capacity_whatever_records_claim);
	}
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return run_hostile_suite(attacks_suite());
}
