/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles as the kernel gets them: the program is run here on calls that are made
 * up, and has to answer what the rules say. */
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "bulkhead/profile.h"
#include "ipc/wire/base.h"
#include "sandbox/filter.h"
#include "sandbox/profile_catalog.h"
#include "sandbox/profile_json.h"
#include "tests/sandbox/program.h"

#define KEY      0x1234567890abcdefu
#define NS_FLAGS 0x7e020000u

static void compile_with(const struct bh_profile *profile, const struct bh_filter_options *options,
                         struct bh_filter *ret)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_filter_compile(profile, options, ret, &err);
	ck_assert_msg(r == 0, "%s", err.text);
}

static void compile(const struct bh_profile *profile, bool forks, struct bh_filter *ret)
{
	compile_with(profile, &(struct bh_filter_options){ .allow_forks = forks, .key = KEY }, ret);
}

static uint32_t answer_to(const struct bh_filter *filter, int number, const uint64_t args[6])
{
	struct seccomp_data call = { .nr = number, .arch = NATIVE_ARCH };

	memcpy(call.args, args, sizeof(call.args));
	return program_run(&filter->program, &call, NULL);
}

static uint32_t return_of(struct bh_answer answer)
{
	switch (answer.kind) {
	case BH_ANSWER_ALLOW:
		return SECCOMP_RET_ALLOW;
	case BH_ANSWER_ERRNO:
		return SECCOMP_RET_ERRNO | answer.code;
	case BH_ANSWER_REPORT:
		return SECCOMP_RET_USER_NOTIF;
	}
	return 0;
}

/* ---- what the rules say ---- */

static bool holds(const struct bh_condition *c, const uint64_t args[6])
{
	uint64_t arg = args[c->argument];

	switch (c->comparison) {
	case BH_COMPARE_NE:
		return arg != c->value;
	case BH_COMPARE_LT:
		return arg < c->value;
	case BH_COMPARE_LE:
		return arg <= c->value;
	case BH_COMPARE_EQ:
		return arg == c->value;
	case BH_COMPARE_GE:
		return arg >= c->value;
	case BH_COMPARE_GT:
		return arg > c->value;
	case BH_COMPARE_MASKED_EQ:
		return (arg & c->value) == c->value_two;
	}
	return false;
}

static bool rule_holds(const struct bh_call_rule *rule, int number, const uint64_t args[6])
{
	bool all = rule->number == number;

	for (uint32_t i = 0; i < rule->n_conditions; i++)
		all = all && holds(&rule->conditions[i], args);
	return all;
}

/* By name, as far as these are known here, so not as the table is written. */
static bool changes_attributes(int number, const uint64_t args[6])
{
	static const char *const words[] = { "chmod", "chown", "utime", "setxattr", "removexattr" };
	uint64_t type = args[1] >> 8 & 0xff;
	bool found = number == 452 || number == 463 || number == 466 || number == 469;

	if (number == SYS_ioctl)
		return type == 'f' || type == 'X' || type == 'v' || type == 0x94;
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
	for (size_t i = 0; name && i < BH_COUNT_OF(words); i++)
		found = found || strstr(name, words[i]);
	found = found || (name && strcmp(name, "futimesat") == 0);
	free(name);
	return found;
}

/* What cuts a file and asks for no permission to write. */
static bool cuts(int number, const uint64_t args[6])
{
	uint64_t flags = number == SYS_openat ? args[2] : args[1];
	bool opens = number == SYS_openat;

#ifdef SYS_open
	opens = opens || number == SYS_open;
#endif
	if (opens)
		return (flags & O_TRUNC) && (flags & O_ACCMODE) != O_WRONLY &&
		       (flags & O_ACCMODE) != O_RDWR;
	return number == SYS_truncate;
}

