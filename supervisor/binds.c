/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/binds.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "ipc/wire/base.h"

/* A bind while it is opened: its items are sorted later, with their descriptors. */
struct opened {
	struct bh_bound bound;
	int fd;
};

static void opened_done(struct opened *opened)
{
	free(opened->bound.path);
	free(opened->bound.dest);
	bh_fd_done(&opened->fd);
}

/* ---- places ---- */

/* Without "//", "/." and a "/" at the end. NULL for what is no absolute path, has
 * "..", or is the root itself; `*ret_error` is set where memory is short. */
static char *normalize(const char *given, int *ret_error)
{
	char *made = malloc(strlen(given) + 1);
	size_t used = 0;

	*ret_error = made ? 0 : -ENOMEM;
	for (const char *at = given; made && *at == '/';) {
		at += strspn(at, "/");
		size_t length = strcspn(at, "/");
		bool is_up = length == 2 && memcmp(at, "..", 2) == 0;
		if (is_up) {
			used = 0;
			break;
		}
		if (length > 0 && !(length == 1 && at[0] == '.')) {
			made[used++] = '/';
			memcpy(made + used, at, length);
			used += length;
		}
		at += length;
	}
	if (used == 0) {
		free(made);
		return NULL;
	}
	made[used] = '\0';
	return made;
}

/* For the file system that it is made in. */
static bool is_too_long(const char *dest)
{
	size_t length = 0;

	if (strlen(dest) >= PATH_MAX)
		return true;
	for (const char *at = dest; *at; at += length + 1) {
		length = strcspn(at + 1, "/");
		if (length > NAME_MAX)
			return true;
	}
	return false;
}

static int find_place(const struct bh_bind *bind, const char *handler_name, bool scratch,
                      char **ret, struct bh_error *err)
{
	const char *given = bind->dest ? bind->dest : bind->path;
	int failed;

	char *dest = normalize(given, &failed);
	if (failed)
		return bh_fail(err, -failed, "bind %s", bind->path);
	if (!dest)
		return bh_fail_plain(err, EINVAL,
		                     "bind %s: its place is '%s', expected an absolute path "
		                     "without '..' that is not the root",
		                     bind->path, given);
	if (is_too_long(dest)) {
		free(dest);
		return bh_fail(err, ENAMETOOLONG, "bind %.100s: its place", bind->path);
	}
	const char *conflict = bh_bound_conflict(dest, handler_name, scratch);
	if (conflict) {
		free(dest);
		return bh_fail_plain(err, EINVAL,
		                     "bind %s: its place %s belongs to %s, which handlers need as "
		                     "it is: expected another one",
		                     bind->path, given, conflict);
	}
	*ret = dest;
	return 0;
}

/* ---- opening ---- */

static int check_file(const char *path, int fd, struct stat *ret, struct bh_error *err)
{
	if (fstat(fd, ret) < 0)
		return bh_fail(err, errno, "bind %s", path);
	if (!S_ISREG(ret->st_mode) && !S_ISDIR(ret->st_mode))
		return bh_fail_plain(err, EINVAL, "bind %s: expected a regular file or a folder",
		                     path);
	/* a folder whose names are known can be used without being listed */
	if (faccessat(fd, "", S_ISDIR(ret->st_mode) ? X_OK : R_OK, AT_EMPTY_PATH | AT_EACCESS) < 0)
		return bh_fail(err, errno, "bind %s: read it", path);
	return 0;
}

static int open_path(const char *path, struct opened *made, struct bh_error *err)
{
	struct stat info;

	made->fd = open(path, O_PATH | O_CLOEXEC);
	if (made->fd < 0)
		return bh_fail(err, errno, "bind %s", path);
	int r = check_file(path, made->fd, &info, err);
	if (r < 0)
		return r;
	made->bound.device = info.st_dev;
	made->bound.inode = info.st_ino;
	made->bound.path = realpath(path, NULL);
	if (!made->bound.path)
		return bh_fail(err, errno, "find the full path of %s", path);
	return 0;
}

static int open_one(const struct bh_bind *bind, const struct bh_executor_options *options,
                    const char *handler_name, struct opened *made, struct bh_error *err)
{
	if (!bind->path || bind->path[0] == '\0')
		return bh_fail_plain(err, EINVAL, "bind: expected a path");
	int r = find_place(bind, handler_name, options->scratch_bytes > 0, &made->bound.dest, err);
	if (r == 0)
		r = open_path(bind->path, made, err);
	if (r < 0)
		return r;
	if (options->isolation == BH_ISOLATION_NONE && !bh_bound_is_in_place(&made->bound))
		return bh_fail_plain(err, EINVAL,
		                     "bind %s: without isolation it can't be shown at %s: expected "
		                     "its own path, or --isolate strict",
		                     bind->path, made->bound.dest);
	return 0;
}

