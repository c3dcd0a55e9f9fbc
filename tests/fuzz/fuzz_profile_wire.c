/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ipc/wire/base.h"
#include "sandbox/profile_wire.h"

/* Reads any bytes as a packed profile. What is accepted is just what packing it
 * again gives. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_again(const struct bh_profile *profile, const uint8_t *data, size_t size)
{
	BH_CLEANUP(bh_region_done) struct bh_region region = BH_REGION_UNSET;
	BH_CLEANUP(bh_free_done) uint8_t *again = malloc(size);

	must(again && bh_profile_pack(profile, &region, NULL) == 0);
	must(region.size == size);
	must(pread(region.fd, again, size, 0) == (ssize_t)size);
	must(memcmp(again, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BH_CLEANUP(bh_profile_done) struct bh_profile profile = BH_PROFILE_UNSET;

	if (bh_profile_unpack_bytes(data, size, &profile, NULL) == 0)
		check_again(&profile, data, size);
	return 0;
}
