/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostile.h"

static sigjmp_buf back;

static void jump_back(int number)
{
	(void)number;
	siglongjmp(back, 1);
}

/* A kernel that lacks 32-bit calls answers with a fault. */
static long call_32(long number)
{
	long result = -ENOSYS;

	signal(SIGSEGV, jump_back);
#ifdef __x86_64__
	if (sigsetjmp(back, 1) == 0)
		__asm__ volatile("int $0x80"
		                 : "=a"(result)
		                 : "0"(number), "b"(0), "c"(0), "d"(0)
		                 : "memory", "r8", "r9", "r10", "r11");
#endif
	return result;
}

/* Calls by a number that means something else in the native ABI. */
void attack(struct attack *a)
{
	long result = -ENOSYS;

#ifdef __x86_64__
	if (is_way(a, "x32"))
		return gain_unless_refused(a, "x32 getpid", syscall(0x40000000 + SYS_getpid));
#endif
	if (is_way(a, "int 0x80"))
		result = call_32(20); /* getpid there; writev in the native table */
	errno = result < 0 ? (int)-result : 0;
	gain_unless_refused(a, "a 32-bit call", result < 0 ? -1 : result);
}
