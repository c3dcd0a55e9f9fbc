/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/profile_wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc/wire/base.h"

#define MAGIC   0x66726862u /* "bhrf" */
#define VERSION 1

struct head {
	uint32_t magic;
	uint32_t version;
	uint32_t answer; /* otherwise */
	uint32_t code;
	uint64_t n_rules;
};

struct rule {
	int32_t number;
	uint32_t answer;
	uint32_t code;
	uint32_t n_conditions;
};

struct condition {
	uint32_t argument;
	uint32_t comparison;
	uint64_t value;
	uint64_t value_two;
};

#define MAX_SIZE                \
	(sizeof(struct head) +  \
	 BH_PROFILE_MAX_RULES * \
	         (sizeof(struct rule) + BH_CALL_ARGUMENTS * sizeof(struct condition)))

/* ---- packing ---- */

static void put(char **at, const void *bytes, size_t size)
{
	memcpy(*at, bytes, size);
	*at += size;
}

static void put_rule(char **at, const struct bh_call_rule *rule)
{
	struct rule packed = { .number = rule->number,
		               .answer = rule->answer.kind,
		               .code = rule->answer.code,
		               .n_conditions = rule->n_conditions };

	put(at, &packed, sizeof(packed));
	for (uint32_t i = 0; i < rule->n_conditions; i++) {
		const struct bh_condition *from = &rule->conditions[i];
		struct condition condition = { .argument = from->argument,
			                       .comparison = from->comparison,
			                       .value = from->value,
			                       .value_two = from->value_two };
		put(at, &condition, sizeof(condition));
	}
}

static size_t packed_size(const struct bh_profile *profile)
{
	size_t size = sizeof(struct head);

	for (size_t i = 0; i < profile->n_rules; i++)
		size += sizeof(struct rule) +
		        profile->rules[i].n_conditions * sizeof(struct condition);
	return size;
}

int bh_profile_pack(const struct bh_profile *profile, struct bh_region *ret, struct bh_error *err)
{
	struct head head = { .magic = MAGIC,
		             .version = VERSION,
		             .answer = profile->otherwise.kind,
		             .code = profile->otherwise.code,
		             .n_rules = profile->n_rules };
	size_t size = packed_size(profile);
	BH_CLEANUP(bh_free_done) char *bytes = malloc(size);

	if (!bytes)
		return bh_fail(err, ENOMEM, "pack a profile");
	char *at = bytes;
	put(&at, &head, sizeof(head));
	for (size_t i = 0; i < profile->n_rules; i++)
		put_rule(&at, &profile->rules[i]);
	struct iovec part = { bytes, size };
	return bh_region_seal(&part, 1, MAX_SIZE, ret, err);
}

/* ---- unpacking ---- */

struct cursor {
	const char *at;
	size_t left;
};

static bool take(struct cursor *cursor, void *ret, size_t size)
{
	if (cursor->left < size)
		return false;
	memcpy(ret, cursor->at, size);
	cursor->at += size;
	cursor->left -= size;
	return true;
}

static int refuse(struct bh_error *err, const char *why)
{
	return bh_fail_plain(err, EPROTO, "packed profile: %s", why);
}

/* An enumeration's value past its end stays past it, and 16 bits hold every code
 * that is checked further. */
static bool answer_of(uint32_t kind, uint32_t code, struct bh_answer *ret)
{
	if (kind >= BH_ANSWER_KINDS || code > BH_ERRNO_MAX)
		return false;
	*ret = (struct bh_answer){ .kind = (enum bh_answer_kind)kind, .code = (uint16_t)code };
	return bh_answer_fault(ret) == NULL;
}

static int take_head(struct cursor *cursor, struct bh_profile *profile, uint64_t *ret_n_rules,
                     struct bh_error *err)
{
	struct head head;

	if (!take(cursor, &head, sizeof(head)))
		return refuse(err, "shorter than its head");
	if (head.magic != MAGIC || head.version != VERSION)
		return refuse(err, "of another kind or version");
	if (!answer_of(head.answer, head.code, &profile->otherwise))
		return refuse(err, "no such answer");
	if (head.n_rules > cursor->left / sizeof(struct rule))
		return refuse(err, "fewer rules than it says");
	*ret_n_rules = head.n_rules;
	return 0;
}

static int take_condition(struct cursor *cursor, struct bh_call_rule *rule, struct bh_error *err)
{
	struct condition packed;

	if (!take(cursor, &packed, sizeof(packed)))
		return refuse(err, "fewer conditions than it says");
	if (packed.comparison >= BH_COMPARISONS)
		return refuse(err, "an unknown comparison");
	rule->conditions[rule->n_conditions++] =
	        (struct bh_condition){ .argument = packed.argument,
		                       .comparison = (enum bh_comparison)packed.comparison,
		                       .value = packed.value,
		                       .value_two = packed.value_two };
	return 0;
}

static int take_rule(struct cursor *cursor, struct bh_profile *profile, struct bh_error *err)
{
	struct bh_call_rule rule = { .n_conditions = 0 };
	struct rule packed;

	if (!take(cursor, &packed, sizeof(packed)))
		return refuse(err, "fewer rules than it says");
	rule.number = packed.number;
	if (!answer_of(packed.answer, packed.code, &rule.answer))
		return refuse(err, "no such answer");
	if (packed.n_conditions > BH_CALL_ARGUMENTS)
		return refuse(err, "more conditions than arguments");
	for (uint32_t i = 0; i < packed.n_conditions; i++) {
		int r = take_condition(cursor, &rule, err);
		if (r < 0)
			return r;
	}
	const char *fault = bh_call_rule_fault(&rule);
	return fault ? refuse(err, fault) : bh_profile_add(profile, &rule, err);
}

int bh_profile_unpack_bytes(const void *bytes, size_t size, struct bh_profile *ret,
                            struct bh_error *err)
{
	BH_CLEANUP(bh_profile_done) struct bh_profile made = BH_PROFILE_UNSET;
	struct cursor cursor = { .at = bytes, .left = size };
	uint64_t n_rules = 0;

	if (size > MAX_SIZE)
		return refuse(err, "too long");
	int r = take_head(&cursor, &made, &n_rules, err);
	for (uint64_t i = 0; r == 0 && i < n_rules; i++)
		r = take_rule(&cursor, &made, err);
	if (r < 0)
		return r == -E2BIG ? refuse(err, "too many rules") : r;
	if (cursor.left > 0)
		return refuse(err, "bytes behind its end");

	*ret = BH_TAKE(made, BH_PROFILE_UNSET);
	return 0;
}

int bh_profile_unpack(int fd, struct bh_profile *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_free_done) char *bytes = NULL;
	struct stat info;

	if (fstat(fd, &info) < 0)
		return bh_fail(err, errno, "size of a packed profile");
	if (info.st_size < 0 || (uint64_t)info.st_size > MAX_SIZE)
		return refuse(err, "too long");
	size_t size = (size_t)info.st_size;
	bytes = malloc(size + 1);
	if (!bytes)
		return bh_fail(err, ENOMEM, "read a packed profile");
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(fd, bytes + done, size - done, (off_t)done);
		if (n <= 0)
			return bh_fail(err, n < 0 ? errno : EPROTO, "read a packed profile");
		done += (size_t)n;
	}
	return bh_profile_unpack_bytes(bytes, size, ret, err);
}
