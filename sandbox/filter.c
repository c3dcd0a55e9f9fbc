/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/rawcall.h"

static void release(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}

static uint32_t action_of(const struct bh_call_rule *rule)
{
	switch (rule->answer) {
	case BH_CALL_ALLOW:
		return SCMP_ACT_ALLOW;
	case BH_CALL_ERRNO:
		return SCMP_ACT_ERRNO((uint16_t)rule->code);
	case BH_CALL_REPORT:
		return SCMP_ACT_NOTIFY;
	}
	return SCMP_ACT_KILL_PROCESS; /* not reached: the enumeration is closed */
}

static int add_rule(scmp_filter_ctx context, const struct bh_call_rule *rule, struct bh_error *err)
{
	struct scmp_arg_cmp compare = { .arg = rule->argument,
		                        .op = SCMP_CMP_MASKED_EQ,
		                        .datum_a = rule->mask,
		                        .datum_b = rule->value };

	int number = seccomp_syscall_resolve_name(rule->name);
	if (number == __NR_SCMP_ERROR || number < 0)
		return 0; /* not of this architecture, or newer than the library */
	int r = seccomp_rule_add_array(context, action_of(rule), number, rule->mask != 0, &compare);
	if (r < 0)
		return bh_fail(err, -r, "seccomp rule for %s", rule->name);
	return 0;
}

static int add_rules(scmp_filter_ctx context, const struct bh_call_rule *rules, size_t n_rules,
                     struct bh_error *err)
{
	for (size_t i = 0; i < n_rules; i++) {
		int r = add_rule(context, &rules[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* libseccomp writes the program to a descriptor only. */
static int export(scmp_filter_ctx context, struct bh_filter *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = memfd_create("bulkhead-filter", MFD_CLOEXEC);
	BH_CLEANUP(bh_filter_done) struct bh_filter made = BH_FILTER_UNSET;
	struct stat info;

	if (fd < 0)
		return bh_fail(err, errno, "memfd for the seccomp filter");
	int r = seccomp_export_bpf(context, fd);
	if (r < 0)
		return bh_fail(err, -r, "compile the seccomp filter");
	if (fstat(fd, &info) < 0)
		return bh_fail(err, errno, "size of the seccomp filter");

	size_t size = (size_t)info.st_size;
	if (size / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return bh_fail(err, E2BIG, "seccomp filter of %zu bytes", size);
	made.program.len = (unsigned short)(size / sizeof(struct sock_filter));
	made.program.filter = malloc(size);
	if (!made.program.filter)
		return bh_fail(err, ENOMEM, "seccomp filter");
	if (pread(fd, made.program.filter, size, 0) != (ssize_t)size)
		return bh_fail(err, EIO, "read the seccomp filter back");

	*ret = BH_TAKE(made, BH_FILTER_UNSET);
	return 0;
}

int bh_filter_compile(const struct bh_profile *profile, bool allow_forks, struct bh_filter *ret,
                      struct bh_error *err)
{
	BH_CLEANUP(release) scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

	if (!context)
		return bh_fail(err, ENOMEM, "seccomp filter");
	int r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_NOTIFY);
	if (r < 0)
		return bh_fail(err, -r, "seccomp answer for other ABIs");
	/* A binary tree: loading costs the kernel a walk for each call number, and a
	 * linear list makes that walk long. */
	r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		return bh_fail(err, -r, "seccomp filter as a tree");

	r = add_rules(context, profile->rules, profile->n_rules, err);
	if (r == 0)
		r = allow_forks ? add_rules(context, profile->forks_allowed,
		                            profile->n_forks_allowed, err)
		                : add_rules(context, profile->forks_refused,
		                            profile->n_forks_refused, err);
	return r < 0 ? r : export(context, ret, err);
}

void bh_filter_done(struct bh_filter *filter)
{
	free(filter->program.filter);
	*filter = BH_FILTER_UNSET;
}

int bh_filter_load(const struct bh_filter *filter)
{
	return (int)bh_raw3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
	                    &filter->program);
}
