/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "ipc/wire/message.h"
#include "tests/check.h"

/* Both ends of a channel. */
struct pair {
	int ours;
	int peer;
};

static struct pair open_pair(int flags)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0, fds), 0);
	return (struct pair){ fds[0], fds[1] };
}

static void pair_done(struct pair *pair)
{
	bh_fd_done(&pair->ours);
	bh_fd_done(&pair->peer);
}

static size_t count_open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static void send_all(int socket, const void *bytes, size_t size, const int *fds, size_t n_fds)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_channel_send(socket, bytes, size, fds, n_fds, &err);
	ck_assert_msg(r == 0, "%s", err.text);
}

static int receive(int socket, void *bytes, size_t size, int *fds)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_channel_receive(socket, bytes, size, fds, &err);
	if (r < 0)
		ck_assert_int_eq(err.code, -r);
	return r;
}

static void check_no_fds(const int *fds)
{
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		ck_assert_int_eq(fds[i], -1);
}

START_TEST(a_message_arrives_as_it_was_sent)
{
	struct pair pair = open_pair(0);
	struct bh_message sent = { .type = BH_MESSAGE_KILL, .id = 7, .kill = BH_KILL_ALL }, got;
	int fds[BH_CHANNEL_MAX_FDS];

	send_all(pair.ours, &sent, sizeof(sent), NULL, 0);
	ck_assert_int_eq(receive(pair.peer, &got, sizeof(got), fds), 1);
	ck_assert_mem_eq(&got, &sent, sizeof(got));
	check_no_fds(fds);
	pair_done(&pair);
}
END_TEST

START_TEST(messages_keep_their_order_and_boundaries)
{
	struct pair pair = open_pair(0);
	int fds[BH_CHANNEL_MAX_FDS];

	for (uint32_t i = 0; i < 10; i++)
		send_all(pair.ours, &i, sizeof(i), NULL, 0);
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t got = UINT32_MAX;
		ck_assert_int_eq(receive(pair.peer, &got, sizeof(got), fds), 1);
		ck_assert_uint_eq(got, i);
	}
	pair_done(&pair);
}
END_TEST

