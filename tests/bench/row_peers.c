/* SPDX-License-Identifier: Apache-2.0 */

/* row_peers.c: the handler of the cold batch, run once by other programs with
 * what they have of comparable isolation, over bulkhead's cold batch. Each gets
 * the same descriptors 3 and 4, so that the same code runs in it. A peer that
 * takes many tasks at a time is given many, and its own start is shared by them.
 * A peer that isn't installed or doesn't run here is told of with what it said.
 * What each lacks is from its manual page in Debian 12. */

#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "tests/bench/floor.h"
#include "tests/bench/runner.h"

#define ENTRY_BYTES   4096
#define MAX_ARGUMENTS 40
#define TASKS_AT_ONCE 100
#define MOST_SECONDS  60 /* then a peer that hangs is killed */

/* In arguments, replaced by: the folder of a container; one for notes; how many tasks; the tasks
 * one by one. */
#define BUNDLE "@bundle"
#define STATE  "@state"
#define TASKS  "@tasks"
#define LISTED "@list"

static const char handler[] = BH_HANDLERS "/noop";
static const char pool[] = BH_BENCH "/peers/pool.py";

static const struct peer {
	const char *name;
	const char *argv[MAX_ARGUMENTS];
	bool many; /* takes TASKS_AT_ONCE at a time */
	const char *lacks;
} peers[] = {
	{ .name = "unshare",
	  .argv = { "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net",
	            "--ipc", "--uts", "--cgroup", "--mount-proc", "--kill-child", handler },
	  .lacks = "results that survive a crash, cause of death, any limit, seccomp, Landlock, "
	           "a root without the host's files" },
	{ .name = "bubblewrap",
	  .argv = { "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop",
	            "ALL", "--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev",
	            "--ro-bind", handler, "/handler", "/handler" },
	  .lacks = "results that survive a crash, cause of death, any limit, Landlock, a filter of "
	           "its own (--seccomp takes a compiled one; none here)" },
	{ .name = "crun",
	  .argv = { "crun", "--root", STATE, "run", "--bundle", BUNDLE, "--preserve-fds=2",
	            "bulkhead-bench" },
	  .lacks = "results that survive a crash, cause of death, time limits, Landlock; needs a "
	           "bundle for each handler" },
	{ .name = "firejail",
	  .argv = { "firejail", "--quiet", "--noprofile", "--keep-fd=3,4", "--net=none",
	            "--caps.drop=all", "--seccomp", "--nonewprivs", "--private-dev",
	            "--ipc-namespace", handler },
	  .lacks = "results that survive a crash, cause of death, limits for a batch as a whole, "
	           "Landlock; is setuid root" },
	{ .name = "parallel",
	  .argv = { "parallel", "-j1", handler, ":::", LISTED },
	  .many = true,
	  .lacks = "any isolation, limits but time, results that survive a crash" },
	{ .name = "python-pool",
	  .argv = { "/usr/bin/python3", pool, TASKS },
	  .many = true,
	  .lacks = "any isolation, any limit, notice of a child that dies: its task never ends" },
};

#define PEERS BH_COUNT_OF(peers)

/* What a peer is started with. */
struct stage {
	const struct floor *files; /* the context and the results */
	const char *bundle;
	const char *state;
	size_t tasks_at_once;
};

struct player {
	const struct stage *stage;
	const struct peer *peer;
	int said; /* what it says on standard error goes there */
};

/* ---- one run ---- */

static void fill_arguments(const struct player *player, const char *tasks, const char **argv)
{
	for (const char *const *arg = player->peer->argv; *arg; arg++) {
		if (strcmp(*arg, BUNDLE) == 0)
			*argv++ = player->stage->bundle;
		else if (strcmp(*arg, STATE) == 0)
			*argv++ = player->stage->state;
		else if (strcmp(*arg, TASKS) == 0)
			*argv++ = tasks;
		else if (strcmp(*arg, LISTED) == 0)
			for (size_t i = 0; i < player->stage->tasks_at_once; i++)
				*argv++ = "task";
		else
			*argv++ = *arg;
	}
	*argv = NULL;
}

