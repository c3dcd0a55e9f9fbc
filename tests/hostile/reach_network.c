/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hostile.h"

static const struct {
	const char *way;
	int family, type, protocol;
} kinds[] = {
	{ "IPv4", AF_INET, SOCK_DGRAM, 0 },         { "IPv6", AF_INET6, SOCK_DGRAM, 0 },
	{ "netlink", AF_NETLINK, SOCK_RAW, 0 },     { "packet", AF_PACKET, SOCK_RAW, 0 },
	{ "vsock", AF_VSOCK, SOCK_STREAM, 0 },      { "Unix", AF_UNIX, SOCK_STREAM, 0 },
	{ "raw", AF_INET, SOCK_RAW, IPPROTO_ICMP }, { "key", AF_KEY, SOCK_RAW, 0 },
	{ "crypto", AF_ALG, SOCK_SEQPACKET, 0 },
};

static void connect_to(struct attack *a, const char *what, int family, const void *address,
                       size_t size)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return gain_if(a, "socket", -1);
	gain_if(a, what, connect(fd, address, (socklen_t)size));
}

static void connect_loopback(struct attack *a)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons((uint16_t)number_of(a, "port")),
		                       .sin_addr = { htonl(INADDR_LOOPBACK) } };

	connect_to(a, "loopback", AF_INET, &address, sizeof(address));
}

static void connect_unix(struct attack *a, bool abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char *path = address.sun_path + abstract;

	snprintf(path, sizeof(address.sun_path) - 1, "%s", bait_path(a, "socket"));
	connect_to(a, abstract ? "abstract" : "path", AF_UNIX, &address,
	           offsetof(struct sockaddr_un, sun_path) + abstract + strlen(path) + !abstract);
}

void attack(struct attack *a)
{
	int ends[2];

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (is_way(a, kinds[i].way))
			gain_if(a, kinds[i].way,
			        socket(kinds[i].family, kinds[i].type, kinds[i].protocol));
	if (is_way(a, "loopback"))
		connect_loopback(a);
	else if (is_way(a, "abstract socket"))
		connect_unix(a, true);
	else if (is_way(a, "path socket"))
		connect_unix(a, false);
	else if (is_way(a, "datagram pair"))
		gain_if(a, "socketpair", socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
}
