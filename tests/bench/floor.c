/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/floor.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"

#define RESULTS_BYTES ((size_t)16 << 20) /* the default of a batch */
#define FIRST_FREE_FD 16                 /* ours are kept above those that a handler gets */

static int move_up(int *fd, struct bh_error *err)
{
	int higher = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);

	if (higher < 0)
		return bh_fail(err, errno, "move a descriptor");
	bh_fd_done(fd);
	*fd = higher;
	return 0;
}

static int open_executable(struct floor *floor, struct bh_error *err)
{
	char head[2];

	floor->executable = open(floor->path, O_RDONLY | O_CLOEXEC);
	if (floor->executable < 0)
		return bh_fail(err, errno, "open the handler %s", floor->path);
	if (pread(floor->executable, head, sizeof(head), 0) == sizeof(head) &&
	    memcmp(head, "#!", sizeof(head)) == 0) {
		bh_fd_done(&floor->executable);
		return 0;
	}
	return move_up(&floor->executable, err);
}

int floor_open(struct floor *floor, const char *path, const struct corpus *corpus,
               struct bh_error *err)
{
	const struct bh_batch batch = corpus_batch(corpus);

	*floor = FLOOR_UNSET;
	floor->path = path;
	int r = open_executable(floor, err);
	if (r == 0)
		r = corpus_seal(corpus, &batch, &floor->context, err);
	if (r == 0)
		r = move_up(&floor->context.fd, err);
	if (r == 0)
		r = bh_region_open_results(RESULTS_BYTES, &floor->results, err);
	if (r == 0)
		r = move_up(&floor->results.fd, err);
	if (r < 0)
		floor_done(floor);
	return r;
}

void floor_done(struct floor *floor)
{
	bh_fd_done(&floor->executable);
	bh_region_done(&floor->context);
	bh_region_done(&floor->results);
}

/* In the parent's memory until the exec. */
static void execute(const struct floor *floor)
{
	static const char *const envp[] = { "BULKHEAD_ABI=1", "PATH=/usr/local/bin:/usr/bin:/bin",
		                            "LANG=C.UTF-8",   "HOME=/tmp",
		                            "TMPDIR=/tmp",    NULL };
	const char *const argv[] = { floor->path, NULL };

	if (dup3(floor->context.fd, 3, 0) < 0 || dup3(floor->results.fd, 4, 0) < 0)
		return;
	if (floor->executable >= 0)
		syscall(SYS_execveat, floor->executable, "", argv, envp, AT_EMPTY_PATH);
	else
		syscall(SYS_execve, floor->path, argv, envp);
}

static int run_once(const struct floor *floor, struct bh_error *err)
{
	int status;

	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): the least there is */
	pid_t pid = vfork();
	if (pid == 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Vfork): it keeps to itself */
		execute(floor);
		_exit(127);
	}
	if (pid < 0)
		return bh_fail(err, errno, "vfork");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return bh_fail(err, errno, "wait for the handler");
	if (status != 0)
		return bh_fail_plain(err, EPROTO, "%s ended with wait status %#x", floor->path,
		                     (unsigned int)status);
	return 0;
}

int floor_run(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct floor *floor = userdata;
	uint64_t begun_ns = measure_now_ns();

	for (size_t i = 0; i < n; i++) {
		if (lseek(floor->context.fd, 0, SEEK_SET) < 0 ||
		    lseek(floor->results.fd, 0, SEEK_SET) < 0)
			return bh_fail(err, errno, "rewind the handler's files");
		int r = run_once(floor, err);
		if (r < 0)
			return r;
	}
	*ns += measure_now_ns() - begun_ns;
	return 0;
}
