/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/serve.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "sandbox/ended.h"
#include "sandbox/launcher.h"
#include "sandbox/request.h"
#include "sandbox/user_namespace.h"

#define MAX_RUNNING BH_INSIDE_IDS

static int end_templates_batch(void *userdata, struct bh_slot *slot, struct bh_message_ended *told,
                               struct bh_error *err);

static int allocate_slots(struct bh_launcher *l, uint64_t max_running, struct bh_error *err)
{
	if (max_running == 0 || max_running > MAX_RUNNING)
		return bh_fail_plain(err, EINVAL, "%llu batches at a time, expected 1 to %u",
		                     (unsigned long long)max_running, MAX_RUNNING);
	l->slots = calloc(max_running, sizeof(*l->slots));
	if (!l->slots)
		return bh_fail(err, ENOMEM, "slots for %llu batches",
		               (unsigned long long)max_running);
	l->n_slots = max_running;
	for (size_t i = 0; i < l->n_slots; i++) {
		l->slots[i].plan = &l->plan;
		l->slots[i].id = (uint32_t)i;
		l->slots[i].context = l->slots[i].results = -1;
		l->slots[i].out = l->slots[i].err = -1;
		l->slots[i].listener = -1;
		l->slots[i].handler_pidfd = -1;
		l->slots[i].mount_namespace = -1;
	}
	return 0;
}

int bh_serve_init(struct bh_launcher *l, uint64_t max_running, uint64_t max_reuse,
                  struct bh_error *err)
{
	int r = allocate_slots(l, max_running, err);

	if (r < 0)
		return r;
	if (l->plan.last_pid >= 0) {
		l->plan.over = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (l->plan.over < 0)
			return bh_fail(err, errno, "event descriptor for reapers");
	}
	l->templates.mode = l->plan.warm;
	l->templates.max_batches = max_reuse;
	l->templates.slots = l->slots;
	l->templates.n_slots = l->n_slots;
	l->templates.on_ended = end_templates_batch;
	l->templates.userdata = l;
	return bh_templates_init(&l->templates, err);
}

/* ---- a batch's end ---- */

/* What a batch came with. */
static void close_given(struct bh_slot *slot)
{
	bh_fd_done(&slot->context);
	bh_fd_done(&slot->results);
	bh_fd_done(&slot->out);
	bh_fd_done(&slot->err);
}

static int send_message(const struct bh_launcher *l, const struct bh_message *message,
                        struct bh_error *err)
{
	return bh_channel_send(l->plan.socket, message, sizeof(*message), NULL, 0, err);
}

/* Completes what the batch's processes or its template told, and tells it. */
static int tell_ended(struct bh_launcher *l, struct bh_slot *slot, struct bh_message *message,
                      struct bh_error *err)
{
	slot->running = false;
	bh_ended_by_cgroup(l, slot, &message->ended);
	int r = send_message(l, message, err);
	close_given(slot); /* last: an end of file would only wake the supervisor sooner */
	bh_cgroup_rest(&l->plan.cgroup, &slot->cgroup);
	return r;
}

static int end_slot(struct bh_launcher *l, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_ENDED, .id = slot->id };

	bh_ended_by_processes(slot, &message.ended);
	int r = tell_ended(l, slot, &message, err);
	bh_fd_done(&slot->handler_pidfd);
	return r;
}

/* A reaper that ended with its batch, or could not prepare one. The next is made
 * meanwhile; where it can't be, the next batch will tell. */
static int replace_reaper(struct bh_launcher *l, struct bh_slot *slot, struct bh_error *err)
{
	bool was_running = slot->running;
	int mounts = BH_TAKE(slot->mount_namespace, -1);

	slot->reaper = 0;
	int r = was_running ? end_slot(l, slot, err) : 0;
	if (r == 0 && was_running)
		(void)!bh_slot_prepare(slot, NULL);
	bh_fd_done(&mounts); /* last: that takes the mounts down */
	return r;
}

/* Of a template, which lives on or has ended. */
static int end_templates_batch(void *userdata, struct bh_slot *slot, struct bh_message_ended *told,
                               struct bh_error *err)
{
	struct bh_launcher *l = userdata;
	struct bh_message message = { .type = BH_MESSAGE_ENDED, .id = slot->id };

	if (told)
		message.ended = *told;
	else
		bh_ended_by_processes(slot, &message.ended);
	message.ended.warming = !slot->template.is_warm;
	return tell_ended(l, slot, &message, err);
}

/* A batch that could not even be cloned. */
static int refuse_spawn(const struct bh_launcher *l, struct bh_slot *slot, enum bh_child_step step,
                        const struct bh_error *why, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_ENDED, .id = slot->id };

	close_given(slot);
	bh_fd_done(&slot->handler_pidfd);
	bh_ended_refused(step, why, &message.ended);
	return send_message(l, &message, err);
}

