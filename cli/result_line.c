/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/result_line.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/json_writer.h"
#include "cli/value.h"
#include "ipc/wire/base.h"

void bh_signal_name(int number, char *ret, size_t size)
{
	const char *abbreviation = sigabbrev_np(number);

	if (abbreviation)
		snprintf(ret, size, "SIG%s", abbreviation);
	else if (number >= SIGRTMIN && number <= SIGRTMAX)
		snprintf(ret, size, "SIGRTMIN+%d", number - SIGRTMIN);
	else
		snprintf(ret, size, "SIG%d", number);
}

/* NULL and "" stand for a key that does not apply. */
static void write_text(struct bh_json *json, const char *key, const char *text)
{
	bh_json_key(json, key);
	bh_json_string(json, text && text[0] != '\0' ? text : NULL);
}

static void write_syscall(struct bh_json *json, const struct bh_syscall *call)
{
	bh_json_begin_object(json);
	bh_json_key(json, "name");
	bh_json_string(json, call->name);
	bh_json_key(json, "number");
	bh_json_int(json, call->number);
	bh_json_key(json, "abi");
	bh_json_string(json, call->abi);
	bh_json_key(json, "args");
	bh_json_begin_array(json);
	for (size_t i = 0; i < BH_COUNT_OF(call->args); i++)
		bh_json_hex(json, call->args[i]);
	bh_json_end_array(json);
	bh_json_key(json, "instruction");
	bh_json_hex(json, call->instruction);
	write_text(json, "file", call->file);
	bh_json_key(json, "file_offset");
	if (call->file[0] != '\0')
		bh_json_hex(json, call->file_offset);
	else
		bh_json_null(json);
	bh_json_end_object(json);
}

static void write_cause(struct bh_json *json, const struct bh_outcome *outcome)
{
	char signal[24] = "";

	if (outcome->signal != 0)
		bh_signal_name(outcome->signal, signal, sizeof(signal));
	write_text(json, "signal", signal);
	bh_json_key(json, "exit_status");
	if (outcome->exit_status >= 0)
		bh_json_int(json, outcome->exit_status);
	else
		bh_json_null(json);
	bh_json_key(json, "syscall");
	if (outcome->has_syscall)
		write_syscall(json, &outcome->syscall);
	else
		bh_json_null(json);
}

static void write_error(struct bh_json *json, const struct bh_outcome *outcome)
{
	bh_json_begin_object(json);
	bh_json_key(json, "kind");
	bh_json_string(json, bh_kind_name(outcome->kind));
	bh_json_key(json, "message");
	bh_json_string(json, outcome->message);
	write_cause(json, outcome);
	write_text(json, "stage", outcome->stage);
	write_text(json, "task_id", outcome->task_id);
	bh_json_member_bool(json, "infrastructure", outcome->infrastructure);
	bh_json_member_bool(json, "retryable", outcome->retryable);
	bh_json_end_object(json);
}

static int write_records(struct bh_json *json, const char *key, const struct bh_result *result,
                         bool errors)
{
	bh_json_key(json, key);
	bh_json_begin_object(json);
	for (size_t i = 0; i < result->n_task_results; i++) {
		const struct bh_task_result *record = &result->task_results[i];

		if (record->is_error != errors)
			continue;
		bh_json_key_span(json, record->task_id);
		if (!bh_value_write(json, record->value))
			return -ENOMEM;
	}
	bh_json_end_object(json);
	return 0;
}

static void write_ids(struct bh_json *json, const char *key, const char *const *ids, size_t n)
{
	bh_json_key(json, key);
	bh_json_begin_array(json);
	for (size_t i = 0; i < n; i++)
		bh_json_string(json, ids[i]);
	bh_json_end_array(json);
}

static void write_unknown_ids(struct bh_json *json, const struct bh_result *result)
{
	bh_json_key(json, "unknown_task_ids");
	bh_json_begin_array(json);
	for (size_t i = 0; i < result->n_task_results; i++)
		if (result->task_results[i].is_unknown)
			bh_json_string_span(json, result->task_results[i].task_id);
	bh_json_end_array(json);
}

static void write_attempt(struct bh_json *json, const struct bh_attempt_note *note)
{
	bh_json_begin_object(json);
	write_text(json, "kind", note->kind == BH_KIND_NONE ? NULL : bh_kind_name(note->kind));
	bh_json_member_uint(json, "tasks", note->n_tasks);
	bh_json_member_ms(json, "duration_ms", note->duration_us);
	bh_json_member_ms(json, "delay_ms", note->delay_us);
	write_text(json, "task_id", note->task_id);
	bh_json_end_object(json);
}

