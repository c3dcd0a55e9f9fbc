/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_RAWCALL_H
#define BH_SANDBOX_RAWCALL_H

/* rawcall.h: system calls that touch nothing of the C library.
 *
 * A reaper and a handler before its exec run beside the launcher in the same
 * memory and with the same thread-local storage, so they must not write to
 * `errno`. These calls return the result or a negative errno value, as the
 * kernel gives it. Source: syscall(2), "Architecture calling conventions";
 * clone(2), "The raw system call interface". */

#include <stdint.h>

#if defined(__x86_64__)

static inline long bh_raw6(long number, long a, long b, long c, long d, long e, long f)
{
	long ret;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
	                 : "=a"(ret)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
}

/* clone(2) with a stack of its own: the child runs run(arg) and never returns. The
 * kernel knows no sixth argument; a filter may look at it. */
static inline long bh_raw_clone(unsigned long flags, void *stack_top, int *parent_tid,
                                void (*run)(void *arg), void *arg, uint64_t sixth)
{
	void **top = (void **)((uintptr_t)stack_top & ~(uintptr_t)15);
	long ret;
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	register long r9 __asm__("r9") = (long)sixth;

	*--top = (void *)arg;
	*--top = (void *)(uintptr_t)run;
	__asm__ volatile("syscall\n\t"
	                 "test %%rax, %%rax\n\t"
	                 "jnz 1f\n\t"
	                 "xor %%ebp, %%ebp\n\t"
	                 "pop %%rax\n\t"
	                 "pop %%rdi\n\t"
	                 "call *%%rax\n\t"
	                 "ud2\n"
	                 "1:"
	                 : "=a"(ret)
	                 : "a"(56L), "D"(flags), "S"(top), "d"(parent_tid), "r"(r10), "r"(r8),
	                   "r"(r9)
	                 : "rcx", "r11", "memory");
	return ret;
}

#elif defined(__aarch64__)

static inline long bh_raw6(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	                 : "memory");
	return x0;
}

static inline long bh_raw_clone(unsigned long flags, void *stack_top, int *parent_tid,
                                void (*run)(void *arg), void *arg, uint64_t sixth)
{
	void **top = (void **)((uintptr_t)stack_top & ~(uintptr_t)15);
	register long x8 __asm__("x8") = 220;
	register long x0 __asm__("x0") = (long)flags;
	register long x1 __asm__("x1");
	register long x2 __asm__("x2") = (long)parent_tid;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	register long x5 __asm__("x5") = (long)sixth;

	*--top = (void *)arg;
	*--top = (void *)(uintptr_t)run;
	x1 = (long)top;
	__asm__ volatile("svc #0\n\t"
	                 "cbnz x0, 1f\n\t"
	                 "mov x29, xzr\n\t"
	                 "ldp x9, x0, [sp], #16\n\t"
	                 "blr x9\n\t"
	                 "brk #1\n"
	                 "1:"
	                 : "+r"(x0)
	                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	                 : "x9", "x30", "memory");
	return x0;
}

#else
#error "bulkhead knows the raw system calls of x86-64 and 64-bit Arm only"
#endif

/* With a key as the sixth argument, for calls that have none: our own filter lets
 * them pass then. See sandbox/filter.h. */
#define bh_keyed(key, n, a, b, c, d, e) \
	(bh_raw6((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(key)))

#define bh_raw0(n)             (bh_raw6((n), 0, 0, 0, 0, 0, 0))
#define bh_raw1(n, a)          (bh_raw6((n), (long)(a), 0, 0, 0, 0, 0))
#define bh_raw2(n, a, b)       (bh_raw6((n), (long)(a), (long)(b), 0, 0, 0, 0))
#define bh_raw3(n, a, b, c)    (bh_raw6((n), (long)(a), (long)(b), (long)(c), 0, 0, 0))
#define bh_raw4(n, a, b, c, d) (bh_raw6((n), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0))
#define bh_raw5(n, a, b, c, d, e) \
	(bh_raw6((n), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0))

#endif
