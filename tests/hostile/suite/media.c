/* SPDX-License-Identifier: Apache-2.0 */
#include "media.h"

const struct medium media[N_MEDIA] = {
	{ "/tmp", false, ANYONE, true, NULL },
	{ "/var/tmp", false, ANYONE, true, NULL },
	{ "/dev/shm", false, ANYONE, true, NULL }, /* POSIX shared memory and semaphores */
	{ "System V shared memory", false, ANYONE, false, NULL },
	{ "System V semaphores", false, ANYONE, false, NULL },
	{ "System V queue", false, ANYONE, false, NULL },
	{ "POSIX queue", false, ANYONE, false, NULL },
	{ "keyring", false, ANYONE, false, NULL },
	{ "abstract socket", true, ANYONE, false, NULL },
	{ "record lock", true, ANYONE, false, NULL },
	{ "open file lock", true, ANYONE, false, NULL },
	{ "flock", true, ANYONE, false, NULL },
	{ "lease", true, ROOT, false, NULL },
	{ "inotify", true, ANYONE, false, NULL },
	{ "page cache", false, ANYONE, false, NULL },
	{ "futex", true, ANYONE, false,
	  "not promised: two that run at the same time can signal each other by waits on a page of "
	  "a file that both see; no filter can tell them from pthread_join's" },
};
