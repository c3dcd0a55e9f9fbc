/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BH_SANDBOX_PROFILE_CATALOG_H
#define BH_SANDBOX_PROFILE_CATALOG_H

/* profile_catalog.h: profiles by name. The built-in ones are the files of
 * sandbox/profiles, made into C by cmake/embed.cmake. */

#include "bulkhead/error.h"
#include "sandbox/profile.h"

extern const char bh_profile_text_compute[];
extern const char bh_profile_text_strict[];
extern const char bh_profile_text_tools[];
extern const char bh_profile_text_trusted[];

/* Loads a profile by name or path, as bulkhead/profile.h tells them apart; NULL
 * for the default. Errors: as bh_profile_explain's. */
BH_MUST_CHECK
int bh_profile_load(const char *profile, struct bh_profile *ret, struct bh_error *err);

#endif
