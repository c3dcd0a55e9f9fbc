/* SPDX-License-Identifier: Apache-2.0 */
/* greedy WAY [NUMBER]: a handler that takes all it can get of one thing. Knows
 * nothing of contexts and results, so it is never a success. */

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHUNK ((size_t)1 << 20)

static void *take(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(3);
	return memory;
}

static void take_heap(long unused)
{
	(void)unused;
	for (;;)
		memset(take(CHUNK), 1, CHUNK);
}

/* The stacks of many threads, each touched to its end. */
static void *use_stack(void *used)
{
	volatile char here[CHUNK * 6];

	for (size_t i = 0; i < sizeof(here); i += 4096)
		here[i] = 1;
	sem_post(used);
	pause();
	return used;
}

static void take_stack(long unused)
{
	pthread_t thread;
	sem_t used; /* one after the other: memory has to end before threads do */

	(void)unused;
	sem_init(&used, 0, 0);
	while (pthread_create(&thread, NULL, use_stack, &used) == 0)
		sem_wait(&used);
	exit(3);
}

static void take_memfd(long unused)
{
	static char bytes[1 << 20];
	int fd = memfd_create("greedy", 0);

	(void)unused;
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	exit(3);
}

static void take_pipes(long unused)
{
	static char bytes[1 << 16];
	int ends[2];

	(void)unused;
	while (pipe(ends) == 0)
		if (write(ends[1], bytes, sizeof(bytes)) < 0)
			exit(3);
	exit(4); /* descriptors came to their end first */
}

/* One page in each 2 MiB: a page table for every page of memory. */
static void take_page_tables(long unused)
{
	(void)unused;
	for (;;) {
		size_t size = (size_t)1 << 30;
		char *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			exit(3);
		for (size_t at = 0; at < size; at += (size_t)2 << 20)
			if (*(volatile char *)(memory + at) != 0)
				exit(4);
	}
}

/* A child takes it all; the handler waits and goes on. */
static void take_in_child(long unused)
{
	pid_t child = fork();

	if (child == 0)
		take_heap(unused);
	waitpid(child, NULL, 0);
	exit(5);
}

static void take_processes(long unused)
{
	(void)unused;
	for (;;)
		if (fork() < 0 && errno != EAGAIN)
			exit(3);
}

static void *sleep_on(void *unused)
{
	pause();
	return unused;
}

static void take_threads(long unused)
{
	pthread_attr_t attr;
	pthread_t thread;

	(void)unused;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	while (pthread_create(&thread, &attr, sleep_on, NULL) == 0)
		;
	exit(3);
}

static void *spin(void *unused)
{
	for (volatile unsigned int i = 0;; i++)
		;
	return unused;
}

static void spin_in_threads(long count)
{
	pthread_t thread;

	signal(SIGXCPU, SIG_IGN);
	for (long i = 1; i < count; i++)
		if (pthread_create(&thread, NULL, spin, NULL) != 0)
			exit(3);
	spin(NULL);
}

static void spin_in_processes(long count)
{
	signal(SIGXCPU, SIG_IGN);
	for (long i = 1; i < count; i++)
		if (fork() == 0)
			spin(NULL);
	spin(NULL);
}

/* Many short lives: no process has used much when the sum is large. */
static void spin_in_short_lives(long unused)
{
	(void)unused;
	for (;;) {
		pid_t child = fork();
		if (child == 0) {
			for (volatile unsigned int i = 0; i < 20u * 1000 * 1000; i++)
				;
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

/* Takes so many MiB, and ends. */
static void take_some(long mebibytes)
{
	memset(take((size_t)mebibytes * CHUNK), 1, (size_t)mebibytes * CHUNK);
	exit(7);
}

/* Leaves a process of another session behind, which goes on for a minute. */
static void leave_orphan(long unused)
{
	(void)unused;
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			setsid();
			sleep(60);
		}
		_exit(0);
	}
	wait(NULL);
	exit(7);
}

static void kill_self(long unused)
{
	(void)unused;
	raise(SIGKILL);
}

/* What it sees of its cgroups. */
static void show_cgroup(long unused)
{
	char line[4096];
	FILE *file = fopen("/proc/self/cgroup", "re");

	(void)unused;
	while (file && fgets(line, sizeof(line), file))
		fputs(line, stdout);
	fflush(stdout);
	exit(7);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(long number);
	} ways[] = {
		{ "heap", take_heap },
		{ "stack", take_stack },
		{ "memfd", take_memfd },
		{ "pipes", take_pipes },
		{ "page-tables", take_page_tables },
		{ "child", take_in_child },
		{ "some", take_some },
		{ "processes", take_processes },
		{ "threads", take_threads },
		{ "spin-threads", spin_in_threads },
		{ "spin-processes", spin_in_processes },
		{ "spin-short-lives", spin_in_short_lives },
		{ "orphan", leave_orphan },
		{ "kill-self", kill_self },
		{ "show", show_cgroup },
	};

	for (size_t i = 0; argc > 1 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			ways[i].run(argc > 2 ? atol(argv[2]) : 0);
	return 2;
}
