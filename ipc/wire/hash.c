/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/wire/hash.h"

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

int bh_hash_key_init(struct bh_hash_key *ret)
{
	struct bh_hash_key key;
	ssize_t got = getrandom(&key, sizeof(key), 0);

	if (got < 0)
		return -errno;
	if (got != sizeof(key))
		return -EIO;
	*ret = key;
	return 0;
}

static inline uint64_t rotated(uint64_t bits, unsigned int by)
{
	return bits << by | bits >> (64 - by);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotated(v[1], 13) ^ v[0];
	v[3] = rotated(v[3], 16) ^ v[2];
	v[0] = rotated(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = rotated(v[3], 21) ^ v[0];
	v[1] = rotated(v[1], 17) ^ v[2];
	v[2] = rotated(v[2], 32);
}

static inline void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t bh_hash(const struct bh_hash_key *key, struct bh_span bytes)
{
	uint64_t v[4] = { key->half[0] ^ 0x736f6d6570736575, key->half[1] ^ 0x646f72616e646f6d,
		          key->half[0] ^ 0x6c7967656e657261, key->half[1] ^ 0x7465646279746573 };
	const unsigned char *at = bytes.data;
	size_t left = bytes.size;
	uint64_t word;

	for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		absorb(v, le64toh(word));
	}
	word = (uint64_t)bytes.size << 56;
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)at[i] << (8 * i);
	absorb(v, word);

	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
