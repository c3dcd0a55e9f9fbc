/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/complaint.h"
#include "cli/entries.h"
#include "ipc/wire/base.h"
#include "tests/check.h"

/* Each test runs in a new directory, which holds the directory "d". */
static char place[] = "/tmp/bulkhead-test-XXXXXX";
static struct bh_complaint complaint;
static struct bh_entries entries;

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void make_place(void)
{
	strcpy(strrchr(place, '-'), "-XXXXXX");
	if (!mkdtemp(place) || chdir(place) < 0 || mkdir("d", 0777) < 0)
		abort();
}

static void remove_place(void)
{
	if (chdir("/") < 0 || nftw(place, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		abort();
}

static void set_up(void)
{
	complaint = BH_COMPLAINT_UNSET;
	ck_assert_int_eq(bh_entries_init(&entries, &complaint), BH_STATUS_OK);
}

static void tear_down(void)
{
	bh_entries_done(&entries);
	bh_complaint_done(&complaint);
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static void load_good(const char *argument)
{
	int r = bh_entries_load(&entries, argument, &complaint);

	ck_assert_msg(r == BH_STATUS_OK, "refused: %s", complaint.text);
}

static void load_bad(const char *argument, const char *part)
{
	ck_assert_int_eq(bh_entries_load(&entries, argument, &complaint), BH_STATUS_INPUT);
	ck_assert_msg(strstr(complaint.text, part), "got: %s", complaint.text);
}

static void assert_ids(const char *const *ids, size_t n)
{
	struct bh_store_cursor cursor = { 0 };
	struct bh_entry_view view;

	ck_assert_uint_eq(bh_store_count(entries.store), n);
	for (size_t i = 0; bh_store_next(entries.store, &cursor, &view); i++)
		ck_assert_str_eq(view.id, ids[i]);
}

START_TEST(files_become_entries_in_the_order_of_their_bytes)
{
	static const char *const ids[] = { "B", "a b", "new\nline", "sub/x", "z", "ü" };

	ck_assert_int_eq(mkdir("d/sub", 0777), 0);
	for (size_t i = 0; i < BH_COUNT_OF(ids); i++) {
		char path[64];
		snprintf(path, sizeof(path), "d/%s", ids[i]);
		put(path, ids[i]);
	}
	load_good("d/");

	assert_ids(ids, BH_COUNT_OF(ids));
}
END_TEST

START_TEST(an_empty_file_is_an_entry_with_empty_content)
{
	struct bh_entry_view view;

	put("d/empty", "");
	load_good("d");

	ck_assert_int_eq(bh_store_get(entries.store, "empty", &view), 0);
	ck_assert_ptr_nonnull(view.content.data);
	ck_assert_uint_eq(view.content.size, 0);
}
END_TEST

START_TEST(an_empty_directory_has_no_entries)
{
	load_good("d");

	ck_assert_uint_eq(bh_store_count(entries.store), 0);
}
END_TEST

START_TEST(a_name_stands_before_the_paths)
{
	static const char *const ids[] = { "n.1/x" };

	put("d/x", "");
	load_good("n.1=d");

	assert_ids(ids, 1);
}
END_TEST

START_TEST(an_argument_that_exists_is_a_path_also_with_an_equals_sign)
{
	static const char *const ids[] = { "x" };

	ck_assert_int_eq(mkdir("n=d", 0777), 0);
	put("n=d/x", "");
	load_good("n=d");

	assert_ids(ids, 1);
}
END_TEST

START_TEST(a_name_before_a_jsonl_file_is_refused)
{
	put("e.jsonl", "");

	load_bad("n=e.jsonl", "is not a directory");
}
END_TEST

START_TEST(colliding_ids_name_both_places)
{
	ck_assert_int_eq(mkdir("n", 0777), 0);
	ck_assert_int_eq(mkdir("d/n", 0777), 0);
	put("d/n/x", "");
	put("n/x", "");
	load_good("d");

	load_bad("n=n", "n/x: entry id 'n/x' is taken by d/n/x");
}
END_TEST

START_TEST(a_link_inside_counts_as_a_file_and_one_to_a_directory_as_nothing)
{
	static const char *const ids[] = { "link", "sub/x" };

	ck_assert_int_eq(mkdir("d/sub", 0777), 0);
	put("d/sub/x", "content");
	ck_assert_int_eq(symlink("sub/x", "d/link"), 0);
	ck_assert_int_eq(symlink("..", "d/sub/up"), 0);
	load_good("d");

	assert_ids(ids, 2);
}
END_TEST

/* The kernel can't tell then at once whether a link that goes up stays inside. */
START_TEST(links_that_go_up_are_followed_while_others_rename)
{
	char path[64];
	pid_t other = fork();

	ck_assert_int_ge(other, 0);
	while (other == 0)
		if (rename("d", "e") < 0 || rename("e", "d") < 0)
			_exit(1);
	ck_assert_int_eq(mkdir("links", 0777), 0);
	ck_assert_int_eq(mkdir("links/sub", 0777), 0);
	put("links/x", "content");
	for (int i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), "links/sub/link%d", i);
		ck_assert_int_eq(symlink("../sub/../x", path), 0);
	}
	load_good("links");
	kill(other, SIGKILL);
	ck_assert_int_eq(waitpid(other, NULL, 0), other);

	ck_assert_uint_eq(bh_store_count(entries.store), 501);
}
END_TEST

static const struct {
	const char *target;
	const char *part;
} wrong_links[] = {
	{ "../outside", "leads out of the directory" },
	{ "/etc/passwd", "leads out of the directory" },
	{ "link", "leads in a circle" },
	{ "nothing", "leads nowhere" },
};

START_TEST(a_link_that_leads_astray_is_refused)
{
	put("outside", "");
	ck_assert_int_eq(symlink(wrong_links[_i].target, "d/link"), 0);

	load_bad("d", wrong_links[_i].part);
}
END_TEST

START_TEST(a_fifo_is_refused_without_waiting_for_it)
{
	ck_assert_int_eq(mkfifo("d/fifo", 0666), 0);

	load_bad("d", "d/fifo: is a FIFO");
}
END_TEST

START_TEST(a_fifo_given_as_jsonl_is_refused_without_waiting_for_it)
{
	ck_assert_int_eq(mkfifo("fifo", 0666), 0);

	load_bad("fifo", "is a FIFO");
}
END_TEST

START_TEST(a_device_is_refused)
{
	load_bad("/dev/zero", "is a character device");
}
END_TEST

START_TEST(a_socket_is_refused)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "d/socket" };
	BH_CLEANUP(bh_fd_done) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);

	load_bad("d", "d/socket: is a socket");
}
END_TEST

