/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/scratch.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "sandbox/rawcall.h"

#define BYTES_PER_FILE 4096
#define LEAST_FILES    1024

void bh_scratch_plan(uint64_t size, struct bh_scratch *ret)
{
	uint64_t files = size / BYTES_PER_FILE;

	*ret = (struct bh_scratch){ .wanted = size > 0 };
	if (files < LEAST_FILES)
		files = LEAST_FILES;
	snprintf(ret->options, sizeof(ret->options),
	         "mode=0700,size=%" PRIu64 ",nr_inodes=%" PRIu64, size, files);
}

long bh_scratch_mount(const struct bh_scratch *scratch, uint64_t key)
{
	if (!scratch->wanted)
		return 0;
	return bh_keyed(key, SYS_mount, "tmpfs", BH_SCRATCH_DIR, "tmpfs",
	                MS_NOSUID | MS_NODEV | MS_NOEXEC, scratch->options);
}
