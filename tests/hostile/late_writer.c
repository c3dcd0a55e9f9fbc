/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostile.h"

/* An orphan that goes on changing the results when the handler has ended. */
void attack(struct attack *a)
{
	finish(a);
	if (fork() == 0) {
		volatile unsigned char *map =
		        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 4, 0);
		pid_t parent = getppid();
		while (getppid() == parent)
			sleep_ms(1);
		for (unsigned int i = 0; i < 20000; i++) {
			map[i % 64] += 1; /* of what was written already */
			sleep_ms(1);
		}
		_exit(0);
	}
	sleep_ms(20);
	exit(0);
}
