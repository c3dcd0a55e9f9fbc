/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "hostile.h"

static void *spin(void *unused)
{
	for (volatile unsigned int i = 0;; i++)
		;
	return unused;
}

/* Uses CPU time for ever, with as many hands as it is let have. */
void attack(struct attack *a)
{
	pthread_t thread;

	if (is_way(a, "ignoring SIGXCPU"))
		signal(SIGXCPU, SIG_IGN);
	for (int i = 0; i < 2; i++) {
		if (is_way(a, "threads"))
			pthread_create(&thread, NULL, spin, NULL);
		else if (is_way(a, "processes") && fork() == 0)
			spin(NULL);
	}
	spin(NULL);
}
