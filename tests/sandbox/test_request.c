/* SPDX-License-Identifier: Apache-2.0 */
/* What a launcher does with what no supervisor says. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ipc/wire/channel.h"
#include "sandbox/arguments.h"
#include "sandbox/launch.h"
#include "sandbox/user_namespace.h"
#include "tests/sandbox/driver.h"

#define MOST_FDS 6

static struct driver d;

/* Sends the first `size` bytes with `n_fds` descriptors, all of them `fd`. */
static void send_raw(int socket, const void *bytes, size_t size, int fd, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * MOST_FDS)];
	} control = { .header = { .cmsg_level = SOL_SOCKET,
		                  .cmsg_type = SCM_RIGHTS,
		                  .cmsg_len = CMSG_LEN(sizeof(int) * n_fds) } };
	struct iovec part = { (void *)(uintptr_t)bytes, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	const int fds[MOST_FDS] = { fd, fd, fd, fd, fd, fd };

	ck_assert_uint_le(n_fds, MOST_FDS);
	memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
	if (n_fds > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	}
	ck_assert_int_eq(sendmsg(socket, &message, MSG_NOSIGNAL), (ssize_t)size);
}

/* Waits for the launcher's end, which stays to be waited for. */
static void await_launcher(pid_t pid, const char *why, int status)
{
	siginfo_t info = { .si_pid = 0 };
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd polled = { .fd = pidfd, .events = POLLIN };

	ck_assert_int_ge(pidfd, 0);
	ck_assert_msg(poll(&polled, 1, PATIENCE_MS) == 1, "%s: the launcher goes on", why);
	close(pidfd);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_msg(info.si_code == CLD_EXITED && info.si_status == status,
	              "%s: the launcher ended with code %d, status %d", why, info.si_code,
	              info.si_status);
}

#define WHOLE sizeof(struct bh_message)

static const struct {
	const char *why;
	uint32_t type, id, kill;
	size_t size, n_fds;
	int status;
} refused[] = {
	{ "no type", 0, 0, 0, WHOLE, 0, EXIT_FAILURE },
	{ "a type that there isn't", 99, 0, 0, WHOLE, 0, EXIT_FAILURE },
	{ "the greatest type", UINT32_MAX, 0, 0, WHOLE, 4, EXIT_FAILURE },
	{ "a launcher's own word", BH_MESSAGE_ENDED, 0, 0, WHOLE, 0, EXIT_FAILURE },
	{ "a second configuration", BH_MESSAGE_CONFIGURE, 0, 0, WHOLE, 3, EXIT_FAILURE },
	{ "a probe while it serves", BH_MESSAGE_PROBE, 0, 0, WHOLE, 0, EXIT_FAILURE },
	{ "maps while it serves", BH_MESSAGE_MAPPED, 0, 0, WHOLE, 0, EXIT_FAILURE },
	{ "a spawn without descriptors", BH_MESSAGE_SPAWN, 1, 0, WHOLE, 0, EXIT_FAILURE },
	{ "a spawn with three", BH_MESSAGE_SPAWN, 1, 0, WHOLE, 3, EXIT_FAILURE },
	{ "a spawn with five", BH_MESSAGE_SPAWN, 1, 0, WHOLE, 5, EXIT_FAILURE },
	{ "a spawn where a batch runs", BH_MESSAGE_SPAWN, 0, 0, WHOLE, 4, EXIT_FAILURE },
	{ "a spawn behind the last slot", BH_MESSAGE_SPAWN, 2, 0, WHOLE, 4, EXIT_FAILURE },
	{ "a spawn in the greatest slot", BH_MESSAGE_SPAWN, UINT32_MAX, 0, WHOLE, 4, EXIT_FAILURE },
	{ "a short spawn", BH_MESSAGE_SPAWN, 1, 0, WHOLE - 1, 4, EXIT_FAILURE },
	{ "a long spawn", BH_MESSAGE_SPAWN, 1, 0, WHOLE + 1, 4, EXIT_FAILURE },
	{ "one byte", BH_MESSAGE_SPAWN, 1, 0, 1, 4, EXIT_FAILURE },
	{ "nothing at all, as at the end", BH_MESSAGE_SPAWN, 1, 0, 0, 4, EXIT_SUCCESS },
	{ "a kill with a descriptor", BH_MESSAGE_KILL, 1, BH_KILL_ALL, WHOLE, 1, EXIT_FAILURE },
	{ "a kill behind the last slot", BH_MESSAGE_KILL, 2, BH_KILL_ALL, WHOLE, 0, EXIT_FAILURE },
	{ "a kill in no way", BH_MESSAGE_KILL, 0, 0, WHOLE, 0, EXIT_FAILURE },
	{ "a kill in a third way", BH_MESSAGE_KILL, 0, 3, WHOLE, 0, EXIT_FAILURE },
};

