/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <unistd.h>

#include "hostile.h"

static void *stay(void *unused)
{
	for (;;)
		pause();
	return unused;
}

void attack(struct attack *a)
{
	int64_t made = 1;
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	while (made < 2000 && pthread_create(&thread, &small, stay, NULL) == 0)
		made++;
	if (made > number_of(a, "allowed"))
		gain(a, "%lld threads", (long long)made);
	note(a, "made %lld", (long long)made);
}
