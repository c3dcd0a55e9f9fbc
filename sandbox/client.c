/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/client.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "sandbox/arguments.h"
#include "sandbox/launch.h"
#include "sandbox/user_namespace.h"

#define SET_UP_PATIENCE_MS 60000
#define SEND_PATIENCE_MS   10000

/* Ids that no account has and no service hands out: systemd's table of user ids
 * leaves 1879048192 to 2147352575 unused (systemd, "Users, Groups, UIDs and
 * GIDs on systemd Systems"). Each launcher takes a range of its own by its
 * supervisor's pid. */
#define FIRST_HANDLER_ID  1900000000u
#define IDS_OF_A_LAUNCHER 2048u
#define LAUNCHERS_APART   65536u

struct bh_sandbox {
	struct bh_launched launcher;
	bool isolated;
	/* events received while a message waited for room; the oldest at `first` */
	struct bh_sandbox_event *events;
	size_t n_events, first_event, events_capacity;
};

static int make_configure(const struct bh_sandbox_options *options,
                          const struct bh_launched *launcher, struct bh_message *ret,
                          struct bh_error *err)
{
	size_t length = strlen(options->handler_name);

	*ret = (struct bh_message){ .type = BH_MESSAGE_CONFIGURE };
	struct bh_message_configure *configure = &ret->configure;
	if (length == 0 || length >= sizeof(configure->handler_name))
		return bh_fail_plain(err, EINVAL, "handler name of %zu bytes", length);
	memcpy(configure->handler_name, options->handler_name, length + 1);
	configure->version = BH_MESSAGE_VERSION;
	configure->isolation = options->isolation;
	configure->limits = options->limits;
	configure->max_running = options->max_running;
	configure->in_user_namespace = launcher->in_user_namespace;
	return 0;
}

static int send_configure(const struct bh_sandbox_options *options,
                          const struct bh_launched *launcher, struct bh_error *err)
{
	BH_CLEANUP(bh_region_done) struct bh_region arguments = BH_REGION_UNSET;
	struct bh_message message;

	int r = make_configure(options, launcher, &message, err);
	if (r == 0)
		r = bh_arguments_pack(options->handler_path, options->handler_name, options->args,
		                      options->env, &arguments, err);
	if (r < 0)
		return r;
	const int fds[] = { options->handler_fd, arguments.fd };
	return bh_channel_send(launcher->socket, &message, sizeof(message), fds, BH_COUNT_OF(fds),
	                       err);
}

static void close_all(int *fds)
{
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		bh_fd_done(&fds[i]);
}

static int receive_answer(int socket, struct bh_message *ret, struct bh_error *err)
{
	struct pollfd polled = { .fd = socket, .events = POLLIN };
	int fds[BH_CHANNEL_MAX_FDS];
	int r;

	do
		r = poll(&polled, 1, SET_UP_PATIENCE_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return bh_fail_plain(err, ETIMEDOUT, "the launcher was not ready after %d s",
		                     SET_UP_PATIENCE_MS / 1000);
	r = bh_channel_receive(socket, ret, sizeof(*ret), fds, err);
	close_all(fds);
	if (r == 0)
		return bh_fail_plain(err, EPIPE, "the launcher ended while it set the sandbox up");
	return r < 0 ? r : 0;
}

static int map_ids(const struct bh_launched *launcher, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_MAPPED };
	uid_t first = FIRST_HANDLER_ID + (uid_t)getpid() % LAUNCHERS_APART * IDS_OF_A_LAUNCHER;

	int r = bh_user_namespace_map(launcher->pid, first, err);
	if (r < 0)
		return r;
	return bh_channel_send(launcher->socket, &message, sizeof(message), NULL, 0, err);
}

static int await_ready(const struct bh_launched *launcher, char *stage, struct bh_error *err)
{
	struct bh_message message;

	int r = receive_answer(launcher->socket, &message, err);
	if (r == 0 && message.type == BH_MESSAGE_MAP_IDS) {
		r = map_ids(launcher, err);
		if (r < 0)
			snprintf(stage, BH_STAGE_TEXT_SIZE, "user-namespace");
		if (r == 0)
			r = receive_answer(launcher->socket, &message, err);
	}
	if (r < 0)
		return r;
	if (message.type == BH_MESSAGE_READY)
		return 0;
	if (message.type != BH_MESSAGE_FAILED)
		return bh_fail_plain(err, EPROTO, "the launcher sent a message of type %u",
		                     message.type);
	memcpy(stage, message.failed.stage, BH_STAGE_TEXT_SIZE);
	if (err)
		*err = message.failed.error;
	return -message.failed.error.code;
}

int bh_sandbox_start(const struct bh_sandbox_options *options, struct bh_sandbox **ret,
                     char stage[BH_STAGE_TEXT_SIZE], struct bh_error *err)
{
	bool isolate = options->isolation != BH_ISOLATION_NONE;
	char ignored[BH_STAGE_TEXT_SIZE];

	if (!stage)
		stage = ignored;
	stage[0] = '\0';
	struct bh_sandbox *made = calloc(1, sizeof(*made));
	if (!made)
		return bh_fail(err, ENOMEM, "sandbox");
	made->isolated = isolate;
	made->launcher = BH_LAUNCHED_UNSET;
	int r = bh_launch(options->launcher, isolate, &made->launcher, err);
	if (r < 0 && isolate && r == -EPERM)
		snprintf(stage, BH_STAGE_TEXT_SIZE, "user-namespace");
	if (r == 0)
		r = send_configure(options, &made->launcher, err);
	if (r == 0)
		r = await_ready(&made->launcher, stage, err);
	if (r == 0 && fcntl(made->launcher.socket, F_SETFL, O_NONBLOCK) < 0)
		r = bh_fail(err, errno, "make the launcher's socket non-blocking");
	if (r < 0) {
		bh_sandbox_free(made);
		return r;
	}
	*ret = made;
	return 0;
}

