/* SPDX-License-Identifier: Apache-2.0 */

/* bulkhead-chaos [--seconds N] [--seed N]: worlds of batches of mixed fate, one
 * after the other, until the time is over or one goes wrong.
 *
 * Every batch has exactly one result, which is what a model forecasts unless the
 * driver itself cancelled or disturbed it; leases end at zero; descriptors and heap
 * are at the end what they were after the first world. The seed is printed; with
 * it the same choices are made again, as far as they don't hang on time. */

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "bulkhead/bulkhead.h"
#include "tests/chaos/world.h"

#define FEW_DESCRIPTORS 96
#define MEMORY          ((rlim_t)1 << 30)
#define HEAP_SLACK      ((size_t)256 << 10)

#ifdef __SANITIZE_ADDRESS__
static const bool memory_tells = false; /* its heap keeps what was freed */
#else
static const bool memory_tells = true;
#endif

static size_t count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	while (directory && readdir(directory))
		n++;
	if (directory)
		closedir(directory);
	return n;
}

static size_t heap(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void set_limits(void)
{
	const struct rlimit descriptors = { FEW_DESCRIPTORS, FEW_DESCRIPTORS };
	const struct rlimit memory = { MEMORY, MEMORY };

	if (setrlimit(RLIMIT_NOFILE, &descriptors) < 0 ||
	    (memory_tells && setrlimit(RLIMIT_AS, &memory) < 0))
		perror("chaos: limits");
}

/* The whole of it needs every layer; else handlers end in other ways. */
static bool can_be_strict(void)
{
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_executor *executor = NULL;
	struct bh_store *store = bh_store_new();

	options.handler = BH_BUILD_DIR "/handlers/faulty";
	options.launcher = BH_BUILD_DIR "/bin/bulkhead-launcher";
	int r = store ? bh_executor_new(store, &options, &executor, &err) : -1;
	if (r < 0)
		printf("NOT RUN: chaos: %s\n", err.text);
	bh_executor_free(executor);
	bh_store_free(store);
	return r == 0;
}

struct arguments {
	uint64_t seed;
	time_t seconds;
};

static bool read_arguments(int argc, char **argv, struct arguments *ret)
{
	*ret = (struct arguments){ .seconds = 10 };
	if (getrandom(&ret->seed, sizeof(ret->seed), 0) < 0)
		ret->seed = (uint64_t)time(NULL);
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			ret->seed = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seconds") == 0)
			ret->seconds = strtol(argv[i + 1], NULL, 10);
		else
			return false;
	}
	return argc % 2 == 1;
}

static bool is_as_before(size_t fds, size_t bytes)
{
	size_t fds_now = count_fds(), bytes_now = heap();

	if (fds_now != fds)
		fprintf(stderr, "chaos: %zu descriptors, %zu at the start\n", fds_now, fds);
	bool grown = memory_tells && bytes_now > bytes + HEAP_SLACK;
	if (grown)
		fprintf(stderr, "chaos: a heap of %zu bytes, %zu after the first world\n",
		        bytes_now, bytes);
	return fds_now == fds && !grown;
}

static bool play(const struct arguments *arguments, struct world_report *report, size_t *n)
{
	time_t end = time(NULL) + arguments->seconds;
	size_t fds = count_fds();
	uint64_t seed = arguments->seed;
	size_t bytes = 0;
	bool good = true;

	for (*n = 0; good && (*n < 1 || time(NULL) < end); ++*n) {
		good = world_play(seed++, report);
		bytes = *n == 0 ? heap() : bytes;
	}
	return is_as_before(fds, bytes) && good;
}

int main(int argc, char **argv)
{
	struct world_report report = { 0 };
	struct arguments arguments;
	size_t n_worlds;

	if (!read_arguments(argc, argv, &arguments)) {
		fprintf(stderr, "usage: bulkhead-chaos [--seconds N] [--seed N]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("seed %llu\n", (unsigned long long)arguments.seed);
	if (!can_be_strict())
		return 0;
	set_limits();
	bool good = play(&arguments, &report, &n_worlds);
	printf("%zu worlds, %zu batches: %zu as forecast, %zu cancelled, %zu disturbed by %zu "
	       "strikes and shortages, %zu forgotten\n",
	       n_worlds, report.n_batches, report.n_as_forecast, report.n_cancelled,
	       report.n_disturbed, report.n_strikes, report.n_forgotten);
	return good ? 0 : 1;
}
