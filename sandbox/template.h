/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_TEMPLATE_H
#define BH_SANDBOX_TEMPLATE_H

/* template.h: a handler that is started once and serves one batch after another.
 *
 *            ┌──────────────── the batch waits ────────────────┐
 *            ▼                                                  │
 *   NONE ──start──▶ WARMING ──READY──▶ CLEANING ──▶ IDLE ──▶ BUSY ──ENDED──┐
 *    ▲                 │                  ▲                   │            │
 *    │                 ▼                  └───────────────────┼────────────┘
 *    └──── end ───── DYING ◀────── kill, broken protocol ─────┘
 *
 * Each slot has one at most. It is started, like any handler, when a batch is put
 * into a slot that has none, and reports READY on its control socket. A batch is
 * then handed to a fork of it, which is born in a PID namespace of its own with a
 * cleaner as pid 1 (sandbox/cleaner.h), or, to be reused, to itself. Where the
 * slot's cgroup says that nobody but the template is left, there is nothing to
 * clean. A template that ends or breaks the protocol takes its batch with it,
 * unless nobody had taken that from the socket: then it goes to a new template,
 * once. When three in a row fail to warm up, no more are started.
 * Source: docs/handler-abi.md, "Warm mode"; bulkhead/warm.h. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bulkhead/error.h"
#include "bulkhead/executor.h"
#include "bulkhead/warm.h"
#include "ipc/wire/message.h"
#include "sandbox/cleaner.h"

struct bh_slot;

enum bh_template_state {
	BH_TEMPLATE_NONE,
	BH_TEMPLATE_WARMING,
	BH_TEMPLATE_IDLE,
	BH_TEMPLATE_BUSY,     /* a batch was sent to it */
	BH_TEMPLATE_CLEANING, /* what processes of its forks or its start are left is killed */
	BH_TEMPLATE_DYING,    /* killed: its reaper's end is waited for */
};

/* The batch in a template's slot, whose end the supervisor has to be told. */
enum bh_template_batch {
	BH_TEMPLATE_NO_BATCH,
	BH_TEMPLATE_WAITS, /* to be handed over */
	BH_TEMPLATE_SENT,
};

/* A slot's template. */
struct bh_template {
	enum bh_template_state state;
	int theirs;         /* the handler's end of the socket; the reaper closes it at the exec */
	int control;        /* ours; owned; -1 while there is no template */
	bool is_warm;       /* READY came */
	uint64_t n_batches; /* that this template was sent */
	struct bh_cleaner cleaner;
	enum bh_template_batch batch;
	bool was_untaken;        /* it has outlived one template already */
	bool said_warming;       /* the supervisor was told that it waits for a template */
	bool asked_to_end;       /* by SIGTERM, while the template warmed up */
	bool was_killed;         /* by BH_KILL_ALL */
	bool was_ordered;        /* the cleaner, to signal the batch */
	uint64_t deadline_us;    /* for the end of a killed batch; UINT64_MAX for none */
	struct bh_warm_word end; /* of the batch, as the template told it */
	enum bh_ended_by fault;  /* why we killed the template; 0 where we didn't */
	bool was_overdue;        /* … as it didn't end when its control socket was closed */
	struct bh_error why;     /* the same in words */
};
#define BH_TEMPLATE_UNSET \
	((struct bh_template){ .theirs = -1, .control = -1, .deadline_us = UINT64_MAX })

struct bh_templates {
	enum bh_warm_mode mode;
	uint64_t max_batches;  /* of one template that is reused; BH_UNLIMITED for no end */
	uint64_t cpu_seconds;  /* RLIMIT_CPU of a fork; 0 for none */
	struct bh_slot *slots; /* borrowed */
	size_t n_slots;
	/* tells of a batch's end: `told` holds what is known of it, or is NULL where it
	 * is what became of the slot's own processes */
	int (*on_ended)(void *userdata, struct bh_slot *slot, struct bh_message_ended *told,
	                struct bh_error *err);
	void *userdata;
	int epoll;             /* owned; readable when there is work; -1 without warm mode */
	int wake;              /* owned; eventfd that cleaners write to */
	size_t n_deadlines;    /* that are set */
	unsigned int n_failed; /* warm-ups in a row */
	struct bh_error last_failure;
};
#define BH_TEMPLATES_UNSET ((struct bh_templates){ .epoll = -1, .wake = -1 })

/* Makes what is needed for serving. The fields above `epoll` are set. A no-op for
 * BH_WARM_OFF. */
BH_MUST_CHECK
int bh_templates_init(struct bh_templates *templates, struct bh_error *err);

/* All below: errors are those of the supervisor's socket. */

/* A batch was put into the slot, which is open: its descriptors are there. */
BH_MUST_CHECK
int bh_template_take(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err);

/* Does what is to be done when `epoll` is readable. */
BH_MUST_CHECK
int bh_templates_serve(struct bh_templates *templates, struct bh_error *err);

/* The slot's reaper has ended, and with it every process of the template. */
BH_MUST_CHECK
int bh_template_reaped(struct bh_templates *templates, struct bh_slot *slot, struct bh_error *err);

/* Kills the batch that is in the slot, as BH_KILL_TERM and BH_KILL_ALL say; where
 * there is none, BH_KILL_ALL kills the template. */
void bh_template_kill(struct bh_templates *templates, struct bh_slot *slot, uint32_t how);

/* When a template that should have told of a killed batch's end is given up. */
uint64_t bh_templates_deadline_us(const struct bh_templates *templates);
void bh_templates_enforce(struct bh_templates *templates, uint64_t now_us);

#endif
