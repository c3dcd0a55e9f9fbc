/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/client.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "sandbox/arguments.h"
#include "sandbox/bound.h"
#include "sandbox/cgroup_dir.h"
#include "sandbox/launch.h"
#include "sandbox/profile_catalog.h"
#include "sandbox/profile_wire.h"
#include "sandbox/user_namespace.h"

#define SET_UP_PATIENCE_MS 60000
#define SEND_PATIENCE_MS   10000

struct bh_sandbox {
	struct bh_launched launcher;
	bool ready;
	bool isolated; /* in a PID namespace */
	char missing[BH_LAYERS_TEXT_SIZE];
	bool landlocked;
	char cgroup[BH_CGROUP_NAME_SIZE];       /* cgroups of this name … */
	int cgroup_parents[BH_CHANNEL_MAX_FDS]; /* … are in these; owned; -1 where none */
	char cgroup_missing[BH_CGROUP_MISSING_SIZE];
	/* events received while a message waited for room; the oldest at `first` */
	struct bh_sandbox_event *events;
	size_t n_events, first_event, events_capacity;
};

static int make_configure(const struct bh_sandbox_options *options, enum bh_isolation isolation,
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
	configure->isolation = isolation;
	configure->limits = options->limits;
	configure->max_running = options->max_running;
	configure->scratch_bytes = options->scratch_bytes;
	configure->warm = options->warm;
	configure->tell_started = options->tell_started;
	configure->max_reuse = options->max_reuse;
	snprintf(configure->python_dir, sizeof(configure->python_dir), "%s",
	         options->python_dir ? options->python_dir : "");
	configure->supervisor = (uint32_t)getpid();
	configure->in_user_namespace = launcher->in_user_namespace;
	return 0;
}

static int pack_profile(const struct bh_profile *given, struct bh_region *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_profile_done) struct bh_profile loaded = BH_PROFILE_UNSET;
	int r = given ? 0 : bh_profile_load(NULL, &loaded, err);

	return r < 0 ? r : bh_profile_pack(given ? given : &loaded, ret, err);
}

static int send_configure(const struct bh_sandbox_options *options, enum bh_isolation isolation,
                          const struct bh_launched *launcher, struct bh_error *err)
{
	BH_CLEANUP(bh_region_done) struct bh_region arguments = BH_REGION_UNSET;
	BH_CLEANUP(bh_region_done) struct bh_region profile = BH_REGION_UNSET;
	const struct bh_arguments_given given = { .path = options->handler_path,
		                                  .argv0 = options->handler_name,
		                                  .args = options->args,
		                                  .env = options->env,
		                                  .bounds = options->bounds,
		                                  .n_bounds = options->n_bounds };
	struct bh_message message;

	int r = make_configure(options, isolation, launcher, &message, err);
	if (r == 0)
		r = bh_arguments_pack(&given, &arguments, err);
	if (r == 0)
		r = pack_profile(options->profile, &profile, err);
	if (r < 0)
		return r;
	const int fds[] = { options->handler_fd, arguments.fd, profile.fd };
	return bh_channel_send(launcher->socket, &message, sizeof(message), fds, BH_COUNT_OF(fds),
	                       err);
}

static void close_all(int *fds)
{
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		bh_fd_done(&fds[i]);
}

/* Cgroups that the launcher may leave behind. */
static void take_cgroups(struct bh_sandbox *sandbox, const struct bh_message *message, int *fds)
{
	const char *name = message->cgroups.name;

	if (!memchr(name, '\0', sizeof(message->cgroups.name)) || !bh_cgroup_dir_is_ours(name))
		return;
	memcpy(sandbox->cgroup, name, sizeof(sandbox->cgroup));
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++) {
		bh_fd_done(&sandbox->cgroup_parents[i]);
		sandbox->cgroup_parents[i] = BH_TAKE(fds[i], -1);
	}
}

/* What a launcher said that was not listened to any more. */
static void learn_cgroups(struct bh_sandbox *sandbox)
{
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];
	int socket = sandbox->launcher.socket;

	/* from here on it can't say anything, and notices */
	if (sandbox->ready || socket < 0 || shutdown(socket, SHUT_RD) < 0)
		return;
	while (bh_channel_receive(socket, &message, sizeof(message), fds, NULL) == 1) {
		if (message.type == BH_MESSAGE_CGROUPS)
			take_cgroups(sandbox, &message, fds);
		close_all(fds);
	}
}

static void remove_cgroups(struct bh_sandbox *sandbox)
{
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++) {
		if (sandbox->cgroup_parents[i] >= 0)
			bh_cgroup_dir_remove(sandbox->cgroup_parents[i], sandbox->cgroup);
		bh_fd_done(&sandbox->cgroup_parents[i]);
	}
}

