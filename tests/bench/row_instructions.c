/* SPDX-License-Identifier: Apache-2.0 */

/* row_instructions.c: instructions that the supervisor itself executes for a cold
 * batch, outside of the kernel, counted by callgrind: the bench runs itself below
 * it with a few batches and with more, and the difference is what batches cost.
 * Unlike a time it hardly depends on what else the machine does, so it is
 * compared with the figure that was reached before. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/runner.h"

/* Of a release build by gcc 12 on x86-64, where libc uses its routines for AVX2.
 * To be lowered with the cost; a change that raises it says why. */
#define RECORDED 17900.0

#define ENTRY_BYTES   4096
#define FEW           20
#define MORE          220
#define STATUS_ABSENT 127

int bench_batches(const struct bench_options *options, struct bench_report *report,
                  struct bh_error *err)
{
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	BH_CLEANUP(runner_done) struct runner runner = { .executor = NULL };
	uint64_t ns = 0;

	(void)report;
	int r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r == 0)
		r = runner_open(&runner, "noop", &corpus, 1, err);
	return r < 0 ? r : runner_run(&runner, options->batches, &ns, err);
}

static _Noreturn void be_callgrind(const char *out, size_t batches)
{
	char out_option[300], count[24], self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	self[n > 0 ? n : 0] = '\0';
	snprintf(out_option, sizeof(out_option), "--callgrind-out-file=%s", out);
	snprintf(count, sizeof(count), "%zu", batches);
	/* valgrind speaks on standard error, the bench below it on standard output */
	if (dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(EXIT_FAILURE);
	execlp("valgrind", "valgrind", "--tool=callgrind", "--trace-children=no", out_option, self,
	       "--batches", count, "batches", (char *)NULL);
	_exit(STATUS_ABSENT);
}

/* The whole count of a callgrind profile (its format is in valgrind's manual). */
static int read_count(const char *path, double *ret, struct bh_error *err)
{
	char line[4096];
	unsigned long long count = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return bh_fail(err, errno, "open %s", path);
	while (count == 0 && fgets(line, sizeof(line), file))
		(void)(sscanf(line, "totals: %llu", &count) == 1 ||
		       sscanf(line, "summary: %llu", &count) == 1);
	fclose(file);
	*ret = (double)count;
	return count > 0 ? 0 : bh_fail_plain(err, EPROTO, "no count in callgrind's %s", path);
}

/* Returns 1 where there is no valgrind. */
static int count_batches(size_t batches, double *ret, struct bh_error *err)
{
	char path[] = "/tmp/bulkhead-callgrind-XXXXXX";
	int status;

	BH_CLEANUP(bh_fd_done) int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return bh_fail(err, errno, "make a file for callgrind");
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		be_callgrind(path, batches);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return bh_fail(err, errno, "run callgrind");
	int r = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_ABSENT)
		r = 1;
	else if (status != 0)
		r = bh_fail_plain(err, EPROTO, "callgrind ended with wait status %#x",
		                  (unsigned int)status);
	else
		r = read_count(path, ret, err);
	unlink(path);
	return r;
}

int bench_instructions(const struct bench_options *options, struct bench_report *report,
                       struct bh_error *err)
{
	const size_t more = options->is_short ? FEW + 5 : MORE;
	struct bench_figure figure = { .name = "instructions",
		                       .work = "the supervisor's own for a batch, over those "
		                               "recorded",
		                       .unit = "",
		                       .goal = BENCH_AT_MOST,
		                       .goal_ratio = 1.0 };
	const double recorded = RECORDED;
	double with_few = 0, with_more = 0;

#if defined(__SANITIZE_ADDRESS__)
	report->skipped = true;
	bench_note(report, "valgrind can't run what is built with sanitizers");
	return 0;
#endif
	if (geteuid() != 0) {
		report->skipped = true;
		bench_note(report, "valgrind dies of the clone into a user namespace by which an "
		                   "ordinary user starts a launcher");
		return 0;
	}
	int r = count_batches(FEW, &with_few, err);
	if (r == 0)
		r = count_batches(more, &with_more, err);
	if (r == 1) {
		report->skipped = true;
		bench_note(report, "it needs valgrind");
	}
	if (r != 0)
		return r < 0 ? r : 0;
	const double each = (with_more - with_few) / (double)(more - FEW);
	measure_add(&recorded, &each, 1, figure, report);
	return 0;
}
