/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/client.h"
#include "sandbox/origin.h"

#define X32_BIT 0x40000000

/* The ABI that a call came by: its name, and its number for libseccomp. */
static const char *abi_name(const struct seccomp_data *data, uint32_t *ret_arch)
{
	static const struct {
		uint32_t audit, library;
		const char *name;
	} rows[] = { { AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64, "x86_64" },
		     { AUDIT_ARCH_I386, SCMP_ARCH_X86, "i386" },
		     { AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64, "aarch64" },
		     { AUDIT_ARCH_ARM, SCMP_ARCH_ARM, "arm" } };

	*ret_arch = SCMP_ARCH_NATIVE;
	if (data->arch == AUDIT_ARCH_X86_64 && (data->nr & X32_BIT)) {
		*ret_arch = SCMP_ARCH_X32;
		return "x32";
	}
	for (size_t i = 0; i < BH_COUNT_OF(rows); i++)
		if (rows[i].audit == data->arch) {
			*ret_arch = rows[i].library;
			return rows[i].name;
		}
	return "unknown";
}

static void describe_call(const struct seccomp_data *data, struct bh_syscall *ret)
{
	uint32_t arch;

	*ret = (struct bh_syscall){ .number = data->nr, .instruction = data->instruction_pointer };
	snprintf(ret->abi, sizeof(ret->abi), "%s", abi_name(data, &arch));
	char *name = seccomp_syscall_resolve_num_arch(arch, data->nr);
	snprintf(ret->name, sizeof(ret->name), "%s", name ? name : "unknown");
	free(name);
	for (size_t i = 0; i < BH_COUNT_OF(ret->args); i++)
		ret->args[i] = data->args[i];
}

/* Of each ABI's instruction for a system call; the address that is told is behind it. */
static uint64_t instruction_size(uint32_t arch)
{
	return arch == AUDIT_ARCH_X86_64 || arch == AUDIT_ARCH_I386 ? 2 : 4;
}

/* The caller waits for our answer and so is there to be looked at. That it was the
 * caller, and not another process under the same number, is so if its call still
 * waits afterwards. A call that makes a process is counted and not told of. */
static void describe_origin(int listener, const struct seccomp_notif *notification,
                            struct bh_syscall *ret)
{
	uint64_t id = notification->id;
	uint64_t address = ret->instruction - instruction_size(notification->data.arch);

	if (notification->pid == 0 || bh_syscall_makes_process(ret))
		return;
	if (bh_origin_find((pid_t)notification->pid, address, ret->file, sizeof(ret->file),
	                   &ret->file_offset) == 0 &&
	    ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0)
		return;
	ret->file[0] = '\0';
	ret->file_offset = 0;
}

/* Room as the kernel wants it, which may be more than our headers know. */
static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static int notification_sizes(struct seccomp_notif_sizes *ret, struct bh_error *err)
{
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, ret) < 0)
		return bh_fail(err, errno, "sizes of seccomp notifications");
	return 0;
}

/* Receiving blocks where nothing waits, and on older kernels for ever. */
static int wait_state(int listener, struct bh_error *err)
{
	struct pollfd polled = { .fd = listener, .events = POLLIN };

	int r = poll(&polled, 1, 0);
	if (r < 0)
		return errno == EINTR ? -EAGAIN : bh_fail(err, errno, "poll a seccomp listener");
	if (polled.revents & POLLIN)
		return 0;
	return polled.revents & POLLHUP ? -ENOENT : -EAGAIN;
}

int bh_listener_receive(int listener, struct bh_syscall *ret, uint64_t *ret_cookie,
                        struct bh_error *err)
{
	struct seccomp_notif_sizes sizes;

	int r = wait_state(listener, err);
	if (r == 0)
		r = notification_sizes(&sizes, err);
	if (r < 0)
		return r;
	/* the kernel insists on zeroes: seccomp_unotify(2) */
	BH_CLEANUP(bh_free_done)
	struct seccomp_notif *notification =
	        calloc(1, larger(sizes.seccomp_notif, sizeof(*notification)));
	if (!notification)
		return bh_fail(err, ENOMEM, "seccomp notification");
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification) < 0) {
		if (errno == ENOENT)
			return 0;
		if (errno == EINTR) /* ours, by a signal: the call still waits */
			return -EAGAIN;
		return bh_fail(err, errno, "receive a seccomp notification");
	}
	describe_call(&notification->data, ret);
	describe_origin(listener, notification, ret);
	*ret_cookie = notification->id;
	return 1;
}

/* Returns 1, or 0 where the caller is gone, or a signal took it back: then it
 * calls once more. */
static int answer(int listener, const struct seccomp_notif_resp *given, struct bh_error *err)
{
	struct seccomp_notif_sizes sizes;

	int r = notification_sizes(&sizes, err);
	if (r < 0)
		return r;
	BH_CLEANUP(bh_free_done)
	struct seccomp_notif_resp *response =
	        calloc(1, larger(sizes.seccomp_notif_resp, sizeof(*response)));
	if (!response)
		return bh_fail(err, ENOMEM, "answer to a seccomp notification");
	*response = *given;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, response) == 0)
		return 1;
	return errno == ENOENT ? 0 : bh_fail(err, errno, "answer a seccomp notification");
}

int bh_listener_refuse(int listener, uint64_t cookie, int code, struct bh_error *err)
{
	const struct seccomp_notif_resp refusal = { .id = cookie, .error = -code };

	int r = answer(listener, &refusal, err);
	return r < 0 ? r : 0;
}

int bh_listener_allow(int listener, uint64_t cookie, struct bh_error *err)
{
	const struct seccomp_notif_resp leave = { .id = cookie,
		                                  .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	return answer(listener, &leave, err);
}

bool bh_syscall_makes_process(const struct bh_syscall *call)
{
	const uint64_t not_a_process = CLONE_THREAD | CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
	                               CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

	if (strcmp(call->name, "fork") == 0 || strcmp(call->name, "vfork") == 0)
		return strcmp(call->abi, "x86_64") == 0;
	return strcmp(call->name, "clone") == 0 && (call->args[0] & not_a_process) == 0 &&
	       (strcmp(call->abi, "x86_64") == 0 || strcmp(call->abi, "aarch64") == 0);
}
