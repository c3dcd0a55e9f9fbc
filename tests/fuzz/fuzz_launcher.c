/* SPDX-License-Identifier: Apache-2.0 */

/* What supervisor and launcher say to each other, with one of them hostile: the
 * strings of a handler as the launcher unpacks them, any request with any
 * descriptors, the answers to a start, and the events of batches. The first byte
 * says which; a launcher that serves is fuzz_serve's. Whatever comes, no descriptor
 * may be left open, texts end inside their arrays, and a name of cgroups to be
 * removed is no path. */

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* the sandbox's own struct has to be made here: its socket is ours */
#include "sandbox/client.c"
#include "sandbox/request.h"
#include "tests/fuzz/input.h"

#define MAX_MESSAGES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- arguments ---- */

static void unpack_arguments(struct input *input)
{
	struct bh_arguments arguments = BH_ARGUMENTS_UNSET;
	int fd = memfd_create("arguments", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, input->at, input->left) == (ssize_t)input->left);
	if (bh_arguments_unpack(fd, &arguments, NULL) == 0) {
		size_t n = strlen(arguments.path);
		for (size_t i = 0; arguments.argv[i]; i++)
			n += strlen(arguments.argv[i]);
		for (size_t i = 0; arguments.envp[i]; i++)
			n += strlen(arguments.envp[i]);
		for (size_t i = 0; i < arguments.n_bounds; i++)
			n += strlen(arguments.bounds[i].path) + strlen(arguments.bounds[i].dest);
		must(arguments.argv[0] != NULL && n <= input->left);
		bh_arguments_done(&arguments);
	}
	close(fd);
}

/* ---- messages ---- */

/* A message: what it has beside, its type and id, and the rest, of which the last
 * byte is repeated to the end, so that texts without an end are short inputs. */
static void send_message_of(struct input *input, int socket)
{
	struct bh_message message;
	uint8_t head = take_byte(input);
	size_t start = offsetof(struct bh_message, configure);
	uint8_t *bytes = (uint8_t *)&message;

	memset(&message, 0, sizeof(message));
	message.type = take_byte(input);
	message.id = take_byte(input);
	size_t n = take(input, bytes + start, take_byte(input));
	if (n > 0)
		memset(bytes + start + n, bytes[start + n - 1], sizeof(message) - start - n);
	must(send_raw(socket, &message, head & 0x80 ? head & 0x7f : sizeof(message), head & 7) >=
	     0);
}

static void make_pair(int pair[2])
{
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

static void check_configure(const struct bh_message_configure *configure)
{
	if (bh_configure_check(configure, NULL) < 0)
		return;
	must(configure->version == BH_MESSAGE_VERSION && configure->warm <= BH_WARM_REUSE);
	must_end(configure->handler_name, sizeof(configure->handler_name));
	must_end(configure->python_dir, sizeof(configure->python_dir));
	must(configure->handler_name[0] != '\0' && !strchr(configure->handler_name, '/'));
}

static void receive_any(struct input *input)
{
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];
	int pair[2];

	make_pair(pair);
	send_message_of(input, pair[1]);
	close(pair[1]);
	int r = bh_request_receive(pair[0], &message, fds, NULL);
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		must(r == 1 || fds[i] < 0);
	if (r == 1 && message.type == BH_MESSAGE_CONFIGURE)
		check_configure(&message.configure);
	bh_channel_close(fds);
	close(pair[0]);
}

/* A supervisor whose launcher has said all of the input and is gone. */
static void make_sandbox(struct input *input, struct bh_sandbox *ret)
{
	int pair[2];

	make_pair(pair);
	for (int i = 0; i < MAX_MESSAGES && input->left > 0; i++)
		send_message_of(input, pair[1]);
	close(pair[1]);
	*ret = (struct bh_sandbox){ .launcher = BH_LAUNCHED_UNSET };
	ret->launcher.socket = pair[0];
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		ret->cgroup_parents[i] = -1;
}

static void start(struct input *input)
{
	char stage[BH_STAGE_TEXT_SIZE] = "";
	struct bh_error error = BH_ERROR_UNSET;
	struct bh_sandbox sandbox;

	make_sandbox(input, &sandbox);
	int r = await_ready(&sandbox, stage, &error);
	must(r <= 0 && (r == 0) == sandbox.ready);
	must_end(stage, sizeof(stage));
	must_end(error.text, sizeof(error.text));
	must_end(sandbox.cgroup_missing, sizeof(sandbox.cgroup_missing));
	learn_cgroups(&sandbox);
	must_end(sandbox.cgroup, sizeof(sandbox.cgroup));
	/* not removed here: by a hostile name something of this machine would be */
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		must(sandbox.cgroup_parents[i] < 0 ||
		     (sandbox.cgroup[0] != '\0' && !strchr(sandbox.cgroup, '/')));
	close_all(sandbox.cgroup_parents);
	close(sandbox.launcher.socket);
}

static void take_events(struct input *input)
{
	struct bh_sandbox_event event;
	struct bh_sandbox sandbox;

	make_sandbox(input, &sandbox);
	must(fcntl(sandbox.launcher.socket, F_SETFL, O_NONBLOCK) == 0);
	while (bh_sandbox_next_event(&sandbox, &event, NULL) == 1) {
		if (event.type == BH_SANDBOX_LISTENER) {
			bh_fd_done(&event.listener);
			continue;
		}
		must(event.listener < 0);
		if (event.type == BH_SANDBOX_STARTED)
			continue;
		must(event.type == BH_SANDBOX_ENDED);
		must_end(event.ended.error.text, sizeof(event.ended.error.text));
		must_end(event.ended.stage, sizeof(event.ended.stage));
	}
	close(sandbox.launcher.socket);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parts[])(struct input * input) = { unpack_arguments, receive_any, start,
		                                               take_events };
	struct input input = { data, size };
	size_t before = count_descriptors();

	parts[take_byte(&input) % BH_COUNT_OF(parts)](&input);
	must(count_descriptors() == before);
	return 0;
}
