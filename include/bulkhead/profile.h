/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BULKHEAD_PROFILE_H
#define BULKHEAD_PROFILE_H

#include <stddef.h>

#include "bulkhead/error.h"

/* profile.h: seccomp profiles, which say what system calls a handler may make.
 *
 * A profile is data in the seccomp JSON format of OCI runtimes. A few are built
 * in and known by name; any other is a file. Where a profile is asked for, a
 * text that holds a '/' or ends in ".json" is the path of a file, any other a
 * name, and NULL is the default, "compute".
 * Source: docs/profiles.md. */

/* The name of the `index`-th built-in profile; NULL past the last. */
BH_PUBLIC const char *bh_profile_name(size_t index);

/* What the built-in profile `name` is for, in one line; NULL where there is none
 * of that name. */
BH_PUBLIC const char *bh_profile_summary(const char *name);

/* Its JSON text, NUL-terminated; NULL where there is none of that name. */
BH_PUBLIC const char *bh_profile_json(const char *name);

/* Says in words what a profile does with a system call, conditions on arguments
 * included. `*ret` is lines of text, malloc'ed and the caller's.
 * Errors: -EINVAL for an unknown name or a file that is no profile, with the
 * place; those of opening a file; -ENOENT for a call that is not known here;
 * -ENOMEM. */
BH_PUBLIC BH_MUST_CHECK int bh_profile_explain(const char *profile, const char *call, char **ret,
                                               struct bh_error *err);

#endif
