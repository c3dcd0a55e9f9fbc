/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_SANDBOX_PROGRAM_H
#define BH_TESTS_SANDBOX_PROGRAM_H

/* program.h: runs a seccomp program as the kernel would, on calls that are made
 * up. Source: the kernel's Documentation/networking/filter.rst. */

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

#include "tests/check.h"

#ifdef __x86_64__
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#else
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

static inline int program_jumps(const struct sock_filter *at, uint32_t a)
{
	switch (BPF_OP(at->code)) {
	case BPF_JEQ:
		return a == at->k;
	case BPF_JGT:
		return a > at->k;
	case BPF_JGE:
		return a >= at->k;
	case BPF_JSET:
		return (a & at->k) != 0;
	default:
		ck_abort_msg("unknown jump %x", at->code);
	}
}

/* Returns SECCOMP_RET_…, and adds to `*n_steps` where it is not NULL. */
static inline uint32_t program_trace(const struct sock_fprog *program,
                                     const struct seccomp_data *call, size_t *n_steps, bool *looked)
{
	uint32_t a = 0;

	for (size_t i = 0; i < program->len; i++) {
		const struct sock_filter *at = &program->filter[i];
		if (n_steps)
			(*n_steps)++;
		if (at->code == (BPF_LD | BPF_W | BPF_ABS)) {
			ck_assert_uint_le(at->k, sizeof(*call) - sizeof(a));
			memcpy(&a, (const char *)call + at->k, sizeof(a));
			*looked |= at->k >= offsetof(struct seccomp_data, instruction_pointer);
		} else if (at->code == (BPF_ALU | BPF_AND | BPF_K)) {
			a &= at->k;
		} else if (at->code == (BPF_JMP | BPF_JA)) {
			i += at->k;
		} else if (BPF_CLASS(at->code) == BPF_JMP) {
			i += program_jumps(at, a) ? at->jt : at->jf;
		} else if (at->code == (BPF_RET | BPF_K)) {
			return at->k;
		} else {
			ck_abort_msg("unknown instruction %x", at->code);
		}
	}
	ck_abort_msg("the program has no end");
}

static inline uint32_t program_run(const struct sock_fprog *program,
                                   const struct seccomp_data *call, size_t *n_steps)
{
	bool looked = false;

	return program_trace(program, call, n_steps, &looked);
}

/* At anything but number and ABI. */
static inline bool program_looks_at_arguments(const struct sock_fprog *program,
                                              const struct seccomp_data *call)
{
	bool looked = false;

	program_trace(program, call, NULL, &looked);
	return looked;
}

#endif