static struct bh_answer judge(const struct bh_profile *profile,
                              const struct bh_filter_options *options, int number,
                              const uint64_t args[6])
{
	struct bh_answer answer = profile->otherwise;
	bool any = false;

	for (size_t i = 0; i < profile->n_rules; i++) {
		const struct bh_call_rule *rule = &profile->rules[i];
		if (rule_holds(rule, number, args) && (!any || rule->answer.kind > answer.kind)) {
			answer = rule->answer;
			any = true;
		}
	}
	if (answer.kind == BH_ANSWER_ALLOW && options->keep_attributes &&
	    changes_attributes(number, args))
		return (struct bh_answer){ .kind = BH_ANSWER_ERRNO, .code = EPERM };
	if (answer.kind == BH_ANSWER_ALLOW && options->keep_lengths && cuts(number, args))
		return (struct bh_answer){ .kind = BH_ANSWER_ERRNO, .code = EPERM };
	if (answer.kind == BH_ANSWER_ALLOW && options->keep_lengths && number == SYS_openat2)
		return (struct bh_answer){ .kind = BH_ANSWER_ERRNO, .code = ENOSYS };
	if (options->allow_forks || answer.kind != BH_ANSWER_ALLOW)
		return answer;
	if (number == SYS_clone3)
		return (struct bh_answer){ .kind = BH_ANSWER_ERRNO, .code = ENOSYS };
	if ((number == SYS_clone && !(args[0] & CLONE_THREAD))
#ifdef SYS_fork
	    || number == SYS_fork || number == SYS_vfork
#endif
	)
		return (struct bh_answer){ .kind = BH_ANSWER_REPORT };
	return answer;
}

/* ---- made-up profiles ---- */

static uint64_t state;

