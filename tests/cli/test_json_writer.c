/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "cli/base64.h"
#include "cli/json_writer.h"
#include "cli/outlet.h"
#include "cli/complaint.h"
#include "cli/result_line.h"
#include "cli/sink.h"
#include "cli/value.h"
#include "ipc/wire/base.h"
#include "tests/check.h"

static struct bh_sink sink;
static struct bh_json json;
static int file = -1;
static char text[1 << 20];

static void set_up(void)
{
	file = memfd_create("output", MFD_CLOEXEC);
	bh_sink_init(&sink, file);
	bh_json_init(&json, &sink);
}

static void tear_down(void)
{
	bh_fd_done(&file);
}

/* Everything written so far, without the end of the line. */
static const char *written(void)
{
	ck_assert_int_eq(bh_sink_end_line(&sink), 0);
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);
	ck_assert_int_gt(n, 0);
	text[n - 1] = '\0';
	return text;
}

#define SPAN(literal) ((struct bh_span){ literal, sizeof(literal) - 1 })

START_TEST(containers_have_their_commas_and_colons)
{
	bh_json_begin_object(&json);
	bh_json_key(&json, "a");
	bh_json_begin_array(&json);
	bh_json_null(&json);
	bh_json_begin_object(&json);
	bh_json_end_object(&json);
	bh_json_bool(&json, true);
	bh_json_end_array(&json);
	bh_json_key(&json, "b");
	bh_json_string(&json, NULL);
	bh_json_end_object(&json);

	ck_assert_str_eq(written(), "{\"a\":[null,{},true],\"b\":null}");
}
END_TEST

START_TEST(integers_keep_64_bits)
{
	bh_json_begin_array(&json);
	bh_json_int(&json, INT64_MIN);
	bh_json_uint(&json, UINT64_MAX);
	bh_json_hex(&json, UINT64_MAX);
	bh_json_end_array(&json);

	ck_assert_str_eq(written(),
	                 "[-9223372036854775808,18446744073709551615,\"0xffffffffffffffff\"]");
}
END_TEST

START_TEST(milliseconds_have_up_to_three_decimals)
{
	bh_json_begin_array(&json);
	bh_json_ms(&json, 0);
	bh_json_ms(&json, 5);
	bh_json_ms(&json, 1500);
	bh_json_ms(&json, 2000000);
	bh_json_end_array(&json);

	ck_assert_str_eq(written(), "[0,0.005,1.5,2000]");
}
END_TEST

START_TEST(doubles_read_back_as_they_were)
{
	unsigned int seed = (unsigned int)time(NULL);

	printf("doubles_read_back_as_they_were: seed %u\n", seed);
	for (int i = 0; i < 20000; i++) {
		uint64_t bits = 0;
		double value, back;

		for (int j = 0; j < 5; j++)
			bits = bits << 15 ^ (uint64_t)rand_r(&seed);
		memcpy(&value, &bits, sizeof(value));
		if (!isfinite(value))
			continue;
		set_up();
		bh_json_double(&json, value);
		back = strtod(written(), NULL);
		ck_assert_mem_eq(&back, &value, sizeof(value));
		ck_assert_ptr_nonnull(strpbrk(text, ".e"));
		tear_down();
	}
}
END_TEST

START_TEST(numbers_that_json_lacks_become_null_and_are_counted)
{
	bh_json_begin_array(&json);
	bh_json_double(&json, NAN);
	bh_json_double(&json, -INFINITY);
	bh_json_double(&json, -0.0);
	bh_json_end_array(&json);

	ck_assert_str_eq(written(), "[null,null,-0.0]");
	ck_assert_uint_eq(json.replaced, 2);
}
END_TEST

