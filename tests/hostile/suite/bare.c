/* SPDX-License-Identifier: Apache-2.0 */
#include "bare.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"

#define MOST_BYTES ((rlim_t)192 << 20) /* of any file: it is the host's memory */
#define STAY_MS    300

/* Long past what anything takes on a slow machine. */
#define MOST_MS        200000
#define MOST_AT_A_TIME 3

/* Exit statuses of what prepares a trial. */
enum { NO_NAMESPACES = 90, NOT_FURNISHED };

/* ---- namespaces ---- */

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return n < 0 ? -1 : 0;
}

static int become_own_root(uid_t uid, gid_t gid)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_text("/proc/self/uid_map", map) < 0 ||
	    write_text("/proc/self/setgroups", "deny") < 0)
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_text("/proc/self/gid_map", map);
}

static int leave_namespaces(void)
{
	int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0)
		return unshare(flags);
	return unshare(flags | CLONE_NEWUSER) < 0 ? -1 : become_own_root(uid, gid);
}

static int raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = ioctl(fd, SIOCSIFFLAGS, &request);

	close(fd);
	return r;
}

/* As pid 1. /tmp and the like are its own, so nothing stays. */
static int furnish(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0 ||
	    mount("tmp", "/var/tmp", "tmpfs", 0, "size=64m") < 0 ||
	    mount("shm", "/dev/shm", "tmpfs", 0, "size=64m") < 0)
		return -1;
	/* the programs may be below /tmp */
	if (strncmp(BH_BUILD_DIR, "/tmp/", 5) != 0 &&
	    mount("tmp", "/tmp", "tmpfs", 0, "size=256m") < 0)
		return -1;
	return raise_loopback();
}

/* ---- one program ---- */

struct bare_child {
	pid_t pid;
	int context, results, out;
};

