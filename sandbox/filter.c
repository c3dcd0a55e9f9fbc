/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bulkhead/warm.h"
#include "ipc/wire/base.h"
#include "sandbox/rawcall.h"
#include "sandbox/restricted.h"
#include "sandbox/separate.h"

static void release(scmp_filter_ctx *context)
{
	if (*context)
		seccomp_release(*context);
}

static uint32_t action_of(struct bh_answer answer)
{
	switch (answer.kind) {
	case BH_ANSWER_ALLOW:
		return SCMP_ACT_ALLOW;
	case BH_ANSWER_ERRNO:
		return SCMP_ACT_ERRNO(answer.code);
	case BH_ANSWER_REPORT:
		return SCMP_ACT_NOTIFY;
	}
	return SCMP_ACT_KILL_PROCESS; /* not reached: the enumeration is closed */
}

/* ---- rules ---- */

static const enum scmp_compare comparisons[BH_COMPARISONS] = {
	[BH_COMPARE_NE] = SCMP_CMP_NE,
	[BH_COMPARE_LT] = SCMP_CMP_LT,
	[BH_COMPARE_LE] = SCMP_CMP_LE,
	[BH_COMPARE_EQ] = SCMP_CMP_EQ,
	[BH_COMPARE_GE] = SCMP_CMP_GE,
	[BH_COMPARE_GT] = SCMP_CMP_GT,
	[BH_COMPARE_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
};

static int add_rule(void *context, const struct bh_call_rule *rule, struct bh_error *err)
{
	struct scmp_arg_cmp compared[BH_CALL_ARGUMENTS];

	for (uint32_t i = 0; i < rule->n_conditions; i++)
		compared[i] = (struct scmp_arg_cmp){
			.arg = rule->conditions[i].argument,
			.op = comparisons[rule->conditions[i].comparison],
			.datum_a = rule->conditions[i].value,
			.datum_b = rule->conditions[i].value_two,
		};
	int r = seccomp_rule_add_array(context, action_of(rule->answer), rule->number,
	                               rule->n_conditions, compared);
	if (r < 0)
		return bh_fail(err, -r, "seccomp rule for call %d", rule->number);
	return 0;
}

struct compilation {
	scmp_filter_ctx context;
	const struct bh_profile *profile;
	struct bh_restricted restricted[BH_RESTRICTED_MOST];
	size_t n_restricted;
	const struct bh_call_rule **sorted; /* by number, then as in the profile; owned */
};

static void restrict_those(struct compilation *c,
                           const struct bh_restricted *(*table)(size_t *ret_n))
{
	size_t n;
	const struct bh_restricted *calls = table(&n);

	memcpy(c->restricted + c->n_restricted, calls, n * sizeof(*calls));
	c->n_restricted += n;
}

static void restrict_calls(struct compilation *c, const struct bh_filter_options *options)
{
	if (!options->allow_forks)
		restrict_those(c, bh_restricted_forks);
	if (options->keep_attributes)
		restrict_those(c, bh_restricted_attributes);
	if (options->keep_lengths)
		restrict_those(c, bh_restricted_lengths);
}

/* How many restrictions a call has; they are in `ret`. */
static size_t restrictions_of(const struct compilation *c, int32_t number,
                              struct bh_restriction ret[BH_RESTRICTED_MOST_OF_A_CALL])
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_restricted; i++)
		if (c->restricted[i].number == number)
			ret[n++] = c->restricted[i].restriction;
	return n;
}

static int add_call(const struct compilation *c, const struct bh_call_rule *const *rules, size_t n,
                    int32_t number, struct bh_error *err)
{
	struct bh_restriction restrictions[BH_RESTRICTED_MOST_OF_A_CALL];
	size_t n_restrictions = restrictions_of(c, number, restrictions);
	struct bh_answer otherwise = c->profile->otherwise;

	if (n == 1 && n_restrictions == 0)
		return bh_answer_equals(rules[0]->answer, otherwise)
		               ? 0
		               : add_rule(c->context, rules[0], err);
	int r = bh_rules_separate(rules, n, number, otherwise, restrictions, n_restrictions,
	                          add_rule, c->context, err);
	if (r == -E2BIG) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
		r = bh_fail_plain(err, E2BIG, "profile: %s: its rules overlap in too many ways",
		                  name ? name : "a call");
		free(name);
	}
	return r;
}

