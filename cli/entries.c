/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/entries.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/array.h"
#include "cli/complaint.h"
#include "cli/directory.h"
#include "cli/entry_line.h"
#include "cli/jsonl.h"
#include "ipc/wire/base.h"

int bh_entries_init(struct bh_entries *entries, struct bh_complaint *complaint)
{
	*entries = BH_ENTRIES_UNSET;
	entries->store = bh_store_new();
	return entries->store ? BH_STATUS_OK : bh_complain_memory(complaint);
}

void bh_entries_done(struct bh_entries *entries)
{
	bh_store_free(entries->store);
	for (size_t i = 0; i < entries->n_sources; i++)
		free(entries->sources[i].name);
	free(entries->sources);
	free(entries->places);
	bh_bytes_done(&entries->bytes);
	*entries = BH_ENTRIES_UNSET;
}

/* Collisions. */

static char *place_dup(const struct bh_entries *entries, const struct bh_place *place,
                       const char *id)
{
	const struct bh_source *source = &entries->sources[place->source];
	size_t prefix = source->name ? strlen(source->name) + 1 : 0;
	const char *path = strcmp(source->path, "-") == 0 ? "(standard input)" : source->path;
	char *text;
	int length;

	if (place->line > 0)
		length = asprintf(&text, "%s:%" PRIu64, path, place->line);
	else
		length = asprintf(&text, "%s/%s", path, id + prefix);
	return length < 0 ? NULL : text;
}

/* Places have the order of the store. */
static const struct bh_place *find_place(const struct bh_entries *entries, const char *id)
{
	struct bh_store_cursor cursor = { 0 };
	struct bh_entry_view view;

	for (size_t i = 0; bh_store_next(entries->store, &cursor, &view); i++)
		if (strcmp(view.id, id) == 0)
			return &entries->places[i];
	return NULL;
}

static int refuse_collision(const struct bh_entries *entries, const char *id,
                            const struct bh_place *second, struct bh_complaint *complaint)
{
	const struct bh_place *first = find_place(entries, id);
	BH_CLEANUP(bh_free_done) char *there = first ? place_dup(entries, first, id) : NULL;
	BH_CLEANUP(bh_free_done) char *here = place_dup(entries, second, id);

	return bh_complain(complaint, BH_STATUS_INPUT,
	                   "%s: entry id '%s' is taken by %s, expected ids that differ",
	                   here ? here : "", id, there ? there : "another entry");
}

int bh_entries_add(struct bh_entries *entries, const struct bh_entry *entry, uint64_t line,
                   struct bh_complaint *complaint)
{
	struct bh_place place = { (uint32_t)(entries->n_sources - 1), line };
	struct bh_error err = BH_ERROR_UNSET;

	if (!bh_array_grow(&entries->places, &entries->places_capacity, entries->n_places,
	                   sizeof(place)))
		return bh_complain_memory(complaint);
	int r = bh_store_add(entries->store, entry, &err);
	if (r == -EEXIST)
		return refuse_collision(entries, entry->id, &place, complaint);
	if (r < 0) {
		BH_CLEANUP(bh_free_done) char *here = place_dup(entries, &place, entry->id);
		return bh_complain(complaint,
		                   r == -EINVAL || r == -EOVERFLOW ? BH_STATUS_INPUT
		                                                   : BH_STATUS_INFRASTRUCTURE,
		                   "%s: %s", here ? here : "", err.text);
	}
	entries->places[entries->n_places++] = place;
	return BH_STATUS_OK;
}

/* Directories. */

static int add_file(const char *path, const char *relative, int fd, void *userdata,
                    struct bh_complaint *complaint)
{
	struct bh_entries *entries = userdata;
	const char *name = entries->sources[entries->n_sources - 1].name;
	BH_CLEANUP(bh_free_done) char *id = NULL;

	int r = bh_file_read(fd, path, &entries->bytes, complaint);
	if (r != BH_STATUS_OK)
		return r;
	if (asprintf(&id, "%s%s%s", name ? name : "", name ? "/" : "", relative) < 0) {
		id = NULL;
		return bh_complain_memory(complaint);
	}
	struct bh_entry entry = BH_ENTRY_DEFAULT;
	entry.id = id;
	entry.source = id;
	entry.type = BH_ENTRY_FILE;
	entry.content = (struct bh_span){ entries->bytes.data, entries->bytes.size };
	return bh_entries_add(entries, &entry, 0, complaint);
}

static int load_directory(struct bh_entries *entries, const char *path,
                          struct bh_complaint *complaint)
{
	struct bh_directory_visitor visitor = { add_file, entries };

	return bh_directory_walk(path, &visitor, complaint);
}

static int load_jsonl(struct bh_entries *entries, const char *path, struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_jsonl_done) struct bh_jsonl jsonl = BH_JSONL_UNSET;

	if (entries->sources[entries->n_sources - 1].name)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "--entries: %s is not a directory, expected NAME= only before "
		                   "one",
		                   path);
	int r = bh_jsonl_open(path, &jsonl, complaint);
	if (r != BH_STATUS_OK)
		return r;
	return bh_entry_lines_load(&jsonl, path, entries, complaint);
}

/* Arguments. */

static size_t name_size(const char *argument)
{
	size_t size = strspn(argument, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	                               "0123456789_.-");

	return argument[size] == '=' ? size : 0;
}

static int add_source(struct bh_entries *entries, const char *argument,
                      struct bh_complaint *complaint)
{
	struct bh_source source = { .path = argument };
	size_t size = name_size(argument);

	if (!bh_array_grow(&entries->sources, &entries->sources_capacity, entries->n_sources,
	                   sizeof(source)))
		return bh_complain_memory(complaint);
	if (size > 0 && access(argument, F_OK) < 0) {
		source.path = argument + size + 1;
		source.name = strndup(argument, size);
		if (!source.name)
			return bh_complain_memory(complaint);
	}
	entries->sources[entries->n_sources++] = source;
	return BH_STATUS_OK;
}

int bh_entries_load(struct bh_entries *entries, const char *argument,
                    struct bh_complaint *complaint)
{
	struct stat status;

	int r = add_source(entries, argument, complaint);
	if (r != BH_STATUS_OK)
		return r;
	const char *path = entries->sources[entries->n_sources - 1].path;
	if (strcmp(path, "-") != 0) {
		if (stat(path, &status) < 0)
			return bh_complain_errno(complaint, errno, "--entries: %s", path);
		if (S_ISDIR(status.st_mode))
			return load_directory(entries, path, complaint);
	}
	return load_jsonl(entries, path, complaint);
}