static int memfd(const void *bytes, size_t size)
{
	int fd = memfd_create("bare", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void pack_key(msgpack_packer *packer, const char *key)
{
	msgpack_pack_str_with_body(packer, key, strlen(key));
}

/* As docs/handler-abi.md describes it. */
static int make_context(const struct params *params, const struct bait *bait)
{
	static const char *const numbers[] = { "abi", "attempt", "entry_count", "total_tokens" };
	msgpack_sbuffer context, inner;
	msgpack_packer packer;

	params_pack(params, bait, &inner);
	msgpack_sbuffer_init(&context);
	msgpack_packer_init(&packer, &context, msgpack_sbuffer_write);
	msgpack_pack_map(&packer, 9);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		pack_key(&packer, numbers[i]);
		msgpack_pack_int(&packer, 1);
	}
	pack_key(&packer, "batch_id");
	pack_key(&packer, "b");
	pack_key(&packer, "timeout_ms");
	msgpack_pack_nil(&packer);
	pack_key(&packer, "missing_ids");
	msgpack_pack_array(&packer, 0);
	pack_key(&packer, "tasks");
	msgpack_pack_array(&packer, 1);
	msgpack_pack_map(&packer, 5);
	pack_key(&packer, "id");
	pack_key(&packer, "t");
	pack_key(&packer, "description");
	pack_key(&packer, "");
	pack_key(&packer, "required_entry_ids");
	msgpack_pack_array(&packer, 0);
	pack_key(&packer, "priority");
	msgpack_pack_int(&packer, 0);
	pack_key(&packer, "params");
	msgpack_sbuffer_write(&context, inner.data, inner.size);
	pack_key(&packer, "entries");
	msgpack_pack_array(&packer, 0);
	int fd = memfd(context.data, context.size);
	msgpack_sbuffer_destroy(&context);
	msgpack_sbuffer_destroy(&inner);
	return fd;
}

static void execute(const struct row *row, const struct bare_child *child, const char *path)
{
	struct rlimit most = { MOST_BYTES, MOST_BYTES };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	if (row->control == CONTROL_BURNS)
		sched_setaffinity(0, sizeof(one), &(cpu_set_t){ .__bits = { ~0ul } });
	setrlimit(RLIMIT_FSIZE, &most);
	setsid(); /* signals to a group would reach the test otherwise */
	dup2(child->out, 1);
	dup2(child->out, 2);
	/* away from 3 and 4 first */
	int context = fcntl(child->context, F_DUPFD_CLOEXEC, 100);
	int results = fcntl(child->results, F_DUPFD_CLOEXEC, 100);
	dup2(context, 3);
	dup2(results, 4);
	if (strcmp(row->program, "be_setuid") == 0 &&
	    (setresgid(12345, 12345, 12345) < 0 || setresuid(12345, 12345, 12345) < 0))
		_exit(126);
	execl(path, path, (char *)NULL);
	_exit(127);
}

static struct bare_child start(const struct row *row, const struct params *params,
                               const struct bait *bait)
{
	/* a file of the bait's, so that nothing else can be overwritten */
	const char *path = bait_copy_program(bait, row->program, row->way);
	struct bare_child child = { .context = make_context(params, bait),
		                    .results = memfd("", 0),
		                    .out = memfd("", 0) };

	child.pid = fork();
	ck_assert_int_ge(child.pid, 0);
	if (child.pid == 0)
		execute(row, &child, path);
	return child;
}

/* ---- what became of it ---- */

static bool ends_within(pid_t pid, int64_t ms)
{
	siginfo_t info = { .si_pid = 0 };

	for (int64_t i = 0; i < ms / 5; i++) {
		waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
		if (info.si_pid != 0)
			return true;
		usleep(5000);
	}
	return false;
}

/* In milliseconds: user and system time of the process. */
static int64_t cpu_ms_of(pid_t pid)
{
	clockid_t clock;
	struct timespec used;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		return 0;
	return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* Whether it has done, running on, what it has to do to do harm. */
static bool has_harmed(const struct row *row, const struct bare_child *child)
{
	struct stat printed;

	if (row->control == CONTROL_BURNS)
		return cpu_ms_of(child->pid) > (int64_t)row->cpu_ms;
	return row->control == CONTROL_FLOODS && fstat(child->out, &printed) == 0 &&
	       printed.st_size > 2 << 20;
}

static void await(const struct row *row, const struct bare_child *child, struct bare *ret)
{
	int64_t most_ms = row->control == CONTROL_STAYS ? STAY_MS : MOST_MS;

	ret->stayed = true;
	for (int64_t ms = 0; ms < most_ms && ret->stayed && !has_harmed(row, child); ms += 20)
		ret->stayed = !ends_within(child->pid, 20);
	ret->cpu_ms = cpu_ms_of(child->pid);
	if (ret->stayed && row->stay_signal) {
		kill(child->pid, row->stay_signal);
		ret->stayed = !ends_within(child->pid, STAY_MS);
	}
	if (!ret->stayed)
		waitpid(child->pid, &ret->wait_status, 0);
}

static uint64_t sum_of(int fd)
{
	unsigned char bytes[4096];
	uint64_t sum = 0;
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

	for (ssize_t i = 0; i < n; i++)
		sum = sum * 31 + bytes[i];
	return sum;
}

/* Kills what is left. */
static void end_all(struct bare *ret)
{
	ret->survivors = count_descendants() - 1; /* the victim */
	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		kill(-1, SIGKILL); /* of this namespace; spares pid 1 and this process */
		usleep(1000);
	}
}

/* The last record with a result, as the handler wrote it. */
static void read_results(const struct bare_child *child, struct bare *ret)
{
	struct stat stat;
	msgpack_unpacked record;
	size_t offset = 0;

	fstat(child->results, &stat);
	ret->size = stat.st_size;
	ret->offset = lseek(child->results, 0, SEEK_CUR);
	fstat(child->out, &stat);
	ret->printed = stat.st_size;
	size_t size = (size_t)ret->size < 1 << 20 ? (size_t)ret->size : 1 << 20;
	char *bytes = malloc(size + 1);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_ge(pread(child->results, bytes, size, 0), 0);
	msgpack_unpacked_init(&record);
	msgpack_unpack_return r;
	while ((r = msgpack_unpack_next(&record, bytes, size, &offset)) == MSGPACK_UNPACK_SUCCESS) {
		const msgpack_object_map *map = &record.data.via.map;
		if (record.data.type != MSGPACK_OBJECT_MAP || map->size != 2)
			continue;
		msgpack_sbuffer value;
		msgpack_packer packer;
		msgpack_sbuffer_init(&value);
		msgpack_packer_init(&packer, &value, msgpack_sbuffer_write);
		msgpack_pack_object(&packer, map->ptr[1].val);
		ret->report = report_read(value.data, value.size);
		msgpack_sbuffer_destroy(&value);
	}
	ret->unpacked = r != MSGPACK_UNPACK_PARSE_ERROR;
	msgpack_unpacked_destroy(&record);
	free(bytes);
}

static void observe(const struct row *row, struct bare_child *child, struct bare *ret)
{
	await(row, child, ret);
	if (row->control == CONTROL_CHANGES) {
		uint64_t before = sum_of(child->results);
		usleep(200000);
		ret->changed = sum_of(child->results) != before;
	}
	end_all(ret);
	read_results(child, ret);
}

/* ---- the process in the namespaces ---- */

static struct params params_of_row(const struct row *row, const struct bait *bait)
{
	static char handler[128];

	snprintf(handler, sizeof(handler), "%s/secret", bait->folder); /* stands for it */
	return (struct params){ .way = row->way,
		                .handler = handler,
		                .bytes = row->bytes,
		                .capacity = TRIAL_CAPACITY,
		                .allowed = row->allowed,
		                .status = row->status,
		                .signal = row->signal,
		                .control = 1 };
}

static void run_pair(const struct bare_trial *trial, const struct bait *bait, struct bare *ret)
{
	struct params params = {
		.way = trial->row.way, .mark = "bulkhead-hostile-control", .control = 1, .leaves = 1
	};

	if (trial->together)
		params.stay_ms = 5000;
	struct bare_child leaver = start(&trial->row, &params, bait);
	if (!trial->together)
		ends_within(leaver.pid, MOST_MS);
	params.leaves = 0;
	params.look_ms = 3000;
	struct bare_child finder = start(&trial->row, &params, bait);
	observe(&trial->row, &finder, ret);
}

static void run_inside(const struct bare_trial *trial, struct bare *ret)
{
	struct bait bait;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	bait_init(&bait);
	if (strcmp(trial->row.program, "overwrite") == 0)
		bait_copy_launcher(&bait);
	if (trial->pair) {
		run_pair(trial, &bait, ret);
	} else {
		struct params params = params_of_row(&trial->row, &bait);
		struct bare_child child = start(&trial->row, &params, &bait);
		observe(&trial->row, &child, ret);
	}
	bait_done(&bait);
}

/* pid 1 of the namespace, which attacks can't kill and can't stop either: where they
 * are to stop their parent, that is another. */
static _Noreturn void be_first(const struct bare_trial *trial, struct bare *ret)
{
	bool stops_parent = trial && trial->row.way && strcmp(trial->row.way, "parent") == 0;
	int status = 0;

	if (furnish() < 0)
		_exit(NOT_FURNISHED);
	if (!trial)
		_exit(0);
	pid_t worker = stops_parent ? fork() : 0;
	if (worker == 0) {
		run_inside(trial, ret);
		_exit(0);
	}
	while (waitpid(-1, &status, 0) != worker)
		;
	_exit(status == 0 ? 0 : 1);
}

/* With no trial only what is around it. */
static _Noreturn void run_trial(const struct bare_trial *trial, struct bare *ret)
{
	int status = 0;

	if (leave_namespaces() < 0)
		_exit(NO_NAMESPACES);
	pid_t first = fork();
	if (first == 0)
		be_first(trial, ret);
	if (first < 0 || waitpid(first, &status, 0) < 0)
		_exit(NO_NAMESPACES);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 9);
}