START_TEST(strings_read_back_with_every_character)
{
	char all[512];
	size_t n = 0;

	for (int c = 0; c < 128; c++)
		all[n++] = (char)c;
	n += (size_t)sprintf(all + n, "ü€𝄞\xef\xbf\xbf\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0");
	bh_json_begin_array(&json);
	bh_json_string_span(&json, (struct bh_span){ all, n });
	bh_json_end_array(&json);

	json_t *back = json_loads(written(), JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(back);
	ck_assert_uint_eq(json_string_length(json_array_get(back, 0)), n);
	ck_assert_mem_eq(json_string_value(json_array_get(back, 0)), all, n);
	json_decref(back);
	/* what a terminal could obey is not among what is written */
	static const char *const obeyed[] = { "\x1b", "\x7f", "\xc2\x80", "\xc2\x9b", "\xc2\x9f" };
	for (size_t i = 0; i < sizeof(obeyed) / sizeof(obeyed[0]); i++)
		ck_assert_ptr_null(strstr(written(), obeyed[i]));
}
END_TEST

START_TEST(a_bad_byte_in_a_string_does_not_break_the_json)
{
	bh_json_string_span(&json, SPAN("a\xff\xed\xa0\x80z\xe2\x82"));

	ck_assert_str_eq(written(), "\"a\ufffd\ufffd\ufffd\ufffdz\ufffd\ufffd\"");
}
END_TEST

/* The inverse that docs/cli.md promises: each \xNN is one byte. */
static size_t unescape(const char *from, size_t size, char *to)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		if (from[i] == '\\' && size - i >= 4 && from[i + 1] == 'x') {
			char digits[3] = { from[i + 2], from[i + 3] };
			to[n++] = (char)strtoul(digits, NULL, 16);
			i += 3;
		} else {
			to[n++] = from[i];
		}
	}
	return n;
}

