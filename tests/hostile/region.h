/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HOSTILE_REGION_H
#define BH_TESTS_HOSTILE_REGION_H

/* region.h: for attacks on descriptors 3 and 4: which one, and whether it changed. */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile.h"

struct region {
	int fd;
	char before[64];
	struct stat stat;
};

static inline struct region region_of(const struct attack *a)
{
	struct region r = { .fd = is_way(a, "context") ? 3 : 4 };

	if (fstat(r.fd, &r.stat) < 0 || pread(r.fd, r.before, sizeof(r.before), 0) < 0)
		_exit(1);
	return r;
}

/* The size of both and the bytes of the context must stay as they were. */
static inline void gain_if_changed(struct attack *a, const struct region *r)
{
	char after[sizeof(r->before)] = { 0 };
	struct stat now;

	if (fstat(r->fd, &now) < 0 || pread(r->fd, after, sizeof(after), 0) < 0)
		_exit(1);
	if (now.st_size != r->stat.st_size)
		gain(a, "size is %lld", (long long)now.st_size);
	if (memcmp(after, r->before, sizeof(after)) != 0) {
		if (r->fd == 3)
			gain(a, "context changed");
		else
			note(a, "results changed");
	}
}

#endif