START_TEST(descriptors_arrive_in_order_and_close_on_exec)
{
	size_t n = (size_t)_i;
	struct pair pair = open_pair(0);
	int pipes[BH_CHANNEL_MAX_FDS][2], writers[BH_CHANNEL_MAX_FDS], fds[BH_CHANNEL_MAX_FDS];
	char byte = 'm';

	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(pipe(pipes[i]), 0);
		writers[i] = pipes[i][1];
	}
	send_all(pair.ours, &byte, 1, writers, n);
	ck_assert_int_eq(receive(pair.peer, &byte, 1, fds), 1);
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		ck_assert((fds[i] >= 0) == (i < n));
	for (size_t i = 0; i < n; i++) {
		char sent = (char)('0' + i), got;
		ck_assert_int_eq(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		ck_assert_int_eq(write(fds[i], &sent, 1), 1);
		ck_assert_int_eq(read(pipes[i][0], &got, 1), 1);
		ck_assert_int_eq(got, sent);
		/* those sent stay the sender's */
		ck_assert_int_eq(fcntl(writers[i], F_GETFD), 0);
		close(fds[i]);
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	pair_done(&pair);
}
END_TEST

START_TEST(the_end_of_the_other_side_is_told_apart)
{
	struct pair pair = open_pair(0);
	int fds[BH_CHANNEL_MAX_FDS];
	char byte = 'm';

	send_all(pair.peer, &byte, 1, NULL, 0);
	bh_fd_done(&pair.peer);
	/* what was sent before comes first */
	ck_assert_int_eq(receive(pair.ours, &byte, 1, fds), 1);
	ck_assert_int_eq(receive(pair.ours, &byte, 1, fds), 0);
	check_no_fds(fds);
	pair_done(&pair);
}
END_TEST

START_TEST(sending_to_a_side_that_is_gone_fails_without_a_signal)
{
	struct pair pair = open_pair(0);
	struct bh_error err = BH_ERROR_UNSET;
	char byte = 'm';

	bh_fd_done(&pair.peer);
	ck_assert_int_eq(bh_channel_send(pair.ours, &byte, 1, NULL, 0, &err), -EPIPE);
	ck_assert_int_eq(err.code, EPIPE);
	pair_done(&pair);
}
END_TEST

START_TEST(nothing_there_and_no_room_are_no_reason_to_wait)
{
	struct pair pair = open_pair(SOCK_NONBLOCK);
	int fds[BH_CHANNEL_MAX_FDS];
	char bytes[4096] = { 0 };
	int r;

	ck_assert_int_eq(receive(pair.ours, bytes, sizeof(bytes), fds), -EAGAIN);
	check_no_fds(fds);
	do
		r = bh_channel_send(pair.ours, bytes, sizeof(bytes), NULL, 0, NULL);
	while (r == 0);
	ck_assert_int_eq(r, -EAGAIN);
	pair_done(&pair);
}
END_TEST

static const size_t wrong_sizes[] = { 1, 7, 9, 4096 };

START_TEST(a_message_of_another_size_is_refused_and_its_descriptors_closed)
{
	struct pair pair = open_pair(0);
	char bytes[4096] = { 0 }, got[8];
	int fds[BH_CHANNEL_MAX_FDS];
	const int sent[] = { pair.ours, pair.peer };
	size_t before = count_open_fds();

	send_all(pair.ours, bytes, wrong_sizes[_i], sent, 2);
	ck_assert_int_eq(receive(pair.peer, got, sizeof(got), fds), -EMSGSIZE);
	check_no_fds(fds);
	ck_assert_uint_eq(count_open_fds(), before);
	pair_done(&pair);
}
END_TEST

/* Sends past the rules of bh_channel_send. */
static void send_raw(int socket, size_t size, const int *fds, size_t n_fds)
{
	char bytes[8] = { 0 };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int) * 8)];
	} control = { 0 };
	struct iovec part = { bytes, size };
	struct msghdr message = { .msg_iov = &part,
		                  .msg_iovlen = 1,
		                  .msg_control = &control,
		                  .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds) };

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
	memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	ck_assert_int_eq(sendmsg(socket, &message, 0), (ssize_t)size);
}

START_TEST(a_message_with_too_many_descriptors_is_refused_and_they_are_closed)
{
	struct pair pair = open_pair(0);
	char bytes[8];
	int fds[BH_CHANNEL_MAX_FDS];
	const int sent[] = { 0, 0, 0, 0, 0, 0, 0, 0 };

	for (size_t n = BH_CHANNEL_MAX_FDS + 1; n <= BH_COUNT_OF(sent); n++) {
		size_t before = count_open_fds();
		send_raw(pair.ours, sizeof(bytes), sent, n);
		ck_assert_int_eq(receive(pair.peer, bytes, sizeof(bytes), fds), -EMSGSIZE);
		check_no_fds(fds);
		ck_assert_uint_eq(count_open_fds(), before);
	}
	pair_done(&pair);
}
END_TEST

START_TEST(a_message_has_its_sender_with_it_where_that_is_asked_for)
{
	struct pair pair = open_pair(0);
	const int sent[] = { 0, 0, 0, 0 };
	int fds[BH_CHANNEL_MAX_FDS];
	char bytes[8] = { 0 };
	pid_t sender;

	ck_assert_int_eq(bh_channel_ask_senders(pair.peer, NULL), 0);
	pid_t child = fork();
	if (child == 0)
		_exit(bh_channel_send(pair.ours, bytes, sizeof(bytes), sent, 4, NULL) != 0);
	int r = bh_channel_receive_from(pair.peer, bytes, sizeof(bytes), fds, &sender, NULL);
	ck_assert_int_eq(r, 1);
	ck_assert_int_eq(sender, child);
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		bh_fd_done(&fds[i]);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	pair_done(&pair);
}
END_TEST

