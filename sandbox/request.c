/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/request.h"

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
