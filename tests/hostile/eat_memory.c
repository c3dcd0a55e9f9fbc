/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile.h"

/* Each way takes memory of another kind in steps, and returns the bytes it got. */
#define STEP ((size_t)1 << 20)

static size_t from_heap(size_t most)
{
	size_t got = 0;

	for (char *block; got < most && (block = malloc(STEP)); got += STEP) {
		memset(block, 1, STEP);
		__asm__ volatile("" : : "r"(block) : "memory"); /* so it is needed */
	}
	return got;
}

/* Each call has a look at the frame of the one above, so none takes another's place. */
static size_t deeper(const volatile char *above, size_t got, size_t most)
{
	volatile char frame[65536];

	for (size_t i = 0; i < sizeof(frame); i += 4096)
		frame[i] = above[0];
	got += sizeof(frame);
	return got < most ? deeper(frame, got, most) : got;
}

static size_t into_file(int fd, size_t most)
{
	static char block[STEP];
	size_t got = 0;

	while (fd >= 0 && got < most && write(fd, block, STEP) == (ssize_t)STEP)
		got += STEP;
	return got;
}

static size_t into_memfds(size_t most)
{
	size_t got = 0, before;

	do {
		before = got;
		got += into_file(memfd_create("eaten", MFD_CLOEXEC), 8 * STEP);
	} while (got > before && got < most);
	return got;
}

static size_t from_tmpfs(const struct attack *a, size_t most)
{
	static const char *const folders[] = { "/tmp", "/dev/shm", "/dev", "/", "/etc" };
	size_t got = 0;
	char path[64];

	if (number_of(a, "control"))
		return into_file(open(bait_path(a, "fill"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600),
		                 most);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]) && got < most; i++) {
		strcpy(path, folders[i]);
		strcat(path, "/bulkhead-hostile-fill");
		got += into_file(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600), most - got);
		unlink(path);
	}
	return got;
}

/* One page of page table for every 2 MiB of addresses, of which one byte is read. */
static size_t from_page_tables(size_t most)
{
	size_t n = most / 4096, span = (size_t)2 << 20;
	volatile char *map =
	        mmap(NULL, n * span, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED || madvise((void *)(uintptr_t)map, n * span, MADV_NOHUGEPAGE) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		(void)map[i * span];
	return most;
}

static size_t from_pairs(size_t most, bool sockets)
{
	static char block[65536];
	size_t got = 0;
	int ends[2];

	while (got < most && (sockets ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends)
	                              : pipe2(ends, O_NONBLOCK)) == 0)
		for (ssize_t n; (n = write(ends[1], block, sizeof(block))) > 0;)
			got += (size_t)n;
	return got;
}

void attack(struct attack *a)
{
	size_t most = (size_t)number_of(a, "bytes"), got = 0;

	if (is_way(a, "heap"))
		got = from_heap(most);
	else if (is_way(a, "stack"))
		got = deeper("x", 0, most);
	else if (is_way(a, "memfd"))
		got = into_file(memfd_create("eaten", MFD_CLOEXEC), most);
	else if (is_way(a, "many memfds"))
		got = into_memfds(most);
	else if (is_way(a, "tmpfs"))
		got = from_tmpfs(a, most);
	else if (is_way(a, "page tables"))
		got = from_page_tables(most);
	else
		got = from_pairs(most, is_way(a, "sockets"));
	if (got >= most)
		gain(a, "had all %zu bytes", got);
	note(a, "got %zu of %zu bytes", got, most);
}