/* Both are in the array that is sorted, so their addresses tell their order. */
static int compare_rules(const void *a, const void *b)
{
	const struct bh_call_rule *left = *(const struct bh_call_rule *const *)a;
	const struct bh_call_rule *right = *(const struct bh_call_rule *const *)b;

	if (left->number != right->number)
		return left->number < right->number ? -1 : 1;
	return left < right ? -1 : left > right;
}

static bool is_named(const struct bh_profile *profile, int32_t number)
{
	for (size_t i = 0; i < profile->n_rules; i++)
		if (profile->rules[i].number == number)
			return true;
	return false;
}

/* Those that are restricted and that no rule names. */
static int add_unnamed(const struct compilation *c, struct bh_error *err)
{
	int32_t last = -1;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_restricted; i++) {
		int32_t number = c->restricted[i].number;
		if (number != last && !is_named(c->profile, number))
			r = add_call(c, NULL, 0, number, err);
		last = number;
	}
	return r;
}

static int add_calls(struct compilation *c, struct bh_error *err)
{
	size_t n = c->profile->n_rules;
	int r = 0;

	c->sorted = calloc(n + 1, sizeof(const struct bh_call_rule *));
	if (!c->sorted)
		return bh_fail(err, ENOMEM, "seccomp rules");
	for (size_t i = 0; i < n; i++)
		c->sorted[i] = &c->profile->rules[i];
	qsort(c->sorted, n, sizeof(const struct bh_call_rule *), compare_rules);
	for (size_t first = 0, end = 0; r == 0 && first < n; first = end) {
		while (end < n && c->sorted[end]->number == c->sorted[first]->number)
			end++;
		r = add_call(c, c->sorted + first, end - first, c->sorted[first]->number, err);
	}
	return r < 0 ? r : add_unnamed(c, err);
}

/* ---- the launcher's own calls ---- */

static const int32_t own_calls[] = {
	/* the spawner */
	SYS_futex, SYS_clone,
	/* a reaper */
	SYS_mount, SYS_openat, SYS_read, SYS_sendmsg, SYS_wait4, SYS_kill, SYS_close, SYS_getpid,
	SYS_pwrite64,
	/* a cleaner */
	SYS_rt_sigaction,
	/* both it and a handler */
	SYS_unshare, SYS_prctl, SYS_exit_group,
	/* a handler, to its exec */
	SYS_write, SYS_setsid, SYS_setresgid, SYS_setresuid, SYS_prlimit64, SYS_capset,
	SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,
	SYS_close_range, SYS_dup3, SYS_rt_sigprocmask, SYS_execveat
};

#define OWN_CALLS     BH_COUNT_OF(own_calls)
#define OWN_MAX_CODE  (3 + OWN_CALLS + 5)
#define WARM_MAX_CODE 7

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

#define LOAD(field)                                             \
	((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
	                              offsetof(struct seccomp_data, field)))
#define LOAD_AT(offset) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset)))
#define JUMP_UNLESS_EQUAL(number, over) \
	((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, (uint8_t)(over)))
#define JUMP_IF_EQUAL(number, over) \
	((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), (uint8_t)(over), 0))

const int32_t *bh_filter_own_calls(size_t *ret_n)
{
	*ret_n = OWN_CALLS;
	return own_calls;
}

static bool is_always_allowed(const struct compilation *c, int32_t number)
{
	const struct bh_profile *profile = c->profile;
	struct bh_restriction restrictions[BH_RESTRICTED_MOST_OF_A_CALL];
	bool named = false, always = false;

	if (restrictions_of(c, number, restrictions) > 0)
		return false;
	for (size_t i = 0; i < profile->n_rules; i++) {
		const struct bh_call_rule *rule = &profile->rules[i];
		if (rule->number != number)
			continue;
		if (rule->answer.kind != BH_ANSWER_ALLOW)
			return false;
		named = true;
		always |= rule->n_conditions == 0;
	}
	return named ? always : profile->otherwise.kind == BH_ANSWER_ALLOW;
}

/* Code that stands before libseccomp's and lets the launcher's own calls pass.
 * The number is compared first: the kernel works out once for each call whether
 * it is allowed without a look at arguments, and must still find that for all
 * others. Returns the length: 0 where the profile allows all of them. */
static size_t write_own_code(const struct compilation *c, uint64_t key,
                             struct sock_filter code[OWN_MAX_CODE])
{
	const size_t sixth = offsetof(struct seccomp_data, args[5]); /* little-endian */
	int32_t numbers[OWN_CALLS];
	size_t n = 0, at = 0;

