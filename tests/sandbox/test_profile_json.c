/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles as they are written: what is read, and what is said of what can't be. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bulkhead/profile.h"
#include "ipc/wire/base.h"
#include "sandbox/profile_catalog.h"
#include "sandbox/profile_json.h"
#include "tests/check.h"

static struct bh_profile profile;

static void accept(const char *text)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_profile_read("test", text, strlen(text), &profile, &err);
	ck_assert_msg(r == 0, "%s", err.text);
}

static const struct bh_call_rule *rule_of(long number, size_t nth)
{
	for (size_t i = 0; i < profile.n_rules; i++)
		if (profile.rules[i].number == number && nth-- == 0)
			return &profile.rules[i];
	return NULL;
}

/* One entry of "syscalls", the rest as it should be. */
#define ENTRY(entry) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" entry "]}"
#define ARG(arg)     ENTRY("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[" arg "]}")

static const struct {
	const char *why, *text, *said;
} refused[] = {
	{ "nothing", "", "test:1:" },
	{ "half a document", "{\"defaultAction\":", "test:1:" },
	{ "a syntax error in line 3", "{\n\"defaultAction\":\n\"SCMP_ACT_ALLOW\",}", "test:3:" },
	{ "bytes behind the end", "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}]", "test:1:" },
	{ "no object", "[]", "an array, expected an object" },
	{ "a key twice",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultAction\":\"SCMP_ACT_LOG\"}",
	  "duplicate" },
	{ "no default", "{}", "no \"defaultAction\"" },
	{ "a default of null", "{\"defaultAction\":null}", "no \"defaultAction\"" },
	{ "an unknown default", "{\"defaultAction\":\"SCMP_ACT_MAYBE\"}", "SCMP_ACT_MAYBE" },
	{ "a default that is a number", "{\"defaultAction\":1}",
	  "\"defaultAction\" is a whole number, expected a string" },
	{ "an unknown key", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"sysCalls\":[]}",
	  "unknown key \"sysCalls\"" },
	{ "an errno past the kernel's",
	  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":4096}",
	  "\"defaultErrnoRet\" is no errno value" },
	{ "a negative errno", "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":-1}",
	  "a negative number" },
	{ "an architecture that is none",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"amd64\"]}",
	  "architectures: \"amd64\" is no architecture" },
	{ "an architecture of a wrong type",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{\"architecture\":1}]}",
	  "archMap[0]" },
	{ "an archMap without one",
	  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{\"subArchitectures\":[]}]}",
	  "archMap[0]: no \"architecture\"" },
	{ "an entry that is no object", ENTRY("1"), "syscalls[0]: a whole number" },
	{ "an unknown key of the second entry",
	  ENTRY("{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\"},{\"actions\":\"\"}"),
	  "syscalls[1]: unknown key \"actions\"" },
	{ "no action", ENTRY("{\"names\":[\"read\"]}"), "syscalls[0]: no \"action\"" },
	{ "no names", ENTRY("{\"action\":\"SCMP_ACT_ALLOW\"}"), "syscalls[0]: no \"names\"" },
	{ "a name that is none", ENTRY("{\"action\":\"SCMP_ACT_ALLOW\",\"names\":[\"read\",7]}"),
	  "syscalls[0]: \"names\"[1] is a whole number" },
	{ "an argument that is no object", ARG("7"), "syscalls[0].args[0]: a whole number" },
	{ "an unknown key of an argument", ARG("{\"idx\":0}"), "args[0]: unknown key \"idx\"" },
	{ "no index", ARG("{\"value\":0,\"op\":\"SCMP_CMP_EQ\"}"), "no \"index\"" },
	{ "no value", ARG("{\"index\":0,\"op\":\"SCMP_CMP_EQ\"}"), "no \"value\"" },
	{ "no operator", ARG("{\"index\":0,\"value\":0}"), "no \"op\"" },
	{ "an unknown operator", ARG("{\"index\":0,\"value\":0,\"op\":\"==\"}"),
	  "\"op\" is \"==\"" },
	{ "a seventh argument", ARG("{\"index\":6,\"value\":0,\"op\":\"SCMP_CMP_EQ\"}"),
	  "\"index\" is 6, expected 0 to 5" },
	{ "a value with a fraction", ARG("{\"index\":0,\"value\":1.5,\"op\":\"SCMP_CMP_EQ\"}"),
	  "\"value\" is a fraction" },
	{ "a value past 64 bits",
	  ARG("{\"index\":0,\"value\":18446744073709551616,\"op\":\"SCMP_CMP_EQ\"}"), "too big" },
	{ "a masked comparison that never holds",
	  ARG("{\"index\":0,\"value\":1,\"valueTwo\":3,\"op\":\"SCMP_CMP_MASKED_EQ\"}"),
	  "never true" },
	{ "a fault in the second argument",
	  ARG("{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1}"),
	  "syscalls[0].args[1]:" },
	{ "a kernel that is no number",
	  ENTRY("{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"new\"}"
	        "}"),
	  "syscalls[0].includes: \"minKernel\" is \"new\"" },
	{ "an unknown condition",
	  ENTRY("{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"users\":[]}}"),
	  "syscalls[0].excludes: unknown key \"users\"" },
	{ "a capability that is none",
	  ENTRY("{\"names\":[],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":[0]}}"),
	  "\"caps\"[0] is a whole number" },
};

