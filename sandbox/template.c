/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/template.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "sandbox/slot.h"

#define MAX_FAILED_WARM_UPS 3
#define END_PATIENCE_US     (1000 * 1000) /* for a killed batch's end to be told */
#define EVENTS_PER_STEP     32
#define WAKE                UINT64_MAX /* among slots' ids */

static int add_to_epoll(const struct bh_templates *templates, int fd, uint64_t what,
                        struct bh_error *err)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = what };

	if (epoll_ctl(templates->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return bh_fail(err, errno, "watch a template");
	return 0;
}

int bh_templates_init(struct bh_templates *templates, struct bh_error *err)
{
	for (size_t i = 0; i < templates->n_slots; i++)
		templates->slots[i].template = BH_TEMPLATE_UNSET;
	if (templates->mode == BH_WARM_OFF)
		return 0;
	templates->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (templates->epoll < 0)
		return bh_fail(err, errno, "epoll descriptor for templates");
	templates->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (templates->wake < 0)
		return bh_fail(err, errno, "event descriptor for cleaners");
	for (size_t i = 0; i < templates->n_slots; i++)
		templates->slots[i].template.cleaner.wake = templates->wake;
	return add_to_epoll(templates, templates->wake, WAKE, err);
}

/* ---- ends ---- */

static void set_deadline(struct bh_templates *templates, struct bh_template *template,
                         uint64_t deadline_us)
{
	if (template->deadline_us != UINT64_MAX)
		templates->n_deadlines--;
	if (deadline_us != UINT64_MAX)
		templates->n_deadlines++;
	template->deadline_us = deadline_us;
}

/* The template, if there is one, has no batch then. `told` as for on_ended. */
static int tell_end(struct bh_templates *templates, struct bh_slot *slot,
                    struct bh_message_ended *told, struct bh_error *err)
{
	struct bh_template *template = &slot->template;

	template->batch = BH_TEMPLATE_NO_BATCH;
	set_deadline(templates, template, UINT64_MAX);
	return templates->on_ended(templates->userdata, slot, told, err);
}

static int tell_refused(struct bh_templates *templates, struct bh_slot *slot, enum bh_ended_by by,
                        const char *stage, const struct bh_error *why, struct bh_error *err)
{
	struct bh_message_ended told = { .by = by, .error = *why };

	snprintf(told.stage, sizeof(told.stage), "%s", stage);
	return tell_end(templates, slot, &told, err);
}

/* The end that the template told, of a process that it waited for. */
static int tell_told(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	const struct bh_warm_word *end = &slot->template.end;
	struct bh_message_ended told = {
		.by = BH_ENDED_EXITED,
		.wait_status = end->status,
		.user_us = end->user_us,
		.system_us = end->system_us,
		.max_rss_bytes = end->max_rss_kib > UINT64_MAX / 1024 ? UINT64_MAX
		                                                      : end->max_rss_kib * 1024,
		.minor_faults = end->minor_faults,
		.major_faults = end->major_faults,
		.voluntary_switches = end->voluntary_switches,
		.involuntary_switches = end->involuntary_switches,
	};

	return tell_end(templates, slot, &told, err);
}

/* Its reaper's end follows. */
static void kill_template(struct bh_slot *slot)
{
	if (!bh_slot_signal(slot, SIGKILL))
		bh_slot_kill(slot);
	slot->template.state = BH_TEMPLATE_DYING;
}

/* For a reason, which its batch is told. The first one counts. */
__attribute__((format(printf, 3, 4))) static void
condemn(struct bh_slot *slot, enum bh_ended_by fault, const char *format, ...)
{
	struct bh_template *template = &slot->template;
	va_list args;

	if (template->fault == 0) {
		template->fault = fault;
		template->why = (struct bh_error){ .code = EPROTO };
		va_start(args, format);
		vsnprintf(template->why.text, sizeof(template->why.text), format, args);
		va_end(args);
	}
	kill_template(slot);
}

/* ---- starting one ---- */

static int open_control(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_template *template = &slot->template;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return bh_fail(err, errno, "control socket of a template");
	template->control = pair[0];
	template->theirs = pair[1];
	if (fcntl(template->control, F_SETFL, O_NONBLOCK) < 0)
		return bh_fail(err, errno, "make a control socket non-blocking");
	return add_to_epoll(templates, template->control, slot->id, err);
}

static int prepare(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_template *template = &slot->template;

	template->is_warm = false;
	template->n_batches = 0;
	template->fault = 0;
	template->was_overdue = false;
	template->asked_to_end = false;
	int r = open_control(templates, slot, err);
	return r < 0 ? r : bh_slot_prepare(slot, err);
}

static void close_control(struct bh_template *template)
{
	bh_fd_done(&template->control); /* which takes it out of the epoll set */
	bh_fd_done(&template->theirs);
}

/* That a template warms up, or that it is handed its batch: before it can make a
 * call. */
static int say_started(const struct bh_slot *slot, bool warming, struct bh_error *err)
{
	const struct bh_message message = { .type = BH_MESSAGE_STARTED,
		                            .id = slot->id,
		                            .started.warming = warming };

	return bh_channel_send(slot->plan->socket, &message, sizeof(message), NULL, 0, err);
}

/* What a template starts with is what its first batch was given. */
static int start(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	const struct bh_child_plan *plan = slot->plan;
	struct bh_error why = BH_ERROR_UNSET;

	if (bh_cgroup_begin(&plan->cgroup, &slot->cgroup, &why) < 0)
		return tell_refused(templates, slot, BH_ENDED_NO_SANDBOX,
		                    bh_child_step_name(BH_STEP_CGROUP), &why, err);
	if (prepare(templates, slot, &why) < 0) {
		close_control(&slot->template);
		return tell_refused(templates, slot, BH_ENDED_NO_SANDBOX,
		                    bh_child_step_name(BH_STEP_REAPER), &why, err);
	}
	slot->template.state = BH_TEMPLATE_WARMING;
	slot->template.said_warming = true;
	int r = say_started(slot, true, err);
	if (r == 0)
		bh_slot_go(slot);
	return r;
}

/* Unless that has come to nothing too often. */
static int start_if_any_use(struct bh_templates *templates, struct bh_slot *slot,
                            struct bh_error *err)
{
	struct bh_error why = { .code = EPROTO };

	if (templates->n_failed < MAX_FAILED_WARM_UPS)
		return start(templates, slot, err);
	slot->template.is_warm = false;
	snprintf(why.text, sizeof(why.text), "%u in a row did not get warm, the last one: %.160s",
	         templates->n_failed, templates->last_failure.text);
	return tell_refused(templates, slot, BH_ENDED_NO_FORK, "warm-up", &why, err);
}

/* ---- handing a batch over ---- */

/* A template that is gone is found out by its end, which is on its way. */
static void send_batch(struct bh_templates *templates, struct bh_slot *slot)
{
	const struct bh_warm_batch batch = { .abi = 1, .cpu_seconds = templates->cpu_seconds };
	const int fds[] = { slot->out, slot->err, slot->context, slot->results };
	struct bh_template *template = &slot->template;

	template->state = BH_TEMPLATE_BUSY;
	template->batch = BH_TEMPLATE_SENT;
	template->n_batches++;
	int r = template->control < 0 ? -EPIPE
	                              : bh_channel_send(template->control, &batch, sizeof(batch),
	                                                fds, BH_COUNT_OF(fds), NULL);
	if (r == -EPIPE) {
		template->batch = BH_TEMPLATE_WAITS;
		set_deadline(templates, template, bh_add_saturated(bh_now_us(), END_PATIENCE_US));
	} else if (r < 0) {
		condemn(slot, BH_ENDED_NO_FORK, "the batch could not be sent to it: %s",
		        strerrordesc_np(-r));
	}
}

static int hand_over(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_message_ended killed = { .by = BH_ENDED_KILLED };
	struct bh_error why = BH_ERROR_UNSET;

	slot->template.state = BH_TEMPLATE_IDLE;
	if (slot->template.was_killed)
		return tell_end(templates, slot, &killed, err);
	if (bh_cgroup_begin(&slot->plan->cgroup, &slot->cgroup, &why) < 0)
		return tell_refused(templates, slot, BH_ENDED_NO_SANDBOX,
		                    bh_child_step_name(BH_STEP_CGROUP), &why, err);
	bool said_warming = BH_TAKE(slot->template.said_warming, false);
	int r = said_warming || slot->plan->tell_started ? say_started(slot, false, err) : 0;
	if (r == 0)
		send_batch(templates, slot);
	return r;
}

int bh_template_take(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_template *template = &slot->template;

	if (template->batch != BH_TEMPLATE_NO_BATCH)
		return bh_fail_plain(err, EPROTO, "spawn for %u, which runs", slot->id);
	template->batch = BH_TEMPLATE_WAITS;
	template->was_untaken = false;
	template->was_killed = false;
	template->was_ordered = false;
	template->said_warming = false;
	switch (template->state) {
	case BH_TEMPLATE_NONE:
		return start_if_any_use(templates, slot, err);
	case BH_TEMPLATE_IDLE:
		return hand_over(templates, slot, err);
	case BH_TEMPLATE_DYING: /* one that has served: its end is on its way */
		template->fault = 0;
		return 0;
	case BH_TEMPLATE_WARMING:
	case BH_TEMPLATE_BUSY:
	case BH_TEMPLATE_CLEANING:
		break;
	}
	return bh_fail_plain(err, EPROTO, "spawn for %u, whose template is not free", slot->id);
}

/* ---- what templates say ---- */

static int end_cleaning(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_template *template = &slot->template;
	int r = 0;

	if (template->cleaner.failed) {
		condemn(slot, BH_ENDED_NO_SANDBOX, "mount /proc for the batches of a template: %s",
		        strerrordesc_np(template->cleaner.failed));
		return 0;
	}
	template->state = BH_TEMPLATE_IDLE;
	if (template->batch == BH_TEMPLATE_SENT)
		r = tell_told(templates, slot, err);
	else if (template->batch == BH_TEMPLATE_WAITS)
		r = hand_over(templates, slot, err);
	return r;
}

static void order_cleaning(struct bh_slot *slot, uint32_t also)
{
	slot->template.state = BH_TEMPLATE_CLEANING;
	bh_cleaner_order(&slot->template.cleaner, BH_CLEANER_CLEAN | also);
}

static int on_ready(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	if (slot->template.state != BH_TEMPLATE_WARMING) {
		condemn(slot, BH_ENDED_PROTOCOL, "it said a second time that it was ready");
		return 0;
	}
	slot->template.is_warm = true;
	templates->n_failed = 0;
	if (templates->mode == BH_WARM_REUSE)
		return hand_over(templates, slot, err);
	order_cleaning(slot, BH_CLEANER_PROC);
	return 0;
}

/* A fork's own end is reaped when the template tells of it: then the template is
 * all that there is, or something was left behind. A cleaner that was ordered to send a
 * signal may be late, and that is not for the next fork: it is waited for. */
static bool needs_cleaning(const struct bh_slot *slot)
{
	return slot->template.was_ordered ||
	       bh_cgroup_tasks(&slot->plan->cgroup, &slot->cgroup) != 1;
}

/* It lies in the socket still, for the next fork to find: unix(7), SIOCOUTQ. */
static bool is_untaken(const struct bh_template *template)
{
	int bytes;

	return template->control >= 0 && ioctl(template->control, SIOCOUTQ, &bytes) == 0 &&
	       bytes > 0;
}

static int on_ended(struct bh_templates *templates, struct bh_slot *slot,
                    const struct bh_warm_word *word, struct bh_error *err)
{
	struct bh_template *template = &slot->template;

	if (template->state != BH_TEMPLATE_BUSY) {
		condemn(slot, BH_ENDED_PROTOCOL, "it told of the end of a batch that it had not");
		return 0;
	}
	if (is_untaken(template)) {
		condemn(slot, BH_ENDED_PROTOCOL, "it told of the end of a batch that nobody took");
		return 0;
	}
	template->end = *word;
	if (templates->mode == BH_WARM_FORK && needs_cleaning(slot)) {
		order_cleaning(slot, 0);
		return 0;
	}
	template->state = BH_TEMPLATE_IDLE;
	if (templates->mode == BH_WARM_REUSE && template->n_batches >= templates->max_batches)
		kill_template(slot);
	return tell_told(templates, slot, err);
}

static int take_word(struct bh_templates *templates, struct bh_slot *slot,
                     const struct bh_warm_word *word, struct bh_error *err)
{
	switch (word->type) {
	case BH_WARM_READY:
		return on_ready(templates, slot, err);
	case BH_WARM_ENDED:
		return on_ended(templates, slot, word, err);
	case BH_WARM_NO_FORK:
		condemn(slot, BH_ENDED_NO_FORK, "it could not fork: %s",
		        word->status > 0 ? strerrordesc_np(word->status) : "no reason given");
		return 0;
	default:
		condemn(slot, BH_ENDED_PROTOCOL, "it sent a message of type %u", word->type);
		return 0;
	}
}

/* At the socket's end. A batch that nobody took out of it shows as ECONNRESET. Most
 * often the template's own end is on its way and says more; one that lives on can't
 * be given anything. */
static void end_control(struct bh_templates *templates, struct bh_template *template, bool untaken)
{
	if (untaken && template->batch == BH_TEMPLATE_SENT)
		template->batch = BH_TEMPLATE_WAITS;
	bh_fd_done(&template->control); /* which takes it out of the epoll set */
	if (template->is_warm)
		set_deadline(templates, template, bh_add_saturated(bh_now_us(), END_PATIENCE_US));
}

/* Reads one word. Returns 1 where there was one. Descriptors that come with it
 * are never received. */
static int read_word(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_template *template = &slot->template;
	struct bh_warm_word word;

	if (template->control < 0)
		return 0;
	ssize_t n = recv(template->control, &word, sizeof(word), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		end_control(templates, template, n < 0 && errno == ECONNRESET);
		return 0;
	}
	if (template->state == BH_TEMPLATE_DYING)
		return 1;
	if (n != sizeof(word)) {
		condemn(slot, BH_ENDED_PROTOCOL, "it sent a message of %zd bytes, not of %zu", n,
		        sizeof(word));
		return 1;
	}
	int r = take_word(templates, slot, &word, err);
	return r < 0 ? r : 1;
}

static int serve_cleaners(struct bh_templates *templates, struct bh_error *err)
{
	uint64_t count;
	int r = 0;

	if (read(templates->wake, &count, sizeof(count)) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < templates->n_slots; i++) {
		struct bh_slot *slot = &templates->slots[i];
		if (slot->template.state == BH_TEMPLATE_CLEANING &&
		    bh_cleaner_has_cleaned(&slot->template.cleaner))
			r = end_cleaning(templates, slot, err);
	}
	return r;
}

int bh_templates_serve(struct bh_templates *templates, struct bh_error *err)
{
	struct epoll_event events[EVENTS_PER_STEP];
	int r = 0;

	int n = epoll_wait(templates->epoll, events, EVENTS_PER_STEP, 0);
	if (n < 0)
		return errno == EINTR ? 0 : bh_fail(err, errno, "wait for templates");
	for (int i = 0; r == 0 && i < n; i++) {
		if (events[i].data.u64 == WAKE) {
			r = serve_cleaners(templates, err);
			continue;
		}
		r = read_word(templates, &templates->slots[events[i].data.u64], err);
		r = r < 0 ? r : 0;
	}
	return r;
}

/* ---- its end ---- */

/* A cancelled start says nothing about the handler. */
static void note_warm_up(struct bh_templates *templates, const struct bh_slot *slot)
{
	const struct bh_template *template = &slot->template;
	char *text = templates->last_failure.text;
	size_t size = sizeof(templates->last_failure.text);
	int status = slot->wait_status;

	if (template->is_warm || slot->failed_step != BH_STEP_NONE ||
	    (template->was_killed && !template->asked_to_end))
		return;
	templates->n_failed++;
	if (template->fault != 0)
		snprintf(text, size, "%s", template->why.text);
	else if (template->asked_to_end)
		snprintf(text, size, "its time ran out");
	else if (slot->ended && WIFEXITED(status))
		snprintf(text, size, "it exited with status %d", WEXITSTATUS(status));
	else
		snprintf(text, size, "it was killed by signal %d",
		         slot->ended ? WTERMSIG(status) : SIGKILL);
}

/* True for a batch that another template may take: it came when this one had
 * served, or this one ended before it took it. */
static bool may_wait_on(struct bh_template *template, enum bh_template_state state)
{
	if (template->batch != BH_TEMPLATE_WAITS || template->fault != 0 || template->was_killed)
		return false;
	if (state == BH_TEMPLATE_DYING)
		return true;
	return template->is_warm && !BH_TAKE(template->was_untaken, true);
}

static int tell_reaped(struct bh_templates *templates, struct bh_slot *slot,
                       enum bh_template_state state, struct bh_error *err)
{
	static const struct bh_error untaken = { .code = EPIPE,
		                                 .text = "two in a row ended before they took it" };
	struct bh_template *template = &slot->template;

	if (template->fault == 0 && !template->was_killed && template->is_warm &&
	    template->batch == BH_TEMPLATE_WAITS)
		return tell_refused(templates, slot, BH_ENDED_NO_FORK, "warm", &untaken, err);
	if (template->fault != 0)
		return tell_refused(templates, slot, template->fault,
		                    template->is_warm ? "warm" : "warm-up", &template->why, err);
	if (state == BH_TEMPLATE_CLEANING && template->batch == BH_TEMPLATE_SENT)
		return tell_told(templates, slot, err);
	if (template->is_warm) /* it is that of all batches together */
		slot->usage = (struct rusage){ .ru_maxrss = 0 };
	return tell_end(templates, slot, NULL, err);
}

/* One that ended by itself, though late, as a busy machine may make it, closed its
 * socket by that. */
static bool is_late(const struct bh_slot *slot)
{
	return slot->template.was_overdue && slot->ended &&
	       !(WIFSIGNALED(slot->wait_status) && WTERMSIG(slot->wait_status) == SIGKILL);
}

int bh_template_reaped(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err)
{
	struct bh_template *template = &slot->template;
	int r;

	do
		r = read_word(templates, slot, err);
	while (r > 0);
	if (r < 0)
		return r;
	enum bh_template_state state = template->state;
	if (is_late(slot))
		template->fault = 0;
	note_warm_up(templates, slot);
	close_control(template);
	bh_fd_done(&slot->handler_pidfd);
	bh_fd_done(&slot->mount_namespace);
	set_deadline(templates, template, UINT64_MAX);
	slot->reaper = 0;
	template->state = BH_TEMPLATE_NONE;
	if (may_wait_on(template, state))
		r = start_if_any_use(templates, slot, err);
	else if (template->batch != BH_TEMPLATE_NO_BATCH)
		r = tell_reaped(templates, slot, state, err);
	return r;
}

/* ---- killing ---- */

/* The batch's processes alone, where they can be told from the template's. */
static void kill_batch(struct bh_templates *templates, struct bh_slot *slot, bool at_once)
{
	struct bh_template *template = &slot->template;

	if (templates->mode == BH_WARM_FORK) {
		template->was_ordered = true;
		bh_cleaner_order(&template->cleaner, at_once ? BH_CLEANER_KILL : BH_CLEANER_TERM);
		if (at_once)
			set_deadline(templates, template,
			             bh_add_saturated(bh_now_us(), END_PATIENCE_US));
	} else if (at_once) {
		kill_template(slot);
	} else {
		bh_slot_signal(slot, SIGTERM);
	}
}

void bh_template_kill(struct bh_templates *templates, struct bh_slot *slot, uint32_t how)
{
	struct bh_template *template = &slot->template;
	bool at_once = how == BH_KILL_ALL;

	if (template->batch == BH_TEMPLATE_NO_BATCH) {
		if (at_once && template->state == BH_TEMPLATE_IDLE)
			kill_template(slot);
		return;
	}
	template->was_killed |= at_once;
	switch (template->state) {
	case BH_TEMPLATE_WARMING:
		template->asked_to_end |= !at_once;
		if (at_once)
			kill_template(slot);
		else
			bh_slot_signal(slot, SIGTERM);
		return;
	case BH_TEMPLATE_BUSY:
		kill_batch(templates, slot, at_once);
		return;
	case BH_TEMPLATE_CLEANING: /* which kills already */
		if (at_once)
			set_deadline(templates, template,
			             bh_add_saturated(bh_now_us(), END_PATIENCE_US));
		return;
	case BH_TEMPLATE_NONE:
	case BH_TEMPLATE_IDLE:
	case BH_TEMPLATE_DYING:
		return;
	}
}

uint64_t bh_templates_deadline_us(const struct bh_templates *templates)
{
	uint64_t earliest_us = UINT64_MAX;

	for (size_t i = 0; templates->n_deadlines > 0 && i < templates->n_slots; i++)
		if (templates->slots[i].template.deadline_us < earliest_us)
			earliest_us = templates->slots[i].template.deadline_us;
	return earliest_us;
}

void bh_templates_enforce(struct bh_templates *templates, uint64_t now_us)
{
	for (size_t i = 0; templates->n_deadlines > 0 && i < templates->n_slots; i++) {
		struct bh_slot *slot = &templates->slots[i];
		if (slot->template.deadline_us > now_us)
			continue;
		set_deadline(templates, &slot->template, UINT64_MAX);
		if (slot->template.was_killed) {
			kill_template(slot);
			continue;
		}
		slot->template.was_overdue = slot->template.fault == 0;
		condemn(slot, BH_ENDED_PROTOCOL, "it closed its control socket");
	}
}