static int receive_answer(struct bh_sandbox *sandbox, struct bh_message *ret, struct bh_error *err)
{
	int socket = sandbox->launcher.socket;
	struct pollfd polled = { .fd = socket, .events = POLLIN };
	int fds[BH_CHANNEL_MAX_FDS];
	int r;

	do
		r = poll(&polled, 1, SET_UP_PATIENCE_MS);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return bh_fail(err, errno, "wait for the launcher");
	if (r == 0)
		return bh_fail_plain(err, ETIMEDOUT, "the launcher was not ready after %d s",
		                     SET_UP_PATIENCE_MS / 1000);
	r = bh_channel_receive(socket, ret, sizeof(*ret), fds, err);
	if (r == 1 && ret->type == BH_MESSAGE_CGROUPS)
		take_cgroups(sandbox, ret, fds);
	close_all(fds);
	if (r == 0)
		return bh_fail_plain(err, EPIPE, "the launcher ended while it set the sandbox up");
	return r < 0 ? r : 0;
}

static int map_ids(const struct bh_launched *launcher, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_MAPPED };
	int r = bh_user_namespace_map(launcher->pid, bh_unused_host_id(getpid()), err);

	if (r < 0)
		return r;
	return bh_channel_send(launcher->socket, &message, sizeof(message), NULL, 0, err);
}

static int take_failure(const struct bh_message_failed *failed, char *stage, struct bh_error *err)
{
	int code = failed->error.code > 0 ? failed->error.code : EPROTO;

	snprintf(stage, BH_STAGE_TEXT_SIZE, "%.*s", (int)sizeof(failed->stage), failed->stage);
	return bh_fail_plain(err, code, "%.*s", (int)sizeof(failed->error.text),
	                     failed->error.text);
}

static int await_ready(struct bh_sandbox *sandbox, char *stage, struct bh_error *err)
{
	struct bh_message message;

	int r = receive_answer(sandbox, &message, err);
	if (r == 0 && message.type == BH_MESSAGE_CGROUPS)
		r = receive_answer(sandbox, &message, err);
	if (r == 0 && message.type == BH_MESSAGE_MAP_IDS) {
		r = map_ids(&sandbox->launcher, err);
		if (r < 0)
			snprintf(stage, BH_STAGE_TEXT_SIZE, "user-namespace");
		if (r == 0)
			r = receive_answer(sandbox, &message, err);
	}
	if (r < 0)
		return r;
	if (message.type == BH_MESSAGE_FAILED)
		return take_failure(&message.failed, stage, err);
	if (message.type != BH_MESSAGE_READY)
		return bh_fail_plain(err, EPROTO, "the launcher sent a message of type %u",
		                     message.type);
	sandbox->ready = true;
	sandbox->landlocked = message.ready.landlocked;
	snprintf(sandbox->cgroup_missing, sizeof(sandbox->cgroup_missing), "%.*s",
	         (int)sizeof(message.ready.cgroup_missing), message.ready.cgroup_missing);
	return 0;
}

/* With `isolation` as the launcher is to understand it: BEST_EFFORT goes without
 * namespaces. */
static int start_as(const struct bh_sandbox_options *options, enum bh_isolation isolation,
                    struct bh_sandbox **ret, char *stage, struct bh_error *err)
{
	bool isolate = isolation == BH_ISOLATION_STRICT;

	stage[0] = '\0';
	struct bh_sandbox *made = calloc(1, sizeof(*made));
	if (!made)
		return bh_fail(err, ENOMEM, "sandbox");
	made->isolated = isolate;
	made->launcher = BH_LAUNCHED_UNSET;
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		made->cgroup_parents[i] = -1;
	int r = bh_launch(options->launcher, isolate, &made->launcher, err);
	if (r < 0 && isolate && r != -ENOENT && r != -EACCES)
		snprintf(stage, BH_STAGE_TEXT_SIZE, "user-namespace");
	if (r == 0 && options->tell_started)
		r = bh_channel_ask_senders(made->launcher.socket, err);
	if (r == 0)
		r = send_configure(options, isolation, &made->launcher, err);
	if (r == 0)
		r = await_ready(made, stage, err);
	if (r == 0 && fcntl(made->launcher.socket, F_SETFL, O_NONBLOCK) < 0)
		r = bh_fail(err, errno, "make the launcher's socket non-blocking");
	if (r < 0) {
		bh_sandbox_free(made);
		return r;
	}
	*ret = made;
	return 0;
}

