/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_SETTINGS_H
#define BH_CLI_SETTINGS_H

/* settings.h: everything that the command line can say, as one struct, and the
 * table of the options that say it. Source: docs/cli.md. */

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/executor.h"
#include "bulkhead/limits.h"
#include "bulkhead/planner.h"
#include "bulkhead/retry.h"
#include "cli/option.h"

enum bh_progress_mode {
	BH_PROGRESS_AUTO, /* a bar where standard error is a terminal, else plain */
	BH_PROGRESS_BAR,
	BH_PROGRESS_PLAIN,
	BH_PROGRESS_NONE,
};

struct bh_settings {
	struct bh_words entries;
	const char *tasks; /* NULL where not given, as below */
	const char *batches;
	struct bh_planner_options planner;
	struct bh_limits limits;
	unsigned int isolation; /* enum bh_isolation */
	const char *profile;
	struct bh_words binds;
	uint64_t scratch_bytes; /* 0: none */
	struct bh_words env;
	uint64_t jobs; /* 0: the online CPUs */
	uint64_t retries;
	const char *backoff;   /* as given; NULL for the default */
	const char *retry_on;  /* the same */
	struct bh_retry retry; /* what these three come to */
	unsigned int poison;   /* enum bh_poison */
	bool stop_on_error;
	uint64_t deadline_us; /* of the whole run; BH_UNLIMITED for none */
	bool warm;
	uint64_t reuse; /* 0 where not given */
	bool strict;
	const char *output;
	bool unordered;
	const char *aggregate;
	const char *events;
	unsigned int progress; /* enum bh_progress_mode */
	bool quiet;
	bool verbose;
	bool help;
	bool json;
	char *const *operands; /* NULL-terminated: handler and arguments */
};

void bh_settings_init(struct bh_settings *settings);
void bh_settings_done(struct bh_settings *settings);

/* Groups of options: which a command has. */
#define BH_GROUP_INPUT     1u
#define BH_GROUP_PLANNING  2u
#define BH_GROUP_LIMITS    4u
#define BH_GROUP_ISOLATION 8u
#define BH_GROUP_EXECUTION 16u
#define BH_GROUP_OUTPUT    32u
#define BH_GROUP_WRITING   64u /* the part of the output that plan has too */
#define BH_GROUP_HELP      128u
#define BH_GROUP_DOCTOR    256u

extern const struct bh_option_table bh_settings_table;

/* Parses and checks what no row can check alone. `settings` is initialised. */
BH_MUST_CHECK
int bh_settings_parse(struct bh_settings *settings, unsigned int groups, char *const *arguments,
                      struct bh_complaint *complaint);

#endif
