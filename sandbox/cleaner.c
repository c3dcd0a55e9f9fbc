/* SPDX-License-Identifier: Apache-2.0 */
/* All but the launcher's side runs in borrowed memory: raw system calls only,
 * nothing is allocated (see sandbox/child.h). */
#include "sandbox/cleaner.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/child.h"
#include "sandbox/rawcall.h"

/* A system call with the filter's key. */
#define call1(cleaner, n, a)             bh_keyed((cleaner)->key, n, a, 0, 0, 0, 0)
#define call2(cleaner, n, a, b)          bh_keyed((cleaner)->key, n, a, b, 0, 0, 0)
#define call3(cleaner, n, a, b, c)       bh_keyed((cleaner)->key, n, a, b, c, 0, 0)
#define call4(cleaner, n, a, b, c, d)    bh_keyed((cleaner)->key, n, a, b, c, d, 0)
#define call5(cleaner, n, a, b, c, d, e) bh_keyed((cleaner)->key, n, a, b, c, d, e)

/* As rt_sigaction(2) takes it. */
struct kernel_sigaction {
	unsigned long handler;
	unsigned long flags;
	unsigned long restorer;
	uint64_t mask;
};

/* So that orphans are reaped as they end, and a wait ends when there is no child
 * left: waitpid(2), "SIGCHLD to SIG_IGN". */
static void ignore_children(const struct bh_cleaner *cleaner)
{
	const struct kernel_sigaction ignore = { .handler = (unsigned long)SIG_IGN };

	call4(cleaner, SYS_rt_sigaction, SIGCHLD, &ignore, NULL, sizeof(ignore.mask));
}

/* The template's mounts are its forks' as well, and the cleaner's. It has had the
 * use of a /proc of its own until now; theirs shows the processes of their
 * namespace only. */
static long cover_proc(const struct bh_cleaner *cleaner)
{
	return call5(cleaner, SYS_mount, "proc", "/proc", "proc",
	             MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "subset=pid");
}

/* None can escape by a fork meanwhile: the kernel fails a fork of a process that
 * is being killed. Children of the template's that ended are the template's to
 * reap; all others are ours. */
static void clean(struct bh_cleaner *cleaner)
{
	const uint64_t one = 1;

	call2(cleaner, SYS_kill, -1, SIGKILL);
	while (call4(cleaner, SYS_wait4, -1, NULL, __WALL, NULL) == -EINTR)
		;
	__atomic_store_n(&cleaner->cleaned, 1, __ATOMIC_RELEASE);
	call3(cleaner, SYS_write, cleaner->wake, &one, sizeof(one));
}

static void carry_out(struct bh_cleaner *cleaner, uint32_t orders)
{
	if (orders & BH_CLEANER_TERM)
		call2(cleaner, SYS_kill, -1, SIGTERM);
	if (orders & BH_CLEANER_KILL)
		call2(cleaner, SYS_kill, -1, SIGKILL);
	if (orders & BH_CLEANER_PROC) {
		long r = cover_proc(cleaner);
		cleaner->failed = r < 0 ? (int)-r : 0;
	}
	if (orders & BH_CLEANER_CLEAN)
		clean(cleaner);
}

static void cleaner_main(void *arg)
{
	struct bh_cleaner *cleaner = arg;

	ignore_children(cleaner);
	for (;;) {
		bh_await_word(&cleaner->orders, 0, cleaner->key);
		carry_out(cleaner, __atomic_exchange_n(&cleaner->orders, 0, __ATOMIC_ACQ_REL));
	}
}

long bh_cleaner_start(struct bh_cleaner *cleaner, void *stack_top, uint64_t key)
{
	cleaner->key = key;
	cleaner->orders = 0;
	cleaner->cleaned = 0;
	cleaner->failed = 0;
	long r = call1(cleaner, SYS_unshare, CLONE_NEWPID);
	/* CLONE_PARENT: a child that it doesn't know would surprise the handler */
	if (r >= 0)
		r = bh_raw_clone(CLONE_VM | CLONE_FILES | CLONE_PARENT | SIGCHLD, stack_top, NULL,
		                 cleaner_main, cleaner, key);
	return r < 0 ? r : 0;
}

/* ---- the launcher's side ---- */

void bh_cleaner_order(struct bh_cleaner *cleaner, uint32_t orders)
{
	__atomic_fetch_or(&cleaner->orders, orders, __ATOMIC_ACQ_REL);
	syscall(SYS_futex, &cleaner->orders, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

bool bh_cleaner_has_cleaned(struct bh_cleaner *cleaner)
{
	return __atomic_exchange_n(&cleaner->cleaned, 0, __ATOMIC_ACQ_REL) != 0;
}
