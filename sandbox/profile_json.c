/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/profile_json.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ipc/wire/base.h"

/* A place in the document: "syscalls[3].args[0]". */
#define PLACE_SIZE 96

struct reader {
	const char *origin;
	struct bh_error *err;
	struct bh_profile profile; /* as far as it is read */
	uint16_t default_errno;    /* of rules that give none */
	unsigned long kernel[2];
	char place[PLACE_SIZE];
};

/* ---- complaints ---- */

static int complain(const struct reader *reader, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

static int complain(const struct reader *reader, const char *format, ...)
{
	char text[BH_ERROR_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return bh_fail_plain(reader->err, EINVAL, "%s: %s%s%s", reader->origin, reader->place,
	                     reader->place[0] ? ": " : "", text);
}

static void set_place(struct reader *reader, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

static void set_place(struct reader *reader, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reader->place, sizeof(reader->place), format, args);
	va_end(args);
}

/* ---- members ---- */

struct key {
	const char *name;
	json_type type;
};

static const char *type_name(json_type type)
{
	switch (type) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
		return "a whole number";
	case JSON_REAL:
		return "a fraction";
	case JSON_TRUE:
	case JSON_FALSE:
		return "true or false";
	case JSON_NULL:
		return "null";
	}
	return "a value";
}

/* Every member of `object` is in the table and of its type; null stands for a
 * member that isn't there. */
static int check_keys(const struct reader *reader, json_t *object, const struct key *keys,
                      size_t n_keys)
{
	const char *name;
	json_t *value;

	json_object_foreach(object, name, value)
	{
		size_t i = 0;
		while (i < n_keys && strcmp(keys[i].name, name) != 0)
			i++;
		if (i == n_keys)
			return complain(reader, "unknown key \"%s\"", name);
		if (!json_is_null(value) && json_typeof(value) != keys[i].type)
			return complain(reader, "\"%s\" is %s, expected %s", name,
			                type_name(json_typeof(value)), type_name(keys[i].type));
	}
	return 0;
}

/* NULL where it isn't there. */
static json_t *member(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

/* Every item of the array, which may be NULL, is of `type`. */
static int check_items(const struct reader *reader, const char *name, json_t *array, json_type type)
{
	json_t *item;
	size_t i;

	json_array_foreach(array, i, item) if (json_typeof(item) != type) return complain(
	        reader, "\"%s\"[%zu] is %s, expected %s", name, i, type_name(json_typeof(item)),
	        type_name(type));
	return 0;
}

/* ---- actions ---- */

static const struct {
	const char *name;
	enum bh_answer_kind kind;
} actions[] = {
	{ "SCMP_ACT_ALLOW", BH_ANSWER_ALLOW },         { "SCMP_ACT_LOG", BH_ANSWER_ALLOW },
	{ "SCMP_ACT_ERRNO", BH_ANSWER_ERRNO },         { "SCMP_ACT_NOTIFY", BH_ANSWER_REPORT },
	{ "SCMP_ACT_KILL", BH_ANSWER_REPORT },         { "SCMP_ACT_KILL_THREAD", BH_ANSWER_REPORT },
	{ "SCMP_ACT_KILL_PROCESS", BH_ANSWER_REPORT }, { "SCMP_ACT_TRAP", BH_ANSWER_REPORT },
	{ "SCMP_ACT_TRACE", BH_ANSWER_REPORT },
};

static int read_errno(const struct reader *reader, json_t *object, const char *name, uint16_t *ret)
{
	json_t *value = member(object, name);

	if (!value)
		return 0;
	json_int_t code = json_integer_value(value);
	if (code < 0 || code > BH_ERRNO_MAX)
		return complain(reader, "\"%s\" is no errno value, expected 0 to %d", name,
		                BH_ERRNO_MAX);
	*ret = (uint16_t)code;
	return 0;
}

static int read_answer(const struct reader *reader, json_t *object, const char *action_key,
                       const char *errno_key, uint16_t default_errno, struct bh_answer *ret)
{
	const char *name = json_string_value(member(object, action_key));
	uint16_t code = default_errno;

	if (!name)
		return complain(reader, "no \"%s\"", action_key);
	int r = read_errno(reader, object, errno_key, &code);
	if (r < 0)
		return r;
	for (size_t i = 0; i < BH_COUNT_OF(actions); i++) {
		if (strcmp(actions[i].name, name) != 0)
			continue;
		*ret = (struct bh_answer){ .kind = actions[i].kind };
		if (ret->kind == BH_ANSWER_ERRNO)
			ret->code = code;
		return 0;
	}
	return complain(reader, "\"%s\" is \"%s\", expected SCMP_ACT_ALLOW, _ERRNO, _NOTIFY, …",
	                action_key, name);
}

/* ---- "includes" and "excludes" ---- */

static bool is_native(const char *architecture)
{
#if defined(__x86_64__)
	static const char *const names[] = { "amd64", "x86_64" };
#elif defined(__aarch64__)
	static const char *const names[] = { "arm64", "aarch64" };
#endif

	for (size_t i = 0; i < BH_COUNT_OF(names); i++)
		if (strcmp(names[i], architecture) == 0)
			return true;
	return false;
}

static bool has_native(json_t *architectures)
{
	json_t *item;
	size_t i;

	json_array_foreach(architectures, i,
	                   item) if (is_native(json_string_value(item))) return true;
	return false;
}

/* "4.8": true and both numbers; what follows them does not matter. */
static bool parse_version(const char *text, unsigned long ret[2])
{
	for (int i = 0; i < 2; i++) {
		if (*text < '0' || *text > '9')
			return false;
		for (ret[i] = 0; *text >= '0' && *text <= '9'; text++)
			if (ret[i] < 1000000)
				ret[i] = ret[i] * 10 + (unsigned long)(*text - '0');
		if (i == 0 && *text++ != '.')
			return false;
	}
	return true;
}

static bool is_older(const unsigned long a[2], const unsigned long b[2])
{
	return a[0] != b[0] ? a[0] < b[0] : a[1] < b[1];
}

static int check_conditions(const struct reader *reader, json_t *object)
{
	static const struct key keys[] = { { "caps", JSON_ARRAY },
		                           { "arches", JSON_ARRAY },
		                           { "minKernel", JSON_STRING } };
	unsigned long ignored[2];

	int r = check_keys(reader, object, keys, BH_COUNT_OF(keys));
	if (r == 0)
		r = check_items(reader, "caps", member(object, "caps"), JSON_STRING);
	if (r == 0)
		r = check_items(reader, "arches", member(object, "arches"), JSON_STRING);
	const char *version = json_string_value(member(object, "minKernel"));
	if (r == 0 && version && !parse_version(version, ignored))
		r = complain(reader, "\"minKernel\" is \"%s\", expected two numbers like 4.8",
		             version);
	return r;
}

static bool is_recent(const struct reader *reader, json_t *object)
{
	unsigned long least[2] = { 0, 0 };

	return parse_version(json_string_value(member(object, "minKernel")), least) &&
	       !is_older(reader->kernel, least);
}

/* All that is named has to be so. Handlers have no capability. */
static bool includes_hold(const struct reader *reader, json_t *object)
{
	if (json_array_size(member(object, "caps")) > 0)
		return false;
	if (json_array_size(member(object, "arches")) > 0 && !has_native(member(object, "arches")))
		return false;
	return !member(object, "minKernel") || is_recent(reader, object);
}

/* One that is named has to be so. */
static bool excludes_hold(const struct reader *reader, json_t *object)
{
	return has_native(member(object, "arches")) ||
	       (member(object, "minKernel") && is_recent(reader, object));
}

/* Sets whether a rule is for handlers, here. */
static int read_applies(struct reader *reader, json_t *entry, bool *ret)
{
	json_t *includes = member(entry, "includes");
	json_t *excludes = member(entry, "excludes");
	char place[PLACE_SIZE];

	memcpy(place, reader->place, sizeof(place));
	*ret = true;
	if (includes) {
		set_place(reader, "%.64s.includes", place);
		int r = check_conditions(reader, includes);
		if (r < 0)
			return r;
		*ret = includes_hold(reader, includes);
	}
	if (excludes) {
		set_place(reader, "%.64s.excludes", place);
		int r = check_conditions(reader, excludes);
		if (r < 0)
			return r;
		*ret = *ret && !excludes_hold(reader, excludes);
	}
	memcpy(reader->place, place, sizeof(place));
	return 0;
}

/* ---- "args" ---- */

static const char *const comparison_names[BH_COMPARISONS] = {
	[BH_COMPARE_NE] = "SCMP_CMP_NE",
	[BH_COMPARE_LT] = "SCMP_CMP_LT",
	[BH_COMPARE_LE] = "SCMP_CMP_LE",
	[BH_COMPARE_EQ] = "SCMP_CMP_EQ",
	[BH_COMPARE_GE] = "SCMP_CMP_GE",
	[BH_COMPARE_GT] = "SCMP_CMP_GT",
	[BH_COMPARE_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
};

static int read_comparison(const struct reader *reader, json_t *object, enum bh_comparison *ret)
{
	const char *name = json_string_value(member(object, "op"));

	if (!name)
		return complain(reader, "no \"op\"");
	for (unsigned int i = 0; i < BH_COMPARISONS; i++)
		if (strcmp(comparison_names[i], name) == 0) {
			*ret = (enum bh_comparison)i;
			return 0;
		}
	return complain(reader,
	                "\"op\" is \"%s\", expected SCMP_CMP_EQ, _NE, _LT, _LE, _GE, _GT or "
	                "_MASKED_EQ",
	                name);
}

/* Numbers above 2^63 - 1 were made negative: see widen(). */
static uint64_t unsigned_value(json_t *value)
{
	return (uint64_t)json_integer_value(value);
}

static int read_condition(const struct reader *reader, json_t *object, struct bh_condition *ret)
{
	static const struct key keys[] = { { "index", JSON_INTEGER },
		                           { "value", JSON_INTEGER },
		                           { "valueTwo", JSON_INTEGER },
		                           { "op", JSON_STRING } };

	int r = check_keys(reader, object, keys, BH_COUNT_OF(keys));
	if (r < 0)
		return r;
	if (!member(object, "index") || !member(object, "value"))
		return complain(reader, "no \"%s\"", member(object, "index") ? "value" : "index");
	uint64_t index = unsigned_value(member(object, "index"));
	if (index >= BH_CALL_ARGUMENTS)
		return complain(reader, "\"index\" is %" PRIu64 ", expected 0 to %d", index,
		                BH_CALL_ARGUMENTS - 1);
	*ret = (struct bh_condition){ .argument = (uint32_t)index,
		                      .value = unsigned_value(member(object, "value")) };
	r = read_comparison(reader, object, &ret->comparison);
	if (r < 0 || ret->comparison != BH_COMPARE_MASKED_EQ)
		return r;
	ret->value_two = unsigned_value(member(object, "valueTwo"));
	if (ret->value_two & ~ret->value)
		return complain(reader, "\"valueTwo\" has bits that the mask in \"value\" clears: "
		                        "never true");
	return 0;
}

/* The conditions of one entry. All have to hold; but where two speak of the same
 * argument, each of all is a rule of its own, as with container runtimes. */
struct conditions {
	struct bh_condition *items; /* owned */
	size_t n;
	bool each_alone;
};

static void conditions_done(struct conditions *conditions)
{
	free(conditions->items);
}

static int read_conditions(struct reader *reader, json_t *args, struct conditions *ret)
{
	unsigned int seen = 0;
	char place[PLACE_SIZE];
	json_t *item;
	size_t i;

	memcpy(place, reader->place, sizeof(place));
	ret->items = calloc(json_array_size(args) + 1, sizeof(*ret->items));
	if (!ret->items)
		return bh_fail(reader->err, ENOMEM, "read a profile");
	json_array_foreach(args, i, item)
	{
		set_place(reader, "%.64s.args[%zu]", place, i);
		if (!json_is_object(item))
			return complain(reader, "%s, expected an object",
			                type_name(json_typeof(item)));
		int r = read_condition(reader, item, &ret->items[i]);
		if (r < 0)
			return r;
		unsigned int bit = 1u << ret->items[i].argument;
		ret->each_alone |= (seen & bit) != 0;
		seen |= bit;
		ret->n++;
	}
	memcpy(reader->place, place, sizeof(place));
	return 0;
}

/* ---- "syscalls" ---- */

static int add_rules(struct reader *reader, struct bh_call_rule *rule,
                     const struct conditions *conditions)
{
	int r = 0;

	if (!conditions->each_alone) {
		rule->n_conditions = (uint32_t)conditions->n;
		for (size_t i = 0; i < conditions->n; i++)
			rule->conditions[i] = conditions->items[i];
		return bh_profile_add(&reader->profile, rule, reader->err);
	}
	rule->n_conditions = 1;
	for (size_t i = 0; r == 0 && i < conditions->n; i++) {
		rule->conditions[0] = conditions->items[i];
		r = bh_profile_add(&reader->profile, rule, reader->err);
	}
	return r;
}

static int add_name(struct reader *reader, const char *name, struct bh_call_rule *rule,
                    const struct conditions *conditions)
{
	rule->number = seccomp_syscall_resolve_name(name);
	if (rule->number == __NR_SCMP_ERROR) {
		reader->profile.n_unknown++;
		return 0;
	}
	if (rule->number < 0)
		return 0; /* a call of other machines */
	return add_rules(reader, rule, conditions);
}

static int add_names(struct reader *reader, json_t *entry, struct bh_call_rule *rule,
                     const struct conditions *conditions)
{
	json_t *names = member(entry, "names");
	json_t *single = member(entry, "name"); /* an old form */
	json_t *item;
	size_t i;

	if (!names && !single)
		return complain(reader, "no \"names\"");
	int r = check_items(reader, "names", names, JSON_STRING);
	if (r == 0 && single)
		r = add_name(reader, json_string_value(single), rule, conditions);
	json_array_foreach(names, i, item) if (r == 0)
	        r = add_name(reader, json_string_value(item), rule, conditions);
	return r;
}

static int read_entry(struct reader *reader, json_t *entry)
{
	static const struct key keys[] = {
		{ "names", JSON_ARRAY },     { "name", JSON_STRING },
		{ "action", JSON_STRING },   { "errnoRet", JSON_INTEGER },
		{ "args", JSON_ARRAY },      { "comment", JSON_STRING },
		{ "includes", JSON_OBJECT }, { "excludes", JSON_OBJECT },
	};
	BH_CLEANUP(conditions_done) struct conditions conditions = { .items = NULL };
	struct bh_call_rule rule = { .n_conditions = 0 };
	bool applies = true;

	int r = check_keys(reader, entry, keys, BH_COUNT_OF(keys));
	if (r == 0)
		r = read_answer(reader, entry, "action", "errnoRet", EPERM, &rule.answer);
	if (r == 0)
		r = read_conditions(reader, member(entry, "args"), &conditions);
	if (r == 0)
		r = read_applies(reader, entry, &applies);
	if (r < 0)
		return r;
	const char *comment = json_string_value(member(entry, "comment"));
	snprintf(rule.note, sizeof(rule.note), "%s", comment ? comment : "");
	if (!applies)
		return check_items(reader, "names", member(entry, "names"), JSON_STRING);
	return add_names(reader, entry, &rule, &conditions);
}

static int read_entries(struct reader *reader, json_t *entries)
{
	json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
	{
		set_place(reader, "syscalls[%zu]", i);
		if (!json_is_object(entry))
			return complain(reader, "%s, expected an object",
			                type_name(json_typeof(entry)));
		int r = read_entry(reader, entry);
		if (r < 0)
			return r;
	}
	set_place(reader, "%s", "");
	return 0;
}

/* ---- the document ---- */

static int check_architecture(const struct reader *reader, json_t *name)
{
	const char *text = json_string_value(name);

	if (text && strncmp(text, "SCMP_ARCH_", strlen("SCMP_ARCH_")) == 0)
		return 0;
	return complain(reader, "\"%s\" is no architecture, expected SCMP_ARCH_X86_64 or the like",
	                text ? text : type_name(json_typeof(name)));
}

static int check_architecture_list(const struct reader *reader, json_t *names)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		int r = check_architecture(reader, name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Only the native ABI is ever allowed, so architectures are read and not used. */
static int check_architectures(struct reader *reader, json_t *document)
{
	static const struct key keys[] = { { "architecture", JSON_STRING },
		                           { "subArchitectures", JSON_ARRAY } };
	json_t *item;
	size_t i;

	set_place(reader, "architectures");
	int r = check_architecture_list(reader, member(document, "architectures"));
	json_array_foreach(member(document, "archMap"), i, item)
	{
		if (r < 0)
			return r;
		set_place(reader, "archMap[%zu]", i);
		if (!json_is_object(item))
			return complain(reader, "%s, expected an object",
			                type_name(json_typeof(item)));
		r = check_keys(reader, item, keys, BH_COUNT_OF(keys));
		if (r == 0 && !member(item, "architecture"))
			r = complain(reader, "no \"architecture\"");
		if (r == 0)
			r = check_architecture(reader, member(item, "architecture"));
		if (r == 0)
			r = check_architecture_list(reader, member(item, "subArchitectures"));
	}
	if (r == 0)
		set_place(reader, "%s", "");
	return r;
}

static int read_document(struct reader *reader, json_t *document)
{
	static const struct key keys[] = {
		{ "defaultAction", JSON_STRING },
		{ "defaultErrnoRet", JSON_INTEGER },
		{ "architectures", JSON_ARRAY },
		{ "archMap", JSON_ARRAY },
		{ "flags", JSON_ARRAY },
		{ "listenerPath", JSON_STRING },
		{ "listenerMetadata", JSON_STRING },
		{ "comment", JSON_STRING },
		{ "syscalls", JSON_ARRAY },
	};

	if (!json_is_object(document))
		return complain(reader, "%s, expected an object", type_name(json_typeof(document)));
	int r = check_keys(reader, document, keys, BH_COUNT_OF(keys));
	if (r == 0)
		r = read_answer(reader, document, "defaultAction", "defaultErrnoRet", EPERM,
		                &reader->profile.otherwise);
	if (r == 0)
		r = check_items(reader, "flags", member(document, "flags"), JSON_STRING);
	if (r == 0)
		r = check_architectures(reader, document);
	return r < 0 ? r : read_entries(reader, member(document, "syscalls"));
}

/* ---- numbers up to 2^64 - 1 ---- */

/* The digits at `at` as a number; false where they are no whole number, or one
 * that jansson's 63 bits hold or 64 don't. */
static bool is_wide(const char *at, size_t n, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(at[i] - '0'), &value))
			return false;
	*ret = value;
	return value > INT64_MAX;
}

static size_t count_digits(const char *at, const char *end)
{
	size_t n = 0;

	while (at + n < end && at[n] >= '0' && at[n] <= '9')
		n++;
	return n;
}

#define NUMBER_SIZE  24
#define LEAST_DIGITS 19 /* of a number that is replaced: at most one longer after that */

/* jansson has no numbers above 2^63 - 1, which masks are. In the copy that it gets
 * they stand as the negative numbers of the same 64 bits; the format has no others,
 * so where the text has one, that is told: true. Strings are skipped. */
static bool widen(const char *text, size_t size, char *ret, size_t *ret_size)
{
	const char *end = text + size;
	bool in_string = false, in_number = false, negative = false;
	char *to = ret;
	uint64_t value;

	for (const char *at = text; at < end;) {
		size_t n = in_string || in_number ? 0 : count_digits(at, end);
		if (n > 0 && (at + n == end || !strchr(".eE", at[n])) && is_wide(at, n, &value)) {
			to += snprintf(to, NUMBER_SIZE, "-%" PRIu64, UINT64_MAX - value + 1);
			at += n;
			continue;
		}
		negative |= *at == '-' && !in_string && !in_number;
		in_number = !in_string && *at != '\0' && strchr("0123456789+-.eE", *at);
		if (in_string && *at == '\\' && at + 1 < end)
			*to++ = *at++;
		else if (*at == '"')
			in_string = !in_string;
		*to++ = *at++;
	}
	*ret_size = (size_t)(to - ret);
	return negative;
}

static int parse(struct reader *reader, const char *text, size_t size)
{
	BH_CLEANUP(bh_free_done) char *copy = malloc(size + size / LEAST_DIGITS + NUMBER_SIZE);
	size_t copy_size = 0;
	json_error_t why;

	if (!copy)
		return bh_fail(reader->err, ENOMEM, "read a profile");
	bool negative = widen(text, size, copy, &copy_size);
	json_t *document = json_loadb(copy, copy_size, JSON_REJECT_DUPLICATES, &why);
	if (!document && why.text[0] == '\0') /* what is wrong with a document has a text */
		return bh_fail(reader->err, ENOMEM, "read a profile");
	if (!document)
		return bh_fail_plain(reader->err, EINVAL, "%s:%d:%d: %s", reader->origin, why.line,
		                     why.column, why.text);
	int r = negative ? complain(reader, "there is a negative number in it")
	                 : read_document(reader, document);
	json_decref(document);
	return r;
}

int bh_profile_read(const char *origin, const char *text, size_t size, struct bh_profile *ret,
                    struct bh_error *err)
{
	struct reader reader = { .origin = origin, .err = err };
	struct utsname system;

	if (size > BH_PROFILE_MAX_SIZE)
		return bh_fail_plain(err, E2BIG, "%s: %zu bytes, at most %zu", origin, size,
		                     BH_PROFILE_MAX_SIZE);
	if (uname(&system) < 0)
		return bh_fail(err, errno, "version of the kernel");
	parse_version(system.release, reader.kernel);
	int r = parse(&reader, text, size);
	if (r == -E2BIG)
		r = bh_fail_plain(err, E2BIG, "%s: more than %d rules", origin,
		                  BH_PROFILE_MAX_RULES);
	if (r < 0) {
		bh_profile_done(&reader.profile);
		return r;
	}
	*ret = reader.profile;
	return 0;
}

/* Not blocking on a FIFO, which is refused then. */
static int open_file(const char *path, size_t *ret_size, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat info;

	if (fd < 0)
		return bh_fail(err, errno, "profile %s", path);
	if (fstat(fd, &info) < 0)
		return bh_fail(err, errno, "profile %s", path);
	if (!S_ISREG(info.st_mode))
		return bh_fail_plain(err, EINVAL, "profile %s: not a regular file", path);
	if (info.st_size > (off_t)BH_PROFILE_MAX_SIZE)
		return bh_fail_plain(err, E2BIG, "%s: %jd bytes, at most %zu", path,
		                     (intmax_t)info.st_size, BH_PROFILE_MAX_SIZE);
	*ret_size = (size_t)info.st_size;
	return BH_TAKE(fd, -1);
}

int bh_profile_read_file(const char *path, struct bh_profile *ret, struct bh_error *err)
{
	size_t size = 0, n = 0;
	BH_CLEANUP(bh_fd_done) int fd = open_file(path, &size, err);

	if (fd < 0)
		return fd;
	BH_CLEANUP(bh_free_done) char *text = malloc(size + 1);
	if (!text)
		return bh_fail(err, ENOMEM, "read profile %s", path);
	while (n < size) {
		ssize_t got = pread(fd, text + n, size - n, (off_t)n);
		if (got < 0)
			return bh_fail(err, errno, "read profile %s", path);
		if (got == 0)
			break; /* cut while it is read: then it is no JSON any more */
		n += (size_t)got;
	}
	return bh_profile_read(path, text, n, ret, err);
}
