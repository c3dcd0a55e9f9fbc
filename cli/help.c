/* SPDX-License-Identifier: Apache-2.0 */
#include "bulkhead/version.h"
#include "cli/command.h"
#include "cli/settings.h"

void bh_help_print(FILE *to)
{
	fprintf(to,
	        "bulkhead %s: runs untrusted handlers in sandboxed processes, a batch at a "
	        "time\n\n"
	        "Usage: bulkhead COMMAND [OPTIONS] …\n\n"
	        "Commands:\n",
	        BH_VERSION);
	for (size_t i = 0; bh_commands[i]; i++)
		fprintf(to, "  %-10s%s\n", bh_commands[i]->name, bh_commands[i]->summary);
	fputs("\n"
	      "  --help      print this, or the help of a command after its name\n"
	      "  --version   print the version\n"
	      "\nExample:\n" BH_EXAMPLE_RUN "\n"
	      "Exit status: 0 all succeeded, 1 a batch or task failed, 2 wrong usage or input\n"
	      "(nothing was started), 3 the infrastructure failed, 128+N stopped by signal N.\n",
	      to);
}

void bh_help_print_command(FILE *to, const struct bh_command *command)
{
	fprintf(to, "Usage: bulkhead %s %s\n\n%s", command->name, command->usage, command->text);
	bh_options_print(to, &bh_settings_table, command->groups | BH_GROUP_HELP);
	fprintf(to, "\nExample:\n%s", command->example);
}
