/* SPDX-License-Identifier: Apache-2.0 */
#include "region.h"

/* A descriptor that was given for reading, opened again for writing. */
void attack(struct attack *a)
{
	static const char *const paths[] = { "/proc/self/fd/3", "/dev/fd/3",
		                             "/proc/thread-self/fd/3" };
	struct region r = region_of(a);

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = open(paths[i], O_RDWR | O_CLOEXEC);
		if (fd < 0)
			note(a, "%s doesn't open", paths[i]);
		else if (pwrite(fd, "hello", 5, 0) == 5)
			gain(a, "wrote to it");
	}
	gain_if_changed(a, &r);
}
