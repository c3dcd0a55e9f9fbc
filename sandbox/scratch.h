/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_SCRATCH_H
#define BH_SANDBOX_SCRATCH_H

/* scratch.h: a folder that a handler may write to.
 *
 * A tmpfs of limited size, new and empty for each batch. It is mounted in the
 * batch's own mount namespace, so nobody else sees it and it is gone with that;
 * what is written to it counts for the memory of the batch's cgroup. Nothing in
 * it can be executed. Source: tmpfs(5). */

#include <stdbool.h>
#include <stdint.h>

/* Where it is: TMPDIR and HOME of every handler. */
#define BH_SCRATCH_DIR "/tmp"

struct bh_scratch {
	bool wanted;
	char options[96]; /* of its mount */
};

/* Works out the mount of a scratch of `size` bytes, rounded up to whole pages; none
 * for 0. It holds about as many files as pages, 1024 at least: the kernel keeps
 * a file's own data elsewhere. */
void bh_scratch_plan(uint64_t size, struct bh_scratch *ret);

/* Mounts it for the process's user id alone, by raw calls only. A no-op where none
 * is wanted. `key` is for the filter that the caller is under (sandbox/filter.h).
 * Returns 0 or a negative errno value. */
long bh_scratch_mount(const struct bh_scratch *scratch, uint64_t key);

#endif