START_TEST(what_is_no_profile_is_refused_with_the_place)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_profile_read("test", refused[_i].text, strlen(refused[_i].text), &profile, &err);
	ck_assert_msg(r == -EINVAL, "%s: %d", refused[_i].why, r);
	ck_assert_msg(strncmp(err.text, "test:", 5) == 0 && strstr(err.text, refused[_i].said),
	              "%s: \"%s\" lacks \"%s\"", refused[_i].why, err.text, refused[_i].said);
	ck_assert_ptr_null(profile.rules);
}
END_TEST

static const struct {
	const char *name;
	enum bh_answer_kind kind;
} actions[] = {
	{ "ALLOW", BH_ANSWER_ALLOW },        { "LOG", BH_ANSWER_ALLOW },
	{ "ERRNO", BH_ANSWER_ERRNO },        { "NOTIFY", BH_ANSWER_REPORT },
	{ "KILL", BH_ANSWER_REPORT },        { "KILL_PROCESS", BH_ANSWER_REPORT },
	{ "KILL_THREAD", BH_ANSWER_REPORT }, { "TRAP", BH_ANSWER_REPORT },
	{ "TRACE", BH_ANSWER_REPORT },
};

START_TEST(each_action_has_its_answer)
{
	char text[256];

	snprintf(text, sizeof(text),
	         "{\"defaultAction\":\"SCMP_ACT_%s\",\"syscalls\":[{\"names\":[\"read\"],"
	         "\"action\":\"SCMP_ACT_%s\",\"errnoRet\":5}]}",
	         actions[_i].name, actions[_i].name);
	accept(text);
	bool fails = actions[_i].kind == BH_ANSWER_ERRNO;
	ck_assert_int_eq(profile.otherwise.kind, actions[_i].kind);
	ck_assert_int_eq(profile.otherwise.code, fails ? EPERM : 0);
	ck_assert_int_eq(rule_of(SYS_read, 0)->answer.kind, actions[_i].kind);
	ck_assert_int_eq(rule_of(SYS_read, 0)->answer.code, fails ? 5 : 0);
	bh_profile_done(&profile);
}
END_TEST

START_TEST(all_conditions_of_an_entry_have_to_hold)
{
	accept(ARG("{\"index\":0,\"value\":1,\"valueTwo\":9,\"op\":\"SCMP_CMP_GT\"},"
	           "{\"index\":5,\"value\":18446744073709551615,\"valueTwo\":9223372036854775808,"
	           "\"op\":\"SCMP_CMP_MASKED_EQ\"}"));
	const struct bh_call_rule *rule = rule_of(SYS_read, 0);
	ck_assert_uint_eq(profile.n_rules, 1);
	ck_assert_uint_eq(rule->n_conditions, 2);
	ck_assert_int_eq(rule->conditions[0].comparison, BH_COMPARE_GT);
	ck_assert_uint_eq(rule->conditions[0].value_two, 0);
	ck_assert_uint_eq(rule->conditions[1].argument, 5);
	ck_assert_uint_eq(rule->conditions[1].value, UINT64_MAX);
	ck_assert_uint_eq(rule->conditions[1].value_two, (uint64_t)1 << 63);
	bh_profile_done(&profile);
}
END_TEST

