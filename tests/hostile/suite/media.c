/* SPDX-License-Identifier: Apache-2.0 */
#include "media.h"

const struct medium media[N_MEDIA] = {
	{ "/tmp", false, ANYONE, NULL },
	{ "/var/tmp", false, ANYONE, NULL },
	{ "/dev/shm", false, ANYONE, NULL }, /* POSIX shared memory and semaphores */
	{ "System V shared memory", false, ANYONE, NULL },
	{ "System V semaphores", false, ANYONE, NULL },
	{ "System V queue", false, ANYONE, NULL },
	{ "POSIX queue", false, ANYONE, NULL },
	{ "keyring", false, ANYONE, NULL },
	{ "abstract socket", true, ANYONE, NULL },
	{ "record lock", true, ANYONE, NULL },
	{ "open file lock", true, ANYONE, NULL },
	{ "flock", true, ANYONE, NULL },
	{ "lease", true, ROOT, NULL },
	{ "inotify", true, ANYONE, NULL },
	{ "page cache", false, ANYONE, NULL },
	{ "futex", true, ANYONE,
	  "not promised: two that run at the same time can signal each other by waits on a page of "
	  "a file that both see; no filter can tell them from pthread_join's" },
};
