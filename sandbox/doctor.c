/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/doctor.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipc/wire/base.h"
#include "ipc/wire/channel.h"
#include "ipc/wire/message.h"
#include "sandbox/client.h"
#include "sandbox/launch.h"
#include "sandbox/layer.h"

#define PATIENCE_MS 60000

#define MAKE_NAMESPACES                                                                       \
	"as root: none is needed; else allow unprivileged user namespaces: sysctl "           \
	"user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 and "           \
	"kernel.apparmor_restrict_unprivileged_userns=0 where they exist; in a container: a " \
	"seccomp profile of its engine that lets unshare, clone and mount pass"

static const struct bh_layer known[BH_LAYERS] = {
	[BH_LAYER_USER_NAMESPACE] = { .name = "user-namespace",
	                              .what = "a handler's ids own nothing outside",
	                              .remedy = MAKE_NAMESPACES,
	                              .needed = true },
	[BH_LAYER_MOUNT_NAMESPACE] = { .name = "mount-namespace",
	                               .what = "a read-only root without the host's files",
	                               .remedy = MAKE_NAMESPACES,
	                               .needed = true },
	[BH_LAYER_PID_NAMESPACE] = { .name = "pid-namespace",
	                             .what = "sees, signals and outlives nobody outside its batch",
	                             .remedy = MAKE_NAMESPACES,
	                             .needed = true },
	[BH_LAYER_PROC] = { .name = "proc",
	                    .what = "a /proc of the batch's own processes",
	                    .remedy = "a /proc that nothing is mounted over (a container engine's "
	                              "masks: its option for an unmasked /proc)",
	                    .needed = true },
	[BH_LAYER_NETWORK_NAMESPACE] = { .name = "network-namespace",
	                                 .what = "no network",
	                                 .remedy = MAKE_NAMESPACES,
	                                 .needed = true },
	[BH_LAYER_IPC_NAMESPACE] = { .name = "ipc-namespace",
	                             .what = "no System V or POSIX queues of the host",
	                             .remedy = MAKE_NAMESPACES,
	                             .needed = true },
	[BH_LAYER_UTS_NAMESPACE] = { .name = "uts-namespace",
	                             .what = "a host name of its own",
	                             .remedy = MAKE_NAMESPACES,
	                             .needed = true },
	[BH_LAYER_CGROUP_NAMESPACE] = { .name = "cgroup-namespace",
	                                .what = "no names of the host's cgroups",
	                                .remedy = MAKE_NAMESPACES,
	                                .needed = true },
	[BH_LAYER_CGROUP] = { .name = "cgroup",
	                      .what = "memory, processes and CPU time limited for the batch as a "
	                              "whole",
	                      .remedy =
	                              "run as root, or where a part of the hierarchy is delegated: "
	                              "systemd-run --user --scope -p Delegate=yes …" },
	[BH_LAYER_RLIMITS] = { .name = "rlimits",
	                       .what = "limits for each process",
	                       .remedy = "",
	                       .needed = true },
	[BH_LAYER_CAPABILITIES] = { .name = "capabilities",
	                            .what = "none, and none to be had again",
	                            .remedy = "",
	                            .needed = true },
	[BH_LAYER_NO_NEW_PRIVS] = { .name = "no-new-privs",
	                            .what = "no power from set-user-id programs",
	                            .remedy = "",
	                            .needed = true },
	[BH_LAYER_LANDLOCK] = { .name = "landlock",
	                        .what = "a second wall around files, devices, TCP, sockets and "
	                                "signals",
	                        .remedy = "Linux 5.13 or newer with landlock in its list of LSMs "
	                                  "(kernel "
	                                  "parameter lsm=)" },
	[BH_LAYER_SECCOMP] = { .name = "seccomp",
	                       .what = "forbidden system calls don't run",
	                       .remedy = "a kernel with CONFIG_SECCOMP_FILTER",
	                       .needed = true },
	[BH_LAYER_SECCOMP_NOTIFY] = { .name = "seccomp-notify",
	                              .what = "a forbidden system call is named",
	                              .remedy = "Linux 5.0 or newer; no filter above with a "
	                                        "listener of its "
	                                        "own",
	                              .needed = true },
};

/* One answer; its descriptors, of which there are none, are closed. */
static int receive(int socket, struct bh_message *ret, struct bh_error *err)
{
	struct pollfd polled = { .fd = socket, .events = POLLIN };
	int fds[BH_CHANNEL_MAX_FDS];
	int r;

	do
		r = poll(&polled, 1, PATIENCE_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return bh_fail(err, ETIMEDOUT, "wait for the launcher's probe");
	r = bh_channel_receive(socket, ret, sizeof(*ret), fds, err);
	for (size_t i = 0; i < BH_CHANNEL_MAX_FDS; i++)
		bh_fd_done(&fds[i]);
	if (r == 0)
		return bh_fail(err, EPIPE, "the launcher ended while it probed");
	return r < 0 ? r : 0;
}

static int take_layer(const struct bh_message *message, struct bh_layer *layers,
                      struct bh_error *err)
{
	if (message->type != BH_MESSAGE_LAYER || message->id >= BH_LAYERS)
		return bh_fail(err, EPROTO, "the launcher sent a message of type %u",
		               message->type);
	struct bh_layer *layer = &layers[message->id];
	layer->available = message->layer.code == 0;
	snprintf(layer->detail, sizeof(layer->detail), "%.*s", BH_LAYER_DETAIL_SIZE - 1,
	         message->layer.detail);
	return 0;
}

static int ask(int socket, struct bh_layer *layers, struct bh_error *err)
{
	struct bh_message message = { .type = BH_MESSAGE_PROBE };

	int r = bh_channel_send(socket, &message, sizeof(message), NULL, 0, err);
	if (r == 0)
		r = receive(socket, &message, err);
	while (r == 0 && message.type != BH_MESSAGE_READY) {
		r = take_layer(&message, layers, err);
		if (r == 0)
			r = receive(socket, &message, err);
	}
	return r;
}

int bh_sandbox_probe(const char *launcher, struct bh_layer **ret, size_t *ret_n,
                     struct bh_error *err)
{
	BH_CLEANUP(bh_free_done) struct bh_layer *layers = calloc(BH_LAYERS, sizeof(*layers));
	struct bh_launched launched = BH_LAUNCHED_UNSET;

	if (!layers)
		return bh_fail(err, ENOMEM, "list of layers");
	for (size_t i = 0; i < BH_LAYERS; i++)
		layers[i] = known[i];
	int r = bh_launch(launcher, false, &launched, err);
	if (r == 0)
		r = ask(launched.socket, layers, err);
	bh_launched_end(&launched, false);
	if (r < 0)
		return r;
	*ret = BH_TAKE(layers, NULL);
	*ret_n = BH_LAYERS;
	return 0;
}
