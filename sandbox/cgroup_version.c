/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup_version.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulkhead/limits.h"
#include "ipc/wire/base.h"

/* All of them are far smaller. */
#define TEXT_SIZE 1024

/* The kernel's PID_MAX_LIMIT on 64-bit machines, which pids.max refuses. */
#define PIDS_ENDLESS ((uint64_t)4 << 20)

/* ---- writing ---- */

static uint64_t value_of(enum bh_cgroup_value value, const struct bh_cgroup_limits *limits)
{
	switch (value) {
	case BH_CGROUP_VALUE_MEMORY:
		return limits->memory_bytes;
	case BH_CGROUP_VALUE_PIDS:
		return limits->pids < PIDS_ENDLESS ? limits->pids : BH_UNLIMITED;
	case BH_CGROUP_VALUE_ZERO:
		return 0;
	case BH_CGROUP_VALUE_ONE:
		return 1;
	}
	return BH_UNLIMITED;
}

/* Returns 1 where it was written, 0 where there is no such file, or an error. */
static int write_setting(int dir, const char *file, uint64_t value, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	char text[24];

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return bh_fail(err, errno, "open %s of a cgroup", file);
	int size = snprintf(text, sizeof(text), "%" PRIu64, value);
	if (write(fd, text, (size_t)size) != size)
		return bh_fail(err, errno, "set %s of a cgroup to %s", file, text);
	return 1;
}

int bh_cgroup_set(const struct bh_cgroup_version *version, int dir, unsigned int controllers,
                  const struct bh_cgroup_limits *limits, struct bh_error *err)
{
	int r = 1;

	for (size_t i = 0; i < version->n_settings; i++) {
		const struct bh_cgroup_setting *setting = &version->settings[i];
		uint64_t value = value_of(setting->value, limits);
		if (!(controllers & BH_CGROUP_BIT(setting->controller)) || value == BH_UNLIMITED)
			continue; /* a new cgroup has no limits */
		if (setting->instead && r > 0)
			continue;
		r = write_setting(dir, setting->file, value, err);
		if (r == 0 && !setting->optional)
			return bh_fail_plain(err, ENOENT, "a cgroup has no file %s", setting->file);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- reading ---- */

/* The whole file as text. */
static bool read_text(int fd, char text[TEXT_SIZE])
{
	ssize_t n = pread(fd, text, TEXT_SIZE - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static bool parse_number(const char *text, uint64_t *ret)
{
	uint64_t number = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (unsigned int)(*at - '0'), &number))
			return false;
	*ret = number;
	return at != text && (*at == '\n' || *at == '\0');
}

/* The number in the line "KEY NUMBER". */
static bool find_number(const char *text, const char *key, uint64_t *ret)
{
	size_t size = strlen(key);

	for (const char *at = text; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
		if (strncmp(at, key, size) == 0 && at[size] == ' ')
			return parse_number(at + size + 1, ret);
	return false;
}

bool bh_cgroup_read_number(int fd, uint64_t *ret)
{
	char text[TEXT_SIZE];

	return read_text(fd, text) && parse_number(text, ret);
}

static bool read_count(const struct bh_cgroup_source *source, const char *text, uint64_t *ret)
{
	uint64_t number;

	if (!(source->key ? find_number(text, source->key, &number) : parse_number(text, &number)))
		return false;
	return !__builtin_mul_overflow(number, source->unit, ret);
}

static bool has_key(const struct bh_cgroup_source *source)
{
	return !source->key || source->key[0] != '\0';
}

bool bh_cgroup_count(const struct bh_cgroup_version *version, const int files[BH_CGROUP_FILES],
                     uint64_t ret[BH_CGROUP_COUNTS])
{
	bool whole = true;
	char text[TEXT_SIZE];

	for (size_t file = 0; file < BH_CGROUP_FILES; file++) {
		if (files[file] < 0 || file == BH_CGROUP_FILE_PEAK || file == BH_CGROUP_FILE_TASKS)
			continue;
		if (!read_text(files[file], text))
			return false;
		for (size_t i = 0; i < BH_CGROUP_COUNTS; i++)
			if (version->sources[i].file == file && has_key(&version->sources[i]))
				whole &= read_count(&version->sources[i], text, &ret[i]);
	}
	return whole;
}