START_TEST(a_sender_that_nobody_asked_for_is_not_known)
{
	struct pair pair = open_pair(0);
	int fds[BH_CHANNEL_MAX_FDS];
	pid_t sender = -1;
	char byte = 'm';

	send_all(pair.ours, &byte, 1, NULL, 0);
	ck_assert_int_eq(bh_channel_receive_from(pair.peer, &byte, 1, fds, &sender, NULL), 1);
	ck_assert_int_eq(sender, 0);
	pair_done(&pair);
}
END_TEST

START_TEST(an_empty_message_leaves_no_descriptors_behind)
{
	struct pair pair = open_pair(0);
	char bytes[8];
	int fds[BH_CHANNEL_MAX_FDS];
	const int sent[] = { 0, 0 };
	size_t before = count_open_fds();

	send_raw(pair.ours, 0, sent, 2);
	ck_assert_int_eq(receive(pair.peer, bytes, sizeof(bytes), fds), 0);
	check_no_fds(fds);
	ck_assert_uint_eq(count_open_fds(), before);
	pair_done(&pair);
}
END_TEST

START_TEST(more_descriptors_than_a_message_takes_are_not_sent)
{
	struct pair pair = open_pair(SOCK_NONBLOCK);
	const int sent[BH_CHANNEL_MAX_FDS + 1] = { 0 };
	int fds[BH_CHANNEL_MAX_FDS];
	char byte = 'm';

	ck_assert_int_eq(bh_channel_send(pair.ours, &byte, 1, sent, BH_CHANNEL_MAX_FDS + 1, NULL),
	                 -EINVAL);
	ck_assert_int_eq(receive(pair.peer, &byte, 1, fds), -EAGAIN);
	pair_done(&pair);
}
END_TEST

START_TEST(a_descriptor_that_is_not_open_is_an_error)
{
	struct pair pair = open_pair(0);
	const int sent[] = { -1 };
	char byte = 'm';

	ck_assert_int_eq(bh_channel_send(pair.ours, &byte, 1, sent, 1, NULL), -EBADF);
	bh_fd_done(&pair.ours);
	ck_assert_int_eq(bh_channel_send(pair.ours, &byte, 1, NULL, 0, NULL), -EBADF);
	pair_done(&pair);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("channel");
	TCase *tests = tcase_create("channel");

	tcase_add_test(tests, a_message_arrives_as_it_was_sent);
	tcase_add_test(tests, messages_keep_their_order_and_boundaries);
	tcase_add_loop_test(tests, descriptors_arrive_in_order_and_close_on_exec, 0,
	                    BH_CHANNEL_MAX_FDS + 1);
	tcase_add_test(tests, the_end_of_the_other_side_is_told_apart);
	tcase_add_test(tests, sending_to_a_side_that_is_gone_fails_without_a_signal);
	tcase_add_test(tests, nothing_there_and_no_room_are_no_reason_to_wait);
	tcase_add_loop_test(tests, a_message_of_another_size_is_refused_and_its_descriptors_closed,
	                    0, BH_COUNT_OF(wrong_sizes));
	tcase_add_test(tests, a_message_with_too_many_descriptors_is_refused_and_they_are_closed);
	tcase_add_test(tests, a_message_has_its_sender_with_it_where_that_is_asked_for);
	tcase_add_test(tests, a_sender_that_nobody_asked_for_is_not_known);
	tcase_add_test(tests, an_empty_message_leaves_no_descriptors_behind);
	tcase_add_test(tests, more_descriptors_than_a_message_takes_are_not_sent);
	tcase_add_test(tests, a_descriptor_that_is_not_open_is_an_error);
	suite_add_tcase(suite, tests);

	return run_suite(suite);
}
