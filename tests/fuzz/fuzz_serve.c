/* SPDX-License-Identifier: Apache-2.0 */

/* A launcher that serves, with a hostile supervisor and hostile templates: everything
 * between the sockets and the processes (sandbox/serve.c, request.c, template.c and
 * ended.c), where no_processes.h is in the place of these. The first two bytes of an
 * input say what kind of launcher it is, the others are steps: a message of the
 * supervisor's, a word of a template's, an end, a reaper that stays, an order that is
 * carried out, time that passes, something that fails.
 *
 * What comes of each message is worked out beforehand, from ipc/wire/message.h: it is
 * refused, or done. Each batch ends once, and when all is killed none is left; no
 * descriptor is left open, and none is closed too early. */

#include <fcntl.h>
#include <sys/eventfd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "ipc/wire/message.h"
#include "sandbox/serve.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/no_processes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_STEPS 64

/* The supervisor's side. */
struct supervisor {
	struct bh_launcher *l;
	int socket;
	bool is_over; /* by an error, or its own end */
	struct {
		bool has_batch, has_listener;
	} of[MOST_SLOTS];
};

/* ---- what the launcher says ---- */

/* Whatever a template tells of times, what the cgroups say is parted, no more. */
static void check_times(const struct bh_message_ended *ended)
{
	if (ended->user_us != 0 || ended->system_us != 0)
		must(ended->user_us <= NOBODYS_TIME_US &&
		     ended->system_us == NOBODYS_TIME_US - ended->user_us);
}

static void check_ended(const struct bh_message_ended *ended)
{
	check_times(ended);
	must(ended->by >= BH_ENDED_EXITED && ended->by <= BH_ENDED_PROTOCOL);
	must_end(ended->error.text, sizeof(ended->error.text));
	must_end(ended->stage, sizeof(ended->stage));
}

static void hear_message(struct supervisor *s, const struct bh_message *message, const int *fds)
{
	must(message->id < s->l->n_slots);
	must((fds[0] >= 0) == (message->type == BH_MESSAGE_LISTENER) && fds[1] < 0);
	switch (message->type) {
	case BH_MESSAGE_LISTENER:
		must(!s->of[message->id].has_listener);
		s->of[message->id].has_listener = true;
		break;
	case BH_MESSAGE_STARTED:
		must(s->of[message->id].has_batch);
		break;
	case BH_MESSAGE_ENDED:
		must(s->of[message->id].has_batch);
		s->of[message->id].has_batch = false;
		check_ended(&message->ended);
		break;
	default:
		abort();
	}
}

static void hear(struct supervisor *s)
{
	struct bh_message message;
	int fds[BH_CHANNEL_MAX_FDS];

	while (bh_channel_receive(s->socket, &message, sizeof(message), fds, NULL) == 1) {
		hear_message(s, &message, fds);
		bh_channel_close(fds);
	}
}

/* ---- steps ---- */

/* What has to come of it, before it is taken. */
static int expected_of(const struct supervisor *s, const struct bh_message *message, size_t size,
                       size_t n_fds)
{
	bool spawns = message->type == BH_MESSAGE_SPAWN;

	if (size == 0)
		return 0;
	if (size != sizeof(*message) || n_fds > BH_CHANNEL_MAX_FDS)
		return -EMSGSIZE;
	if ((!spawns && message->type != BH_MESSAGE_KILL) || message->id >= s->l->n_slots)
		return -EPROTO;
	if (spawns)
		return n_fds == 4 && !s->of[message->id].has_batch ? 1 : -EPROTO;
	return n_fds == 0 && (message->kill == BH_KILL_TERM || message->kill == BH_KILL_ALL)
	               ? 1
	               : -EPROTO;
}

static void say(struct supervisor *s, const struct bh_message *message, size_t size, size_t n_fds)
{
	int expected = expected_of(s, message, size, n_fds);

	must(send_raw(s->socket, message, size, n_fds) == (ssize_t)size);
	if (expected == 1 && message->type == BH_MESSAGE_SPAWN)
		s->of[message->id].has_batch = true;
	must(bh_serve_message(s->l, NULL) == expected);
	s->is_over = expected <= 0;
}

/* Of any size up to twice of what it should have. */
static void step_message(struct supervisor *s, struct input *input)
{
	struct bh_message messages[2];
	struct bh_message *message = &messages[0];
	uint8_t head = take_byte(input);
	size_t size = sizeof(*message);

	memset(messages, 0, sizeof(messages));
	message->type = take_byte(input);
	message->id = take_byte(input);
	message->kill = take_byte(input);
	if (head & 0x80)
		size = (take_byte(input) + 256u * take_byte(input)) % sizeof(messages);
	if (head & 0x40)
		message->id = ~message->id;
	say(s, message, size, head & 7);
}

static struct bh_slot *pick_slot(struct supervisor *s, struct input *input)
{
	return &s->l->slots[take_byte(input) % s->l->n_slots];
}

static void keep(struct supervisor *s, int r)
{
	must(r == 0); /* the socket is there, and a template's doings are no error */
	s->is_over |= r < 0;
}

