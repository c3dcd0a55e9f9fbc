/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "hostile.h"

/* A message from one batch to another, by every medium that two processes can
 * have in common. To leave gives 0 where the medium could be used; to find gives 0
 * where it held what was left. */
#define SHARED "/usr/bin/pathchk" /* all see it, and hardly anybody runs it */

static char mark[64];   /* a name that no other run uses */
static int64_t stay_ms; /* how long what ends with its process is left there */

static key_t key_of_mark(void)
{
	key_t key = 0;

	for (const char *c = mark; *c; c++)
		key = key * 31 + *c;
	return key & 0x7fffffff;
}

static int leave_file(const char *folder)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, mark);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	return fd < 0 ? -1 : 0;
}

static int find_file(const char *folder)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, mark);
	int r = access(path, F_OK);
	unlink(path);
	return r;
}

static int leave_tmp(void)
{
	return leave_file("/tmp");
}
static int find_tmp(void)
{
	return find_file("/tmp");
}
static int leave_var_tmp(void)
{
	return leave_file("/var/tmp");
}
static int find_var_tmp(void)
{
	return find_file("/var/tmp");
}
static int leave_dev_shm(void)
{
	return leave_file("/dev/shm");
}
static int find_dev_shm(void)
{
	return find_file("/dev/shm");
}

static int leave_shm(void)
{
	return shmget(key_of_mark(), 4096, IPC_CREAT | 0666);
}
static int find_shm(void)
{
	int id = shmget(key_of_mark(), 0, 0);

	return id < 0 ? -1 : shmctl(id, IPC_RMID, NULL);
}

static int leave_sem(void)
{
	return semget(key_of_mark(), 1, IPC_CREAT | 0666);
}
static int find_sem(void)
{
	int id = semget(key_of_mark(), 0, 0);

	return id < 0 ? -1 : semctl(id, 0, IPC_RMID);
}

static int leave_msg(void)
{
	return msgget(key_of_mark(), IPC_CREAT | 0666);
}
static int find_msg(void)
{
	int id = msgget(key_of_mark(), 0);

	return id < 0 ? -1 : msgctl(id, IPC_RMID, NULL);
}

static const char *queue_name(void)
{
	static char name[66];

	snprintf(name, sizeof(name), "/%s", mark);
	return name;
}

static int leave_queue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };

	return mq_open(queue_name(), O_CREAT | O_RDWR, 0666, &attr) < 0 ? -1 : 0;
}
static int find_queue(void)
{
	return mq_unlink(queue_name());
}

static int abstract_socket(int (*call)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s", mark);
	return fd < 0 ? -1
	              : call(fd, (struct sockaddr *)&address,
	                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                                 strlen(mark)));
}
static int leave_socket(void)
{
	return abstract_socket(bind);
}
static int find_socket(void)
{
	return abstract_socket(connect);
}

static int leave_key(void)
{
	long key = syscall(SYS_add_key, "user", mark, "x", 1, KEY_SPEC_USER_KEYRING);

	if (key >= 0)
		syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, key, 60);
	return key < 0 ? -1 : 0;
}
static int find_key(void)
{
	long key = syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", mark, 0);

	return key < 0 ? -1 : (int)syscall(SYS_keyctl, KEYCTL_UNLINK, key, KEY_SPEC_USER_KEYRING);
}

static int open_shared(void)
{
	return open(SHARED, O_RDONLY | O_CLOEXEC);
}

/* A place in the file of its own, so that runs don't meet. */
static struct flock lock_of_mark(short type)
{
	return (struct flock){ .l_type = type, .l_start = key_of_mark(), .l_len = 1 };
}

