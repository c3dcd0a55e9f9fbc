/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/keyctl.h>
#include <sys/personality.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "hostile.h"

/* Calls into the kernel that no handler has a use for, each with arguments that
 * make it fail, or do nothing, where it is permitted. */
#define BAD 8L /* a pointer to where nothing is */

static const struct {
	const char *way;
	long number;
	long args[5];
} calls[] = {
	{ "io_uring_setup", SYS_io_uring_setup, { 1, BAD } },
	{ "io_uring_enter", SYS_io_uring_enter, { -1, 0, 0, 0, 0 } },
	{ "io_uring_register", SYS_io_uring_register, { -1, 0, BAD, 1 } },
	{ "bpf", SYS_bpf, { 0, BAD, 4 } },
	{ "perf_event_open", SYS_perf_event_open, { BAD, 0, -1, -1, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 1 /* user mode only */ } },
	{ "add_key", SYS_add_key, { BAD, BAD, 0, 0, KEY_SPEC_PROCESS_KEYRING } },
	{ "request_key", SYS_request_key, { BAD, BAD, 0, 0 } },
	{ "keyctl", SYS_keyctl, { KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 0 } },
	{ "init_module", SYS_init_module, { BAD, 0, BAD } },
	{ "finit_module", SYS_finit_module, { -1, BAD, 0 } },
	{ "delete_module", SYS_delete_module, { BAD, 0 } },
	{ "kexec_load", SYS_kexec_load, { 0, 99, BAD, -1 } },
	{ "kexec_file_load", SYS_kexec_file_load, { -1, -1, 0, 0, -1 } },
	{ "reboot", SYS_reboot, { 0, 0, 0, 0 } },
	{ "swapon", SYS_swapon, { BAD, 0 } },
	{ "swapoff", SYS_swapoff, { BAD } },
	{ "clock_settime", SYS_clock_settime, { 0, BAD } },
	{ "clock_adjtime", SYS_clock_adjtime, { 0, BAD } },
	{ "adjtimex", SYS_adjtimex, { BAD } },
	{ "settimeofday", SYS_settimeofday, { BAD, 0 } },
	{ "sethostname", SYS_sethostname, { BAD, 3 } },
	{ "setdomainname", SYS_setdomainname, { BAD, 3 } },
	{ "quotactl", SYS_quotactl, { QCMD(0, 77), BAD, 0, BAD } },
	{ "acct", SYS_acct, { BAD } },
	{ "syslog", SYS_syslog, { 10, 0, 0 } },
#ifdef SYS_ioperm
	{ "ioperm", SYS_ioperm, { 0x80, 1, 1 } },
	{ "iopl", SYS_iopl, { 3 } },
#endif
	{ "vhangup", SYS_vhangup, { 0 } },
	{ "personality", SYS_personality, { ADDR_NO_RANDOMIZE } },
	{ "fanotify_init", SYS_fanotify_init, { 0x200, 0 } },
	{ "name_to_handle_at", SYS_name_to_handle_at, { -1, BAD, BAD, BAD, 0 } },
	{ "migrate_pages", SYS_migrate_pages, { 0, 1, BAD, BAD } },
	{ "seccomp", SYS_seccomp, { 1, 0, BAD } },
	{ "landlock_create_ruleset", SYS_landlock_create_ruleset, { 0, 0, 1 } },
};

void attack(struct attack *a)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (is_way(a, calls[i].way))
			gain_unless_refused(a, calls[i].way,
			                    syscall(calls[i].number, calls[i].args[0],
			                            calls[i].args[1], calls[i].args[2],
			                            calls[i].args[3], calls[i].args[4]));
}