START_TEST(two_conditions_of_one_argument_make_a_rule_of_each)
{
	accept(ARG("{\"index\":1,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},"
	           "{\"index\":0,\"value\":2,\"op\":\"SCMP_CMP_EQ\"},"
	           "{\"index\":1,\"value\":3,\"op\":\"SCMP_CMP_EQ\"}"));
	ck_assert_uint_eq(profile.n_rules, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(rule_of(SYS_read, i)->n_conditions, 1);
		ck_assert_uint_eq(rule_of(SYS_read, i)->conditions[0].value, i + 1);
	}
	bh_profile_done(&profile);
}
END_TEST

START_TEST(numbers_in_strings_are_left_alone)
{
	accept("{\"comment\":\"-1 \\\" 18446744073709551615 \\\\\",\"defaultAction\":"
	       "\"SCMP_ACT_ALLOW\"}");
	ck_assert_uint_eq(profile.n_rules, 0);
	bh_profile_done(&profile);
}
END_TEST

START_TEST(unknown_names_are_left_out_and_counted)
{
	accept(ENTRY("{\"names\":[\"read\",\"no_such_call\",\"mmap2\",\"write\"],\"action\":"
	             "\"SCMP_ACT_ALLOW\"},{\"name\":\"nor_this\",\"action\":\"SCMP_ACT_ALLOW\"}"));
	ck_assert_uint_eq(profile.n_rules, 2);
	ck_assert_uint_eq(profile.n_unknown, 2); /* mmap2 is known, of other machines */
	bh_profile_done(&profile);
}
END_TEST