static uint64_t roll(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static const int numbers[] = { SYS_clone,
	                       SYS_clone3,
	                       SYS_ioctl,
	                       SYS_read,
	                       SYS_fchmodat,
	                       SYS_utimensat,
	                       SYS_truncate,
	                       SYS_openat,
	                       SYS_openat2,
	                       SYS_execveat
#ifdef SYS_fork
	                       ,
	                       SYS_fork,
	                       SYS_vfork
#endif
};

/* Numbers around which comparisons change their mind. */
static uint64_t interesting(void)
{
	static const uint64_t values[] = { 0,
		                           1,
		                           5,
		                           0x10,
		                           CLONE_THREAD,
		                           NS_FLAGS,
		                           0x5412,
		                           0x40086602, /* FS_IOC_SETFLAGS */
		                           0x401c5820, /* FS_IOC_FSSETXATTR */
		                           O_TRUNC,
		                           O_TRUNC | O_WRONLY,
		                           O_TRUNC | O_RDWR,
		                           O_TRUNC | O_ACCMODE,
		                           UINT32_MAX,
		                           (uint64_t)UINT32_MAX + 1,
		                           (uint64_t)1 << 63,
		                           UINT64_MAX,
		                           0x100005412 };
	uint64_t value = values[roll(BH_COUNT_OF(values))];

	return roll(3) == 0 ? value + roll(3) - 1 : value;
}

static struct bh_condition some_condition(uint32_t argument)
{
	struct bh_condition c = { .argument = argument,
		                  .comparison = (enum bh_comparison)roll(BH_COMPARISONS),
		                  .value = interesting() };

	if (c.comparison == BH_COMPARE_MASKED_EQ)
		c.value_two = interesting() & c.value;
	return c;
}

static struct bh_answer some_answer(void)
{
	struct bh_answer answer = { .kind = (enum bh_answer_kind)roll(BH_ANSWER_KINDS) };

	if (answer.kind == BH_ANSWER_ERRNO)
		answer.code = (uint16_t)(1 + roll(2));
	return answer;
}

static void make_profile(struct bh_profile *profile)
{
	size_t n = roll(6);

	*profile = BH_PROFILE_UNSET;
	profile->otherwise = some_answer();
	for (size_t i = 0; i < n; i++) {
		struct bh_call_rule rule = { .number = numbers[roll(BH_COUNT_OF(numbers))],
			                     .answer = some_answer() };
		uint32_t first = (uint32_t)roll(2);
		uint32_t n_conditions = (uint32_t)roll(3);
		for (uint32_t k = 0; k < n_conditions; k++)
			rule.conditions[rule.n_conditions++] = some_condition(first + k);
		ck_assert_ptr_null(bh_call_rule_fault(&rule));
		ck_assert_int_eq(bh_profile_add(profile, &rule, NULL), 0);
	}
}

static void compare(const struct bh_profile *profile, const struct bh_filter *filter,
                    const struct bh_filter_options *options)
{
	for (size_t i = 0; i < 400; i++) {
		int number = numbers[roll(BH_COUNT_OF(numbers))];
		uint64_t args[6];
		for (size_t k = 0; k < 6; k++)
			args[k] = roll(8) == 0 ? state : interesting();
		uint32_t want = return_of(judge(profile, options, number, args));
		uint32_t got = answer_to(filter, number, args);
		ck_assert_msg(got == want, "call %d (%#lx, %#lx, %#lx): %#x, expected %#x", number,
		              (long)args[0], (long)args[1], (long)args[2], got, want);
	}
}

START_TEST(programs_answer_as_their_rules_say_however_those_overlap)
{
	size_t n_compiled = 0;

	state = 88172645463325252u + (uint64_t)_i;
	for (int i = 0; i < 100; i++) {
		struct bh_profile profile;
		struct bh_filter filter = BH_FILTER_UNSET;
		struct bh_error err = BH_ERROR_UNSET;
		struct bh_filter_options options = { .allow_forks = roll(2) == 0,
			                             .keep_attributes = roll(2) == 0,
			                             .keep_lengths = roll(2) == 0,
			                             .key = KEY };
		make_profile(&profile);
		int r = bh_filter_compile(&profile, &options, &filter, &err);
		if (r == 0) {
			compare(&profile, &filter, &options);
			n_compiled++;
		} else {
			ck_assert_msg(r == -E2BIG, "%s", err.text);
		}
		bh_filter_done(&filter);
		bh_profile_done(&profile);
	}
	ck_assert_uint_gt(n_compiled, 60);
}
END_TEST

START_TEST(built_in_profiles_answer_as_their_rules_say)
{
	state = 7;
	for (size_t i = 0; bh_profile_name(i); i++)
		for (int mode = 0; mode < 8; mode++) {
			struct bh_profile profile;
			struct bh_filter filter = BH_FILTER_UNSET;
			struct bh_filter_options options = { .allow_forks = mode & 1,
				                             .keep_attributes = mode & 2,
				                             .keep_lengths = mode & 4,
				                             .key = KEY };
			ck_assert_int_eq(bh_profile_load(bh_profile_name(i), &profile, NULL), 0);
			compile_with(&profile, &options, &filter);
			compare(&profile, &filter, &options);
			for (int number = 0; number < 600; number++) {
				uint64_t args[6] = { interesting(), interesting(), interesting(),
					             0x1000 };
				ck_assert_uint_eq(
				        answer_to(&filter, number, args),
				        return_of(judge(&profile, &options, number, args)));
			}
			bh_filter_done(&filter);
			bh_profile_done(&profile);
		}
}
END_TEST

/* ---- a second process ---- */

#define MASKED(mask, bits)                                                  \
	"[{ \"index\": 0, \"op\": \"SCMP_CMP_MASKED_EQ\", \"value\": " mask \
	", \"valueTwo\": " bits " }]"

/* Rules for clone, and what flags give with one process. */
static const struct {
	const char *why, *args;
	uint64_t flags;
	uint32_t answer;
} clones[] = {
	{ "a thread, of a mask without CLONE_THREAD", MASKED("2114060288", "0"), 0x50f00 | 0x10000,
	  SECCOMP_RET_ALLOW },
	{ "a process, of a mask without CLONE_THREAD", MASKED("2114060288", "0"), 17,
	  SECCOMP_RET_USER_NOTIF },
	{ "a namespace is as the profile says", MASKED("2114060288", "0"), 0x10000000,
	  SECCOMP_RET_ERRNO | ENOSYS },
	{ "a mask with CLONE_THREAD that wants threads", MASKED("65536", "65536"), 0x10000,
	  SECCOMP_RET_ALLOW },
	{ "a mask with CLONE_THREAD that wants processes", MASKED("65537", "1"), 1,
	  SECCOMP_RET_USER_NOTIF },
	{ "a mask of nothing, for a thread", MASKED("0", "0"), 0x10000, SECCOMP_RET_ALLOW },
	{ "a mask of nothing, for a process", MASKED("0", "0"), 0, SECCOMP_RET_USER_NOTIF },
	{ "a mask of the upper half, for a thread", MASKED("18446744069414584320", "0"), 0x10000,
	  SECCOMP_RET_ALLOW },
	{ "a mask of the upper half, for a process", MASKED("18446744069414584320", "0"), 17,
	  SECCOMP_RET_USER_NOTIF },
	{ "a mask of all bits", MASKED("18446744073709551615", "17"), 17, SECCOMP_RET_USER_NOTIF },
	{ "no condition, for a thread", "[]", 0x10000, SECCOMP_RET_ALLOW },
	{ "no condition, for a process", "null", 17, SECCOMP_RET_USER_NOTIF },
	{ "an order, for a thread", "[{ \"index\": 0, \"op\": \"SCMP_CMP_GE\", \"value\": 65537 }]",
	  0x10001, SECCOMP_RET_ALLOW },
	{ "an order, for a process",
	  "[{ \"index\": 0, \"op\": \"SCMP_CMP_GE\", \"value\": 65537 }]", 0x20000,
	  SECCOMP_RET_USER_NOTIF },
	{ "an order that does not hold",
	  "[{ \"index\": 0, \"op\": \"SCMP_CMP_GE\", \"value\": 65537 }]", 0x10000,
	  SECCOMP_RET_ERRNO | ENOSYS },
	{ "another argument alone, for a thread",
	  "[{ \"index\": 1, \"op\": \"SCMP_CMP_EQ\", \"value\": 0 }]", 0x10000, SECCOMP_RET_ALLOW },
	{ "another argument alone, for a process",
	  "[{ \"index\": 1, \"op\": \"SCMP_CMP_EQ\", \"value\": 0 }]", 17, SECCOMP_RET_USER_NOTIF },
};

START_TEST(a_rule_for_clone_is_split_into_threads_and_processes)
{
	struct bh_profile profile;
	struct bh_filter filter = BH_FILTER_UNSET;
	struct bh_error err = BH_ERROR_UNSET;
	char text[512];

	snprintf(text, sizeof(text),
	         "{ \"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"syscalls\": "
	         "[{ \"names\": [\"clone\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": %s }] }",
	         clones[_i].args);
	int r = bh_profile_read("clone", text, strlen(text), &profile, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	compile(&profile, false, &filter);
	uint64_t args[6] = { clones[_i].flags };
	uint32_t answer = answer_to(&filter, SYS_clone, args);
	ck_assert_msg(answer == clones[_i].answer, "%s: %#x", clones[_i].why, answer);
	bh_filter_done(&filter);

	/* the profile's own word, where processes are allowed */
	const struct bh_filter_options forks = { .allow_forks = true, .key = KEY };
	compile_with(&profile, &forks, &filter);
	answer = answer_to(&filter, SYS_clone, args);
	ck_assert_uint_eq(answer, return_of(judge(&profile, &forks, SYS_clone, args)));
	bh_filter_done(&filter);
	bh_profile_done(&profile);
}
END_TEST