static int leave_record_lock(void)
{
	struct flock lock = lock_of_mark(F_RDLCK);

	return fcntl(open_shared(), F_SETLK, &lock);
}
static int leave_ofd_lock(void)
{
	struct flock lock = lock_of_mark(F_RDLCK);

	return fcntl(open_shared(), F_OFD_SETLK, &lock);
}
static int find_lock(void)
{
	struct flock lock = lock_of_mark(F_WRLCK);

	return fcntl(open_shared(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? 0 : -1;
}

/* For one moment: others use the file too. */
static int leave_flock(void)
{
	return flock(open_shared(), LOCK_EX | LOCK_NB);
}
static int find_flock(void)
{
	int fd = open_shared();
	bool is_held = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	close(fd);
	return is_held ? 0 : -1;
}

static int leave_lease(void)
{
	return fcntl(open_shared(), F_SETLEASE, F_RDLCK);
}
static int find_lease(void)
{
	int fd = open(SHARED, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	bool is_held = fd < 0 && errno == EWOULDBLOCK;

	close(fd);
	return is_held ? 0 : -1;
}

/* Who watches learns what others do with the file. */
static int leave_access(void)
{
	int fd = open_shared();

	close(fd);
	return fd < 0 ? -1 : 0;
}
static int find_access(void)
{
	static int watch = -1;
	char events[4096];

	if (watch < 0) {
		watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (inotify_add_watch(watch, SHARED, IN_OPEN) < 0)
			return -1;
	}
	return read(watch, events, sizeof(events)) > 0 ? 0 : -1;
}

/* One waits at an address in the shared file's pages, the other wakes and counts. */
static uint32_t *shared_word(void)
{
	char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, open_shared(), 0);

	return map == MAP_FAILED ? NULL : (uint32_t *)(void *)(map + 64 + key_of_mark() % 512 * 4);
}
static int leave_waiter(void)
{
	uint32_t *word = shared_word();
	struct timespec wait = { .tv_sec = stay_ms / 1000, .tv_nsec = stay_ms % 1000 * 1000000 };

	if (!word)
		return -1;
	syscall(SYS_futex, word, FUTEX_WAIT, *word, &wait, NULL, 0);
	return 0;
}
static int find_waiter(void)
{
	uint32_t *word = shared_word();

	return word && syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0) > 0 ? 0 : -1;
}

/* A page that was read is in memory: who asks for it without waiting learns that.
 * The test takes care that it isn't there before. */
#define CACHED "/usr/bin/perl"
static int read_page(int flags)
{
	static char page[4096];
	struct iovec part = { page, sizeof(page) };
	int fd = open(CACHED, O_RDONLY | O_CLOEXEC);
	struct stat file;

	if (fd < 0 || fstat(fd, &file) < 0)
		return -1;
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* this page and no other */
	ssize_t n = preadv2(fd, &part, 1, file.st_size / 2 & ~(off_t)4095, flags);
	close(fd);
	return n > 0 ? 0 : -1;
}
static int leave_page(void)
{
	return read_page(0);
}
static int find_page(void)
{
	return read_page(RWF_NOWAIT);
}

static const struct {
	const char *way;
	int (*leave)(void);
	int (*find)(void);
} media[] = {
	{ "/tmp", leave_tmp, find_tmp },
	{ "/var/tmp", leave_var_tmp, find_var_tmp },
	{ "/dev/shm", leave_dev_shm, find_dev_shm },
	{ "System V shared memory", leave_shm, find_shm },
	{ "System V semaphores", leave_sem, find_sem },
	{ "System V queue", leave_msg, find_msg },
	{ "POSIX queue", leave_queue, find_queue },
	{ "abstract socket", leave_socket, find_socket },
	{ "keyring", leave_key, find_key },
	{ "record lock", leave_record_lock, find_lock },
	{ "open file lock", leave_ofd_lock, find_lock },
	{ "flock", leave_flock, find_flock },
	{ "lease", leave_lease, find_lease },
	{ "inotify", leave_access, find_access },
	{ "page cache", leave_page, find_page },
	{ "futex", leave_waiter, find_waiter },
};

static void leave(struct attack *a, int (*call)(void))
{
	int r;

	stay_ms = number_of(a, "stay_ms");
	/* who looks for a lock or a lease may hold the file for a moment */
	while ((r = call()) < 0 && errno == EAGAIN && now_ms() < a->from_ms + stay_ms)
		sleep_ms(1);
	if (r < 0)
		return note(a, "nothing was left: %s", strerrorname_np(errno));
	note(a, "left it");
	while (now_ms() < a->from_ms + stay_ms) { /* for media that end with their process */
		sleep_ms(20);
		if (call == leave_access)
			call();
	}
}

static void find(struct attack *a, int (*call)(void))
{
	int64_t until = now_ms() + number_of(a, "look_ms");

	for (;;) {
		if (call() == 0)
			return gain(a, "found it");
		if (now_ms() >= until)
			return;
		sleep_ms(20);
	}
}

void attack(struct attack *a)
{
	snprintf(mark, sizeof(mark), "%s", text_of(a, "mark"));
	for (size_t i = 0; i < sizeof(media) / sizeof(media[0]); i++) {
		if (!is_way(a, media[i].way))
			continue;
		if (number_of(a, "leaves"))
			leave(a, media[i].leave);
		else
			find(a, media[i].find);
	}
}
