/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faulty.h"

WAY(multiply_once)
{
	pid_t pid = fork();

	if (pid < 0)
		return say_outcome(handler, task, errno);
	if (pid == 0)
		_exit(0);
	if (waitpid(pid, NULL, 0) < 0)
		return say_outcome(handler, task, errno);
	return say_outcome(handler, task, 0);
}

/* Every process doubles itself once a generation, and never takes no for an
 * answer. Generations and time are bounded, so that it is harmless where nothing
 * holds it: 2^8 processes that sleep for a minute. */
WAY(multiply_without_end)
{
	(void)handler;
	for (int64_t left = param(task, "generations", 8); left > 0;)
		if (fork() >= 0)
			left--;
	sleep(60);
	_exit(1);
}

/* Leaves a grandchild in a session of its own, which holds stdout and the rest
 * open for a minute. */
WAY(multiply_orphan)
{
	pid_t pid = fork();

	if (pid < 0)
		return say_outcome(handler, task, errno);
	if (pid == 0) {
		setsid();
		if (fork() == 0)
			sleep(60);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return say_outcome(handler, task, 0);
}

static void *wait_for_ever(void *unused)
{
	while (pause() < 0)
		;
	return unused;
}

/* The result is {"asked": number, "made": number, "errno": name or nil}. */
WAY(multiply_threads)
{
	int64_t asked = param(task, "count", 16);
	int64_t made = 0;
	int error = 0;
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	while (made < asked && error == 0) {
		error = pthread_create(&thread, &small, wait_for_ever, NULL);
		made += error == 0;
	}
	pthread_attr_destroy(&small);

	bh_record_begin_result(handler, task->id);
	bh_result_map(handler, 3);
	bh_result_key(handler, "asked");
	bh_result_int(handler, asked);
	bh_result_key(handler, "made");
	bh_result_int(handler, made);
	bh_result_key(handler, "errno");
	if (error == 0)
		bh_result_nil(handler);
	else
		bh_result_int(handler, error);
	return bh_record_end(handler);
}
