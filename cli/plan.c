/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "cli/batches.h"
#include "cli/command.h"
#include "cli/complaint.h"
#include "cli/inputs.h"
#include "cli/json_writer.h"
#include "cli/settings.h"
#include "cli/sink.h"
#include "cli/target.h"
#include "ipc/wire/base.h"

static int write_batches(const struct bh_inputs *inputs, struct bh_sink *sink,
                         struct bh_complaint *complaint)
{
	struct bh_json json;

	bh_json_init(&json, sink);
	for (size_t i = 0; i < inputs->n_batches; i++) {
		json.need_comma = false;
		if (bh_batch_write(&json, &inputs->batches[i]) < 0) {
			bh_sink_abandon_line(sink);
			return bh_complain_memory(complaint);
		}
		int r = bh_sink_end_line(sink);
		if (r < 0)
			return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "write batches: %s",
			                   strerrordesc_np(-r));
	}
	return BH_STATUS_OK;
}

static int run_plan(const struct bh_settings *settings, struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_inputs_done) struct bh_inputs inputs = BH_INPUTS_UNSET;
	BH_CLEANUP(bh_fd_done) int fd = -1;
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct bh_sink sink;

	int r = bh_inputs_load(&inputs, settings, complaint);
	if (r == BH_STATUS_OK)
		r = bh_target_open(settings->output, &fd, complaint);
	if (r != BH_STATUS_OK)
		return r;
	sigaction(SIGPIPE, &ignore, NULL);
	bh_sink_init(&sink, fd);
	return write_batches(&inputs, &sink, complaint);
}

const struct bh_command bh_command_plan = {
	.name = "plan",
	.summary = "print the batches that run would make, and run nothing",
	.usage = "[OPTIONS]",
	.text = "Reads entries and tasks as run does and prints the batches, one JSON object a\n"
	        "line. Each line can be given to run --batches as it is.\n",
	.example =
	        "  printf '{\"id\": \"%s\", \"source\": \"demo\", \"content\": \"\"}\\n' a b c |\n"
	        "    bulkhead plan --entries - --max-entries 2\n",
	.groups = BH_GROUP_INPUT | BH_GROUP_PLANNING | BH_GROUP_WRITING,
	.run = run_plan,
};
