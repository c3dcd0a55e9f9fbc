/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/arguments.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ipc/wire/base.h"

struct head {
	uint64_t n_args; /* with argv[0] */
	uint64_t n_env;
};

static size_t list_length(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

static void add_string(struct iovec *parts, size_t *n, const char *text)
{
	parts[*n] = (struct iovec){ (void *)(uintptr_t)text, strlen(text) + 1 };
	(*n)++;
}

int bh_arguments_pack(const char *path, const char *argv0, const char *const *args,
                      const char *const *env, struct bh_region *ret, struct bh_error *err)
{
	struct head head = { .n_args = 1 + list_length(args), .n_env = list_length(env) };
	BH_CLEANUP(bh_free_done) struct iovec *parts = NULL;
	size_t n = 0;

	parts = calloc(2 + head.n_args + head.n_env, sizeof(*parts));
	if (!parts)
		return bh_fail(err, ENOMEM, "pack the handler's arguments");
	parts[n++] = (struct iovec){ &head, sizeof(head) };
	add_string(parts, &n, path);
	add_string(parts, &n, argv0);
	for (size_t i = 0; i + 1 < head.n_args; i++)
		add_string(parts, &n, args[i]);
	for (size_t i = 0; i < head.n_env; i++)
		add_string(parts, &n, env[i]);
	return bh_region_seal(parts, n, SIZE_MAX, ret, err);
}

/* Reads the whole file into `*ret`, with a NUL behind it. */
static int read_all(int fd, char **ret, size_t *ret_size, struct bh_error *err)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return bh_fail(err, errno, "size of the handler's arguments");
	size_t size = (size_t)info.st_size;
	BH_CLEANUP(bh_free_done) char *bytes = malloc(size + 1);
	if (!bytes)
		return bh_fail(err, ENOMEM, "read %zu bytes of arguments", size);
	for (size_t done = 0; done < size;) {
		ssize_t n = pread(fd, bytes + done, size - done, (off_t)done);
		if (n <= 0)
			return bh_fail(err, n < 0 ? errno : EPROTO, "read the handler's arguments");
		done += (size_t)n;
	}
	bytes[size] = '\0';

	*ret = BH_TAKE(bytes, NULL);
	*ret_size = size;
	return 0;
}

/* Splits `n` strings off `*at`; false where the bytes end before. */
static bool take_strings(char **at, const char *end, uint64_t n, char **ret)
{
	for (uint64_t i = 0; i < n; i++) {
		if (*at >= end)
			return false;
		ret[i] = *at;
		*at += strlen(*at) + 1; /* a NUL stands at `end` */
	}
	return *at <= end;
}

int bh_arguments_unpack(int fd, struct bh_arguments *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_arguments_done) struct bh_arguments made = BH_ARGUMENTS_UNSET;
	struct head head;
	size_t size = 0;

	int r = read_all(fd, &made.memory, &size, err);
	if (r < 0)
		return r;
	if (size < sizeof(head))
		return bh_fail(err, EPROTO, "handler arguments of %zu bytes", size);
	memcpy(&head, made.memory, sizeof(head));
	if (head.n_args < 1 || head.n_args > size || head.n_env > size)
		return bh_fail(err, EPROTO, "handler arguments of a wrong shape");

	made.argv = calloc(head.n_args + 1, sizeof(char *));
	made.envp = calloc(head.n_env + 1, sizeof(char *));
	if (!made.argv || !made.envp)
		return bh_fail(err, ENOMEM, "read the handler's arguments");
	char *at = made.memory + sizeof(head);
	const char *end = made.memory + size;
	if (!take_strings(&at, end, 1, &made.path) ||
	    !take_strings(&at, end, head.n_args, made.argv) ||
	    !take_strings(&at, end, head.n_env, made.envp) || at != end)
		return bh_fail(err, EPROTO, "handler arguments of a wrong shape");

	*ret = BH_TAKE(made, BH_ARGUMENTS_UNSET);
	return 0;
}

void bh_arguments_done(struct bh_arguments *arguments)
{
	free(arguments->memory);
	free(arguments->argv);
	free(arguments->envp);
	*arguments = BH_ARGUMENTS_UNSET;
}