/* The library notes attempts where there was more than one; a single one is what
 * the result says. */
static void write_attempt_log(struct bh_json *json, const struct bh_result *result)
{
	const struct bh_attempt_note only = { .kind = result->outcome.kind,
		                              .n_tasks = result->n_tasks,
		                              .duration_us = result->duration_us,
		                              .task_id = result->outcome.task_id };

	bh_json_key(json, "attempt_log");
	bh_json_begin_array(json);
	for (size_t i = 0; i < result->n_attempt_log; i++)
		write_attempt(json, &result->attempt_log[i]);
	if (result->n_attempt_log == 0 && result->attempts > 0)
		write_attempt(json, &only);
	bh_json_end_array(json);
}

static void write_accounts(struct bh_json *json, const struct bh_result *result)
{
	bh_json_member_bool(json, "partial", result->partial);
	write_ids(json, "missing_task_ids", result->missing_task_ids, result->n_missing_task_ids);
	write_unknown_ids(json, result);
	write_ids(json, "missing_ids", result->missing_ids, result->n_missing_ids);
	bh_json_member_uint(json, "duplicate_results", result->duplicate_results);
	bh_json_member_uint(json, "entry_count", result->entry_count);
	bh_json_member_uint(json, "entries_found", result->entries_found);
	bh_json_member_uint(json, "total_tokens", result->total_tokens);
	bh_json_member_uint(json, "attempts", result->attempts);
	bh_json_member_bool(json, "flaky", result->flaky);
	write_attempt_log(json, result);
	bh_json_member_ms(json, "duration_ms", result->duration_us);
}

static void write_usage(struct bh_json *json, const struct bh_usage *usage)
{
	bh_json_key(json, "usage");
	bh_json_begin_object(json);
	bh_json_member_ms(json, "user_ms", usage->user_us);
	bh_json_member_ms(json, "system_ms", usage->system_us);
	bh_json_key(json, "memory_peak_bytes");
	if (usage->memory_peak_bytes > 0)
		bh_json_uint(json, usage->memory_peak_bytes);
	else
		bh_json_null(json);
	bh_json_member_uint(json, "max_rss_bytes", usage->max_rss_bytes);
	bh_json_member_uint(json, "minor_faults", usage->minor_faults);
	bh_json_member_uint(json, "major_faults", usage->major_faults);
	bh_json_member_uint(json, "voluntary_switches", usage->voluntary_switches);
	bh_json_member_uint(json, "involuntary_switches", usage->involuntary_switches);
	bh_json_end_object(json);
}

static void write_output(struct bh_json *json, const struct bh_result *result)
{
	bh_json_key(json, "stdout");
	bh_json_bytes(json, (struct bh_span){ result->out.data, result->out.size });
	bh_json_key(json, "stderr");
	bh_json_bytes(json, (struct bh_span){ result->err.data, result->err.size });
	bh_json_member_uint(json, "stdout_dropped", result->out.dropped);
	bh_json_member_uint(json, "stderr_dropped", result->err.dropped);
}

int bh_result_write(struct bh_json *json, const struct bh_result *result)
{
	bh_json_begin_object(json);
	bh_json_key(json, "batch_id");
	bh_json_string(json, result->batch_id);
	bh_json_member_uint(json, "index", result->index);
	bh_json_member_bool(json, "success", result->success);
	bh_json_key(json, "error");
	if (result->success)
		bh_json_null(json);
	else
		write_error(json, &result->outcome);
	int r = write_records(json, "task_results", result, false);
	if (r == 0)
		r = write_records(json, "task_errors", result, true);
	if (r < 0)
		return r;
	write_accounts(json, result);
	write_usage(json, &result->usage);
	bh_json_key(json, "missing_layers");
	if (result->missing_layers[0])
		bh_json_string(json, result->missing_layers);
	else
		bh_json_null(json);
	bh_json_key(json, "memory_held_by");
	bh_json_string(json, bh_memory_holder_name(result->memory_held_by));
	write_output(json, result);
	bh_json_end_object(json);
	return 0;
}

int bh_aggregate_write(struct bh_json *json, const struct bh_aggregate *aggregate)
{
	bh_json_begin_object(json);
	for (size_t i = 0; i < bh_aggregate_count(aggregate); i++) {
		const struct bh_task_result *record = bh_aggregate_at(aggregate, i);

		bh_json_key_span(json, record->task_id);
		if (!bh_value_write(json, record->value))
			return -ENOMEM;
	}
	bh_json_end_object(json);
	return 0;
}