START_TEST(a_name_that_is_not_utf8_is_refused_and_shown_escaped)
{
	put("d/\xff\x1b", "");

	load_bad("d", "d/\\xff\\x1b: name is not valid UTF-8");
}
END_TEST

START_TEST(a_path_that_is_not_there_is_refused)
{
	load_bad("nowhere", "--entries: nowhere: No such file");
}
END_TEST

START_TEST(content_files_are_looked_for_beside_the_jsonl_file)
{
	struct bh_entry_view view;

	put("d/e.jsonl", "{\"id\":\"a\",\"source\":\"s\",\"content_file\":\"x\"}");
	put("d/x", "content");
	load_good("d/e.jsonl");

	ck_assert_int_eq(bh_store_get(entries.store, "a", &view), 0);
	ck_assert_mem_eq(view.content.data, "content", view.content.size);
}
END_TEST

START_TEST(nesting_without_end_is_refused)
{
	ck_assert_int_eq(chdir("d"), 0);
	for (int i = 0; i < 250; i++) {
		ck_assert_int_eq(mkdir("x", 0777), 0);
		ck_assert_int_eq(chdir("x"), 0);
	}
	ck_assert_int_eq(chdir(place), 0);

	load_bad("d", "nested too deep");
}
END_TEST

/* What outlives a process is in an unchecked fixture, which runs once for a case:
 * a case for each run of a test keeps their directories apart. */
static void add(Suite *suite, const TTest *test, int i)
{
	TCase *tests = tcase_create(test->name);

	tcase_add_unchecked_fixture(tests, make_place, remove_place);
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, test, i, i + 1);
	suite_add_tcase(suite, tests);
}

int main(void)
{
	const struct {
		const TTest *test;
		int runs;
	} tests[] = {
		{ files_become_entries_in_the_order_of_their_bytes, 1 },
		{ an_empty_file_is_an_entry_with_empty_content, 1 },
		{ an_empty_directory_has_no_entries, 1 },
		{ a_name_stands_before_the_paths, 1 },
		{ an_argument_that_exists_is_a_path_also_with_an_equals_sign, 1 },
		{ a_name_before_a_jsonl_file_is_refused, 1 },
		{ colliding_ids_name_both_places, 1 },
		{ a_link_inside_counts_as_a_file_and_one_to_a_directory_as_nothing, 1 },
		{ links_that_go_up_are_followed_while_others_rename, 1 },
		{ a_link_that_leads_astray_is_refused, BH_COUNT_OF(wrong_links) },
		{ a_fifo_is_refused_without_waiting_for_it, 1 },
		{ a_fifo_given_as_jsonl_is_refused_without_waiting_for_it, 1 },
		{ a_device_is_refused, 1 },
		{ a_socket_is_refused, 1 },
		{ a_name_that_is_not_utf8_is_refused_and_shown_escaped, 1 },
		{ a_path_that_is_not_there_is_refused, 1 },
		{ content_files_are_looked_for_beside_the_jsonl_file, 1 },
		{ nesting_without_end_is_refused, 1 },
	};
	Suite *suite = suite_create("cli directory");

	for (size_t i = 0; i < BH_COUNT_OF(tests); i++)
		for (int run = 0; run < tests[i].runs; run++)
			add(suite, tests[i].test, run);

	return run_suite(suite);
}