/* It comes before the first word of the slot's first batch. */
static int give_listener(const struct bh_launcher *l, struct bh_slot *slot, struct bh_error *err)
{
	const struct bh_message message = { .type = BH_MESSAGE_LISTENER, .id = slot->id };

	if (slot->listener < 0)
		return 0;
	int r = bh_channel_send(l->plan.socket, &message, sizeof(message), &slot->listener, 1, err);
	bh_fd_done(&slot->listener);
	return r;
}

/* Hands the batch to a template, whose cgroup and reaper are its own business. */
static int spawn_warm(struct bh_launcher *l, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;

	int r = slot->stacks ? 0 : bh_slot_open(slot, &why);
	if (r < 0)
		return refuse_spawn(l, slot, slot->failed_step, &why, err);
	r = give_listener(l, slot, err);
	if (r < 0)
		return r;
	slot->running = true;
	return bh_template_take(&l->templates, slot, err);
}

/* The slot takes the descriptors. */
static int spawn(struct bh_launcher *l, struct bh_slot *slot, int *fds, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;

	if (slot->running)
		return bh_fail_plain(err, EPROTO, "spawn for %u, which runs", slot->id);
	slot->context = BH_TAKE(fds[0], -1);
	slot->results = BH_TAKE(fds[1], -1);
	slot->out = BH_TAKE(fds[2], -1);
	slot->err = BH_TAKE(fds[3], -1);
	if (l->plan.warm != BH_WARM_OFF)
		return spawn_warm(l, slot, err);
	if (bh_cgroup_begin(&l->plan.cgroup, &slot->cgroup, &why) < 0)
		return refuse_spawn(l, slot, BH_STEP_CGROUP, &why, err);
	int r = slot->stacks ? 0 : bh_slot_open(slot, &why);
	if (r == 0)
		r = bh_slot_prepare(slot, &why);
	if (r < 0)
		return refuse_spawn(l, slot, slot->failed_step, &why, err);
	slot->running = true;
	r = give_listener(l, slot, err);
	if (r == 0)
		bh_slot_go(slot);
	return r;
}

static void kill_slot(struct bh_launcher *l, struct bh_slot *slot, uint32_t how)
{
	if (l->plan.warm != BH_WARM_OFF) {
		bh_template_kill(&l->templates, slot, how);
		return;
	}
	if (!slot->running)
		return;
	/* without a handler yet there is nothing that could end in grace */
	if (how != BH_KILL_TERM || !bh_slot_signal(slot, SIGTERM))
		bh_slot_kill(slot);
}

static int take_message(struct bh_launcher *l, const struct bh_message *message, int *fds,
                        struct bh_error *err)
{
	if (message->id >= l->n_slots)
		return bh_fail_plain(err, EPROTO, "message for batch %u", message->id);
	struct bh_slot *slot = &l->slots[message->id];
	switch (message->type) {
	case BH_MESSAGE_SPAWN:
		return spawn(l, slot, fds, err);
	case BH_MESSAGE_KILL:
		kill_slot(l, slot, message->kill);
		return 0;
	default:
		return bh_fail_plain(err, EPROTO, "message of type %u to a launcher that serves",
		                     message->type);
	}
}

int bh_serve_message(struct bh_launcher *l, struct bh_error *err)
{
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];

	int r = bh_request_receive(l->plan.socket, &message, fds, err);
	if (r <= 0)
		return r;
	r = take_message(l, &message, fds, err);
	bh_channel_close(fds); /* what wasn't taken */
	return r < 0 ? r : 1;
}

/* ---- what comes by itself ---- */

int bh_serve_over(struct bh_launcher *l, struct bh_error *err)
{
	uint64_t count;
	int r = 0;

	if (read(l->plan.over, &count, sizeof(count)) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < l->n_slots; i++) {
		struct bh_slot *slot = &l->slots[i];
		if (!slot->running || !bh_slot_is_over(slot))
			continue;
		r = end_slot(l, slot, err);
		bh_slot_clear(slot);
	}
	return r;
}

/* The kernel writes the number of a pidfd before it is sure of the clone: one that failed,
 * for the reaper was killed in it, has left a number that others may have by now. */
static void forget_wrong_pidfd(const struct bh_launcher *l, struct bh_slot *slot)
{
	int fd = slot->handler_pidfd;

	if (slot->handler != 0 || fd < 0)
		return;
	bool is_ours = syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0 || errno != EBADF;
	for (size_t i = 0; i < l->n_slots; i++)
		is_ours &= &l->slots[i] == slot || l->slots[i].handler_pidfd != fd;
	if (!is_ours)
		slot->handler_pidfd = -1;
}

