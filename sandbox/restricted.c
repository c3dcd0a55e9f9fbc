/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/restricted.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

#include "ipc/wire/base.h"

static const struct bh_restricted forks[] = {
	{ SYS_clone,
	  { .has_condition = true,
	    .condition = { .argument = 0,
	                   .comparison = BH_COMPARE_MASKED_EQ,
	                   .value = CLONE_THREAD },
	    .answer = { .kind = BH_ANSWER_REPORT } } },
	{ SYS_clone3, { .answer = { .kind = BH_ANSWER_ERRNO, .code = ENOSYS } } },
#ifdef SYS_fork
	{ SYS_fork, { .answer = { .kind = BH_ANSWER_REPORT } } },
#endif
#ifdef SYS_vfork
	{ SYS_vfork, { .answer = { .kind = BH_ANSWER_REPORT } } },
#endif
};

/* Calls that the system's headers may not have yet. Their numbers are those of
 * every architecture. */
#define CALL_FCHMODAT2     452 /* Linux 6.6 */
#define CALL_SETXATTRAT    463 /* Linux 6.13 */
#define CALL_REMOVEXATTRAT 466 /* Linux 6.13 */
#define CALL_FILE_SETATTR  469 /* Linux 6.17 */

#define REFUSED(call)                                                       \
	{                                                                   \
		call,                                                       \
		{                                                           \
			.answer = {.kind = BH_ANSWER_ERRNO, .code = EPERM } \
		}                                                           \
	}
/* Where that argument has those bits of the mask. */
#define REFUSED_WHERE(call, argument_, mask, bits)                         \
	{                                                                  \
		call,                                                      \
		{                                                          \
			.has_condition = true,                             \
			.condition = { .argument = argument_,              \
				       .comparison = BH_COMPARE_MASKED_EQ, \
				       .value = mask,                      \
				       .value_two = bits },                \
			.answer = {                                        \
				.kind = BH_ANSWER_ERRNO,                   \
				.code = EPERM                              \
			}                                                  \
		}                                                          \
	}
/* Requests of one type: ioctl(2). */
#define REFUSED_IOCTL(type) REFUSED_WHERE(SYS_ioctl, 1, 0xff00, (type) << 8)

static const struct bh_restricted attributes[] = {
#ifdef SYS_chmod /* older architectures: others have what takes a folder as well */
	REFUSED(SYS_chmod), REFUSED(SYS_chown), REFUSED(SYS_lchown), REFUSED(SYS_utime),
	REFUSED(SYS_utimes), REFUSED(SYS_futimesat),
#endif
	REFUSED(SYS_fchmod), REFUSED(SYS_fchmodat), REFUSED(CALL_FCHMODAT2), REFUSED(SYS_fchown),
	REFUSED(SYS_fchownat), REFUSED(SYS_utimensat), REFUSED(SYS_setxattr),
	REFUSED(SYS_lsetxattr), REFUSED(SYS_fsetxattr), REFUSED(CALL_SETXATTRAT),
	REFUSED(SYS_removexattr), REFUSED(SYS_lremovexattr), REFUSED(SYS_fremovexattr),
	REFUSED(CALL_REMOVEXATTRAT), REFUSED(CALL_FILE_SETATTR),
	/* file systems' own: flags, projects, encryption, verity, versions, subvolumes */
	REFUSED_IOCTL('f'), REFUSED_IOCTL('X'), REFUSED_IOCTL('v'), REFUSED_IOCTL(0x94), /* Btrfs */
};

/* An open that cuts a file and asks for no permission to write: neither with O_RDONLY
 * nor with 3, the access mode for an ioctl(2) alone, has the LSM a say in a write. */
#define REFUSED_CUT(call, flags, mode) \
	REFUSED_WHERE(call, flags, O_ACCMODE | O_TRUNC, O_TRUNC | (mode))

static const struct bh_restricted lengths[] = {
	REFUSED(SYS_truncate),
#ifdef SYS_open
	REFUSED_CUT(SYS_open, 1, O_RDONLY),
	REFUSED_CUT(SYS_open, 1, O_ACCMODE),
#endif
	REFUSED_CUT(SYS_openat, 2, O_RDONLY),
	REFUSED_CUT(SYS_openat, 2, O_ACCMODE),
	{ SYS_openat2, { .answer = { .kind = BH_ANSWER_ERRNO, .code = ENOSYS } } },
};

static_assert(BH_COUNT_OF(forks) + BH_COUNT_OF(attributes) + BH_COUNT_OF(lengths) <=
                      BH_RESTRICTED_MOST,
              "all tables fit");

const struct bh_restricted *bh_restricted_forks(size_t *ret_n)
{
	*ret_n = BH_COUNT_OF(forks);
	return forks;
}

const struct bh_restricted *bh_restricted_attributes(size_t *ret_n)
{
	*ret_n = BH_COUNT_OF(attributes);
	return attributes;
}

const struct bh_restricted *bh_restricted_lengths(size_t *ret_n)
{
	*ret_n = BH_COUNT_OF(lengths);
	return lengths;
}
