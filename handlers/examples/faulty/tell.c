/* SPDX-License-Identifier: Apache-2.0 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "faulty.h"

WAY(tell_none)
{
	return say_bytes(handler, task);
}

WAY(tell_task_error)
{
	return bh_task_error(handler, task->id, "faulty", "Task failed");
}

WAY(tell_batch_error)
{
	(void)task;
	int r = bh_batch_error(handler, "faulty", "Handler failed");
	_exit(r == 0 ? 0 : 1);
}

/* ---- secrets: all that lies around where the handler is ---- */

static void put_string(struct bh_handler *handler, const char *string)
{
	bh_result_bytes(handler, string, strlen(string));
}

static void put_number(struct bh_handler *handler, const char *key, int64_t number)
{
	bh_result_key(handler, key);
	bh_result_int(handler, number);
}

/* The NUL-terminated strings of a file below /proc, such as the environment. */
static void put_strings(struct bh_handler *handler, const char *key, const char *path)
{
	FILE *file = fopen(path, "re");
	char *string = NULL;
	size_t capacity = 0;

	bh_result_key(handler, key);
	bh_result_array_open(handler);
	while (file && getdelim(&string, &capacity, '\0', file) > 0)
		put_string(handler, string);
	bh_result_close(handler);
	if (file)
		fclose(file);
}

/* Open descriptors, as far as /proc tells: number → what it is. */
static void put_descriptors(struct bh_handler *handler)
{
	char path[64];
	char target[4096];

	bh_result_key(handler, "fds");
	bh_result_map_open(handler);
	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t size = readlink(path, target, sizeof(target));
		if (size < 0)
			continue;
		bh_result_key(handler, path + strlen("/proc/self/fd/"));
		bh_result_bytes(handler, target, (size_t)size);
	}
	bh_result_close(handler);
}

/* Number of names in a folder; -1 where it can't be looked into. */
static int64_t count_names(const char *path)
{
	DIR *folder = opendir(path);
	int64_t count = 0;

	if (!folder)
		return -1;
	for (struct dirent *name; (name = readdir(folder));)
		if (strcmp(name->d_name, ".") != 0 && strcmp(name->d_name, "..") != 0)
			count++;
	closedir(folder);
	return count;
}

static void put_folders(struct bh_handler *handler)
{
	static const char *const paths[] = { "/root", "/home", "/tmp", "/run", "/sys",
		                             "/var",  "/boot", "/mnt", "/srv" };

	bh_result_key(handler, "folders");
	bh_result_map_open(handler);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		put_number(handler, paths[i], count_names(paths[i]));
	bh_result_close(handler);
}

/* Lines of /proc/self/status: capability sets, seccomp and the like. */
static void put_status(struct bh_handler *handler)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[512];

	bh_result_key(handler, "status");
	bh_result_map_open(handler);
	while (file && fgets(line, sizeof(line), file)) {
		char *value = strchr(line, ':');
		if (!value)
			continue;
		*value++ = '\0';
		value += strspn(value, " \t");
		value[strcspn(value, "\n")] = '\0';
		bh_result_key(handler, line);
		put_string(handler, value);
	}
	bh_result_close(handler);
	if (file)
		fclose(file);
}

WAY(tell_secrets)
{
	bh_record_begin_result(handler, task->id);
	bh_result_map_open(handler);
	put_strings(handler, "environ", "/proc/self/environ");
	put_strings(handler, "argv", "/proc/self/cmdline");
	bh_result_key(handler, "env");
	bh_result_array_open(handler);
	for (char **variable = environ; *variable; variable++)
		put_string(handler, *variable);
	bh_result_close(handler);
	put_descriptors(handler);
	put_folders(handler);
	put_status(handler);
	put_number(handler, "processes", count_names("/proc"));
	put_number(handler, "uid", getuid());
	put_number(handler, "gid", getgid());
	put_number(handler, "pid", getpid());
	put_number(handler, "ppid", getppid());
	put_number(handler, "sid", getsid(0));
	put_number(handler, "pgid", getpgid(0));
	bh_result_close(handler);
	return bh_record_end(handler);
}

/* ---- echo: the context, as this handler was given it ---- */

static void put_batch(struct bh_handler *handler)
{
	const struct bh_handler_batch *batch = bh_handler_batch(handler);

	bh_result_key(handler, "batch");
	bh_result_map_open(handler);
	bh_result_key(handler, "batch_id");
	bh_result_text(handler, batch->batch_id);
	put_number(handler, "attempt", (int64_t)batch->attempt);
	put_number(handler, "timeout_ms", batch->has_timeout ? (int64_t)batch->timeout_ms : -1);
	put_number(handler, "entry_count", (int64_t)batch->entry_count);
	put_number(handler, "total_tokens", (int64_t)batch->total_tokens);
	put_number(handler, "tasks", batch->n_tasks);
	put_number(handler, "entries", batch->n_entries);
	bh_result_key(handler, "missing_ids");
	bh_result_array(handler, batch->n_missing_ids);
	for (uint32_t i = 0; i < batch->n_missing_ids; i++)
		bh_result_text(handler, bh_handler_missing_id(batch, i));
	bh_result_close(handler);
}

static void put_text_or_nil(struct bh_handler *handler, const char *key, struct bh_text text)
{
	bh_result_key(handler, key);
	if (text.data)
		bh_result_text(handler, text);
	else
		bh_result_nil(handler);
}

static void put_entry(struct bh_handler *handler, const struct bh_handler_entry *entry)
{
	bh_result_map_open(handler);
	put_text_or_nil(handler, "id", entry->id);
	put_text_or_nil(handler, "type", entry->type);
	put_text_or_nil(handler, "source", entry->source);
	put_text_or_nil(handler, "summary", entry->summary);
	put_text_or_nil(handler, "parent_id", entry->parent_id);
	put_number(handler, "priority", entry->priority);
	put_number(handler, "size", (int64_t)entry->content.size);
	bh_result_key(handler, "compressed");
	bh_result_bool(handler, entry->compressed);
	bh_result_key(handler, "is_text");
	bh_result_bool(handler, entry->content_is_text);
	bh_result_key(handler, "content");
	if (entry->content.data)
		bh_result_bin(handler, entry->content.data, entry->content.size);
	else
		bh_result_nil(handler);
	bh_result_key(handler, "references");
	bh_result_array(handler, entry->n_references);
	for (uint32_t i = 0; i < entry->n_references; i++)
		bh_result_text(handler, bh_handler_entry_reference(entry, i));
	bh_result_close(handler);
}

WAY(tell_context)
{
	struct bh_handler_entry entry;

	bh_record_begin_result(handler, task->id);
	bh_result_map_open(handler);
	put_batch(handler);
	put_text_or_nil(handler, "id", task->id);
	put_text_or_nil(handler, "description", task->description);
	put_number(handler, "priority", task->priority);
	bh_result_key(handler, "params");
	bh_result_raw(handler, task->params);
	bh_result_key(handler, "required_entry_ids");
	bh_result_array(handler, task->n_required_entry_ids);
	for (uint32_t i = 0; i < task->n_required_entry_ids; i++)
		bh_result_text(handler, bh_handler_task_entry_id(task, i));
	bh_result_key(handler, "entries");
	bh_result_array_open(handler);
	for (uint32_t i = 0; i < task->n_required_entry_ids; i++)
		if (bh_handler_task_entry(handler, task, i, &entry))
			put_entry(handler, &entry);
	bh_result_close(handler);
	bh_result_close(handler);
	return bh_record_end(handler);
}
