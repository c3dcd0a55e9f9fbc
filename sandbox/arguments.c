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
	uint64_t n_bounds;
};

/* Beside the path and the place of what is bound. */
struct numbers {
	uint64_t device, inode;
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

static void add_strings(const struct bh_arguments_given *given, struct iovec *parts, size_t *n)
{
	add_string(parts, n, given->path);
	add_string(parts, n, given->argv0);
	for (size_t i = 0; given->args && given->args[i]; i++)
		add_string(parts, n, given->args[i]);
	for (size_t i = 0; given->env && given->env[i]; i++)
		add_string(parts, n, given->env[i]);
	for (size_t i = 0; i < given->n_bounds; i++) {
		add_string(parts, n, given->bounds[i].path);
		add_string(parts, n, given->bounds[i].dest);
	}
}

int bh_arguments_pack(const struct bh_arguments_given *given, struct bh_region *ret,
                      struct bh_error *err)
{
	struct head head = { .n_args = 1 + list_length(given->args),
		             .n_env = list_length(given->env),
		             .n_bounds = given->n_bounds };
	BH_CLEANUP(bh_free_done) struct iovec *parts = NULL;
	BH_CLEANUP(bh_free_done) struct numbers *numbers = NULL;
	size_t n = 0;

	parts = calloc(3 + head.n_args + head.n_env + 2 * head.n_bounds, sizeof(*parts));
	numbers = calloc(head.n_bounds + 1, sizeof(*numbers));
	if (!parts || !numbers)
		return bh_fail(err, ENOMEM, "pack the handler's arguments");
	for (size_t i = 0; i < head.n_bounds; i++)
		numbers[i] = (struct numbers){ given->bounds[i].device, given->bounds[i].inode };
	parts[n++] = (struct iovec){ &head, sizeof(head) };
	parts[n++] = (struct iovec){ numbers, head.n_bounds * sizeof(*numbers) };
	add_strings(given, parts, &n);
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

static bool has_shape(const struct head *head, size_t left)
{
	return head->n_args >= 1 && head->n_args <= left && head->n_env <= left &&
	       head->n_bounds <= left / sizeof(struct numbers);
}

/* Their numbers stand at `numbers`, their strings at `*at`. */
static bool take_bounds(const char *numbers, char **at, const char *end, struct bh_arguments *made)
{
	for (size_t i = 0; i < made->n_bounds; i++) {
		struct bh_bound *bound = &made->bounds[i];
		struct numbers given;
		memcpy(&given, numbers + i * sizeof(given), sizeof(given));
		bound->device = given.device;
		bound->inode = given.inode;
		if (!take_strings(at, end, 1, &bound->path) ||
		    !take_strings(at, end, 1, &bound->dest) || bound->dest[0] != '/')
			return false;
	}
	return true;
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
	if (!has_shape(&head, size - sizeof(head)))
		return bh_fail(err, EPROTO, "handler arguments of a wrong shape");

	made.argv = calloc(head.n_args + 1, sizeof(char *));
	made.envp = calloc(head.n_env + 1, sizeof(char *));
	made.bounds = calloc(head.n_bounds + 1, sizeof(*made.bounds));
	made.n_bounds = head.n_bounds;
	if (!made.argv || !made.envp || !made.bounds)
		return bh_fail(err, ENOMEM, "read the handler's arguments");
	const char *numbers = made.memory + sizeof(head);
	char *at = made.memory + sizeof(head) + head.n_bounds * sizeof(struct numbers);
	const char *end = made.memory + size;
	if (!take_strings(&at, end, 1, &made.path) ||
	    !take_strings(&at, end, head.n_args, made.argv) ||
	    !take_strings(&at, end, head.n_env, made.envp) ||
	    !take_bounds(numbers, &at, end, &made) || at != end)
		return bh_fail(err, EPROTO, "handler arguments of a wrong shape");

	*ret = BH_TAKE(made, BH_ARGUMENTS_UNSET);
	return 0;
}

void bh_arguments_done(struct bh_arguments *arguments)
{
	free(arguments->memory);
	free(arguments->argv);
	free(arguments->envp);
	free(arguments->bounds);
	*arguments = BH_ARGUMENTS_UNSET;
}
