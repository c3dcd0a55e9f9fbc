/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/capture.h"
#include "tests/check.h"

static void open_capture(struct bh_capture *capture, uint64_t max_bytes, int *writer)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_capture_open(max_bytes, capture, writer, &err);
	ck_assert_msg(r == 0, "open: %s", err.text);
}

static void write_letters(int fd, size_t size)
{
	char *letters = malloc(size + 1);

	ck_assert_ptr_nonnull(letters);
	for (size_t i = 0; i < size; i++)
		letters[i] = (char)('a' + i % 26);
	ck_assert_int_eq(write(fd, letters, size), (ssize_t)size);
	free(letters);
}

static const struct {
	const char *why;
	uint64_t max_bytes;
	size_t written, kept;
	uint64_t dropped;
} caps[] = {
	{ "nothing is written", 100, 0, 0, 0 },
	{ "less than the cap", 100, 99, 99, 0 },
	{ "exactly the cap", 100, 100, 100, 0 },
	{ "one byte more", 100, 101, 100, 1 },
	{ "a cap of nothing", 0, 50, 0, 50 },
	{ "more than the first allocation", 5000, 6000, 5000, 1000 },
	{ "a full pipe", 1 << 20, 65536, 65536, 0 },
	{ "the largest cap", UINT64_MAX, 3000, 3000, 0 },
};

START_TEST(output_is_kept_up_to_its_cap)
{
	struct bh_capture capture;
	int writer;

	open_capture(&capture, caps[_i].max_bytes, &writer);
	write_letters(writer, caps[_i].written);
	ck_assert_int_eq(bh_capture_read(&capture, NULL), 1);
	struct bh_output output = bh_capture_take(&capture);

	ck_assert_msg(output.size == caps[_i].kept && output.dropped == caps[_i].dropped,
	              "%s: kept %zu, dropped %llu", caps[_i].why, output.size,
	              (unsigned long long)output.dropped);
	ck_assert_int_eq(output.data == NULL, output.size == 0);
	for (size_t i = 0; i < output.size; i++)
		ck_assert_int_eq(output.data[i], 'a' + (int)(i % 26));
	free(output.data);
	bh_capture_done(&capture);
	close(writer);
}
END_TEST

START_TEST(a_step_reads_a_bounded_amount_and_nothing_is_no_end)
{
	struct bh_capture capture;
	int writer;

	open_capture(&capture, 1 << 20, &writer);
	ck_assert_int_eq(bh_capture_read(&capture, NULL), 1); /* empty */
	ck_assert_int_gt(fcntl(writer, F_SETPIPE_SZ, 1 << 18), 0);
	write_letters(writer, 1 << 18);
	ck_assert_int_eq(bh_capture_read(&capture, NULL), 1);
	ck_assert_uint_le(capture.kept.size, 65536);
	ck_assert_int_eq(bh_capture_drain(&capture, NULL), 0);
	ck_assert_uint_eq(capture.kept.size, 1 << 18);
	close(writer);
	ck_assert_int_eq(bh_capture_read(&capture, NULL), 0);
	bh_capture_done(&capture);
}
END_TEST

START_TEST(draining_ends_though_a_writer_is_there)
{
	struct bh_capture capture;
	int writer;

	open_capture(&capture, 100, &writer);
	write_letters(writer, 1000);
	ck_assert_int_eq(bh_capture_drain(&capture, NULL), 0);
	ck_assert_uint_eq(capture.kept.size, 100);
	ck_assert_uint_eq(capture.kept.dropped, 900);
	ck_assert_int_eq(bh_capture_drain(&capture, NULL), 0); /* an empty pipe */
	close(writer);
	ck_assert_int_eq(bh_capture_drain(&capture, NULL), 0); /* its end */
	bh_capture_done(&capture);
	ck_assert_int_eq(bh_capture_drain(&capture, NULL), 0); /* unset */
	bh_capture_done(&capture);
}
END_TEST

START_TEST(what_a_handler_sets_on_its_end_changes_nothing_of_ours)
{
	struct bh_capture capture;
	int writer;

	open_capture(&capture, 100, &writer);
	ck_assert_int_eq(fcntl(writer, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(writer, F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(fcntl(writer, F_SETFL, 0), 0);
	ck_assert_int_ne(fcntl(capture.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(capture.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(writer, F_GETFD), FD_CLOEXEC);
	close(writer);
	bh_capture_done(&capture);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("capture");
	TCase *tcase = tcase_create("capture");

	tcase_add_loop_test(tcase, output_is_kept_up_to_its_cap, 0,
	                    (int)(sizeof(caps) / sizeof(caps[0])));
	tcase_add_test(tcase, a_step_reads_a_bounded_amount_and_nothing_is_no_end);
	tcase_add_test(tcase, draining_ends_though_a_writer_is_there);
	tcase_add_test(tcase, what_a_handler_sets_on_its_end_changes_nothing_of_ours);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