/* `stage` and `why` say what namespaces failed for; NULL where they didn't. */
static void note_missing(struct bh_sandbox *sandbox, const struct bh_sandbox_options *options,
                         const char *stage, const struct bh_error *why)
{
	const char *before = "";
	size_t used = 0;

	if (why) {
		snprintf(sandbox->missing, sizeof(sandbox->missing),
		         "namespaces, root, proc%s (%s: %.180s)",
		         options->scratch_bytes > 0 ? ", scratch" : "", stage, why->text);
		used = strlen(sandbox->missing);
		before = "; ";
	}
	if (!sandbox->landlocked)
		snprintf(sandbox->missing + used, sizeof(sandbox->missing) - used,
		         "%slandlock (not in this kernel)", before);
}

/* What no mount namespace shows elsewhere can be seen only where it is. */
static int check_in_place(const struct bh_sandbox_options *options, const char *stage,
                          const struct bh_error *why, struct bh_error *err)
{
	for (size_t i = 0; i < options->n_bounds; i++) {
		const struct bh_bound *bound = &options->bounds[i];
		if (!bh_bound_is_in_place(bound))
			return bh_fail_plain(err, ENOTSUP,
			                     "bind %s to %s: expected both to be the same, for "
			                     "there are no namespaces (%s: %.100s)",
			                     bound->path, bound->dest, stage, why->text);
	}
	return 0;
}

static int start_best_effort(const struct bh_sandbox_options *options, struct bh_sandbox **ret,
                             char *stage, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;

	int r = start_as(options, BH_ISOLATION_STRICT, ret, stage, &why);
	if (r == 0) {
		note_missing(*ret, options, NULL, NULL);
		return 0;
	}
	if (stage[0] == '\0') { /* nothing that a sandbox with less would cure */
		if (err)
			*err = why;
		return r;
	}
	char missed[BH_STAGE_TEXT_SIZE];
	memcpy(missed, stage, sizeof(missed));
	r = check_in_place(options, missed, &why, err);
	if (r < 0)
		return r;
	r = start_as(options, BH_ISOLATION_BEST_EFFORT, ret, stage, err);
	if (r == 0)
		note_missing(*ret, options, missed, &why);
	return r;
}

int bh_sandbox_start(const struct bh_sandbox_options *options, struct bh_sandbox **ret,
                     char stage[BH_STAGE_TEXT_SIZE], struct bh_error *err)
{
	char ignored[BH_STAGE_TEXT_SIZE];

	if (!stage)
		stage = ignored;
	if (options->isolation == BH_ISOLATION_BEST_EFFORT)
		return start_best_effort(options, ret, stage, err);
	return start_as(options, options->isolation, ret, stage, err);
}

const char *bh_sandbox_missing(const struct bh_sandbox *sandbox)
{
	return sandbox->missing;
}

void bh_sandbox_free(struct bh_sandbox *sandbox)
{
	if (!sandbox)
		return;
	learn_cgroups(sandbox);
	/* the end of pid 1 is the end of its namespace; without one, and as long as it
	 * sets things up, the launcher cleans up by itself */
	bh_launched_end(&sandbox->launcher, sandbox->isolated && sandbox->ready);
	remove_cgroups(sandbox);
	for (size_t i = 0; i < sandbox->n_events; i++)
		bh_fd_done(&sandbox->events[sandbox->first_event + i].listener);
	free(sandbox->events);
	free(sandbox);
}

const char *bh_sandbox_cgroup_missing(const struct bh_sandbox *sandbox)
{
	return sandbox->cgroup_missing;
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

	pid_t sender;

	int r = bh_channel_receive_from(sandbox->launcher.socket, &message, sizeof(message), fds,
	                                &sender, err);
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
		ret->started = message.started;
		/* a batch's own process says so; of a template's batch, the launcher */
		ret->pid = sender == sandbox->launcher.pid ? 0 : sender;
		break;
	case BH_MESSAGE_LISTENER:
		ret->type = BH_SANDBOX_LISTENER;
		ret->listener = BH_TAKE(fds[0], -1);
		break;
	case BH_MESSAGE_ENDED:
		ret->type = BH_SANDBOX_ENDED;
		ret->ended = message.ended;
		ret->ended.stage[sizeof(ret->ended.stage) - 1] = '\0';
		ret->ended.error.text[sizeof(ret->ended.error.text) - 1] = '\0';
		break;
	default:
		r = bh_fail_plain(err, EPROTO, "the launcher sent a message of type %u",
		                  message.type);
	}
	close_all(fds);
	return r;
}

bool bh_sandbox_has_taken_in(const struct bh_sandbox *sandbox)
{
	return sandbox->n_events > 0;
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
