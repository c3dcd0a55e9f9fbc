/* SPDX-License-Identifier: Apache-2.0 */

/* executor_sandbox.c: an executor's launcher. */

#include "ipc/wire/base.h"
#include "sandbox/client.h"
#include "supervisor/executor_internal.h"

int bh_executor_start_sandbox(struct bh_executor *executor, char stage[BH_STAGE_TEXT_SIZE],
                              struct bh_error *err)
{
	const struct bh_sandbox_options options = {
		.launcher = executor->launcher,
		.isolation = executor->isolation,
		.limits = executor->rules.limits,
		.handler_fd = executor->program.fd,
		.handler_name = executor->program.name,
		.handler_path = executor->program.path,
		.args = (const char *const *)executor->program.args,
		.env = (const char *const *)executor->program.env,
		.profile = &executor->profile,
		.max_running = executor->n_slots,
		.bounds = executor->binds.items,
		.n_bounds = executor->binds.n,
		.scratch_bytes = executor->scratch_bytes,
		.warm = executor->warm,
		.tell_started = executor->audience.on_event,
		.max_reuse = executor->max_reuse,
		.python_dir = executor->python.dir,
	};
	struct bh_sandbox *made;

	int r = bh_sandbox_start(&options, &made, stage, err);
	if (r < 0)
		return r;
	struct bh_source source = { .kind = BH_SOURCE_SANDBOX,
		                    .generation = ++executor->sandbox_generation };
	r = bh_loop_add(&executor->loop, bh_sandbox_fd(made), source, err);
	if (r < 0) {
		bh_sandbox_free(made);
		return r;
	}
	executor->sandbox = made;
	return 0;
}

void bh_executor_drop_sandbox(struct bh_executor *executor)
{
	for (size_t i = 0; i < executor->n_slots; i++)
		bh_attempt_close_listener(&executor->slots[i].attempt);
	if (executor->sandbox)
		bh_loop_remove(&executor->loop, bh_sandbox_fd(executor->sandbox));
	bh_sandbox_free(executor->sandbox);
	executor->sandbox = NULL;
	executor->sandbox_error = BH_ERROR_UNSET;
}

void bh_executor_give_up_sandbox(struct bh_executor *executor, const struct bh_error *error)
{
	if (executor->sandbox_error.code == 0)
		executor->sandbox_error = *error;
	if (executor->sandbox_error.code == 0)
		executor->sandbox_error.code = EPROTO;
}

/* All attempts are marked before the first callback runs, which may cancel. */
void bh_executor_lose_sandbox(struct bh_executor *executor)
{
	struct bh_error error = executor->sandbox_error;

	bh_executor_drop_sandbox(executor);
	for (size_t i = 0; i < executor->n_slots; i++)
		if (bh_attempt_is_live(&executor->slots[i].attempt))
			bh_attempt_on_lost(&executor->slots[i].attempt, &error);
	for (size_t i = 0; i < executor->n_slots; i++)
		if (executor->slots[i].attempt.state == BH_ATTEMPT_ENDED)
			bh_executor_settle(executor, &executor->slots[i]);
}

void bh_executor_lose_given_up(struct bh_executor *executor)
{
	if (executor->sandbox_error.code != 0)
		bh_executor_lose_sandbox(executor);
}

bool bh_is_shortage(int code)
{
	return code == ENOMEM || code == EMFILE || code == ENFILE || code == ENOBUFS ||
	       code == ETOOMANYREFS;
}