/* In the bench's memory until the exec. */
static _Noreturn void be_peer(const struct player *player, const char *const *argv, int null)
{
	const struct floor *files = player->stage->files;

	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
	    dup2(player->said, STDERR_FILENO) < 0 || dup3(files->context.fd, 3, 0) < 0 ||
	    dup3(files->results.fd, 4, 0) < 0)
		_exit(126);
	alarm(MOST_SECONDS);
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): every peer has a name */
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* Runs the program once, and sees that the handler did its work in it. */
static int run_program(const struct player *player, struct bh_error *err)
{
	const struct floor *files = player->stage->files;
	const char *argv[MAX_ARGUMENTS + TASKS_AT_ONCE];
	char tasks[24];
	int status;

	BH_CLEANUP(bh_fd_done) int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	snprintf(tasks, sizeof(tasks), "%zu", player->stage->tasks_at_once);
	fill_arguments(player, tasks, argv);
	if (null < 0 || lseek(files->context.fd, 0, SEEK_SET) < 0 ||
	    lseek(files->results.fd, 0, SEEK_SET) < 0)
		return bh_fail(err, errno, "prepare a peer's files");
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): the cheapest start */
	pid_t pid = vfork();
	if (pid == 0) /* NOLINTNEXTLINE(clang-analyzer-unix.Vfork): it keeps to itself */
		be_peer(player, argv, null);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return bh_fail(err, errno, "run %s", player->peer->name);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return bh_fail_plain(err, ENOENT, "not installed");
	if (status != 0)
		return bh_fail_plain(err, EPROTO, "it ended with wait status %#x",
		                     (unsigned int)status);
	if (lseek(files->results.fd, 0, SEEK_CUR) <= 0)
		return bh_fail_plain(err, EPROTO, "the handler wrote nothing");
	return 0;
}

static int run_peer(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct player *player = userdata;
	size_t programs = player->peer->many ? 1 : n;
	size_t tasks = player->peer->many ? player->stage->tasks_at_once : n;
	uint64_t begun_ns = measure_now_ns();
	int r = 0;

	for (size_t i = 0; r == 0 && i < programs; i++)
		r = run_program(player, err);
	*ns += (measure_now_ns() - begun_ns) * n / tasks;
	return r;
}

/* ---- which run here ---- */

/* Tells the last line of what it said. */
static void note_refusal(const struct player *player, const struct bh_error *why,
                         struct bench_report *report)
{
	char said[2048];
	ssize_t n = pread(player->said, said, sizeof(said) - 1, 0);

	while (n > 0 && said[n - 1] == '\n')
		n--;
	said[n > 0 ? n : 0] = '\0';
	const char *line = strrchr(said, '\n');
	bench_note(report, "%s does not run here: %s%s%.160s", player->peer->name, why->text,
	           n > 0 ? ": " : "", line ? line + 1 : said);
}

/* Whether it runs here; if not, a note says so. */
static bool try_peer(struct player *player, struct bench_report *report, struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;
	uint64_t ns = 0;

	player->said = memfd_create("said", MFD_CLOEXEC);
	if (player->said < 0)
		return bh_fail(err, errno, "file for what a peer says") == 0;
	int r = run_peer(player, 1, &ns, &why);
	if (r < 0)
		note_refusal(player, &why, report);
	return r == 0;
}

/* ---- the bundle of a container ---- */

static int copy_handler(const char *to_path, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int from = open(handler, O_RDONLY | O_CLOEXEC);
	BH_CLEANUP(bh_fd_done) int to = open(to_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat info;
	off_t at = 0;

	if (from < 0 || to < 0 || fstat(from, &info) < 0)
		return bh_fail(err, errno, "copy the handler to %s", to_path);
	while (at < info.st_size)
		if (sendfile(to, from, &at, (size_t)(info.st_size - at)) <= 0)
			return bh_fail(err, errno, "copy the handler to %s", to_path);
	return 0;
}

/* With bulkhead's own default profile: containers take the same format. */
static int write_config(const char *path, struct bh_error *err)
{
	json_t *config = json_load_file(BH_BENCH "/peers/crun.json", 0, NULL);
	json_t *profile = json_load_file(BH_PROFILES "/compute.json", 0, NULL);

	int r = json_object_set_new(json_object_get(config, "linux"), "seccomp", profile);
	if (r == 0)
		r = json_dump_file(config, path, JSON_INDENT(1));
	json_decref(config);
	return r < 0 ? bh_fail_plain(err, EIO, "write %s", path) : 0;
}

static int make_bundle(const char *bundle, struct bh_error *err)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/rootfs", bundle);
	if (chmod(bundle, 0755) < 0 || mkdir(path, 0755) < 0)
		return bh_fail(err, errno, "make %s", path);
	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/rootfs/%s", bundle, i ? "proc" : "dev");
		if (mkdir(path, 0755) < 0)
			return bh_fail(err, errno, "make %s", path);
	}
	snprintf(path, sizeof(path), "%s/rootfs/handler", bundle);
	int r = copy_handler(path, err);
	snprintf(path, sizeof(path), "%s/config.json", bundle);
	return r < 0 ? r : write_config(path, err);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info;
	(void)type;
	(void)place;
	return remove(path);
}

