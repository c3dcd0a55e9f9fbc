/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile.h"

/* Writes records until there is no room, and beyond. */
#define RECORD "\x81\xa5start\xa1t"

void attack(struct attack *a)
{
	static char block[1000 * (sizeof(RECORD) - 1)];
	struct stat results;
	ssize_t n;

	for (size_t i = 0; i < sizeof(block); i += sizeof(RECORD) - 1)
		memcpy(block + i, RECORD, sizeof(RECORD) - 1);
	do
		n = write(4, block, sizeof(block));
	while (n > 0 && lseek(4, 0, SEEK_CUR) <= number_of(a, "capacity"));
	if (fstat(4, &results) == 0 && results.st_size > number_of(a, "capacity")) {
		lseek(4, 0, SEEK_SET); /* where there is room to say so */
		return gain(a, "%lld bytes of results", (long long)results.st_size);
	}
	exit(is_way(a, "as if all were well") ? 0 : 1);
}
