/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_SUPERVISOR_GENERATOR_H
#define BH_TESTS_SUPERVISOR_GENERATOR_H

/* generator.h: inputs for property tests, which a printed seed repeats: set
 * BH_TEST_SEED to run with that one. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct generator {
	uint64_t state;
};

static inline struct generator generator_new(const char *test)
{
	const char *given = getenv("BH_TEST_SEED");
	struct generator generator = { .state = 1 };

	if (given)
		generator.state = strtoull(given, NULL, 0);
	else if (getrandom(&generator.state, sizeof(generator.state), 0) < 0)
		generator.state = 1;
	printf("%s: BH_TEST_SEED=%llu\n", test, (unsigned long long)generator.state);
	fflush(stdout);
	return generator;
}

/* SplitMix64, Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
 * Generators". */
static inline uint64_t generate(struct generator *generator)
{
	uint64_t bits = generator->state += 0x9e3779b97f4a7c15;

	bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
	bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
	return bits ^ bits >> 31;
}

static inline size_t generate_below(struct generator *generator, size_t bound)
{
	return (size_t)(generate(generator) % bound);
}

#endif
