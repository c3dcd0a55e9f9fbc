/* SPDX-License-Identifier: Apache-2.0 */

/* row_layers.c: what each layer of isolation costs a batch: the cold batch with
 * everything, less the same with one layer left out, in parts of the floor. All
 * launchers are up at the same time and take turns. See without.h. */

#include <stdio.h>
#include <string.h>

#include "ipc/wire/base.h"
#include "tests/bench/floor.h"
#include "tests/bench/runner.h"
#include "tests/bench/without.h"

#define ENTRY_BYTES 4096

enum layer {
	CGROUP,
	CGROUP_NAMESPACE,
	OWN_ID,
	RLIMITS,
	CAPABILITIES,
	LANDLOCK,
	SECCOMP,
	LAYERS,
};

static const struct {
	const char *name; /* of the launcher, too */
	const char *what;
} layers[LAYERS] = {
	[CGROUP] = { "cgroup", "joining a cgroup and reading what it counted" },
	[CGROUP_NAMESPACE] = { "cgroup-namespace", "a cgroup namespace" },
	[OWN_ID] = { "own-id", "ids that own nothing" },
	[RLIMITS] = { "rlimits", "resource limits" },
	[CAPABILITIES] = { "capabilities", "dropping capabilities" },
	[LANDLOCK] = { "landlock", "Landlock" },
	[SECCOMP] = { "seccomp", "the filter of system calls, with its listener" },
};

enum side_id {
	FLOOR,      /* vfork+execveat+wait */
	EVERYTHING, /* as users run it */
	NOTHING,    /* the launcher of the bench that leaves nothing out */
	NONE,       /* --isolate none */
	FIRST_LAYER,
	SIDES = FIRST_LAYER + LAYERS,
};

struct cast {
	struct corpus corpus;
	struct floor floor;
	struct runner runners[SIDES]; /* but FLOOR */
	double us[SIDES][MEASURE_MAX_ROUNDS];
};

static void cast_done(struct cast *cast)
{
	for (size_t i = 0; i < SIDES; i++)
		runner_done(&cast->runners[i]);
	floor_done(&cast->floor);
	corpus_done(&cast->corpus);
}

static int open_without(struct cast *cast, size_t side, const char *layer, struct bh_error *err)
{
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	char path[4096];

	snprintf(path, sizeof(path), "%s/" WITHOUT_PREFIX "%s", BH_BIN, layer);
	options.jobs = 1;
	options.launcher = path;
	return runner_open_with(&cast->runners[side], "noop", &cast->corpus, options, err);
}

static int open_unisolated(struct cast *cast, struct bh_error *err)
{
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;

	options.jobs = 1;
	options.isolation = BH_ISOLATION_NONE;
	return runner_open_with(&cast->runners[NONE], "noop", &cast->corpus, options, err);
}

static int cast_open(struct cast *cast, struct bh_error *err)
{
	int r = corpus_make(&cast->corpus, 1, ENTRY_BYTES, 1, 1, err);

	if (r == 0)
		r = floor_open(&cast->floor, BH_HANDLERS "/noop", &cast->corpus, err);
	if (r == 0)
		r = runner_open(&cast->runners[EVERYTHING], "noop", &cast->corpus, 1, err);
	if (r == 0)
		r = open_without(cast, NOTHING, WITHOUT_NOTHING, err);
	if (r == 0)
		r = open_unisolated(cast, err);
	for (size_t i = 0; r == 0 && i < LAYERS; i++)
		r = open_without(cast, FIRST_LAYER + i, layers[i].name, err);
	return r;
}

static void add_whole(struct cast *cast, size_t side, const char *name, const char *work,
                      size_t rounds, struct bench_report *report)
{
	struct bench_figure figure = { .unit = "us" };

	snprintf(figure.name, sizeof(figure.name), "%s", name);
	snprintf(figure.work, sizeof(figure.work), "%s", work);
	measure_add(cast->us[FLOOR], cast->us[side], rounds, figure, report);
}

static void add_layer(struct cast *cast, size_t layer, size_t rounds, struct bench_report *report)
{
	const double *with = cast->us[NOTHING];
	const double *without = cast->us[FIRST_LAYER + layer];
	struct bench_figure figure = { .unit = "us" };
	double costs[MEASURE_MAX_ROUNDS];

	for (size_t i = 0; i < rounds; i++)
		costs[i] = with[i] - without[i];
	snprintf(figure.name, sizeof(figure.name), "layer-%s", layers[layer].name);
	snprintf(figure.work, sizeof(figure.work), "adds: %s", layers[layer].what);
	measure_add(cast->us[FLOOR], costs, rounds, figure, report);
}

static void add_figures(struct cast *cast, size_t rounds, struct bench_report *report)
{
	add_whole(cast, EVERYTHING, "layers", "the cold batch with every layer", rounds, report);
	add_whole(cast, NOTHING, "layers-control",
	          "the same by a launcher that could leave one out, and doesn't", rounds, report);
	add_whole(cast, NONE, "layers-none", "the same with isolation none", rounds, report);
	for (size_t i = 0; i < LAYERS; i++)
		add_layer(cast, i, rounds, report);
}

int bench_layers(const struct bench_options *options, struct bench_report *report,
                 struct bh_error *err)
{
	const struct schedule schedule = { .rounds = options->is_short ? 2 : MEASURE_MAX_ROUNDS,
		                           .work_times = options->is_short ? 2 : 10 };
	BH_CLEANUP(cast_done) struct cast cast = { .floor = FLOOR_UNSET };
	struct side sides[SIDES];

	int r = cast_open(&cast, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < SIDES; i++)
		sides[i] = (struct side){ runner_run, &cast.runners[i] };
	sides[FLOOR] = (struct side){ floor_run, &cast.floor };
	r = measure_sides(&schedule, sides, SIDES, cast.us, err);
	if (r == 0)
		add_figures(&cast, schedule.rounds, report);
	return r;
}

/* ---- what is paid once ---- */

struct starter {
	const struct corpus *corpus;
	enum bh_isolation isolation;
};

static int start_and_end(void *userdata, size_t n, uint64_t *ns, struct bh_error *err)
{
	const struct starter *starter = userdata;
	struct bh_executor_options options = BH_EXECUTOR_DEFAULT;
	uint64_t begun_ns = measure_now_ns();
	int r = 0;

	options.jobs = 1;
	options.isolation = starter->isolation;
	for (size_t i = 0; r == 0 && i < n; i++) {
		BH_CLEANUP(runner_done) struct runner runner = { .executor = NULL };
		r = runner_open_with(&runner, "noop", starter->corpus, options, err);
	}
	*ns += measure_now_ns() - begun_ns;
	return r;
}

int bench_start(const struct bench_options *options, struct bench_report *report,
                struct bh_error *err)
{
	const struct schedule schedule = {
		.rounds = options->is_short ? 1 : 40, .chunks = 1, .floor_times = 1, .work_times = 1
	};
	const struct bench_figure figure = {
		.name = "start",
		.work = "an executor and its launcher, over one with isolation none",
	};
	BH_CLEANUP(corpus_done) struct corpus corpus = { .store = NULL };
	struct starter none = { &corpus, BH_ISOLATION_NONE };
	struct starter strict = { &corpus, BH_ISOLATION_STRICT };

	int r = corpus_make(&corpus, 1, ENTRY_BYTES, 1, 1, err);
	if (r < 0)
		return r;
	return measure(&schedule, (struct side){ start_and_end, &none },
	               (struct side){ start_and_end, &strict }, SCALE_US, 0, figure, report, err);
}