static void serve_templates(struct supervisor *s)
{
	if (s->l->plan.warm != BH_WARM_OFF)
		keep(s, bh_templates_serve(&s->l->templates, NULL));
}

static void end_handler(struct bh_slot *slot, bool is_seen, uint8_t how)
{
	static const int statuses[] = { 0, 7 << 8, 9, 6 | 0x80 };

	slot->ended = is_seen;
	slot->wait_status = statuses[how >> 1 & 3];
}

/* A reaper that was killed in its clone has left a number, which another gets. Returns
 * that descriptor. */
static int lose_pidfd(struct bh_slot *slot)
{
	bh_fd_done(&slot->handler_pidfd);
	slot->handler = 0;
	slot->handler_pidfd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	must(slot->handler_pidfd >= 0);
	return slot->handler_pidfd;
}

/* In the way that the reaper leaves it in the slot. */
static void end_processes(struct supervisor *s, struct bh_slot *slot, uint8_t how)
{
	struct nobody *nobody = nobody_of(slot);

	int others = -1;

	if (slot->reaper == 0)
		return;
	if (slot->handler_pidfd >= 0 && how & 0x20) {
		others = lose_pidfd(slot);
	} else if (slot->handler_pidfd >= 0) {
		end_handler(slot, how & 1, how);
	} else if (how & 1) {
		slot->failed_step = BH_STEP_PROC;
		slot->failed_code = EPERM;
	}
	bh_fd_done(&nobody->theirs);
	nobody->has_cleaner = nobody->dies = false;
	keep(s, bh_serve_reaped(s->l, slot->reaper, NULL));
	must(others < 0 || fcntl(others, F_GETFD) >= 0);
	bh_fd_done(&others);
}

static void step_end(struct supervisor *s, struct input *input)
{
	struct bh_slot *slot = pick_slot(s, input);

	end_processes(s, slot, take_byte(input));
}

/* The reaper stays, or, which the launcher may see before or after, doesn't in the end. */
static void step_over(struct supervisor *s, struct input *input)
{
	struct bh_slot *slot = pick_slot(s, input);
	uint8_t how = take_byte(input);
	const uint64_t one = 1;

	if (s->l->plan.last_pid < 0 || slot->reaper == 0 || slot->go == 0)
		return;
	if (slot->handler_pidfd >= 0)
		end_handler(slot, true, how);
	nobody_of(slot)->dies = false;
	slot->go = 0;
	slot->over = 1;
	must(write(s->l->plan.over, &one, sizeof(one)) == sizeof(one));
	if (how & 0x40)
		end_processes(s, slot, how);
	if (!(how & 0x80))
		keep(s, bh_serve_over(s->l, NULL));
}

/* The launcher has no such child. */
static void step_stranger(struct supervisor *s, struct input *input)
{
	keep(s, bh_serve_reaped(s->l, 2000 + take_byte(input), NULL));
}

static void step_word(struct supervisor *s, struct input *input)
{
	struct nobody *nobody = nobody_of(pick_slot(s, input));
	uint8_t head = take_byte(input);
	struct bh_warm_word words[2] = { { .type = take_byte(input), .status = take_byte(input) } };
	size_t size = sizeof(words[0]);

	if (head & 8)
		take(input, &words[0].user_us, 2 * sizeof(uint64_t));
	if (head & 0x80)
		size = take_byte(input) % sizeof(words);
	if (nobody->theirs < 0)
		return;
	/* what can't be sent was said to nobody */
	ssize_t n = send_raw(nobody->theirs, words, size, head & 7);
	if (n < 0 || head & 0x40)
		bh_fd_done(&nobody->theirs);
	serve_templates(s);
}

static void step_handler_takes(struct supervisor *s, struct input *input)
{
	struct nobody *nobody = nobody_of(pick_slot(s, input));
	struct bh_warm_batch batch;
	int fds[BH_CHANNEL_MAX_FDS];
	struct pollfd polled = { .fd = nobody->theirs, .events = POLLIN };

	if (nobody->theirs < 0 || poll(&polled, 1, 0) != 1)
		return;
	if (bh_channel_receive(nobody->theirs, &batch, sizeof(batch), fds, NULL) != 1)
		return;
	must(batch.abi == 1 && batch.zero == 0);
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		must(fds[i] >= 0);
	bh_channel_close(fds);
}

static void carry_out_orders(struct supervisor *s, struct bh_slot *slot, bool fails)
{
	struct bh_cleaner *cleaner = &slot->template.cleaner;
	uint32_t orders = BH_TAKE(cleaner->orders, 0);
	uint64_t one = 1;

	if (!nobody_of(slot)->has_cleaner)
		return;
	if (orders & BH_CLEANER_PROC)
		cleaner->failed = fails ? EPERM : 0;
	if (!(orders & BH_CLEANER_CLEAN))
		return;
	cleaner->cleaned = 1;
	must(write(cleaner->wake, &one, sizeof(one)) == sizeof(one));
	serve_templates(s);
}

