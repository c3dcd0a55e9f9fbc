/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "bulkhead/version.h"
#include "cli/command.h"
#include "cli/complaint.h"
#include "cli/settings.h"
#include "ipc/wire/base.h"

const struct bh_command *const bh_commands[] = { &bh_command_run, &bh_command_plan,
	                                         &bh_command_doctor, &bh_command_profiles, NULL };

/* A standard descriptor that the caller closed would become one of our own. What
 * takes its place can't be used for what it is for, so that using it is an error
 * as it would have been. */
static int fill_standard_descriptors(struct bh_complaint *complaint)
{
	static const int flags[] = { O_WRONLY, O_RDONLY, O_WRONLY };

	for (int fd = 0; fd < (int)BH_COUNT_OF(flags); fd++) {
		if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
			continue;
		if (open("/dev/null", flags[fd]) != fd)
			return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE,
			                   "descriptor %d is closed, and /dev/null can't take its "
			                   "place",
			                   fd);
	}
	return BH_STATUS_OK;
}

/* Each running batch takes a handful of descriptors. Where the limit can't be
 * raised, fewer batches run before it is met, which is then told. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		bh_note("raise the limit of descriptors: %s", strerrordesc_np(errno));
}

/* Help and version are output: a full disk must not look like success. */
static int end_output(struct bh_complaint *complaint)
{
	if (fflush(stdout) == 0)
		return BH_STATUS_OK;
	int code = errno;
	return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "write to standard output: %s",
	                   strerrordesc_np(code));
}

static int check_operands(const struct bh_command *command, const struct bh_settings *settings,
                          struct bh_complaint *complaint)
{
	const char *first = settings->operands[0];

	if (command->takes_operands && !first)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "no handler: expected bulkhead %s %s", command->name,
		                   command->usage);
	if (!command->takes_operands && !command->may_take_operands && first)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "'%s' is too much: expected bulkhead %s %s", first,
		                   command->name, command->usage);
	return BH_STATUS_OK;
}

static int run_command(const struct bh_command *command, char *const *arguments,
                       struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_settings_done) struct bh_settings settings;

	bh_settings_init(&settings);
	int r = bh_settings_parse(&settings, command->groups | BH_GROUP_HELP, arguments, complaint);
	if (r != BH_STATUS_OK)
		return r;
	if (settings.help) {
		bh_help_print_command(stdout, command);
		return end_output(complaint);
	}
	r = check_operands(command, &settings, complaint);
	if (r != BH_STATUS_OK)
		return r;
	return command->run(&settings, complaint);
}

static int print_version(struct bh_complaint *complaint)
{
	printf("bulkhead %s (handler ABI %d)\n", BH_VERSION, BH_ABI_VERSION);
	return end_output(complaint);
}

static int dispatch(char *const *arguments, struct bh_complaint *complaint)
{
	const char *name = arguments[0];

	if (!name) {
		bh_help_print(stderr);
		return bh_complain(complaint, BH_STATUS_INPUT, "no command");
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		bh_help_print(stdout);
		return end_output(complaint);
	}
	if (strcmp(name, "--version") == 0)
		return print_version(complaint);
	for (size_t i = 0; bh_commands[i]; i++)
		if (strcmp(bh_commands[i]->name, name) == 0)
			return run_command(bh_commands[i], arguments + 1, complaint);
	return bh_complain(complaint, BH_STATUS_INPUT,
	                   "unknown command '%s'; bulkhead --help lists the commands", name);
}

int bh_program_main(char *const *arguments)
{
	BH_CLEANUP(bh_complaint_done) struct bh_complaint complaint = BH_COMPLAINT_UNSET;

	int status = fill_standard_descriptors(&complaint);
	if (status == BH_STATUS_OK) {
		raise_descriptor_limit();
		status = dispatch(arguments, &complaint);
	}
	if (complaint.text)
		bh_note("%s", complaint.text);
	else if (status == BH_STATUS_INPUT || status == BH_STATUS_INFRASTRUCTURE)
		bh_note("failed");
	return status;
}