/* ---- warm handlers ---- */

START_TEST(a_warm_handler_may_receive_from_its_socket_alone)
{
	struct bh_profile refused = { .otherwise = { .kind = BH_ANSWER_ERRNO, .code = 13 } };
	struct bh_error err = BH_ERROR_UNSET;

	for (int warm = 0; warm <= 1; warm++) {
		const struct bh_filter_options options = { .warm = warm, .key = KEY };
		struct bh_filter filter = BH_FILTER_UNSET;
		int r = bh_filter_compile(&refused, &options, &filter, &err);
		ck_assert_msg(r == 0, "%s", err.text);
		uint32_t no = SECCOMP_RET_ERRNO | 13;
		uint64_t args[6] = { 5 };
		ck_assert_uint_eq(answer_to(&filter, SYS_recvmsg, args),
		                  warm ? SECCOMP_RET_ALLOW : no);
		ck_assert_uint_eq(answer_to(&filter, SYS_sendmsg, args), no);
		args[0] = 4;
		ck_assert_uint_eq(answer_to(&filter, SYS_recvmsg, args), no);
		/* the kernel takes a descriptor for 32 bits */
		args[0] = ((uint64_t)1 << 32) | 5;
		ck_assert_uint_eq(answer_to(&filter, SYS_recvmsg, args),
		                  warm ? SECCOMP_RET_ALLOW : no);
		bh_filter_done(&filter);
	}
}
END_TEST