int bh_serve_reaped(struct bh_launcher *l, pid_t pid, struct bh_error *err)
{
	for (size_t i = 0; i < l->n_slots; i++) {
		struct bh_slot *slot = &l->slots[i];
		if (slot->reaper != pid)
			continue;
		forget_wrong_pidfd(l, slot);
		return l->plan.warm != BH_WARM_OFF ? bh_template_reaped(&l->templates, slot, err)
		                                   : replace_reaper(l, slot, err);
	}
	return 0;
}

static int reap(struct bh_launcher *l, struct bh_error *err)
{
	struct signalfd_siginfo info;
	pid_t pid;

	if (read(l->signals, &info, sizeof(info)) < 0 && errno != EAGAIN)
		return bh_fail(err, errno, "read signals");
	while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0) {
		int r = bh_serve_reaped(l, pid, err);
		if (r < 0)
			return r;
	}
	return pid < 0 && errno != ECHILD ? bh_fail(err, errno, "wait for reapers") : 0;
}

static void kill_for_time(struct bh_launcher *l, struct bh_slot *slot)
{
	if (l->plan.warm != BH_WARM_OFF)
		bh_template_kill(&l->templates, slot, BH_KILL_ALL);
	else
		bh_slot_kill(slot);
}

void bh_serve_time(struct bh_launcher *l, uint64_t now_us)
{
	bh_templates_enforce(&l->templates, now_us);
	for (size_t i = 0; i < l->n_slots; i++) {
		struct bh_slot *slot = &l->slots[i];
		if (slot->running && slot->cgroup.check_us <= now_us &&
		    bh_cgroup_cpu_is_exceeded(&l->plan.cgroup, &slot->cgroup, now_us))
			kill_for_time(l, slot);
	}
}

/* When the next look at a batch's CPU time or a template is due; UINT64_MAX for never. */
static uint64_t next_check_us(const struct bh_launcher *l)
{
	uint64_t next_us = bh_templates_deadline_us(&l->templates);

	for (size_t i = 0; l->limits.cpu_time_us != BH_UNLIMITED && i < l->n_slots; i++)
		if (l->slots[i].running && l->slots[i].cgroup.check_us < next_us)
			next_us = l->slots[i].cgroup.check_us;
	return next_us;
}

/* Waits, and looks at CPU times meanwhile where one can be used up. */
static int wait_for_work(struct bh_launcher *l, struct pollfd *polled, size_t n_polled,
                         struct bh_error *err)
{
	uint64_t next_us = next_check_us(l);
	uint64_t now_us = next_us == UINT64_MAX ? 0 : bh_now_us();
	uint64_t wait_ms = next_us > now_us ? (next_us - now_us + 999) / 1000 : 0;
	int timeout = next_us == UINT64_MAX ? -1 : wait_ms < INT_MAX ? (int)wait_ms : INT_MAX;

	int r = poll(polled, n_polled, timeout);
	if (r < 0 && errno != EINTR)
		return bh_fail(err, errno, "poll");
	if (next_us != UINT64_MAX)
		bh_serve_time(l, bh_now_us());
	return r > 0;
}

static int serve_until_gone(struct bh_launcher *l, struct bh_error *err)
{
	struct pollfd polled[] = { { .fd = l->plan.socket, .events = POLLIN },
		                   { .fd = l->signals, .events = POLLIN },
		                   { .fd = l->templates.epoll, .events = POLLIN },
		                   { .fd = l->plan.over, .events = POLLIN } };

	for (;;) {
		int r = wait_for_work(l, polled, BH_COUNT_OF(polled), err);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		r = polled[2].revents ? bh_templates_serve(&l->templates, err) : 0;
		if (r == 0 && polled[3].revents)
			r = bh_serve_over(l, err);
		if (r == 0 && polled[1].revents)
			r = reap(l, err);
		if (r < 0)
			return r;
		if (!polled[0].revents)
			continue;
		r = bh_serve_message(l, err);
		if (r <= 0)
			return r;
	}
}

/* Without a PID namespace nothing else ends what runs, and cgroups can be removed
 * only when it has ended. With one it ends with its reaper, and no reaper may stay. */
static void kill_everything(struct bh_launcher *l)
{
	for (size_t i = 0; i < l->n_slots; i++)
		if (!l->plan.namespaces && (l->slots[i].running || l->plan.warm != BH_WARM_OFF))
			bh_slot_kill(&l->slots[i]);
		else
			bh_slot_kill_reaper(&l->slots[i]);
	while (waitpid(-1, NULL, __WALL) > 0)
		;
}

int bh_serve(struct bh_launcher *l, struct bh_error *err)
{
	int r = serve_until_gone(l, err);

	kill_everything(l);
	return r;
}
