/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "ipc/wire/base.h"

/* Text is checked as fast as it can be read: ASCII in large steps, all else in
 * blocks of 16 bytes without a branch, and only what is too short for either
 * one sequence at a time.
 * Source: RFC 3629; the Unicode standard, table 3-7, "Well-Formed UTF-8 Byte
 * Sequences". */

/* Vectors are GNU C, for every machine: where it has none, plain words. */
typedef uint64_t words __attribute__((vector_size(16)));
typedef uint8_t bytes __attribute__((vector_size(16)));

#define BLOCK      sizeof(bytes)
#define ASCII_STEP (8 * sizeof(words))
#define RUN        (16 * BLOCK) /* of blocks, before ASCII is tried again */
#define LOOK_BACK  3            /* a sequence has up to three bytes behind its first */
#define SHORT      16
#define HIGH_BITS  0x8080808080808080u

/* How many bytes from the start are ASCII, in whole steps. */
static size_t count_ascii_steps(const uint8_t *at, size_t size)
{
	size_t done;

	for (done = 0; size - done >= ASCII_STEP; done += ASCII_STEP) {
		words word, all = { 0 };
		for (size_t i = 0; i < ASCII_STEP; i += sizeof(word)) {
			memcpy(&word, at + done + i, sizeof(word));
			all |= word;
		}
		if ((all[0] | all[1]) & HIGH_BITS)
			break;
	}
	return done;
}

static bytes load(const uint8_t *at)
{
	bytes block;

	memcpy(&block, at, sizeof(block));
	return block;
}

/* True where each byte of the block may follow the bytes before it. Those up to
 * LOOK_BACK bytes before `at` are there and well-formed, but for a sequence that
 * goes on in the block; one that goes on behind it is not looked at. */
static bool block_valid(const uint8_t *at)
{
	const bytes byte = load(at);
	const bytes before1 = load(at - 1), before2 = load(at - 2), before3 = load(at - 3);

	bytes continues = (bytes)((byte & 0xc0) == 0x80);
	bytes expected = (bytes)((before1 >= 0xc0) | (before2 >= 0xe0) | (before3 >= 0xf0));
	bytes wrong = continues ^ expected;
	/* first bytes that are never used, and those with a narrower second byte */
	wrong |= (bytes)(((byte & 0xfe) == 0xc0) | (byte >= 0xf5));
	wrong |= (bytes)((before1 == 0xe0) & (byte < 0xa0));
	wrong |= (bytes)((before1 == 0xed) & (byte > 0x9f));
	wrong |= (bytes)((before1 == 0xf0) & (byte < 0x90));
	wrong |= (bytes)((before1 == 0xf4) & (byte > 0x8f));

	words any = (words)wrong;
	return (any[0] | any[1]) == 0;
}

/* How many bytes right before `at` begin a sequence that goes on there. What is
 * before them is well-formed. */
static size_t open_bytes(const uint8_t *at)
{
	if (at[-1] >= 0xc0)
		return 1;
	if (at[-2] >= 0xe0)
		return 2;
	return at[-3] >= 0xf0 ? 3 : 0;
}

/* Length of the well-formed sequence at `at` (`left` >= 1 bytes), 0 where it is
 * none. Only the second byte's range depends on the first. */
static size_t sequence_length(const uint8_t *at, size_t left)
{
	uint8_t first = at[0];
	uint8_t low = 0x80, high = 0xbf;
	size_t length;

	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		length = 2;
	else if (first >= 0xe0 && first <= 0xef)
		length = 3;
	else if (first >= 0xf0 && first <= 0xf4)
		length = 4;
	else
		return 0;
	if (left < length)
		return 0;

	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static bool eight_ascii(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return (word & HIGH_BITS) == 0;
}

/* True where a text of at most SHORT bytes is ASCII: most keys and ids are. */
static bool short_ascii(const uint8_t *at, size_t size)
{
	uint64_t first, last;
	uint32_t half, other_half;
	uint8_t all = 0;

	/* two reads that overlap take in every size of a range */
	if (size >= sizeof(first)) {
		memcpy(&first, at, sizeof(first));
		memcpy(&last, at + size - sizeof(last), sizeof(last));
		return ((first | last) & HIGH_BITS) == 0;
	}
	if (size >= sizeof(half)) {
		memcpy(&half, at, sizeof(half));
		memcpy(&other_half, at + size - sizeof(other_half), sizeof(other_half));
		return ((half | other_half) & HIGH_BITS) == 0;
	}
	for (size_t i = 0; i < size; i++)
		all |= at[i];
	return all < 0x80;
}

/* Reads sequences one at a time until `stop` bytes are done, or a few more where
 * the last goes on there. SIZE_MAX where one is ill-formed. */
static size_t count_sequences(const uint8_t *at, size_t size, size_t stop)
{
	size_t done = 0;

	while (done < stop) {
		if (size - done >= 8 && eight_ascii(at + done)) {
			done += 8;
			continue;
		}
		size_t length = sequence_length(at + done, size - done);
		if (length == 0)
			return SIZE_MAX;
		done += length;
	}
	return done;
}

/* How many bytes from the start are well-formed, in a run of whole blocks and
 * without a sequence that goes on behind it. SIZE_MAX where a block is
 * ill-formed. LOOK_BACK bytes before `at` are there and well-formed. */
static size_t count_blocks(const uint8_t *at, size_t size)
{
	size_t done;

	for (done = 0; done < RUN && size - done >= BLOCK; done += BLOCK)
		if (!block_valid(at + done))
			return SIZE_MAX;
	return done - open_bytes(at + done);
}

bool bh_utf8_valid(const void *data, size_t size)
{
	const uint8_t *at = data;
	size_t step;

	if (size <= SHORT && short_ascii(at, size))
		return true;
	while (size >= RUN) {
		step = count_ascii_steps(at, size);
		if (step == 0 && at == data)
			step = count_sequences(at, size, LOOK_BACK);
		else if (step == 0)
			step = count_blocks(at, size);
		if (step == SIZE_MAX)
			return false;
		at += step;
		size -= step;
	}
	return count_sequences(at, size, size) != SIZE_MAX;
}