/* ---- other ABIs, and our own calls ---- */

START_TEST(calls_of_another_abi_are_reported_whatever_the_profile)
{
	struct bh_profile all = { .otherwise = { .kind = BH_ANSWER_ALLOW } };
	struct bh_filter filter = BH_FILTER_UNSET;
	struct seccomp_data call = { .nr = 1, .arch = AUDIT_ARCH_I386 };

	compile(&all, true, &filter);
	ck_assert_uint_eq(program_run(&filter.program, &call, NULL), SECCOMP_RET_USER_NOTIF);
#ifdef __x86_64__
	call.arch = AUDIT_ARCH_X86_64;
	call.nr = 0x40000000 | 1; /* x32 */
	ck_assert_uint_eq(program_run(&filter.program, &call, NULL), SECCOMP_RET_USER_NOTIF);
	call.args[5] = KEY;
	call.nr = 0x40000000 | SYS_openat;
	ck_assert_uint_eq(program_run(&filter.program, &call, NULL), SECCOMP_RET_USER_NOTIF);
#endif
	bh_filter_done(&filter);
}
END_TEST

static bool is_own(int number)
{
	size_t n;
	const int32_t *own = bh_filter_own_calls(&n);

	for (size_t i = 0; i < n; i++)
		if (own[i] == number)
			return true;
	return false;
}

START_TEST(our_own_calls_pass_with_the_key_and_no_other_call_does)
{
	static const uint64_t wrong[] = { 0, KEY + 1, KEY & UINT32_MAX, KEY ^ ((uint64_t)1 << 63) };
	struct bh_profile nothing = { .otherwise = { .kind = BH_ANSWER_REPORT } };
	struct bh_filter filter = BH_FILTER_UNSET;

	compile(&nothing, true, &filter);
	for (int number = 0; number < 600; number++) {
		bool ours = is_own(number);
		uint64_t args[6] = { 1, 2, 3, 4, 5, KEY };
		ck_assert_uint_eq(answer_to(&filter, number, args),
		                  ours ? SECCOMP_RET_ALLOW : SECCOMP_RET_USER_NOTIF);
		for (size_t i = 0; i < BH_COUNT_OF(wrong); i++) {
			args[5] = wrong[i];
			ck_assert_uint_eq(answer_to(&filter, number, args), SECCOMP_RET_USER_NOTIF);
		}
	}
	bh_filter_done(&filter);
}
END_TEST

START_TEST(our_own_calls_pass_under_every_profile)
{
	struct bh_profile all = { .otherwise = { .kind = BH_ANSWER_ALLOW } };
	struct bh_filter filter = BH_FILTER_UNSET;
	size_t n;
	const int32_t *own = bh_filter_own_calls(&n);

	for (int forks = 0; forks < 2; forks++) { /* without, a clone is a limit's */
		compile(&all, forks, &filter);
		for (size_t i = 0; i < n; i++) {
			uint64_t args[6] = { 0, 2, 3, 4, 5, KEY };
			ck_assert_uint_eq(answer_to(&filter, own[i], args), SECCOMP_RET_ALLOW);
		}
		bh_filter_done(&filter);
	}
}
END_TEST

