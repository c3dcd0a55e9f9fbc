/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/region.h"
#include "tests/check.h"

/* Since Linux 6.3. */
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

static struct bh_region seal(const struct iovec *parts, size_t n_parts)
{
	struct bh_region region = BH_REGION_UNSET;
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_region_seal(parts, n_parts, SIZE_MAX, &region, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	return region;
}

static struct bh_region seal_text(const char *text)
{
	struct iovec part = { (void *)(uintptr_t)text, strlen(text) };

	return seal(&part, 1);
}

static struct bh_region open_results(size_t capacity)
{
	struct bh_region region = BH_REGION_UNSET;
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_region_open_results(capacity, &region, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	return region;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Copies what is committed and expects it to be `want`. */
static void check_committed(const struct bh_region *region, const void *want, size_t size)
{
	struct bh_error err = BH_ERROR_UNSET;
	uint8_t *copy = NULL;
	size_t copied = SIZE_MAX;

	int r = bh_region_copy_committed(region, &copy, &copied, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	ck_assert_uint_eq(copied, size);
	ck_assert((copy == NULL) == (size == 0));
	if (size > 0)
		ck_assert_int_eq(memcmp(copy, want, size), 0);
	free(copy);
}

static int reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

START_TEST(a_context_holds_its_parts_in_order)
{
	const struct iovec parts[] = { { "one ", 4 }, { NULL, 0 }, { "two ", 4 }, { "three", 5 } };
	struct bh_region region = seal(parts, BH_COUNT_OF(parts));
	char bytes[32];

	ck_assert_uint_eq(region.size, 13);
	/* from the start, as a handler reads it */
	ck_assert_int_eq(read(region.fd, bytes, sizeof(bytes)), 13);
	ck_assert_mem_eq(bytes, "one two three", 13);
	bh_region_done(&region);
}
END_TEST

START_TEST(a_context_of_no_parts_is_empty)
{
	struct bh_region region = seal(NULL, 0);
	char byte;

	ck_assert_uint_eq(region.size, 0);
	ck_assert_int_eq(read(region.fd, &byte, 1), 0);
	bh_region_done(&region);
}
END_TEST

START_TEST(a_context_takes_more_parts_than_one_write_can)
{
	size_t n = 3 * IOV_MAX + 7;
	struct iovec *parts = calloc(n, sizeof(*parts));
	char *bytes = malloc(n), *got = malloc(n);

	for (size_t i = 0; i < n; i++) {
		bytes[i] = (char)(i * 7);
		parts[i] = (struct iovec){ bytes + i, 1 };
	}
	struct bh_region region = seal(parts, n);
	ck_assert_int_eq(pread(region.fd, got, n, 0), (ssize_t)n);
	ck_assert_int_eq(memcmp(got, bytes, n), 0);
	bh_region_done(&region);
	free(parts);
	free(bytes);
	free(got);
}
END_TEST

START_TEST(a_context_can_never_be_written_again)
{
	struct bh_region region = seal_text("text");
	char bytes[4];

	ck_assert_int_eq(fcntl(region.fd, F_GET_SEALS) &
	                         (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL),
	                 F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
	ck_assert_int_eq(pwrite(region.fd, "X", 1, 0), -1);
	ck_assert_int_eq(pwrite(region.fd, "X", 1, 4), -1);
	ck_assert_int_eq(ftruncate(region.fd, 0), -1);
	ck_assert_int_eq(ftruncate(region.fd, 8192), -1);
	ck_assert_int_eq(fallocate(region.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4),
	                 -1);
	ck_assert_ptr_eq(mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, region.fd, 0),
	                 MAP_FAILED);
	ck_assert_int_eq(pread(region.fd, bytes, 4, 0), 4);
	ck_assert_mem_eq(bytes, "text", 4);
	bh_region_done(&region);
}
END_TEST

START_TEST(a_context_opened_again_for_writing_is_not_writable)
{
	struct bh_region region = seal_text("text");
	int fd = reopen(region.fd, O_RDWR);

	/* opening may succeed; the seals are the file's */
	if (fd >= 0) {
		ck_assert_int_eq(pwrite(fd, "X", 1, 0), -1);
		ck_assert_int_eq(errno, EPERM);
		close(fd);
	}
	ck_assert_int_eq(reopen(region.fd, O_RDWR | O_TRUNC), -1);
	bh_region_done(&region);
}
END_TEST

START_TEST(regions_are_closed_on_exec_and_not_executable)
{
	struct bh_region regions[] = { seal_text("text"), open_results(1) };
	struct stat status;

	for (size_t i = 0; i < BH_COUNT_OF(regions); i++) {
		ck_assert_int_eq(fcntl(regions[i].fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		/* kernels before 6.3 know no such seal */
		if (fcntl(regions[i].fd, F_GET_SEALS) & F_SEAL_EXEC) {
			ck_assert_int_eq(fstat(regions[i].fd, &status), 0);
			ck_assert_uint_eq(status.st_mode & 0111, 0);
			ck_assert_int_eq(fchmod(regions[i].fd, 0777), -1);
		}
		bh_region_done(&regions[i]);
	}
}
END_TEST

static const struct {
	const char *why;
	size_t first, second, cap;
	int want;
} refused[] = {
	{ "one byte past the cap", 4, 5, 8, -E2BIG },
	{ "no byte allowed", 1, 0, 0, -E2BIG },
	{ "lengths wrap around zero", 1, SIZE_MAX, 8, -EOVERFLOW },
	{ "lengths wrap to a small sum", SIZE_MAX, 9, SIZE_MAX, -EOVERFLOW },
};

START_TEST(a_context_that_is_too_large_is_refused)
{
	struct bh_region region = BH_REGION_UNSET;
	struct bh_error err = BH_ERROR_UNSET;
	char bytes[8] = { 0 };
	const struct iovec parts[] = { { bytes, refused[_i].first },
		                       { bytes, refused[_i].second } };

	int r = bh_region_seal(parts, 2, refused[_i].cap, &region, &err);

	ck_assert_msg(r == refused[_i].want, "%s: got %d", refused[_i].why, r);
	ck_assert_int_eq(err.code, -r);
	ck_assert_int_eq(region.fd, -1);
}
END_TEST

START_TEST(a_part_that_can_not_be_read_is_refused)
{
	struct bh_region region = BH_REGION_UNSET;
	struct bh_error err = BH_ERROR_UNSET;
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct iovec parts[] = { { "good", 4 }, { hole, 8 } };

	/* the first is written alone, then the second fails */
	ck_assert_int_eq(bh_region_seal(parts, 2, SIZE_MAX, &region, &err), -EFAULT);
	ck_assert_int_eq(region.fd, -1);
	munmap(hole, 4096);
}
END_TEST

START_TEST(results_are_of_whole_pages_and_start_empty)
{
	size_t page = page_size();
	const size_t wanted[] = { 1, page - 1, page, page + 1, (size_t)16 << 20 };
	const size_t sizes[] = { page, page, page, 2 * page, (size_t)16 << 20 };

	for (size_t i = 0; i < BH_COUNT_OF(wanted); i++) {
		struct bh_region region = open_results(wanted[i]);
		struct stat status;
		ck_assert_uint_eq(region.size, sizes[i]);
		ck_assert_int_eq(fstat(region.fd, &status), 0);
		ck_assert_uint_eq((size_t)status.st_size, sizes[i]);
		check_committed(&region, NULL, 0);
		bh_region_done(&region);
	}
}
END_TEST

START_TEST(results_keep_their_capacity)
{
	struct bh_region region = open_results(4096);

	ck_assert_int_eq(ftruncate(region.fd, 0), -1);
	ck_assert_int_eq(ftruncate(region.fd, (off_t)region.size * 2), -1);
	ck_assert_int_eq(fcntl(region.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(pwrite(region.fd, "X", 1, (off_t)region.size), -1);
	bh_region_done(&region);
}
END_TEST

START_TEST(what_is_written_is_committed)
{
	struct bh_region region = open_results(4096);

	ck_assert_int_eq(write(region.fd, "one ", 4), 4);
	ck_assert_int_eq(write(region.fd, "two", 3), 3);
	check_committed(&region, "one two", 7);
	check_committed(&region, "one two", 7); /* copying commits nothing */
	bh_region_done(&region);
}
END_TEST

static const struct {
	size_t capacity, chunk;
} floods[] = {
	{ 4096, 1 << 20 },      { 65536, 100 },
	{ 65536, 4095 },        { 65536, 65537 },
	{ 1 << 20, 3 << 20 },   { 16 << 20, 1000003 },
	{ 16 << 20, 17 << 20 }, { 3 << 20, (3 << 20) + 1 },
};

START_TEST(a_full_region_has_its_offset_at_its_capacity)
{
	char *bytes = malloc(floods[_i].chunk);
	size_t capacity;
	ssize_t n;

	ck_assert_int_eq(bh_region_find_capacity(floods[_i].capacity, &capacity, NULL), 0);
	struct bh_region region = open_results(capacity);

	memset(bytes, 'x', floods[_i].chunk);
	do
		n = write(region.fd, bytes, floods[_i].chunk);
	while (n > 0);

	ck_assert_int_eq(n, -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(lseek(region.fd, 0, SEEK_CUR), (off_t)region.size);
	bh_region_done(&region);
	free(bytes);
}
END_TEST

START_TEST(what_is_mapped_is_committed_by_the_offset)
{
	struct bh_region region = open_results(4096);
	char *map = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, region.fd, 0);

	ck_assert_ptr_ne(map, MAP_FAILED);
	memcpy(map, "mapped", 6);
	check_committed(&region, NULL, 0);
	ck_assert_int_eq(lseek(region.fd, 6, SEEK_SET), 6);
	check_committed(&region, "mapped", 6);
	munmap(map, region.size);
	bh_region_done(&region);
}
END_TEST

START_TEST(an_offset_past_the_capacity_commits_no_more_than_it)
{
	struct bh_region region = open_results(4096);
	char *zeros = calloc(1, region.size);

	ck_assert_int_eq(lseek(region.fd, (off_t)1 << 60, SEEK_SET), (off_t)1 << 60);
	check_committed(&region, zeros, region.size);
	ck_assert_int_eq(lseek(region.fd, 0, SEEK_SET), 0);
	check_committed(&region, NULL, 0);
	free(zeros);
	bh_region_done(&region);
}
END_TEST

START_TEST(a_punched_hole_reads_as_zeros)
{
	struct bh_region region = open_results(4096);
	char *zeros = calloc(1, region.size), *bytes = malloc(region.size);

	memset(bytes, 'x', region.size);
	ck_assert_int_eq(write(region.fd, bytes, region.size), (ssize_t)region.size);
	ck_assert_int_eq(fallocate(region.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	                           (off_t)region.size),
	                 0);
	check_committed(&region, zeros, region.size);
	free(zeros);
	free(bytes);
	bh_region_done(&region);
}
END_TEST

START_TEST(a_copy_does_not_change_when_the_region_does)
{
	struct bh_region region = open_results(4096);
	uint8_t *copy;
	size_t size;

	ck_assert_int_eq(write(region.fd, "before", 6), 6);
	ck_assert_int_eq(bh_region_copy_committed(&region, &copy, &size, NULL), 0);
	ck_assert_int_eq(pwrite(region.fd, "after!", 6, 0), 6);
	ck_assert_mem_eq(copy, "before", 6);
	free(copy);
	bh_region_done(&region);
}
END_TEST

/* An append mode or a second offset of the handler's changes nothing of ours. */
START_TEST(what_a_handler_sets_on_its_descriptor_does_not_stop_the_copy)
{
	struct bh_region region = open_results(4096);

	ck_assert_int_eq(write(region.fd, "text", 4), 4);
	ck_assert_int_eq(fcntl(region.fd, F_SETFL, O_APPEND | O_NONBLOCK), 0);
	check_committed(&region, "text", 4);
	int other = reopen(region.fd, O_RDWR);
	ck_assert_int_ge(other, 0);
	ck_assert_int_eq(lseek(other, 100, SEEK_SET), 100);
	check_committed(&region, "text", 4);
	close(other);
	bh_region_done(&region);
}
END_TEST

START_TEST(what_is_committed_can_be_peeked_at_from_any_offset)
{
	BH_CLEANUP(bh_region_done) struct bh_region region = open_results(1);
	char bytes[8];
	size_t committed = 0;

	ck_assert_int_eq(bh_region_peek_committed(&region, 0, bytes, 8, &committed), 0);
	ck_assert_uint_eq(committed, 0);
	ck_assert_int_eq(write(region.fd, "0123456789", 10), 10);
	ck_assert_int_eq(bh_region_peek_committed(&region, 4, bytes, 3, &committed), 3);
	ck_assert_mem_eq(bytes, "456", 3);
	ck_assert_uint_eq(committed, 10);
	ck_assert_int_eq(bh_region_peek_committed(&region, 8, bytes, 8, &committed), 2);
	ck_assert_int_eq(bh_region_peek_committed(&region, 4096, bytes, 8, &committed), 0);
	ck_assert_int_ge(lseek(region.fd, (off_t)1 << 60, SEEK_SET), 0);
	ck_assert_int_eq(bh_region_peek_committed(&region, 0, bytes, 8, &committed), 8);
	ck_assert_uint_eq(committed, region.size);
}
END_TEST

START_TEST(a_capacity_of_nothing_or_of_everything_is_refused)
{
	struct bh_region region = BH_REGION_UNSET;
	struct bh_error err = BH_ERROR_UNSET;

	ck_assert_int_eq(bh_region_open_results(0, &region, &err), -EINVAL);
	ck_assert_int_eq(bh_region_open_results(SIZE_MAX, &region, &err), -EOVERFLOW);
	ck_assert_int_eq(bh_region_open_results(SSIZE_MAX, &region, &err), -EOVERFLOW);
	ck_assert_int_eq(region.fd, -1);
}
END_TEST

START_TEST(a_region_that_is_unset_can_be_closed_and_not_copied)
{
	struct bh_region region = BH_REGION_UNSET;
	struct bh_error err = BH_ERROR_UNSET;
	uint8_t *copy = NULL;
	size_t size = 7;

	ck_assert_int_eq(bh_region_copy_committed(&region, &copy, &size, &err), -EBADF);
	ck_assert(copy == NULL && size == 7);
	bh_region_done(&region);
	region = open_results(1);
	int fd = region.fd;
	bh_region_done(&region);
	bh_region_done(&region);
	ck_assert_int_eq(region.fd, -1);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

static TCase *context_tests(void)
{
	TCase *tests = tcase_create("context");

	tcase_add_test(tests, a_context_holds_its_parts_in_order);
	tcase_add_test(tests, a_context_of_no_parts_is_empty);
	tcase_add_test(tests, a_context_takes_more_parts_than_one_write_can);
	tcase_add_test(tests, a_context_can_never_be_written_again);
	tcase_add_test(tests, a_context_opened_again_for_writing_is_not_writable);
	tcase_add_test(tests, regions_are_closed_on_exec_and_not_executable);
	tcase_add_loop_test(tests, a_context_that_is_too_large_is_refused, 0, BH_COUNT_OF(refused));
	tcase_add_test(tests, a_part_that_can_not_be_read_is_refused);
	return tests;
}

static TCase *result_tests(void)
{
	TCase *tests = tcase_create("results");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, results_are_of_whole_pages_and_start_empty);
	tcase_add_test(tests, results_keep_their_capacity);
	tcase_add_test(tests, what_is_written_is_committed);
	tcase_add_loop_test(tests, a_full_region_has_its_offset_at_its_capacity, 0,
	                    BH_COUNT_OF(floods));
	tcase_add_test(tests, what_is_mapped_is_committed_by_the_offset);
	tcase_add_test(tests, an_offset_past_the_capacity_commits_no_more_than_it);
	tcase_add_test(tests, a_punched_hole_reads_as_zeros);
	tcase_add_test(tests, a_copy_does_not_change_when_the_region_does);
	tcase_add_test(tests, what_a_handler_sets_on_its_descriptor_does_not_stop_the_copy);
	tcase_add_test(tests, what_is_committed_can_be_peeked_at_from_any_offset);
	tcase_add_test(tests, a_capacity_of_nothing_or_of_everything_is_refused);
	tcase_add_test(tests, a_region_that_is_unset_can_be_closed_and_not_copied);
	return tests;
}

int main(void)
{
	Suite *suite = suite_create("region");

	suite_add_tcase(suite, context_tests());
	suite_add_tcase(suite, result_tests());

	return run_suite(suite);
}
