/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulkhead/doctor.h"
#include "cli/command.h"
#include "cli/complaint.h"
#include "cli/json_writer.h"
#include "cli/settings.h"
#include "cli/sink.h"
#include "cli/status.h"
#include "ipc/wire/base.h"

static const char *verdict(const struct bh_layer *layer)
{
	if (layer->available)
		return layer->detail[0] ? "partly" : "yes";
	return layer->needed ? "MISSING" : "no";
}

/* Some details say how much there is, not what is lacking. */
static bool is_whole(const struct bh_layer *layer)
{
	return layer->available && strcmp(layer->name, "cgroup") != 0;
}

static void print_table(const struct bh_layer *layers, size_t n)
{
	printf("%-18s %-8s %s\n", "layer", "here", "what it does");
	for (size_t i = 0; i < n; i++) {
		const struct bh_layer *layer = &layers[i];
		printf("%-18s %-8s %s\n", layer->name, is_whole(layer) ? "yes" : verdict(layer),
		       layer->what);
		if (layer->detail[0])
			printf("%-27s (%s)\n", "", layer->detail);
		if (!layer->available && layer->remedy[0])
			printf("%-27s to have it: %s\n", "", layer->remedy);
	}
	printf("\nstrict isolation %s here\n",
	       bh_doctor_strict_works(layers, n) ? "works" : "does not work");
}

static void write_json(struct bh_json *json, const struct bh_layer *layers, size_t n)
{
	bh_json_begin_object(json);
	bh_json_key(json, "strict");
	bh_json_bool(json, bh_doctor_strict_works(layers, n));
	bh_json_key(json, "layers");
	bh_json_begin_array(json);
	for (size_t i = 0; i < n; i++) {
		bh_json_begin_object(json);
		bh_json_key(json, "name");
		bh_json_string(json, layers[i].name);
		bh_json_key(json, "what");
		bh_json_string(json, layers[i].what);
		bh_json_key(json, "needed");
		bh_json_bool(json, layers[i].needed);
		bh_json_key(json, "available");
		bh_json_bool(json, layers[i].available);
		bh_json_key(json, "detail");
		bh_json_string(json, layers[i].detail);
		bh_json_key(json, "remedy");
		bh_json_string(json, layers[i].remedy);
		bh_json_end_object(json);
	}
	bh_json_end_array(json);
	bh_json_end_object(json);
}

static int print_json(const struct bh_layer *layers, size_t n, struct bh_complaint *complaint)
{
	struct bh_json json;
	BH_CLEANUP(bh_free_done) struct bh_sink *sink = malloc(sizeof(*sink));

	if (!sink)
		return bh_complain_memory(complaint);
	bh_sink_init(sink, STDOUT_FILENO);
	bh_json_init(&json, sink);
	write_json(&json, layers, n);
	int r = bh_sink_end_line(sink);
	if (r < 0)
		return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "write layers: %s",
		                   strerrordesc_np(-r));
	return BH_STATUS_OK;
}

static int run_doctor(const struct bh_settings *settings, struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_free_done) struct bh_layer *layers = NULL;
	struct bh_error err = BH_ERROR_UNSET;
	size_t n = 0;

	int r = bh_doctor(NULL, &layers, &n, &err);
	if (r < 0)
		return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "%s", err.text);
	if (settings->json) {
		r = print_json(layers, n, complaint);
		if (r != BH_STATUS_OK)
			return r;
	} else {
		print_table(layers, n);
	}
	return bh_doctor_strict_works(layers, n) ? BH_STATUS_OK : BH_STATUS_FAILED;
}

const struct bh_command bh_command_doctor = {
	.name = "doctor",
	.summary = "say which layers of isolation work here, and what would give the others",
	.usage = "[OPTIONS]",
	.text = "Tries each layer of isolation as this user, in a process of its own. Exit status\n"
	        "0 only where strict isolation works.\n",
	.example = "  bulkhead doctor --json\n",
	.groups = BH_GROUP_DOCTOR,
	.run = run_doctor,
};
