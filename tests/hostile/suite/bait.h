/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_TESTS_HOSTILE_BAIT_H
#define BH_TESTS_HOSTILE_BAIT_H

/* bait.h: what an attack is told of and must not reach: a file, sockets and a
 * process of the caller's, a variable of its environment and an open descriptor.
 * The attacks get them as params. */

#include <msgpack.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bait {
	char folder[64]; /* holds "secret", a file, and "socket" */
	uint16_t port;   /* of a listener on 127.0.0.1 */
	pid_t victim;    /* a child with "secret" in its command line */
	int fds[4];      /* three listeners; the secret, not close-on-exec */
};

/* What holds the folders of all tests of one run. */
const char *bait_base(void);
/* Fails the test where something can't be made. Changes the working directory to
 * the folder. Takes a program that nobody needs out of the page cache. */
void bait_init(struct bait *bait);
void bait_done(struct bait *bait);
/* Copies a file, with its mode. */
void bait_copy_file(const char *from, const char *to);
/* A copy of the attack in the folder, so that its file is this user's; where it is to
 * have power from its file, it has it as far as this user can give it. Good until
 * the next call. */
const char *bait_copy_program(const struct bait *bait, const char *name, const char *way);
/* The same of the launcher. */
const char *bait_copy_launcher(const struct bait *bait);
/* Whether the victim is alive and not stopped. */
bool bait_is_well(const struct bait *bait);

/* Params of one attack. Numbers that are 0 are left out. */
struct params {
	const char *way, *mark, *handler;
	int64_t bytes, capacity, allowed, status, signal, control, leaves, stay_ms, look_ms;
};
void params_pack(const struct params *params, const struct bait *bait, msgpack_sbuffer *ret);

#endif