START_TEST(a_profile_of_containers_is_read_as_for_a_process_without_capabilities)
{
	struct bh_error err = BH_ERROR_UNSET;

	int r = bh_profile_load(BH_SOURCE_DIR "/tests/sandbox/data/container.json", &profile, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	ck_assert_int_eq(profile.otherwise.kind, BH_ANSWER_ERRNO);
	ck_assert_int_eq(profile.otherwise.code, EPERM);
	ck_assert_uint_eq(profile.n_unknown, 2);
	ck_assert_ptr_nonnull(rule_of(SYS_read, 0));
	ck_assert_ptr_nonnull(rule_of(SYS_ptrace, 0)); /* every kernel here is newer */
	ck_assert_ptr_null(rule_of(SYS_mount, 0));
	ck_assert_ptr_null(rule_of(SYS_bpf, 0));
	ck_assert_uint_eq(rule_of(SYS_clone, 0)->conditions[0].argument, 0);
	ck_assert_ptr_null(rule_of(SYS_clone, 1));
	ck_assert_int_eq(rule_of(SYS_clone3, 0)->answer.code, ENOSYS);
	ck_assert_ptr_null(rule_of(SYS_clone3, 1));
	ck_assert_int_eq(rule_of(SYS_socket, 0)->conditions[0].comparison, BH_COMPARE_NE);
	ck_assert_ptr_nonnull(rule_of(SYS_personality, 1));
#ifdef __x86_64__
	ck_assert_ptr_nonnull(rule_of(SYS_modify_ldt, 0));
#endif
	bh_profile_done(&profile);
}
END_TEST

START_TEST(rules_depend_on_the_kernel)
{
	accept(ENTRY("{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":"
	             "{\"minKernel\":\"9999.0\"}},"
	             "{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":"
	             "{\"minKernel\":\"9999.0\"}},"
	             "{\"names\":[\"close\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":"
	             "{\"minKernel\":\"3.0-x\"}}"));
	ck_assert_ptr_null(rule_of(SYS_read, 0));
	ck_assert_ptr_nonnull(rule_of(SYS_write, 0));
	ck_assert_ptr_null(rule_of(SYS_close, 0));
	bh_profile_done(&profile);
}
END_TEST

/* ---- the catalog ---- */

START_TEST(built_in_profiles_are_listed_and_read)
{
	size_t n = 0;

	for (; bh_profile_name(n); n++) {
		struct bh_error err = BH_ERROR_UNSET;
		int r = bh_profile_load(bh_profile_name(n), &profile, &err);
		ck_assert_msg(r == 0, "%s", err.text);
		ck_assert_uint_gt(profile.n_rules, 50);
		ck_assert_msg(profile.n_unknown <= 2, "%s: %zu unknown names", bh_profile_name(n),
		              profile.n_unknown);
		ck_assert_ptr_nonnull(bh_profile_summary(bh_profile_name(n)));
		bh_profile_done(&profile);
	}
	ck_assert_uint_eq(n, 4);
	ck_assert_ptr_null(bh_profile_json("nope"));
	ck_assert_ptr_null(bh_profile_summary("nope"));
	ck_assert_int_eq(strncmp(bh_profile_json("compute"), "{\n", 2), 0);
}
END_TEST

START_TEST(an_unknown_name_is_refused_with_those_there_are)
{
	struct bh_error err = BH_ERROR_UNSET;

	ck_assert_int_eq(bh_profile_load("loose", &profile, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "loose"));
	ck_assert_ptr_nonnull(strstr(err.text, "compute"));
	ck_assert_int_eq(bh_profile_load("none.json", &profile, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "none.json"));
	ck_assert_int_eq(bh_profile_load("/tmp", &profile, &err), -EINVAL);
}
END_TEST

START_TEST(a_fifo_for_a_profile_is_refused_at_once)
{
	char dir[] = "/tmp/bulkhead-profile-XXXXXX", path[64];
	struct bh_error err = BH_ERROR_UNSET;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo.json", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(bh_profile_load(path, &profile, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "not a regular file"));
	unlink(path);
	rmdir(dir);
}
END_TEST

static const struct {
	const char *profile, *call, *said;
} explained[] = {
	{ "compute", "read", "  allowed\n" },
	{ "compute", "mount", "  a violation" },
	{ "compute", "socket", "  fails with EACCES (Permission denied)\n" },
	{ "compute", "io_uring_setup", "  not named by the profile: fails with ENOSYS" },
	{ "compute", "ioctl",
	  "  a violation: it is reported and ends the batch where argument 2 is "
	  "0x5412 (32 bits)  [TIOCSTI]\n" },
	{ "compute", "clone",
	  "  a violation: it is reported and ends the batch where argument 1 & "
	  "0x10000000 is 0x10000000  [CLONE_NEWUSER]\n" },
	{ "compute", "clone", "--max-procs 1" },
	{ "strict", "execve", "  a violation" },
	{ "tools", "socketpair", "where argument 1 is 0x1 (32 bits) and argument 2 & 0xf is 0x1" },
	{ NULL, "getpid", "  allowed\n" },
	{ BH_SOURCE_DIR "/tests/sandbox/data/container.json", "socket",
	  "  allowed where argument 1 is not 0x28\n  otherwise fails with EPERM" },
};

START_TEST(a_call_is_explained)
{
	struct bh_error err = BH_ERROR_UNSET;
	char *text = NULL;

	int r = bh_profile_explain(explained[_i].profile, explained[_i].call, &text, &err);
	ck_assert_msg(r == 0, "%s", err.text);
	ck_assert_msg(strstr(text, explained[_i].said) != NULL, "\"%s\" lacks \"%s\"", text,
	              explained[_i].said);
	free(text);
	ck_assert_int_eq(bh_profile_explain("compute", "no_such_call", &text, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "no_such_call"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("profile_json");
	TCase *c = tcase_create("json");

	tcase_add_loop_test(c, what_is_no_profile_is_refused_with_the_place, 0,
	                    (int)BH_COUNT_OF(refused));
	tcase_add_loop_test(c, each_action_has_its_answer, 0, (int)BH_COUNT_OF(actions));
	tcase_add_test(c, all_conditions_of_an_entry_have_to_hold);
	tcase_add_test(c, two_conditions_of_one_argument_make_a_rule_of_each);
	tcase_add_test(c, numbers_in_strings_are_left_alone);
	tcase_add_test(c, unknown_names_are_left_out_and_counted);
	tcase_add_test(c, a_profile_of_containers_is_read_as_for_a_process_without_capabilities);
	tcase_add_test(c, rules_depend_on_the_kernel);
	tcase_add_test(c, built_in_profiles_are_listed_and_read);
	tcase_add_test(c, an_unknown_name_is_refused_with_those_there_are);
	tcase_add_test(c, a_fifo_for_a_profile_is_refused_at_once);
	tcase_add_loop_test(c, a_call_is_explained, 0, (int)BH_COUNT_OF(explained));
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
