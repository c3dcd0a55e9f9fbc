/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/ballast.h"

#include <stdio.h>
#include <sys/mman.h>

#include "ipc/wire/base.h"

uint64_t ballast_available(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	fclose(file);
	return (uint64_t)kib * 1024;
}

int ballast_take(size_t size, struct bh_error *err)
{
	volatile char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
	                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (bytes == MAP_FAILED)
		return bh_fail(err, errno, "reserve %zu bytes", size);
	/* a kernel without huge pages refuses what it would do anyway */
	(void)madvise((void *)(uintptr_t)bytes, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		bytes[i] = 1;
	return 0;
}
