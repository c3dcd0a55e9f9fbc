/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_OPTION_H
#define BH_CLI_OPTION_H

/* option.h: command-line options as a table that fills one struct.
 *
 * A row says what an option is called, what it takes and which field of the
 * struct gets it; parsing and the help text both come from the rows. Forms:
 * --name VALUE, --name=VALUE, -nVALUE, -n VALUE, and flags of one letter
 * together (-qu). Names are not abbreviated. Options end at "--" or at the first
 * argument that is none, so a handler's own options are left alone. Of an option
 * given twice the last one counts, but for lists. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bulkhead/error.h"

struct bh_complaint;

/* Borrowed strings, NULL-terminated. */
struct bh_words {
	const char **items; /* owned array */
	size_t n;
};
void bh_words_done(struct bh_words *words);

/* What an option takes, and the type of its field. */
enum bh_option_kind {
	BH_OPTION_FLAG,     /* nothing: bool */
	BH_OPTION_TEXT,     /* const char * */
	BH_OPTION_LIST,     /* struct bh_words: repeatable */
	BH_OPTION_COUNT,    /* uint64_t */
	BH_OPTION_SIZE,     /* uint64_t, bytes */
	BH_OPTION_DURATION, /* uint64_t, microseconds */
	BH_OPTION_CHOICE,   /* unsigned int: index in `choices` */
};

struct bh_option {
	const char *name;
	char letter; /* 0 for none */
	enum bh_option_kind kind;
	unsigned int group;   /* one bit: which commands have it, and under which heading */
	size_t offset;        /* of the field */
	const char *argument; /* as the help shows it */
	const char *help;
	const char *const *choices;        /* NULL-terminated */
	bool takes_none;                   /* "none" is accepted and stored as `most` */
	bool refuses_zero;                 /* of a number */
	uint64_t most;                     /* of a number; 0: UINT64_MAX */
	bool (*accepts)(const char *text); /* of a text; NULL: all */
	const char *expected;              /* what `accepts` wants, in words */
};

struct bh_option_group {
	unsigned int bits; /* of the groups below the heading */
	const char *heading;
};

struct bh_option_table {
	const struct bh_option *options;
	size_t n_options;
	const struct bh_option_group *groups;
	size_t n_groups;
};

/* Parses `arguments` (NULL-terminated, the command's name not included) into
 * `target`, with the options of the groups in `groups`. `*ret_operands` points
 * behind the options. Returns a status of cli/status.h. */
BH_MUST_CHECK
int bh_options_parse(const struct bh_option_table *table, unsigned int groups,
                     char *const *arguments, void *target, char *const **ret_operands,
                     struct bh_complaint *complaint);

/* The help of the options, group by group. */
void bh_options_print(FILE *to, const struct bh_option_table *table, unsigned int groups);

#endif
