/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_CLI_COMMAND_H
#define BH_CLI_COMMAND_H

/* command.h: the commands of the program, one file each. */

#include <stdbool.h>
#include <stdio.h>

#include "bulkhead/error.h"

struct bh_complaint;
struct bh_settings;

struct bh_command {
	const char *name;
	const char *summary;    /* one line */
	const char *usage;      /* after "bulkhead NAME" */
	const char *text;       /* what it does, for its help */
	const char *example;    /* runs as written */
	unsigned int groups;    /* of options */
	bool takes_operands;    /* one at least */
	bool may_take_operands; /* what they are is the command's own business */
	int (*run)(const struct bh_settings *settings, struct bh_complaint *complaint);
};

extern const struct bh_command bh_command_run;
extern const struct bh_command bh_command_plan;
extern const struct bh_command bh_command_profiles;
extern const struct bh_command bh_command_doctor;

/* All commands, NULL-terminated. */
extern const struct bh_command *const bh_commands[];

/* Runs the program but for reading `argv[0]`. Returns the exit status. */
BH_MUST_CHECK
int bh_program_main(char *const *arguments);

/* A handler in one line of shell: its two records are MessagePack, one with 5 as
 * the result of task "a" and one that says done. */
#define BH_EXAMPLE_RUN                                                               \
	"  echo '{\"id\": \"a\", \"source\": \"demo\", \"content\": \"hello\"}' |\n" \
	"    bulkhead run --entries - -- /bin/sh -c \\\n"                            \
	"    'printf \"\\202\\244task\\241a\\246result\\005\\201\\244done\\303\" >&4'\n"

/* help.c */
void bh_help_print(FILE *to);
void bh_help_print_command(FILE *to, const struct bh_command *command);

#endif