/* Its descriptors are closed with everything else, and its batches' processes end. */
START_TEST(a_launcher_that_serves_ends_by_what_no_supervisor_says)
{
	static const char *const args[] = { "-c", "echo ready; exec sleep 1000", NULL };
	struct bh_message message[2] = { { .type = refused[_i].type, .id = refused[_i].id } };
	int before = count_descriptors();
	struct bh_sandbox_options options = driver_options("/bin/sh", args);
	int ends[2];

	message[0].kill = refused[_i].kill;
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	driver_start(&d, &options);
	driver_spawn(&d, 0);
	await_output(d.out);
	send_raw(bh_sandbox_fd(d.sandbox), message, refused[_i].size, ends[1], refused[_i].n_fds);
	close(ends[1]);
	await_launcher(only_child(), refused[_i].why, refused[_i].status);
	await_end_of_file(ends[0]);
	fcntl(d.out, F_SETFL, 0);
	await_end_of_file(d.out);
	bh_sandbox_free(d.sandbox);
	close(ends[0]);
	close(d.out);
	bh_region_done(&d.context);
	bh_region_done(&d.results);
	ck_assert_int_eq(count_descriptors(), before);
}
END_TEST

START_TEST(a_kill_where_nothing_runs_changes_nothing)
{
	static const char *const args[] = { "-c", "exit 3", NULL };
	struct bh_sandbox_options options = driver_options("/bin/sh", args);

	driver_start(&d, &options);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(bh_sandbox_kill(d.sandbox, 0, BH_KILL_TERM, NULL), 0);
		ck_assert_int_eq(bh_sandbox_kill(d.sandbox, 1, BH_KILL_ALL, NULL), 0);
		driver_spawn(&d, 0);
		driver_finish(&d);
		ck_assert_uint_eq(d.ended.by, BH_ENDED_EXITED);
		ck_assert_int_eq(WEXITSTATUS(d.ended.wait_status), 3);
	}
	bh_sandbox_free(d.sandbox);
}
END_TEST

/* ---- the first message ---- */

static const struct {
	const char *why;
	uint32_t type;
	size_t size, n_fds;
} refused_first[] = {
	{ "a type that there isn't", 99, WHOLE, 0 },
	{ "a spawn", BH_MESSAGE_SPAWN, WHOLE, 4 },
	{ "a kill", BH_MESSAGE_KILL, WHOLE, 0 },
	{ "a probe with a descriptor", BH_MESSAGE_PROBE, WHOLE, 1 },
	{ "a configuration without descriptors", BH_MESSAGE_CONFIGURE, WHOLE, 0 },
	{ "a configuration with two", BH_MESSAGE_CONFIGURE, WHOLE, 2 },
	{ "a configuration with four", BH_MESSAGE_CONFIGURE, WHOLE, 4 },
	{ "a short configuration", BH_MESSAGE_CONFIGURE, WHOLE - 1, 3 },
	{ "a configuration with six descriptors", BH_MESSAGE_CONFIGURE, WHOLE, 6 },
};

static void await_message(int socket)
{
	struct pollfd polled = { .fd = socket, .events = POLLIN };

	ck_assert_msg(poll(&polled, 1, PATIENCE_MS) == 1, "the launcher says nothing");
}

START_TEST(a_launcher_ends_without_a_word_by_a_first_message_that_none_is)
{
	BH_CLEANUP(bh_fd_done) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct bh_message message = { .type = refused_first[_i].type };
	struct bh_launched launched = BH_LAUNCHED_UNSET;
	char byte;

	ck_assert_int_eq(bh_launch(launcher_path(), false, &launched, NULL), 0);
	send_raw(launched.socket, &message, refused_first[_i].size, null, refused_first[_i].n_fds);
	await_launcher(launched.pid, refused_first[_i].why, EXIT_FAILURE);
	ck_assert_int_eq(recv(launched.socket, &byte, 1, MSG_DONTWAIT), 0);
	bh_launched_end(&launched, false);
}
END_TEST

/* ---- configurations ---- */

static void other_version(struct bh_message_configure *configure)
{
	configure->version++;
}

static void no_isolation(struct bh_message_configure *configure)
{
	configure->isolation = BH_ISOLATION_NONE + 1;
}

static void no_warm_mode(struct bh_message_configure *configure)
{
	configure->warm = BH_WARM_REUSE + 1;
}

static void name_without_end(struct bh_message_configure *configure)
{
	memset(configure->handler_name, 'a', sizeof(configure->handler_name));
}

static void name_that_is_a_path(struct bh_message_configure *configure)
{
	strcpy(configure->handler_name, "../etc/passwd");
}

static void no_name(struct bh_message_configure *configure)
{
	configure->handler_name[0] = '\0';
}

static void name_of_a_folder(struct bh_message_configure *configure)
{
	strcpy(configure->handler_name, "..");
}