/* ---- all of them ---- */

static int compare_places(const void *a, const void *b)
{
	const struct opened *left = a, *right = b;

	return strcmp(left->bound.dest, right->bound.dest);
}

/* In a folder that is bound nothing can be made, so what is put into it needs a
 * place there, of its own kind and not behind a link. */
static int check_inside(const struct opened *outer, const struct opened *inner,
                        struct bh_error *err)
{
	const char *rest = inner->bound.dest + strlen(outer->bound.dest) + 1;
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
		                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	struct stat info, place;

	BH_CLEANUP(bh_fd_done)
	int fd = (int)syscall(SYS_openat2, outer->fd, rest, &how, sizeof(how));
	if (fd < 0)
		return bh_fail(err, errno, "bind %s: find its place %s in %s", inner->bound.path,
		               inner->bound.dest, outer->bound.path);
	if (fstat(fd, &place) < 0 || fstat(inner->fd, &info) < 0)
		return bh_fail(err, errno, "bind %s", inner->bound.path);
	if (S_ISDIR(place.st_mode) != S_ISDIR(info.st_mode))
		return bh_fail_plain(err, EINVAL,
		                     "bind %s: its place %s in %s: expected a %s as it is itself",
		                     inner->bound.path, inner->bound.dest, outer->bound.path,
		                     S_ISDIR(info.st_mode) ? "folder" : "file");
	return 0;
}

static int check_together(const struct opened *sorted, size_t n, struct bh_error *err)
{
	for (size_t i = 1; i < n; i++) {
		const struct opened *inner = &sorted[i];
		for (size_t k = i; k-- > 0;) {
			const struct opened *outer = &sorted[k];
			if (!bh_path_is_at_or_below(inner->bound.dest, outer->bound.dest))
				continue;
			if (strcmp(inner->bound.dest, outer->bound.dest) == 0)
				return bh_fail_plain(
				        err, EINVAL, "bind %s and %s: both have the place %s",
				        outer->bound.path, inner->bound.path, inner->bound.dest);
			int r = check_inside(outer, inner, err);
			if (r < 0)
				return r;
			break;
		}
	}
	return 0;
}

static int keep(struct opened *sorted, size_t n, struct bh_binds *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_binds_done) struct bh_binds made = BH_BINDS_UNSET;

	made.items = calloc(n + 1, sizeof(*made.items));
	made.fds = calloc(n + 1, sizeof(*made.fds));
	if (!made.items || !made.fds)
		return bh_fail(err, ENOMEM, "bind %zu paths", n);
	for (; made.n < n; made.n++) {
		made.items[made.n] =
		        BH_TAKE(sorted[made.n].bound, (struct bh_bound){ .path = NULL });
		made.fds[made.n] = BH_TAKE(sorted[made.n].fd, -1);
	}
	*ret = BH_TAKE(made, BH_BINDS_UNSET);
	return 0;
}

int bh_binds_open(const struct bh_executor_options *options, const char *handler_name,
                  struct bh_binds *ret, struct bh_error *err)
{
	size_t n = options->n_binds;
	BH_CLEANUP(bh_free_done) struct opened *opened = calloc(n + 1, sizeof(*opened));
	int r = 0;

	if (!opened)
		return bh_fail(err, ENOMEM, "bind %zu paths", n);
	for (size_t i = 0; i < n; i++)
		opened[i].fd = -1;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = open_one(&options->binds[i], options, handler_name, &opened[i], err);
	if (r == 0) {
		qsort(opened, n, sizeof(*opened), compare_places);
		r = check_together(opened, n, err);
	}
	if (r == 0)
		r = keep(opened, n, ret, err);
	for (size_t i = 0; i < n; i++)
		opened_done(&opened[i]);
	return r;
}

void bh_binds_done(struct bh_binds *binds)
{
	for (size_t i = 0; i < binds->n; i++) {
		free(binds->items[i].path);
		free(binds->items[i].dest);
		bh_fd_done(&binds->fds[i]);
	}
	free(binds->items);
	free(binds->fds);
	*binds = BH_BINDS_UNSET;
}