/* The kernel keeps in a bitmap which calls need no run of the program: those that
 * are allowed before anything but number and ABI is looked at. With an allowing
 * profile, a call looks at more only where its rule or the key makes it. */
static bool is_kept_in_bitmap(const struct bh_filter *filter, int number)
{
	const struct seccomp_data call = { .nr = number, .arch = NATIVE_ARCH };

	return program_run(&filter->program, &call, NULL) == SECCOMP_RET_ALLOW &&
	       !program_looks_at_arguments(&filter->program, &call);
}

START_TEST(the_key_costs_allowed_calls_nothing)
{
	struct bh_profile profile;
	struct bh_filter filter = BH_FILTER_UNSET;
	static const int allowed[] = { SYS_read,  SYS_write,  SYS_openat,     SYS_close, SYS_futex,
		                       SYS_wait4, SYS_mmap,   SYS_exit_group, SYS_dup3,  SYS_kill,
		                       SYS_brk,   SYS_munmap, SYS_getrandom };

	ck_assert_int_eq(bh_profile_load("compute", &profile, NULL), 0);
	compile(&profile, true, &filter);
	for (size_t i = 0; i < BH_COUNT_OF(allowed); i++)
		ck_assert_msg(is_kept_in_bitmap(&filter, allowed[i]), "call %d", allowed[i]);
	ck_assert(!is_kept_in_bitmap(&filter, SYS_mount));
	bh_filter_done(&filter);
	bh_profile_done(&profile);
}
END_TEST

START_TEST(rules_that_overlap_in_too_many_ways_are_an_error_that_names_the_call)
{
	struct bh_profile profile = BH_PROFILE_UNSET;
	struct bh_filter filter = BH_FILTER_UNSET;
	struct bh_error err = BH_ERROR_UNSET;

	for (int i = 0; i < 2; i++) {
		struct bh_call_rule rule = { .number = SYS_read, .n_conditions = 6 };
		for (uint32_t k = 0; k < 6; k++)
			rule.conditions[k] = (struct bh_condition){ .argument = k,
				                                    .comparison = BH_COMPARE_NE,
				                                    .value = (uint64_t)i };
		ck_assert_int_eq(bh_profile_add(&profile, &rule, NULL), 0);
	}
	profile.otherwise.kind = BH_ANSWER_REPORT;
	ck_assert_int_eq(
	        bh_filter_compile(&profile,
	                          &(struct bh_filter_options){ .allow_forks = true, .key = KEY },
	                          &filter, &err),
	        -E2BIG);
	ck_assert_ptr_nonnull(strstr(err.text, "read"));
	bh_profile_done(&profile);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("profile_filter");
	TCase *c = tcase_create("filter");

	tcase_add_loop_test(c, programs_answer_as_their_rules_say_however_those_overlap, 0, 8);
	tcase_add_test(c, a_warm_handler_may_receive_from_its_socket_alone);
	tcase_add_test(c, built_in_profiles_answer_as_their_rules_say);
	tcase_add_loop_test(c, a_rule_for_clone_is_split_into_threads_and_processes, 0,
	                    (int)BH_COUNT_OF(clones));
	tcase_add_test(c, calls_of_another_abi_are_reported_whatever_the_profile);
	tcase_add_test(c, our_own_calls_pass_with_the_key_and_no_other_call_does);
	tcase_add_test(c, our_own_calls_pass_under_every_profile);
	tcase_add_test(c, the_key_costs_allowed_calls_nothing);
	tcase_add_test(c, rules_that_overlap_in_too_many_ways_are_an_error_that_names_the_call);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