void bh_sandbox_free(struct bh_sandbox *sandbox)
{
	if (!sandbox)
		return;
	/* the end of pid 1 is the end of its namespace; without one the launcher
	 * cleans up by itself */
	bh_launched_end(&sandbox->launcher, sandbox->isolated);
	for (size_t i = 0; i < sandbox->n_events; i++)
		bh_fd_done(&sandbox->events[sandbox->first_event + i].listener);
	free(sandbox->events);
	free(sandbox);
}

int bh_sandbox_fd(const struct bh_sandbox *sandbox)
{
	return sandbox->launcher.socket;
}

/* ---- events ---- */

/* 1 and an event from the socket, 0 where there is none, or an error. */
static int receive_event(struct bh_sandbox *sandbox, struct bh_sandbox_event *ret,
                         struct bh_error *err)
{
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];

	int r = bh_channel_receive(sandbox->launcher.socket, &message, sizeof(message), fds, err);
	if (r == -EAGAIN)
		return 0;
	if (r == 0 || r == -ECONNRESET)
		return bh_fail_plain(err, EPIPE, "the launcher is gone");
	if (r < 0)
		return r;
	*ret = (struct bh_sandbox_event){ .id = message.id, .listener = -1 };
	switch (message.type) {
	case BH_MESSAGE_STARTED:
		ret->type = BH_SANDBOX_STARTED;
		ret->listener = BH_TAKE(fds[0], -1);
		break;
	case BH_MESSAGE_ENDED:
		ret->type = BH_SANDBOX_ENDED;
		ret->ended = message.ended;
		break;
	default:
		r = bh_fail_plain(err, EPROTO, "the launcher sent a message of type %u",
		                  message.type);
	}
	close_all(fds);
	return r;
}

int bh_sandbox_next_event(struct bh_sandbox *sandbox, struct bh_sandbox_event *ret,
                          struct bh_error *err)
{
	if (sandbox->n_events == 0)
		return receive_event(sandbox, ret, err);
	*ret = sandbox->events[sandbox->first_event];
	sandbox->first_event++;
	sandbox->n_events--;
	return 1;
}

static int keep_event(struct bh_sandbox *sandbox, const struct bh_sandbox_event *event,
                      struct bh_error *err)
{
	if (sandbox->n_events == 0)
		sandbox->first_event = 0;
	size_t at = sandbox->first_event + sandbox->n_events;
	if (at == sandbox->events_capacity) {
		size_t capacity = at ? 2 * at : 16;
		void *grown = reallocarray(sandbox->events, capacity, sizeof(*event));
		if (!grown)
			return bh_fail(err, ENOMEM, "events of the launcher");
		sandbox->events = grown;
		sandbox->events_capacity = capacity;
	}
	sandbox->events[at] = *event;
	sandbox->n_events++;
	return 0;
}

/* Waits for room in the socket. The launcher may be waiting for the same on its
 * side, so what it says meanwhile is taken in. */
static int await_room(struct bh_sandbox *sandbox, struct bh_error *err)
{
	struct pollfd polled = { .fd = sandbox->launcher.socket, .events = POLLIN | POLLOUT };
	struct bh_sandbox_event event;
	int r;

	while ((r = receive_event(sandbox, &event, err)) == 1) {
		r = keep_event(sandbox, &event, err);
		if (r < 0) {
			bh_fd_done(&event.listener);
			return r;
		}
	}
	if (r < 0)
		return r;
	r = poll(&polled, 1, SEND_PATIENCE_MS);
	if (r == 0)
		return bh_fail_plain(err, ETIMEDOUT, "the launcher took no message for %d s",
		                     SEND_PATIENCE_MS / 1000);
	if (r < 0 && errno != EINTR)
		return bh_fail(err, errno, "wait for the launcher");
	return 0;
}

static int send_message(struct bh_sandbox *sandbox, const struct bh_message *message,
                        const int *fds, size_t n_fds, struct bh_error *err)
{
	for (;;) {
		int r = bh_channel_send(sandbox->launcher.socket, message, sizeof(*message), fds,
		                        n_fds, err);
		if (r != -EAGAIN)
			return r;
		r = await_room(sandbox, err);
		if (r < 0)
			return r;
	}
}

int bh_sandbox_spawn(struct bh_sandbox *sandbox, uint32_t id, const struct bh_spawn_fds *fds,
                     struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_SPAWN, .id = id };
	const int sent[] = { fds->context, fds->results, fds->out, fds->err };

	return send_message(sandbox, &message, sent, BH_COUNT_OF(sent), err);
}

int bh_sandbox_kill(struct bh_sandbox *sandbox, uint32_t id, enum bh_kill how, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_KILL, .id = id, .kill = how };

	return send_message(sandbox, &message, NULL, 0, err);
}
