/* SPDX-License-Identifier: Apache-2.0 */

/* row_context.c: from the lease to the sealed context, over one write of the
 * same bytes to a fresh memfd. Closing, which gives the pages back, is in
 * neither. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/region.h"
#include "tests/bench/corpus.h"
#include "tests/bench/measure.h"

#define N_ENTRIES 200

struct context {
	struct corpus corpus;
	char *bytes; /* of one context */
	size_t size;
};

static int seal_contexts(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct context *context = userdata;
	const struct bh_batch batch = corpus_batch(&context->corpus);

	for (size_t i = 0; i < n; i++) {
		struct bh_region region = BH_REGION_UNSET;
		uint64_t begun_ns = measure_now_ns();
		int r = corpus_seal(&context->corpus, &batch, &region, err);
		*ns += measure_now_ns() - begun_ns;
		if (r < 0)
			return r;
		bh_region_done(&region);
	}
	return 0;
}

static int write_bytes(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct context *context = userdata;

	for (size_t i = 0; i < n; i++) {
		uint64_t begun_ns = measure_now_ns();
		BH_CLEANUP(bh_fd_done) int fd = memfd_create("bench", MFD_CLOEXEC);
		if (fd < 0)
			return bh_fail(err, errno, "create a memfd");
		ssize_t written = write(fd, context->bytes, context->size);
		*ns += measure_now_ns() - begun_ns;
		if (written != (ssize_t)context->size)
			return bh_fail_plain(err, EIO, "wrote %zd of %zu bytes", written,
			                     context->size);
	}
	return 0;
}

static void context_done(struct context *context)
{
	corpus_done(&context->corpus);
	free(context->bytes);
}

/* With a copy of the very bytes for the floor to write. */
static int context_make(struct context *context, size_t entry_bytes, struct bh_error *err)
{
	BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;

	int r = corpus_make(&context->corpus, N_ENTRIES, entry_bytes, N_ENTRIES, 1, err);
	if (r < 0)
		return r;
	const struct bh_batch batch = corpus_batch(&context->corpus);
	r = corpus_seal(&context->corpus, &batch, &region, err);
	if (r < 0)
		return r;
	context->size = region.size;
	context->bytes = malloc(region.size);
	if (!context->bytes)
		return bh_fail(err, ENOMEM, "copy a context");
	if (pread(region.fd, context->bytes, region.size, 0) != (ssize_t)region.size)
		return bh_fail_plain(err, EIO, "read a context back");
	return 0;
}

static int measure_size(size_t entry_kib, const struct schedule *schedule,
                        struct bench_report *report, struct bh_error *err)
{
	BH_CLEANUP(context_done) struct context context = { .bytes = NULL };
	struct bench_figure figure = { .goal = BENCH_AT_LEAST, .goal_ratio = 0.8 };

	snprintf(figure.name, sizeof(figure.name), "context-%zuk", entry_kib);
	snprintf(figure.work, sizeof(figure.work),
	         "%d entries of %zu KiB sealed, over one write of the bytes", N_ENTRIES, entry_kib);
	int r = context_make(&context, entry_kib << 10, err);
	if (r < 0)
		return r;
	return measure(schedule, (struct side){ write_bytes, &context },
	               (struct side){ seal_contexts, &context }, SCALE_MIB_PER_S,
	               (double)context.size, figure, report, err);
}

int bench_context(const struct bench_options *options, struct bench_report *report,
                  struct bh_error *err)
{
	const struct schedule small = {
		.rounds = 100, .chunks = 1, .floor_times = 2, .work_times = 2
	};
	const struct schedule large = {
		.rounds = 21, .chunks = 1, .floor_times = 1, .work_times = 1
	};
	const struct schedule tiny = {
		.rounds = 1, .chunks = 1, .floor_times = 1, .work_times = 1
	};

	int r = measure_size(16, options->is_short ? &tiny : &small, report, err);
	if (r == 0)
		r = measure_size(320, options->is_short ? &tiny : &large, report, err);
	return r;
}