/* ---- the row ---- */

struct contest {
	struct runner runner;
	struct player players[PEERS];
	struct side sides[1 + PEERS];
	size_t places[1 + PEERS]; /* in `peers`, of each side but the first */
	size_t n_sides;
	double us[1 + PEERS][MEASURE_MAX_ROUNDS];
};

static int gather(struct contest *contest, const struct stage *stage, struct bench_report *report,
                  struct bh_error *err)
{
	struct bh_error why = BH_ERROR_UNSET;

	contest->sides[contest->n_sides++] = (struct side){ runner_run, &contest->runner };
	for (size_t i = 0; i < PEERS; i++) {
		struct player *player = &contest->players[i];
		*player = (struct player){ .stage = stage, .peer = &peers[i] };
		bool runs = try_peer(player, report, &why);
		if (player->said < 0) {
			*err = why;
			return -EMFILE;
		}
		if (!runs)
			continue;
		contest->places[contest->n_sides] = i;
		contest->sides[contest->n_sides++] = (struct side){ run_peer, player };
	}
	return 0;
}

static void add_figures(const struct contest *contest, size_t rounds, struct bench_report *report)
{
	for (size_t i = 1; i < contest->n_sides; i++) {
		const struct peer *peer = &peers[contest->places[i]];
		struct bench_figure figure = { .work = "the same handler once, over a cold batch",
			                       .unit = "us",
			                       .goal = BENCH_AT_LEAST,
			                       .goal_ratio = 1,
			                       .lacks = peer->lacks };
		snprintf(figure.name, sizeof(figure.name), "peer-%s", peer->name);
		measure_add(contest->us[0], contest->us[i], rounds, figure, report);
	}
}

static int compete(const struct bench_options *options, const struct stage *stage,
                   const struct corpus *corpus, struct bench_report *report, struct bh_error *err)
{
	const struct schedule schedule = { .rounds = options->is_short ? 1 : 15,
		                           .work_times = options->is_short ? 1 : 5 };
	struct contest contest = { .n_sides = 0 };

	int r = runner_open(&contest.runner, "noop", corpus, 1, err);
	if (r == 0)
		r = gather(&contest, stage, report, err);
	if (r == 0)
		r = measure_sides(&schedule, contest.sides, contest.n_sides, contest.us, err);
	if (r == 0)
		add_figures(&contest, schedule.rounds, report);
	for (size_t i = 0; i < PEERS; i++)
		if (contest.players[i].peer)
			bh_fd_done(&contest.players[i].said);
	runner_done(&contest.runner);
	return r;
}

int bench_peers(const struct bench_options *options, struct bench_report *report,
                struct bh_error *err)
{
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	BH_CLEANUP(floor_done) struct floor files = FLOOR_UNSET;
	char bundle[] = "/tmp/bulkhead-bench-XXXXXX", state[sizeof(bundle) + 8];
	struct stage stage = { .files = &files,
		               .bundle = bundle,
		               .state = state,
		               .tasks_at_once = options->is_short ? 3 : TASKS_AT_ONCE };

	if (!mkdtemp(bundle))
		return bh_fail(err, errno, "make %s", bundle);
	snprintf(state, sizeof(state), "%s/state", bundle);
	int r = make_bundle(bundle, err);
	if (r == 0)
		r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r == 0)
		r = floor_open(&files, handler, &corpus, err);
	if (r == 0)
		r = compete(options, &stage, &corpus, report, err);
	if (nftw(bundle, remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && r == 0)
		r = bh_fail(err, errno, "remove %s", bundle);
	return r;
}
