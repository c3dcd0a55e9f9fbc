/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/cgroup_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/wire/base.h"

static void file_done(FILE **file)
{
	if (*file)
		fclose(*file);
}

static FILE *open_below(const char *root, const char *path)
{
	char whole[PATH_MAX];

	if (snprintf(whole, sizeof(whole), "%s%s", root, path) >= (int)sizeof(whole))
		return NULL;
	return fopen(whole, "re");
}

/* True where a list such as "rw,cpu,cpuacct" has this member. */
static bool list_has(const char *list, const char *member)
{
	size_t size = strlen(member);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, member, size) == 0 && (at[size] == ',' || at[size] == '\0'))
			return true;
	return false;
}

/* One line of /proc/self/cgroup: NUMBER:CONTROLLERS:PATH. */
static bool read_membership(char *line, const char *controller, int *ret_hierarchy,
                            const char **ret_path)
{
	char *list = strchr(line, ':');
	char *path = list ? strchr(list + 1, ':') : NULL;

	if (!path)
		return false;
	*list++ = '\0';
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	if (sscanf(line, "%d", ret_hierarchy) != 1)
		return false;
	*ret_path = path;
	return controller ? list_has(list, controller) : *ret_hierarchy == 0 && list[0] == '\0';
}

/* The path of this process's cgroup below the top that its namespace has. */
static bool find_membership(const char *root, const char *controller, int *ret_hierarchy,
                            char path[PATH_MAX])
{
	BH_CLEANUP(file_done) FILE *file = open_below(root, "/proc/self/cgroup");
	BH_CLEANUP(bh_free_done) char *line = NULL;
	size_t room = 0;
	const char *found;

	while (file && getline(&line, &room, file) >= 0)
		if (read_membership(line, controller, ret_hierarchy, &found))
			return snprintf(path, PATH_MAX, "%s", found) < PATH_MAX;
	return false;
}

/* Paths of the mount table hold octal escapes for what would split a line. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

struct mount {
	char *shown; /* which directory of the hierarchy is mounted */
	char *at;
	char *type;
	char *options; /* of the hierarchy */
};

/* One line of /proc/self/mountinfo: id, parent, device, root, mount point,
 * options, any number of fields, "-", type, source, options. */
static bool read_mount(char *line, struct mount *ret)
{
	char *fields[6] = { NULL };
	char *rest = strstr(line, " - ");
	char *state = NULL;

	if (!rest)
		return false;
	*rest = '\0';
	fields[0] = strtok_r(line, " ", &state);
	for (size_t i = 1; i < BH_COUNT_OF(fields) && fields[i - 1]; i++)
		fields[i] = strtok_r(NULL, " ", &state);
	ret->shown = fields[3];
	ret->at = fields[4];
	ret->type = strtok_r(rest + 3, " ", &state);
	char *source = ret->type ? strtok_r(NULL, " ", &state) : NULL;
	ret->options = source ? strtok_r(NULL, " \n", &state) : NULL;
	if (!fields[5] || !ret->options)
		return false;
	unescape(ret->shown);
	unescape(ret->at);
	return true;
}

/* What comes after `shown` in `path`; NULL where the mount doesn't show it. */
static const char *path_below(const char *path, const char *shown)
{
	size_t size = strcmp(shown, "/") == 0 ? 0 : strlen(shown);

	if (strncmp(path, "/..", 3) == 0 || strncmp(path, shown, size) != 0)
		return NULL;
	if (path[size] != '/' && path[size] != '\0')
		return NULL;
	return strcmp(path + size, "/") == 0 ? "" : path + size;
}

static bool describe(const char *root, const struct mount *mount, const char *below,
                     struct bh_cgroup_place *ret)
{
	int n = snprintf(ret->top, sizeof(ret->top), "%s%s", root, mount->at);

	if (n < 0 || n >= (int)sizeof(ret->top))
		return false;
	n = snprintf(ret->own, sizeof(ret->own), "%s%s%s", root, mount->at, below);
	return n >= 0 && n < (int)sizeof(ret->own);
}

bool bh_cgroup_place_find(const char *root, const char *controller, struct bh_cgroup_place *ret)
{
	BH_CLEANUP(file_done) FILE *file = open_below(root, "/proc/self/mountinfo");
	BH_CLEANUP(bh_free_done) char *line = NULL;
	size_t room = 0;
	char path[PATH_MAX];
	struct mount mount;

	if (!find_membership(root, controller, &ret->hierarchy, path))
		return false;
	while (file && getline(&line, &room, file) >= 0) {
		if (!read_mount(line, &mount))
			continue;
		if (strcmp(mount.type, controller ? "cgroup" : "cgroup2") != 0)
			continue;
		if (controller && !list_has(mount.options, controller))
			continue;
		const char *below = path_below(path, mount.shown);
		if (below && describe(root, &mount, below, ret))
			return true;
	}
	return false;
}
