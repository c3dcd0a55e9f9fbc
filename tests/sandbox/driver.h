/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_SANDBOX_DRIVER_H
#define BH_TESTS_SANDBOX_DRIVER_H

/* driver.h: runs one program in a real sandbox and keeps all that it tells. */

#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "ipc/wire/region.h"
#include "sandbox/client.h"
#include "tests/check.h"

#define PATIENCE_MS 60000

struct driver {
	struct bh_sandbox *sandbox;
	struct bh_region context, results;
	int out; /* read end of the handler's stdout and stderr */
	/* what was seen */
	bool started;
	int n_calls;
	struct bh_syscall call; /* the first that was reported */
	struct bh_message_ended ended;
	char text[65536]; /* stdout and stderr, NUL-terminated */
};

static inline const char *launcher_path(void)
{
	return BH_BUILD_DIR "/bin/bulkhead-launcher";
}

static inline struct bh_sandbox_options driver_options(const char *program, const char *const *args)
{
	static const char *const env[] = { "PATH=/usr/bin:/bin", "MARK=here", NULL };
	struct bh_sandbox_options options = { .launcher = launcher_path(),
		                              .isolation = BH_ISOLATION_STRICT,
		                              .limits = BH_LIMITS_DEFAULT,
		                              .handler_path = program,
		                              .args = args,
		                              .env = env,
		                              .max_running = 2,
		                              .tell_started = true };

	options.handler_name = strrchr(program, '/') + 1;
	options.handler_fd = open(program, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(options.handler_fd, 0);
	return options;
}

static inline void driver_start(struct driver *d, struct bh_sandbox_options *options)
{
	struct bh_error err = BH_ERROR_UNSET;
	char stage[BH_STAGE_TEXT_SIZE];

	*d = (struct driver){ .context = BH_REGION_UNSET, .results = BH_REGION_UNSET, .out = -1 };
	int r = bh_sandbox_start(options, &d->sandbox, stage, &err);
	ck_assert_msg(r == 0, "start: %s (stage \"%s\")", err.text, stage);
	close(options->handler_fd);
}

static inline void driver_spawn(struct driver *d, uint32_t id)
{
	struct bh_error err = BH_ERROR_UNSET;
	struct iovec part = { "\x80", 1 };
	int ends[2];

	ck_assert_int_eq(bh_region_seal(&part, 1, 1, &d->context, &err), 0);
	ck_assert_int_eq(bh_region_open_results(65536, &d->results, &err), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	struct bh_spawn_fds fds = { d->context.fd, d->results.fd, ends[1], ends[1] };
	int r = bh_sandbox_spawn(d->sandbox, id, &fds, &err);
	ck_assert_msg(r == 0, "spawn: %s", err.text);
	close(ends[1]);
	d->out = ends[0];
	fcntl(d->out, F_SETFL, O_NONBLOCK);
}

/* Takes in what was printed; true once nobody can print any more. */
static inline bool driver_read(struct driver *d)
{
	size_t used = strlen(d->text);
	ssize_t n = read(d->out, d->text + used, sizeof(d->text) - 1 - used);

	if (n > 0)
		d->text[used + (size_t)n] = '\0';
	return n == 0;
}

static inline void driver_listen(struct driver *d, int *listener)
{
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_syscall call;
	uint64_t cookie;

	int r = bh_listener_receive(*listener, &call, &cookie, &err);
	if (r == -ENOENT) {
		bh_fd_done(listener);
	} else if (r == 1) {
		if (d->n_calls++ == 0)
			d->call = call;
		ck_assert_int_eq(bh_listener_refuse(*listener, cookie, EAGAIN, &err), 0);
	}
}

/* Refuses what is reported until the batch has ended. */
static inline void driver_finish(struct driver *d)
{
	struct bh_error err = BH_ERROR_UNSET;
	struct bh_sandbox_event event;
	int listener = -1;

	for (bool ended = false; !ended;) {
		struct pollfd polled[] = { { .fd = bh_sandbox_fd(d->sandbox), .events = POLLIN },
			                   { .fd = listener, .events = POLLIN },
			                   { .fd = d->out, .events = POLLIN } };
		ck_assert_int_gt(poll(polled, 3, PATIENCE_MS), 0);
		if (polled[1].revents)
			driver_listen(d, &listener);
		if (polled[2].revents & POLLIN)
			driver_read(d);
		int r = bh_sandbox_next_event(d->sandbox, &event, &err);
		ck_assert_msg(r >= 0, "event: %s", err.text);
		if (r == 1 && event.type == BH_SANDBOX_LISTENER) {
			listener = event.listener;
		} else if (r == 1 && event.type == BH_SANDBOX_STARTED) {
			d->started = true;
		} else if (r == 1) {
			d->ended = event.ended;
			ended = true;
		}
	}
	bh_fd_done(&listener);
	while (!driver_read(d)) /* every writer is dead: this ends */
		;
	bh_fd_done(&d->out);
	bh_region_done(&d->context);
	bh_region_done(&d->results);
}

static inline void driver_run(struct driver *d, struct bh_sandbox_options options)
{
	driver_start(d, &options);
	driver_spawn(d, 0);
	driver_finish(d);
	bh_sandbox_free(d->sandbox);
}

static inline void await_end_of_file(int fd)
{
	char bytes[64];
	ssize_t n;

	do {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		ck_assert_msg(poll(&polled, 1, PATIENCE_MS) == 1, "somebody still lives");
		n = read(fd, bytes, sizeof(bytes));
	} while (n > 0);
	ck_assert_int_eq(n, 0);
}

/* Waits until the handler has printed something. */
static inline void await_output(int fd)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };

	ck_assert_int_eq(poll(&polled, 1, PATIENCE_MS), 1);
}

/* The launcher's pid, as the one child that this process has. */
static inline pid_t only_child(void)
{
	char path[64], text[32] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
	close(fd);
	return (pid_t)strtol(text, NULL, 10);
}

static inline int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Runs a shell script in a strict sandbox. */
static inline void driver_shell(struct driver *d, const char *script)
{
	const char *const args[] = { "-c", script, NULL };

	driver_run(d, driver_options("/bin/sh", args));
}

#endif
