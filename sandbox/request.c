/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/request.h"

#include <string.h>

#include "bulkhead/executor.h"
#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"

struct request {
	bool known;
	size_t n_fds;
};

static const struct request requests[] = {
	[BH_MESSAGE_CONFIGURE] = { true, 3 }, /* handler, strings, profile */
	[BH_MESSAGE_PROBE] = { true, 0 },     [BH_MESSAGE_MAPPED] = { true, 0 },
	[BH_MESSAGE_SPAWN] = { true, 4 }, /* context, results, stdout, stderr */
	[BH_MESSAGE_KILL] = { true, 0 },
};

static size_t count_fds(const int *fds)
{
	size_t n = 0;

	while (n < BH_CHANNEL_MAX_FDS && fds[n] >= 0)
		n++;
	return n;
}

static int check(const struct bh_message *message, const int *fds, struct bh_error *err)
{
	uint32_t type = message->type;
	size_t n_fds = count_fds(fds);

	if (type >= BH_COUNT_OF(requests) || !requests[type].known)
		return bh_fail_plain(err, EPROTO, "message of type %u", type);
	if (n_fds != requests[type].n_fds)
		return bh_fail_plain(err, EPROTO,
		                     "message of type %u with %zu descriptors, expected %zu", type,
		                     n_fds, requests[type].n_fds);
	if (type == BH_MESSAGE_KILL && message->kill != BH_KILL_TERM &&
	    message->kill != BH_KILL_ALL)
		return bh_fail_plain(err, EPROTO, "kill in the way %u", message->kill);
	return 0;
}

int bh_request_receive(int socket, struct bh_message *ret, int *fds, struct bh_error *err)
{
	int r = bh_channel_receive(socket, ret, sizeof(*ret), fds, err);

	if (r <= 0)
		return r;
	r = check(ret, fds, err);
	if (r == 0)
		return 1;
	bh_channel_close(fds);
	return r;
}

static bool has_end(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* A file name, and none of those that every folder has. */
static bool is_name(const char *name)
{
	return name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

int bh_configure_check(const struct bh_message_configure *configure, struct bh_error *err)
{
	const char *name = configure->handler_name;
	const char *python_dir = configure->python_dir;

	if (configure->version != BH_MESSAGE_VERSION)
		return bh_fail_plain(err, EPROTO, "the library speaks version %u, the launcher %d",
		                     configure->version, BH_MESSAGE_VERSION);
	if (configure->isolation > BH_ISOLATION_NONE)
		return bh_fail_plain(err, EPROTO, "isolation %u", configure->isolation);
	if (configure->warm > BH_WARM_REUSE)
		return bh_fail_plain(err, EPROTO, "warm mode %u", configure->warm);
	if (!has_end(name, sizeof(configure->handler_name)) || !is_name(name))
		return bh_fail_plain(err, EPROTO, "a handler's name that is none");
	if (!has_end(python_dir, sizeof(configure->python_dir)) ||
	    (python_dir[0] != '\0' && python_dir[0] != '/'))
		return bh_fail_plain(err, EPROTO, "a folder for Python that is none");
	return 0;
}
