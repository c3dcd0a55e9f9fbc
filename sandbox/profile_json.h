/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_PROFILE_JSON_H
#define BH_SANDBOX_PROFILE_JSON_H

/* profile_json.h: reads a profile in the format of container runtimes.
 *
 * That is the object "linux.seccomp" of an OCI configuration, with what container
 * engines add to it in their own files: conditions by capability, kernel and
 * architecture. A handler has no capability. What is read differently from there
 * is said in docs/profiles.md, "Profiles of containers". */

#include <stddef.h>

#include "bulkhead/error.h"
#include "sandbox/profile.h"

#define BH_PROFILE_MAX_SIZE ((size_t)1 << 20) /* bytes of JSON */

/* Reads `size` bytes of JSON. `origin` names them in messages.
 * Errors: -EINVAL, with the place and what was expected there; -E2BIG; -ENOMEM. */
BH_MUST_CHECK
int bh_profile_read(const char *origin, const char *text, size_t size, struct bh_profile *ret,
                    struct bh_error *err);

/* Reads a file. Errors: also those of opening it; -EINVAL where it is no regular
 * file. */
BH_MUST_CHECK
int bh_profile_read_file(const char *path, struct bh_profile *ret, struct bh_error *err);

#endif