static void folder_without_end(struct bh_message_configure *configure)
{
	memset(configure->python_dir, '/', sizeof(configure->python_dir));
}

static void folder_that_is_relative(struct bh_message_configure *configure)
{
	strcpy(configure->python_dir, "usr");
}

static void no_slots(struct bh_message_configure *configure)
{
	configure->max_running = 0;
}

static void more_slots_than_ids(struct bh_message_configure *configure)
{
	configure->max_running = BH_INSIDE_IDS + 1;
}

static void slots_past_all_memory(struct bh_message_configure *configure)
{
	configure->max_running = UINT64_MAX;
}

static const struct {
	void (*spoil)(struct bh_message_configure *configure);
	int code;
} misconfigured[] = {
	{ other_version, EPROTO },
	{ no_isolation, EPROTO },
	{ no_warm_mode, EPROTO },
	{ name_without_end, EPROTO },
	{ name_that_is_a_path, EPROTO },
	{ no_name, EPROTO },
	{ name_of_a_folder, EPROTO },
	{ folder_without_end, EPROTO },
	{ folder_that_is_relative, EPROTO },
	{ no_slots, EINVAL },
	{ more_slots_than_ids, EINVAL },
	{ slots_past_all_memory, EINVAL },
};

static struct bh_message good_configuration(void)
{
	struct bh_message message = { .type = BH_MESSAGE_CONFIGURE };

	message.configure = (struct bh_message_configure){ .version = BH_MESSAGE_VERSION,
		                                           .isolation = BH_ISOLATION_NONE,
		                                           .limits = BH_LIMITS_DEFAULT,
		                                           .max_running = 1,
		                                           .supervisor = (uint32_t)getpid(),
		                                           .handler_name = "true" };
	return message;
}

/* What the launcher answers, after what it says of cgroups. */
static struct bh_message answer_to(const struct bh_message *configuration)
{
	BH_CLEANUP(bh_region_done) struct bh_region arguments = BH_REGION_UNSET;
	const struct bh_arguments_given given = { .path = "/bin/true", .argv0 = "true" };
	struct bh_launched launched = BH_LAUNCHED_UNSET;
	struct bh_message answer;
	int fds[BH_CHANNEL_MAX_FDS];

	ck_assert_int_eq(bh_arguments_pack(&given, &arguments, NULL), 0);
	ck_assert_int_eq(bh_launch(launcher_path(), false, &launched, NULL), 0);
	BH_CLEANUP(bh_fd_done) int program = open("/bin/true", O_RDONLY | O_CLOEXEC);
	const int sent[] = { program, arguments.fd, program };
	ck_assert_int_eq(bh_channel_send(launched.socket, configuration, sizeof(*configuration),
	                                 sent, 3, NULL),
	                 0);
	do {
		await_message(launched.socket);
		ck_assert_int_eq(
		        bh_channel_receive(launched.socket, &answer, sizeof(answer), fds, NULL), 1);
		bh_channel_close(fds);
	} while (answer.type == BH_MESSAGE_CGROUPS);
	bh_launched_end(&launched, false);
	return answer;
}

START_TEST(a_configuration_without_sense_is_answered_by_what_is_wrong_with_it)
{
	struct bh_message message = good_configuration();

	misconfigured[_i].spoil(&message.configure);
	struct bh_message answer = answer_to(&message);
	ck_assert_uint_eq(answer.type, BH_MESSAGE_FAILED);
	ck_assert_int_eq(answer.failed.error.code, misconfigured[_i].code);
	ck_assert_str_ne(answer.failed.error.text, "");
	ck_assert_str_eq(answer.failed.stage, "");
}
END_TEST

START_TEST(the_same_configuration_with_sense_makes_a_launcher_ready)
{
	struct bh_message message = good_configuration();

	ck_assert_uint_eq(answer_to(&message).type, BH_MESSAGE_READY);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("request");
	TCase *serving = tcase_create("serving");
	TCase *first = tcase_create("first");

	tcase_set_timeout(serving, 120);
	tcase_set_timeout(first, 120);
	tcase_add_loop_test(serving, a_launcher_that_serves_ends_by_what_no_supervisor_says, 0,
	                    (int)BH_COUNT_OF(refused));
	tcase_add_test(serving, a_kill_where_nothing_runs_changes_nothing);
	tcase_add_loop_test(first, a_launcher_ends_without_a_word_by_a_first_message_that_none_is,
	                    0, (int)BH_COUNT_OF(refused_first));
	tcase_add_loop_test(first,
	                    a_configuration_without_sense_is_answered_by_what_is_wrong_with_it, 0,
	                    (int)BH_COUNT_OF(misconfigured));
	tcase_add_test(first, the_same_configuration_with_sense_makes_a_launcher_ready);
	suite_add_tcase(s, serving);
	suite_add_tcase(s, first);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