	for (size_t i = 0; i < OWN_CALLS; i++)
		if (!is_always_allowed(c, own_calls[i]))
			numbers[n++] = own_calls[i];
	if (n == 0)
		return 0;
	code[at++] = LOAD(arch);
	code[at++] = JUMP_UNLESS_EQUAL(NATIVE_ARCH, n + 6);
	code[at++] = LOAD(nr);
	for (size_t i = 0; i + 1 < n; i++)
		code[at++] = JUMP_IF_EQUAL((uint32_t)numbers[i], n - 1 - i);
	code[at++] = JUMP_UNLESS_EQUAL((uint32_t)numbers[n - 1], 5);
	code[at++] = LOAD_AT(sixth);
	code[at++] = JUMP_UNLESS_EQUAL((uint32_t)key, 3);
	code[at++] = LOAD_AT(sixth + sizeof(uint32_t));
	code[at++] = JUMP_UNLESS_EQUAL((uint32_t)(key >> 32), 1);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return at;
}

/* Code before all that, in warm mode: lets a template or its fork receive a batch
 * from its control socket. On other descriptors the profile decides. */
static size_t write_warm_code(const struct compilation *c, struct sock_filter code[WARM_MAX_CODE])
{
	size_t at = 0;

	if (is_always_allowed(c, SYS_recvmsg))
		return 0;
	code[at++] = LOAD(arch);
	code[at++] = JUMP_UNLESS_EQUAL(NATIVE_ARCH, 5);
	code[at++] = LOAD(nr);
	code[at++] = JUMP_UNLESS_EQUAL(SYS_recvmsg, 3);
	code[at++] = LOAD(args[0]); /* the kernel takes it for 32 bits */
	code[at++] = JUMP_UNLESS_EQUAL(BH_WARM_FD, 1);
	code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return at;
}

/* ---- the program ---- */

static int export(const struct compilation *c, const struct bh_filter_options *options,
                  struct bh_filter *ret, struct bh_error *err)
{
	/* libseccomp writes the program to a descriptor only */
	BH_CLEANUP(bh_fd_done) int fd = memfd_create("bulkhead-filter", MFD_CLOEXEC);
	BH_CLEANUP(bh_filter_done) struct bh_filter made = BH_FILTER_UNSET;
	struct sock_filter own[WARM_MAX_CODE + OWN_MAX_CODE];
	size_t n_own = options->warm ? write_warm_code(c, own) : 0;
	struct stat info;

	n_own += write_own_code(c, options->key, own + n_own);
	if (fd < 0)
		return bh_fail(err, errno, "memfd for the seccomp filter");
	int r = seccomp_export_bpf(c->context, fd);
	if (r < 0)
		return bh_fail(err, -r, "compile the seccomp filter");
	if (fstat(fd, &info) < 0)
		return bh_fail(err, errno, "size of the seccomp filter");

	size_t size = (size_t)info.st_size;
	size_t length = n_own + size / sizeof(struct sock_filter);
	if (length > BPF_MAXINSNS)
		return bh_fail_plain(err, E2BIG, "profile of %zu instructions, at most %d", length,
		                     BPF_MAXINSNS);
	made.program.len = (unsigned short)length;
	made.program.filter = malloc(length * sizeof(struct sock_filter));
	if (!made.program.filter)
		return bh_fail(err, ENOMEM, "seccomp filter");
	memcpy(made.program.filter, own, n_own * sizeof(struct sock_filter));
	if (pread(fd, made.program.filter + n_own, size, 0) != (ssize_t)size)
		return bh_fail(err, EIO, "read the seccomp filter back");

	*ret = BH_TAKE(made, BH_FILTER_UNSET);
	return 0;
}

int bh_filter_compile(const struct bh_profile *profile, const struct bh_filter_options *options,
                      struct bh_filter *ret, struct bh_error *err)
{
	BH_CLEANUP(release) scmp_filter_ctx context = seccomp_init(action_of(profile->otherwise));
	struct compilation c = { .context = context, .profile = profile };

	if (!context)
		return bh_fail(err, ENOMEM, "seccomp filter");
	restrict_calls(&c, options);
	int r = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_NOTIFY);
	if (r < 0)
		return bh_fail(err, -r, "seccomp answer for other ABIs");
	/* A binary tree pays at every size, for the kernel walks through the program
	 * for each call number when it is loaded. Measured (Linux 6.18, least of 2000
	 * loads): "compute" 160 us, as a list 300; forty calls 90 us, as a list 130; ten
	 * calls 105 us, as a list 125. */
	r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r < 0)
		return bh_fail(err, -r, "seccomp filter as a tree");

	r = add_calls(&c, err);
	free(c.sorted);
	return r < 0 ? r : export(&c, options, ret, err);
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
