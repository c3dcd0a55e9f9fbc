/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/profile_catalog.h"

#include <string.h>

#include "bulkhead/profile.h"
#include "ipc/wire/base.h"
#include "sandbox/profile_json.h"

static const struct {
	const char *name;
	const char *text;
	const char *summary;
} catalog[] = {
	{ "compute", bh_profile_text_compute,
	  "the default: computing, reading files, memory, threads" },
	{ "strict", bh_profile_text_strict,
	  "one static program: no exec, threads or files but what is open" },
	{ "tools", bh_profile_text_tools,
	  "compute, and what programs need that run other programs (--max-procs)" },
	{ "trusted", bh_profile_text_trusted,
	  "all but what endangers the host: for handlers you trust" },
};

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < BH_COUNT_OF(catalog) && strcmp(catalog[i].name, name) != 0)
		i++;
	return i;
}

const char *bh_profile_name(size_t index)
{
	return index < BH_COUNT_OF(catalog) ? catalog[index].name : NULL;
}

const char *bh_profile_summary(const char *name)
{
	size_t i = find(name);

	return i < BH_COUNT_OF(catalog) ? catalog[i].summary : NULL;
}

const char *bh_profile_json(const char *name)
{
	size_t i = find(name);

	return i < BH_COUNT_OF(catalog) ? catalog[i].text : NULL;
}

static bool is_path(const char *profile)
{
	const char *dot = strrchr(profile, '.');

	return strchr(profile, '/') || (dot && strcmp(dot, ".json") == 0);
}

int bh_profile_load(const char *profile, struct bh_profile *ret, struct bh_error *err)
{
	if (!profile)
		profile = catalog[0].name;
	if (is_path(profile))
		return bh_profile_read_file(profile, ret, err);
	const char *text = bh_profile_json(profile);
	if (!text)
		return bh_fail_plain(
		        err, EINVAL,
		        "no profile \"%s\", expected compute, strict, tools, trusted or "
		        "the path of a file (with a '/' or ending in .json)",
		        profile);
	return bh_profile_read(profile, text, strlen(text), ret, err);
}
