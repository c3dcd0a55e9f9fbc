/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HOSTILE_H
#define BH_TESTS_HOSTILE_H

/* hostile.h: what the attacks share.
 *
 * An attack is a program with one function. It tries one thing, in the way that
 * its task's params name, and its result {"gained", "absent", "detail", "from_ms",
 * "until_ms"} says what came of it. What it is given to reach for are params, too: see bait.h. */

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/handler.h"

struct attack {
	struct bh_handler *handler;
	struct bh_handler_task task;
	bool gained;
	bool absent;               /* the kernel lacks what was tried */
	int64_t from_ms, until_ms; /* when it was tried, on the monotonic clock */
	char detail[512];
};

/* Each program's own. May end the process. */
void attack(struct attack *a);

/* Whether the params say {"way": way}. */
bool is_way(const struct attack *a, const char *way);
/* Params; 0 and "" where there is none. The text is good until the next call. */
int64_t number_of(const struct attack *a, const char *name);
const char *text_of(const struct attack *a, const char *name);
/* A path below the folder that serves as bait; good until the next call. */
const char *bait_path(const struct attack *a, const char *name);

void note(struct attack *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gain(struct attack *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For a system call with arguments that can do no harm: it is a gain unless it
 * was refused, which is told by EPERM, EACCES or ENOSYS. `result` is what the call
 * returned, and errno what it left. */
void gain_unless_refused(struct attack *a, const char *what, long result);
/* For a call that can be let through and fail: a gain only where it succeeds. */
void gain_if(struct attack *a, const char *what, long result);

/* Writes the record and says that all is done; for attacks that go on after it. */
void finish(struct attack *a);

void sleep_ms(int64_t ms);
int64_t now_ms(void);

#endif
