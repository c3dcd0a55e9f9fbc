/* SPDX-License-Identifier: Apache-2.0 */
/* Where an address belongs: lines of a maps file, and our own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/origin.h"
#include "tests/check.h"

#define AT 0x7f0000001234u

static const struct {
	const char *why, *line;
	int result;
	const char *file;
	uint64_t offset;
} lines[] = {
	{ "a file", "7f0000001000-7f0000002000 r-xp 00005000 fe:01 1234      /usr/lib/a b.so", 0,
	  "/usr/lib/a b.so", 0x5234 },
	{ "the first byte", "7f0000001234-7f0000002000 r-xp 00000000 fe:01 1 /x", 0, "/x", 0 },
	{ "behind the last", "7f0000001000-7f0000001234 r-xp 00000000 fe:01 1 /x", -EAGAIN, "", 0 },
	{ "another place", "7f0000002000-7f0000003000 r-xp 00000000 fe:01 1 /x", -EAGAIN, "", 0 },
	{ "no file", "7f0000001000-7f0000002000 r-xp 00000000 00:00 0", -ENOENT, "", 0 },
	{ "no file, with spaces", "7f0000001000-7f0000002000 r-xp 00000000 00:00 0    ", -ENOENT,
	  "", 0 },
	{ "a name that is no path", "7f0000001000-7f0000002000 r-xp 00000000 00:00 0  [vdso]",
	  -ENOENT, "", 0 },
	{ "a path that speaks to terminals",
	  "7f0000001000-7f0000002000 r-xp 00000000 00:01 1 /memfd:\x1b[2J\x7f (deleted)", 0,
	  "/memfd:?[2J? (deleted)", 0x234 },
	{ "a path that is too long",
	  "7f0000001000-7f0000002000 r-xp 00000000 00:01 1 "
	  "/a23456789b123456789c123456789d123456789e",
	  0, "/a23456789b123456789c123456789d", 0x234 },
	{ "nothing", "", -EAGAIN, "", 0 },
	{ "no numbers", "here-there r-xp 0 0 0 /x", -EAGAIN, "", 0 },
	{ "half a line", "7f0000001000-7f0000002000 r-xp", -EAGAIN, "", 0 },
	{ "an offset that is none", "7f0000001000-7f0000002000 r-xp z fe:01 1 /x", -ENOENT, "", 0 },
};

START_TEST(a_line_gives_file_and_offset)
{
	char file[32];
	uint64_t offset = 0;

	int r = bh_origin_parse(lines[_i].line, AT, file, sizeof(file), &offset);
	ck_assert_msg(r == lines[_i].result, "%s: %d", lines[_i].why, r);
	ck_assert_str_eq(file, lines[_i].file);
	ck_assert_uint_eq(offset, lines[_i].offset);
}
END_TEST

START_TEST(an_address_of_a_process_is_found_in_its_file)
{
	char file[256], code[4], own[256] = "";
	uint64_t address = (uintptr_t)&bh_origin_find, offset = 0;

	ck_assert_int_eq(bh_origin_find(getpid(), address, file, sizeof(file), &offset), 0);
	ck_assert_int_gt(readlink("/proc/self/exe", own, sizeof(own) - 1), 0);
	ck_assert_str_eq(file, own);
	FILE *stream = fopen(own, "re");
	ck_assert_int_eq(fseek(stream, (long)offset, SEEK_SET), 0);
	ck_assert_uint_eq(fread(code, 1, sizeof(code), stream), sizeof(code));
	fclose(stream);
	ck_assert_mem_eq(code, (const void *)(uintptr_t)address, sizeof(code));
}
END_TEST

START_TEST(what_is_in_no_file_or_no_process_is_not_found)
{
	char file[256] = "old";
	uint64_t offset;

	void *memory = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int r = bh_origin_find(getpid(), (uintptr_t)memory, file, sizeof(file), &offset);
	ck_assert_int_eq(r, -ENOENT);
	ck_assert_str_eq(file, "");
	ck_assert_int_eq(bh_origin_find(getpid(), 8, file, sizeof(file), &offset), -ENOENT);
	ck_assert_int_eq(bh_origin_find(0x7fffffff, 8, file, sizeof(file), &offset), -ENOENT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("origin");
	TCase *c = tcase_create("origin");

	tcase_add_loop_test(c, a_line_gives_file_and_offset, 0, (int)BH_COUNT_OF(lines));
	tcase_add_test(c, an_address_of_a_process_is_found_in_its_file);
	tcase_add_test(c, what_is_in_no_file_or_no_process_is_not_found);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