START_TEST(captured_bytes_survive_whatever_they_are)
{
	unsigned int seed = (unsigned int)time(NULL);
	static const char favourites[] = "\\\\\\xxx\"0f\xff\xc3\xa9\n\0";

	printf("captured_bytes_survive_whatever_they_are: seed %u\n", seed);
	for (int i = 0; i < 5000; i++) {
		char bytes[40], back[200];
		size_t size = (size_t)rand_r(&seed) % sizeof(bytes);

		for (size_t j = 0; j < size; j++)
			bytes[j] = rand_r(&seed) % 4 == 0
			                   ? (char)rand_r(&seed)
			                   : favourites[(size_t)rand_r(&seed) % sizeof(favourites)];
		set_up();
		bh_json_bytes(&json, (struct bh_span){ bytes, size });
		json_t *read = json_loads(written(), JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
		ck_assert_msg(read != NULL, "not JSON: %s", text);
		size_t n = unescape(json_string_value(read), json_string_length(read), back);
		ck_assert_uint_eq(n, size);
		ck_assert_mem_eq(back, bytes, size);
		json_decref(read);
		tear_down();
	}
}
END_TEST

/* Values. */

static const struct {
	struct bh_span packed;
	const char *want; /* NULL: refused */
} values[] = {
	{ SPAN("\xc0"), "null" },
	{ SPAN("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615" },
	{ SPAN("\xd3\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808" },
	{ SPAN("\xca\x3f\xc0\x00\x00"), "1.5" },
	{ SPAN("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"), "null" },
	{ SPAN("\xc4\x02\x00\xff"), "{\"$base64\":\"AP8=\"}" },
	{ SPAN("\xc4\x00"), "{\"$base64\":\"\"}" },
	{ SPAN("\xd4\xff\x01"), "{\"$ext\":-1,\"$base64\":\"AQ==\"}" },
	{ SPAN("\x82\xa1"
	       "a\x90\xa1"
	       "b\x80"),
	  "{\"a\":[],\"b\":{}}" },
	{ SPAN(""), NULL },
	{ SPAN("\xc1"), NULL },
	{ SPAN("\x01\x02"), NULL },
	{ SPAN("\xdd\xff\xff\xff\xff"), NULL },
	{ SPAN("\x81\x01\x01"), NULL },
};

START_TEST(values_are_written_as_promised)
{
	bool good = bh_value_write(&json, values[_i].packed);

	ck_assert_int_eq(good, values[_i].want != NULL);
	if (good)
		ck_assert_str_eq(written(), values[_i].want);
}
END_TEST

static json_t *make_value(unsigned int *seed, unsigned int depth)
{
	json_t *made;
	char key[8];

	switch (rand_r(seed) % (depth > 0 ? 8 : 6)) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(rand_r(seed) % 2);
	case 2:
		return json_integer(
		        (json_int_t)((uint64_t)rand_r(seed) << 33 ^ (uint64_t)rand_r(seed) << 10) >>
		        rand_r(seed) % 60);
	case 3:
		return json_real((double)rand_r(seed) / (1 + rand_r(seed) % 1000));
	case 4:
		return json_stringn("a\0\"\\\nü€", (size_t)rand_r(seed) % 6);
	case 5:
		return json_string("");
	case 6:
		made = json_array();
		for (int i = rand_r(seed) % 20; i > 0; i--)
			json_array_append_new(made, make_value(seed, depth - 1));
		return made;
	default:
		made = json_object();
		for (int i = rand_r(seed) % 20; i > 0; i--) {
			snprintf(key, sizeof(key), "%x", (unsigned int)rand_r(seed) % 256);
			json_object_set_new(made, key, make_value(seed, depth - 1));
		}
		return made;
	}
}

START_TEST(values_survive_the_way_to_messagepack_and_back)
{
	unsigned int seed = (unsigned int)time(NULL);
	msgpack_sbuffer packed;

	printf("values_survive_the_way_to_messagepack_and_back: seed %u\n", seed);
	msgpack_sbuffer_init(&packed);
	for (int i = 0; i < 500; i++) {
		json_t *value = make_value(&seed, 4);

		ck_assert_ptr_nonnull(value);
		msgpack_sbuffer_clear(&packed);
		ck_assert(bh_value_pack(value, &packed));
		set_up();
		ck_assert(bh_value_write(&json, (struct bh_span){ packed.data, packed.size }));
		json_t *back = json_loads(written(), JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
		ck_assert_msg(json_equal(value, back), "not equal: %s", text);
		json_decref(back);
		json_decref(value);
		tear_down();
	}
	msgpack_sbuffer_destroy(&packed);
}
END_TEST

/* Base64. */

START_TEST(base64_gives_back_what_it_was_given)
{
	uint8_t bytes[64], back[64];
	char encoded[128];
	size_t n;

	for (size_t size = 0; size <= sizeof(bytes); size++) {
		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(i * 37 + size * 101);
		bh_base64_encode(bytes, size, encoded);
		ck_assert(bh_base64_decode(encoded, bh_base64_encoded_size(size), back, &n));
		ck_assert_uint_eq(n, size);
		ck_assert_mem_eq(back, bytes, size);
	}
}
END_TEST

static const char *const no_base64[] = {
	"A", "AA", "AAA", "A===", "AA=A", "====", "AB==", "AAB=", "AA A", "AA-_", "AAAA=", "AAA\n",
};

START_TEST(what_is_no_base64_is_refused)
{
	uint8_t back[16];
	size_t n;

	ck_assert(!bh_base64_decode(no_base64[_i], strlen(no_base64[_i]), back, &n));
}
END_TEST

/* The sink and the outlet. */

static int cut_file(int fd, rlim_t size)
{
	struct rlimit limit = { size, size };

	signal(SIGXFSZ, SIG_IGN);
	return fd < 0 ? fd : setrlimit(RLIMIT_FSIZE, &limit);
}

START_TEST(a_line_that_does_not_fit_is_taken_back)
{
	ck_assert_int_eq(cut_file(file, 200000), 0);
	bh_sink_puts(&sink, "first");
	ck_assert_int_eq(bh_sink_end_line(&sink), 0);
	for (int i = 0; i < 300000; i++)
		bh_sink_put(&sink, "x", 1);

	ck_assert_int_eq(bh_sink_end_line(&sink), -EFBIG);
	ck_assert_int_eq(lseek(file, 0, SEEK_END), 6);
}
END_TEST

START_TEST(what_was_in_a_file_before_stays)
{
	ck_assert_int_eq(write(file, "before\n", 7), 7);
	ck_assert_int_eq(cut_file(file, 100000), 0);
	bh_sink_init(&sink, file);
	for (int i = 0; i < 150000; i++)
		bh_sink_put(&sink, "x", 1);

	ck_assert_int_lt(bh_sink_end_line(&sink), 0);
	ck_assert_int_eq(lseek(file, 0, SEEK_END), 7);
}
END_TEST

static bool give_up(void *userdata)
{
	char byte;
	int fd = *(int *)userdata;

	return read(fd, &byte, 1) == 1;
}

START_TEST(a_reader_that_never_reads_can_be_given_up)
{
	int out[2], stop[2];

	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(stop, O_CLOEXEC), 0);
	ck_assert_int_eq(write(stop[1], "x", 1), 1);
	bh_sink_init(&sink, out[1]);
	bh_sink_interrupt(&sink, stop[0], give_up, &stop[0]);
	memset(text, 'x', sizeof(text));
	bh_sink_put(&sink, text, sizeof(text));

	ck_assert_int_eq(bh_sink_end_line(&sink), -ECANCELED);
}
END_TEST

/* A result without records, as the executor makes them for what never ran. */
static struct bh_result *make_result(size_t index)
{
	struct bh_result *made = calloc(1, sizeof(*made));

	ck_assert_ptr_nonnull(made);
	made->batch_id = "b";
	made->index = index;
	made->outcome.kind = BH_KIND_SIGNAL;
	made->outcome.signal = SIGSEGV;
	made->outcome.exit_status = -1;
	made->outcome.has_syscall = true;
	strcpy(made->outcome.syscall.name, "socket");
	return made;
}

START_TEST(results_that_come_early_wait_for_those_before_them)
{
	struct bh_complaint complaint = BH_COMPLAINT_UNSET;
	struct bh_outlet outlet;
	long indices[3];

	ck_assert_int_eq(bh_outlet_init(&outlet, &sink, 4, true, false, &complaint), 0);
	ck_assert_int_eq(bh_outlet_take(&outlet, 2, make_result(2), &complaint), 0);
	ck_assert_int_eq(bh_outlet_take(&outlet, 1, NULL, &complaint), 0);
	ck_assert_int_eq(lseek(file, 0, SEEK_END), 0);
	ck_assert_int_eq(bh_outlet_take(&outlet, 0, make_result(0), &complaint), 0);
	ck_assert_uint_eq(outlet.next, 3);
	ck_assert_int_eq(bh_outlet_take(&outlet, 3, make_result(3), &complaint), 0);
	bh_outlet_done(&outlet);

	ssize_t size = pread(file, text, sizeof(text) - 1, 0);
	const char *at = text;
	for (size_t i = 0; i < 3; i++) {
		const char *end = strchr(at, '\n');
		json_t *line = json_loadb(at, (size_t)(end - at), 0, NULL);
		ck_assert_ptr_nonnull(line);
		indices[i] = (long)json_integer_value(json_object_get(line, "index"));
		json_decref(line);
		at = end + 1;
	}
	ck_assert_int_eq(at - text, size);
	ck_assert(indices[0] == 0 && indices[1] == 2 && indices[2] == 3);
}
END_TEST

START_TEST(an_error_names_signal_and_call)
{
	struct bh_result *result = make_result(0);

	ck_assert_int_eq(bh_result_write(&json, result), 0);
	json_t *line = json_loads(written(), 0, NULL);
	json_t *error = json_object_get(line, "error");
	ck_assert_str_eq(json_string_value(json_object_get(error, "signal")), "SIGSEGV");
	ck_assert(json_is_null(json_object_get(error, "exit_status")));
	ck_assert_uint_eq(
	        json_array_size(json_object_get(json_object_get(error, "syscall"), "args")), 6);
	json_decref(line);
	bh_result_free(result);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli output");
	TCase *tests = tcase_create("output");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, containers_have_their_commas_and_colons);
	tcase_add_test(tests, integers_keep_64_bits);
	tcase_add_test(tests, milliseconds_have_up_to_three_decimals);
	tcase_add_test(tests, doubles_read_back_as_they_were);
	tcase_add_test(tests, numbers_that_json_lacks_become_null_and_are_counted);
	tcase_add_test(tests, strings_read_back_with_every_character);
	tcase_add_test(tests, a_bad_byte_in_a_string_does_not_break_the_json);
	tcase_add_test(tests, captured_bytes_survive_whatever_they_are);
	tcase_add_loop_test(tests, values_are_written_as_promised, 0, BH_COUNT_OF(values));
	tcase_add_test(tests, values_survive_the_way_to_messagepack_and_back);
	tcase_add_test(tests, base64_gives_back_what_it_was_given);
	tcase_add_loop_test(tests, what_is_no_base64_is_refused, 0, BH_COUNT_OF(no_base64));
	tcase_add_test(tests, a_line_that_does_not_fit_is_taken_back);
	tcase_add_test(tests, what_was_in_a_file_before_stays);
	tcase_add_test(tests, a_reader_that_never_reads_can_be_given_up);
	tcase_add_test(tests, results_that_come_early_wait_for_those_before_them);
	tcase_add_test(tests, an_error_names_signal_and_call);
	suite_add_tcase(suite, tests);

	return run_suite(suite);
}