static void step_clean(struct supervisor *s, struct input *input)
{
	struct bh_slot *slot = pick_slot(s, input);

	carry_out_orders(s, slot, take_byte(input) & 1);
}

static void step_time(struct supervisor *s, struct input *input)
{
	uint8_t how = take_byte(input);

	nobodies.out_of_time = how & 1;
	nobodies.tasks = how & 4 ? 1 : -1;
	bh_serve_time(s->l, how & 2 ? UINT64_MAX - 1 : bh_now_us());
	nobodies.out_of_time = false;
}

static void step_fail(struct supervisor *s, struct input *input)
{
	(void)s;
	(void)input;
	nobodies.next_fails = true;
}

static void take_step(struct supervisor *s, struct input *input)
{
	static void (*const steps[])(struct supervisor * s, struct input * input) = {
		step_message, step_end,  step_word,     step_handler_takes, step_clean,
		step_time,    step_fail, step_stranger, step_over,
	};

	steps[take_byte(input) % BH_COUNT_OF(steps)](s, input);
	hear(s);
}

/* ---- the whole ---- */

static void check_slots(const struct supervisor *s)
{
	for (size_t i = 0; i < s->l->n_slots; i++) {
		const struct bh_slot *slot = &s->l->slots[i];
		if (s->is_over)
			return; /* as the error left it */
		must(slot->running == s->of[i].has_batch);
		must(slot->running ||
		     (slot->context < 0 && slot->results < 0 && slot->out < 0 && slot->err < 0));
	}
}

/* A batch that is killed ends, whatever its handler does: here, nothing. */
static void kill_all(struct supervisor *s)
{
	struct bh_message message = { .type = BH_MESSAGE_KILL, .kill = BH_KILL_ALL };

	nobodies.next_fails = false;
	for (message.id = 0; message.id < s->l->n_slots; message.id++) {
		struct bh_slot *slot = &s->l->slots[message.id];
		say(s, &message, sizeof(message), 0);
		carry_out_orders(s, slot, false);
		bh_serve_time(s->l, UINT64_MAX - 1);
		if (nobody_of(slot)->dies)
			end_processes(s, slot, 1);
		hear(s);
		must(!s->of[message.id].has_batch);
	}
}

static void start(struct supervisor *s, struct bh_launcher *l, struct input *input)
{
	static char *none[] = { NULL };
	uint8_t kind = take_byte(input);
	uint8_t how = take_byte(input);
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	*s = (struct supervisor){ .l = l, .socket = pair[1] };
	*l = BH_LAUNCHER_UNSET;
	nobodies_init(l);
	l->plan.socket = pair[0];
	l->plan.argv = l->plan.envp = none;
	l->signals = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	must(l->signals >= 0);
	l->plan.warm = (enum bh_warm_mode)(kind % 3);
	l->plan.namespaces = kind & 4 || l->plan.warm == BH_WARM_FORK;
	l->plan.confined = kind & 8;
	if (how & 0x80 && l->plan.namespaces && l->plan.warm == BH_WARM_OFF)
		l->plan.last_pid = eventfd(0, EFD_CLOEXEC);
	l->limits = BH_LIMITS_DEFAULT;
	l->limits.cpu_time_us = kind & 16 ? BH_UNLIMITED : 1;
	must(bh_serve_init(l, 1 + (how & 0x7f) % MOST_SLOTS, kind & 32 ? 2 : BH_UNLIMITED, NULL) ==
	     0);
}

/* The supervisor is gone; so are the launcher's processes, and then itself. */
static void end(struct supervisor *s)
{
	struct bh_launcher *l = s->l;

	close(s->socket);
	must(bh_serve(l, NULL) <= 0);
	for (size_t i = 0; i < l->n_slots; i++) {
		struct bh_slot *slot = &l->slots[i];
		bh_fd_done(&slot->context);
		bh_fd_done(&slot->results);
		bh_fd_done(&slot->out);
		bh_fd_done(&slot->err);
		bh_fd_done(&slot->listener);
		bh_fd_done(&slot->handler_pidfd);
		bh_fd_done(&slot->mount_namespace);
		bh_fd_done(&slot->template.control);
		bh_fd_done(&slot->template.theirs);
		bh_fd_done(&nobodies.of[i].theirs);
	}
	bh_fd_done(&l->templates.epoll);
	bh_fd_done(&l->templates.wake);
	bh_fd_done(&l->signals);
	bh_fd_done(&l->plan.last_pid);
	bh_fd_done(&l->plan.over);
	bh_fd_done(&l->plan.socket);
	free(l->slots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bh_launcher launcher;
	struct input input = { data, size };
	struct supervisor s;
	size_t before = count_descriptors();

	start(&s, &launcher, &input);
	for (int i = 0; i < MOST_STEPS && input.left > 0 && !s.is_over; i++) {
		take_step(&s, &input);
		check_slots(&s);
	}
	if (!s.is_over)
		kill_all(&s);
	end(&s);
	must(count_descriptors() == before);
	return 0;
}
