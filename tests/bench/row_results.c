/* SPDX-License-Identifier: Apache-2.0 */

/* row_results.c: records copied and read with every limit, over the same copy
 * read by msgpack-c with none. */

#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/codec/records.h"
#include "ipc/wire/base.h"
#include "ipc/wire/region.h"
#include "tests/bench/corpus.h"
#include "tests/bench/measure.h"

#define REGION_BYTES ((size_t)16 << 20) /* the default of a batch */

struct results {
	struct corpus corpus; /* for its tasks */
	struct bh_region region;
};

static void results_done(struct results *results)
{
	bh_region_done(&results->region);
	corpus_done(&results->corpus);
}

static int read_ours(const struct results *results, struct bh_error *err)
{
	BH_CLEANUP(bh_free_done) uint8_t *copy = NULL;
	BH_CLEANUP(bh_records_done) struct bh_records records = BH_RECORDS_UNSET;
	const struct bh_batch batch = corpus_batch(&results->corpus);
	size_t size;

	int r = bh_region_copy_committed(&results->region, &copy, &size, err);
	if (r == 0)
		r = bh_records_read((struct bh_span){ .data = copy, .size = size }, &batch,
		                    &records, err);
	if (r == 0 &&
	    (records.end != BH_RECORDS_DONE || records.n_task_results != results->corpus.n_tasks))
		r = bh_fail_plain(err, EPROTO, "records end as %d after %zu results: %s",
		                  (int)records.end, records.n_task_results, records.reason);
	return r;
}

static int read_plainly(const struct results *results, struct bh_error *err)
{
	BH_CLEANUP(bh_free_done) uint8_t *copy = NULL;
	msgpack_unpacked unpacked;
	size_t size, offset = 0, n = 0;

	int r = bh_region_copy_committed(&results->region, &copy, &size, err);
	if (r < 0)
		return r;
	msgpack_unpacked_init(&unpacked);
	while (msgpack_unpack_next(&unpacked, (const char *)copy, size, &offset) ==
	       MSGPACK_UNPACK_SUCCESS)
		n++;
	msgpack_unpacked_destroy(&unpacked);
	if (n != results->corpus.n_tasks + 1)
		return bh_fail_plain(err, EPROTO, "%zu records", n);
	return 0;
}

static int run_ours(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	uint64_t begun_ns = measure_now_ns();
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_ours(userdata, err);
	*ns += measure_now_ns() - begun_ns;
	return r;
}

static int run_plainly(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	uint64_t begun_ns = measure_now_ns();
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_plainly(userdata, err);
	*ns += measure_now_ns() - begun_ns;
	return r;
}

static void pack_text(msgpack_packer *packer, const char *text)
{
	msgpack_pack_str_with_body(packer, text, strlen(text));
}

/* A map of three numbers and a text that fills it up to `size` bytes, or so. */
static void pack_result(msgpack_packer *packer, const char *filler, size_t size, size_t i)
{
	msgpack_pack_map(packer, 4);
	pack_text(packer, "lines");
	msgpack_pack_uint64(packer, 100 + i % 100);
	pack_text(packer, "words");
	msgpack_pack_uint64(packer, 1000 + i);
	pack_text(packer, "bytes");
	msgpack_pack_uint64(packer, 70000 + i);
	pack_text(packer, "digest");
	msgpack_pack_str_with_body(packer, filler, size - 39);
}

static int pack_records(const struct results *results, size_t value_bytes, msgpack_sbuffer *buffer,
                        struct bh_error *err)
{
	BH_CLEANUP(bh_free_done) char *filler = malloc(value_bytes);
	msgpack_packer packer;

	if (!filler)
		return bh_fail(err, ENOMEM, "make a result of %zu bytes", value_bytes);
	memset(filler, 'x', value_bytes);
	msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
	for (size_t i = 0; i < results->corpus.n_tasks; i++) {
		msgpack_pack_map(&packer, 2);
		pack_text(&packer, "task");
		pack_text(&packer, results->corpus.tasks[i].id);
		pack_text(&packer, "result");
		pack_result(&packer, filler, value_bytes, i);
	}
	msgpack_pack_map(&packer, 1);
	pack_text(&packer, "done");
	msgpack_pack_true(&packer);
	return 0;
}

static int results_make(struct results *results, size_t n_tasks, size_t value_bytes,
                        struct bh_error *err)
{
	BH_CLEANUP(msgpack_sbuffer_destroy) msgpack_sbuffer buffer;

	msgpack_sbuffer_init(&buffer);
	int r = corpus_make(&results->corpus, 1, 1, n_tasks, 1, err);
	if (r == 0)
		r = bh_region_open_results(REGION_BYTES, &results->region, err);
	if (r == 0)
		r = pack_records(results, value_bytes, &buffer, err);
	if (r < 0)
		return r;
	if (write(results->region.fd, buffer.data, buffer.size) != (ssize_t)buffer.size)
		return bh_fail_plain(err, EIO, "write %zu bytes of records", buffer.size);
	return 0;
}

static int measure_results(size_t n_tasks, size_t value_bytes, const struct schedule *schedule,
                           struct bench_figure figure, struct bench_report *report,
                           struct bh_error *err)
{
	BH_CLEANUP(results_done) struct results results = { .region = BH_REGION_UNSET };

	int r = results_make(&results, n_tasks, value_bytes, err);
	if (r < 0)
		return r;
	figure.goal = BENCH_AT_MOST;
	figure.goal_ratio = 1.5;
	return measure(schedule, (struct side){ run_plainly, &results },
	               (struct side){ run_ours, &results }, SCALE_US, 0, figure, report, err);
}

int bench_results(const struct bench_options *options, struct bench_report *report,
                  struct bh_error *err)
{
	const struct bench_figure many = { .name = "results-many",
		                           .work = "10,000 results of 100 B, over "
		                                   "msgpack_unpack_next" };
	const struct bench_figure large = { .name = "results-large",
		                            .work = "a result of 8 MiB, over msgpack_unpack_next" };
	const struct schedule full = {
		.rounds = 60, .chunks = 1, .floor_times = 1, .work_times = 1
	};
	const struct schedule tiny = {
		.rounds = 1, .chunks = 1, .floor_times = 1, .work_times = 1
	};
	const struct schedule *schedule = options->is_short ? &tiny : &full;

	int r = measure_results(10000, 100, schedule, many, report, err);
	if (r == 0)
		r = measure_results(1, (size_t)8 << 20, schedule, large, report, err);
	return r;
}
