/* SPDX-License-Identifier: Apache-2.0 */
#include "bait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/check.h"

static int listen_at(int family, const void *address, size_t size)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, address, (socklen_t)size), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static int listen_unix(const struct bait *bait, bool abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path + abstract, sizeof(address.sun_path) - 1, "%s/socket",
	         bait->folder);
	return listen_at(AF_UNIX, &address,
	                 offsetof(struct sockaddr_un, sun_path) + abstract +
	                         strlen(address.sun_path + abstract) + !abstract);
}

static int listen_loopback(struct bait *bait)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(address);

	int fd = listen_at(AF_INET, &address, sizeof(address));
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	bait->port = ntohs(address.sin_port);
	return fd;
}

/* Returns when it has its command line: the pipe is closed by its exec. */
static pid_t start_victim(void)
{
	char nothing;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sleep", "the secret of the host", "300", (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	ck_assert_int_eq(read(ends[0], &nothing, 1), 0);
	close(ends[0]);
	return pid;
}

/* No page of it is in memory, unless somebody runs it. */
static void evict(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
}

const char *bait_base(void)
{
	const char *base = getenv("HOSTILE_FOLDER");

	return base ? base : "/tmp";
}

void bait_init(struct bait *bait)
{
	char path[128];

	*bait = (struct bait){ .port = 0 };
	/* in the control /tmp is another */
	ck_assert(mkdir(bait_base(), 0777) == 0 || errno == EEXIST);
	snprintf(bait->folder, sizeof(bait->folder), "%s/XXXXXX", bait_base());
	ck_assert_ptr_nonnull(mkdtemp(bait->folder));
	ck_assert_int_eq(chmod(bait->folder, 0755), 0);
	ck_assert_int_eq(chdir(bait->folder), 0);
	ck_assert_int_eq(setenv("HOSTILE_SECRET", "the secret of the host", 1), 0);
	snprintf(path, sizeof(path), "%s/secret", bait->folder);
	int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	ck_assert_int_eq(write(fd, "the secret of the host", 22), 22);
	evict("/usr/bin/perl");
	bait->victim = start_victim();
	bait->fds[0] = listen_loopback(bait);
	bait->fds[1] = listen_unix(bait, false);
	bait->fds[2] = listen_unix(bait, true);
	bait->fds[3] = fcntl(fd, F_DUPFD, 77);
	ck_assert_int_ge(bait->fds[3], 77);
	close(fd);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *at)
{
	(void)stat, (void)type, (void)at;
	return remove(path);
}

void bait_done(struct bait *bait)
{
	for (size_t i = 0; i < sizeof(bait->fds) / sizeof(bait->fds[0]); i++)
		close(bait->fds[i]);
	kill(bait->victim, SIGKILL);
	waitpid(bait->victim, NULL, 0);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(nftw(bait->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* CAP_NET_RAW, permitted and effective: capabilities(7), "File capabilities". */
static const unsigned char file_capabilities[20] = { 0x01, 0, 0, 0x02, 0, 0x20 };

void bait_copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	struct stat info;

	ck_assert_msg(in >= 0 && fstat(in, &info) == 0, "%s: %s", from, strerrorname_np(errno));
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, info.st_mode & 0777);
	ck_assert_int_ge(out, 0);
	for (off_t left = info.st_size; left > 0;) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);
		ck_assert_int_gt(n, 0);
		left -= n;
	}
	close(in);
	close(out);
}

const char *bait_copy_program(const struct bait *bait, const char *name, const char *way)
{
	static char path[128];
	static int copies; /* each its own: what runs, or is about to, can't be written to */
	char from[512];

	snprintf(path, sizeof(path), "%s/%s-%d", bait->folder, name, copies++);
	snprintf(from, sizeof(from), "%s/hostile/%s", BH_BUILD_DIR, name);
	bait_copy_file(from, path);
	if (strcmp(name, "be_setuid") != 0)
		return path;
	if (strcmp(way, "set-user-id") == 0)
		ck_assert_int_eq(chmod(path, 06755), 0);
	else if (setxattr(path, "security.capability", file_capabilities, sizeof(file_capabilities),
	                  0) < 0)
		ck_assert_int_ne(geteuid(), 0);
	return path;
}

const char *bait_copy_launcher(const struct bait *bait)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/bulkhead-launcher", bait->folder);
	bait_copy_file(BH_BUILD_DIR "/bin/bulkhead-launcher", path);
	return path;
}

bool bait_is_well(const struct bait *bait)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)bait->victim, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) ==
	               0 &&
	       info.si_pid == 0;
}

struct number {
	const char *name;
	int64_t value;
};

static void pack_text(msgpack_packer *packer, const char *name, const char *text)
{
	msgpack_pack_str_with_body(packer, name, strlen(name));
	msgpack_pack_str_with_body(packer, text, strlen(text));
}

void params_pack(const struct params *params, const struct bait *bait, msgpack_sbuffer *ret)
{
	const struct number numbers[] = {
		{ "port", bait->port },         { "victim", bait->victim },
		{ "bytes", params->bytes },     { "capacity", params->capacity },
		{ "allowed", params->allowed }, { "status", params->status },
		{ "signal", params->signal },   { "control", params->control },
		{ "leaves", params->leaves },   { "stay_ms", params->stay_ms },
		{ "look_ms", params->look_ms },
	};
	size_t n = sizeof(numbers) / sizeof(numbers[0]), n_set = 0;
	msgpack_packer packer;

	for (size_t i = 0; i < n; i++)
		n_set += numbers[i].value != 0;
	msgpack_sbuffer_init(ret);
	msgpack_packer_init(&packer, ret, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, n_set + 4);
	pack_text(&packer, "folder", bait->folder);
	pack_text(&packer, "way", params->way ? params->way : "");
	pack_text(&packer, "mark", params->mark ? params->mark : "");
	pack_text(&packer, "handler", params->handler ? params->handler : "");
	for (size_t i = 0; i < n; i++) {
		if (numbers[i].value == 0)
			continue;
		msgpack_pack_str_with_body(&packer, numbers[i].name, strlen(numbers[i].name));
		msgpack_pack_int64(&packer, numbers[i].value);
	}
}
