/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulkhead/profile.h"
#include "cli/command.h"
#include "cli/complaint.h"
#include "cli/settings.h"
#include "ipc/wire/base.h"

static int list(struct bh_complaint *complaint)
{
	const char *name;

	(void)complaint;
	for (size_t i = 0; (name = bh_profile_name(i)); i++)
		printf("%-10s%s\n", name, bh_profile_summary(name));
	return BH_STATUS_OK;
}

static int show(const char *name, struct bh_complaint *complaint)
{
	const char *text = bh_profile_json(name);

	if (!text)
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "no profile '%s'; bulkhead profiles lists those there are",
		                   name);
	fputs(text, stdout);
	return BH_STATUS_OK;
}

static int explain(const char *profile, const char *call, struct bh_complaint *complaint)
{
	struct bh_error err = BH_ERROR_UNSET;
	char *text = NULL;

	int r = bh_profile_explain(profile, call, &text, &err);
	if (r == -ENOMEM)
		return bh_complain_memory(complaint);
	if (r < 0)
		return bh_complain(complaint, BH_STATUS_INPUT, "%s", err.text);
	fputs(text, stdout);
	free(text);
	return BH_STATUS_OK;
}

static size_t count(char *const *words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

static int dispatch(char *const *words, struct bh_complaint *complaint)
{
	size_t n = count(words);

	if (n == 0)
		return list(complaint);
	if (strcmp(words[0], "show") == 0 && n == 2)
		return show(words[1], complaint);
	if (strcmp(words[0], "explain") == 0 && n == 3)
		return explain(words[1], words[2], complaint);
	return bh_complain(complaint, BH_STATUS_INPUT, "expected bulkhead profiles %s",
	                   bh_command_profiles.usage);
}

static int run_profiles(const struct bh_settings *settings, struct bh_complaint *complaint)
{
	int r = dispatch(settings->operands, complaint);

	if (r != BH_STATUS_OK || fflush(stdout) == 0)
		return r;
	int code = errno;
	return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "write to standard output: %s",
	                   strerrordesc_np(code));
}

const struct bh_command bh_command_profiles = {
	.name = "profiles",
	.summary = "list, show and explain profiles of system calls",
	.usage = "[show NAME | explain NAME|FILE SYSCALL]",
	.text = "Lists the built-in profiles for run --profile. show prints one as JSON, which\n"
	        "container engines read too; explain says what a profile does with a call. A\n"
	        "text with a '/' or that ends in .json is a file, any other a name.\n",
	.example = "  bulkhead profiles explain compute clone\n",
	.may_take_operands = true,
	.run = run_profiles,
};