const char *bare_lacks(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		run_trial(NULL, NULL);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status == NO_NAMESPACES << 8)
		return "no namespaces of their own can be made";
	return status == 0 ? NULL : "no mounts and no loopback of their own can be had";
}

/* Waits for one of those that run; its place. */
static size_t await_one(const pid_t *pids, size_t n, const struct bare_trial *trials)
{
	int status;
	pid_t pid = wait(&status);
	size_t i = 0;

	while (i < n && pids[i] != pid)
		i++;
	ck_assert_uint_lt(i, n);
	ck_assert_msg(status == 0, "the control of %s broke: %x", row_name(&trials[i].row),
	              (unsigned int)status);
	return i;
}

void bare_run(const struct bare_trial *trials, size_t n, struct bare *ret)
{
	size_t size = n * sizeof(*ret), running = 0;
	struct bare *shared =
	        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t *pids = calloc(n, sizeof(*pids));

	ck_assert(shared != MAP_FAILED && pids);
	fflush(stdout);
	for (size_t i = 0; i < n; i++) {
		if (running == MOST_AT_A_TIME) {
			await_one(pids, i, trials);
			running--;
		}
		pids[i] = fork();
		ck_assert_int_ge(pids[i], 0);
		if (pids[i] == 0)
			run_trial(&trials[i], &shared[i]);
		running++;
	}
	while (running-- > 0)
		await_one(pids, n, trials);
	memcpy(ret, shared, size);
	munmap(shared, size);
	free(pids);
}
