/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_IPC_VALUES_H
#define BH_TESTS_IPC_VALUES_H

/* values.h: values made from a seed, for property tests. A test prints its seed
 * where it fails, and BH_TEST_SEED repeats it. */

#include <msgpack.h>
#include <stddef.h>
#include <stdint.h>

/* A seed from BH_TEST_SEED, or from the clock. */
uint64_t test_seed(void);

/* The next number (xorshift64*); the state is not 0. */
uint64_t test_random(uint64_t *state);
/* One of 0 to `below` - 1. */
uint64_t test_random_below(uint64_t *state, uint64_t below);

/* A text of up to `max` bytes of UTF-8, without NUL; NUL-terminated, malloc'ed. */
char *test_random_text(uint64_t *state, size_t max);

/* Packs one value of any type, of at most `depth` containers inside each other.
 * Its maps have str keys, each once. */
void test_pack_random(uint64_t *state, msgpack_packer *packer, unsigned int depth);

#endif
