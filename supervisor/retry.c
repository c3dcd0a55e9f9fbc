/* SPDX-License-Identifier: Apache-2.0 */
#include "supervisor/retry.h"

#include <sys/random.h>

#include "ipc/wire/base.h"

#define NEVER                                                         \
	(BH_KIND_BIT(BH_KIND_NONE) | BH_KIND_BIT(BH_KIND_VIOLATION) | \
	 BH_KIND_BIT(BH_KIND_BOUNDS) | BH_KIND_BIT(BH_KIND_CANCELLED))

int bh_retry_check(const struct bh_retry *retry, struct bh_error *err)
{
	if (retry->kinds >= BH_KIND_BIT(BH_KINDS))
		return bh_fail_plain(err, EINVAL, "retries of a kind that there is not");
	for (int kind = 0; kind < BH_KINDS; kind++)
		if (retry->kinds & NEVER & BH_KIND_BIT(kind))
			return bh_fail_plain(err, EINVAL, "%s is never tried again",
			                     bh_kind_name((enum bh_kind)kind));
	if (retry->backoff_us > retry->backoff_max_us)
		return bh_fail_plain(err, EINVAL, "the first wait is above the longest");
	return 0;
}

bool bh_retry_wants(const struct bh_retry *retry, const struct bh_outcome *outcome,
                    uint32_t attempts)
{
	if (outcome->kind == BH_KIND_NONE || attempts > retry->retries)
		return false;
	if (retry->kinds == 0)
		return outcome->retryable;
	return (retry->kinds & BH_KIND_BIT(outcome->kind)) != 0;
}

/* The longest wait of the turn: doubled each time, up to the cap. */
static uint64_t longest_us(const struct bh_retry *retry, uint32_t attempts)
{
	uint64_t longest = retry->backoff_us;

	for (uint32_t i = 1; i < attempts && longest < retry->backoff_max_us; i++)
		longest = bh_add_saturated(longest, longest);
	return longest < retry->backoff_max_us ? longest : retry->backoff_max_us;
}

uint64_t bh_retry_delay_us(const struct bh_retry *retry, uint32_t attempts, uint64_t random)
{
	unsigned __int128 span = (unsigned __int128)longest_us(retry, attempts) + 1;

	return (uint64_t)(span * random >> 64);
}

/* splitmix64: Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
 * Generators", 2014. */
uint64_t bh_retry_random(uint64_t *state)
{
	if (*state == 0 && getrandom(state, sizeof(*state), GRND_NONBLOCK) < 0)
		*state = bh_now_us(); /* early in a boot: as good for a wait */
	uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}
