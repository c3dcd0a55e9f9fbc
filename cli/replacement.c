/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/complaint.h"
#include "cli/file.h"
#include "ipc/wire/base.h"

/* The mode that a new file would have had: mkostemp(3) gives 0600. */
static mode_t usual_mode(void)
{
	mode_t mask = umask(0);

	umask(mask);
	return 0666 & ~mask;
}

int bh_replacement_open(const char *path, struct bh_replacement *ret,
                        struct bh_complaint *complaint)
{
	BH_CLEANUP(bh_replacement_done) struct bh_replacement made = BH_REPLACEMENT_UNSET;
	struct stat status;

	if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return bh_complain(complaint, BH_STATUS_INPUT,
		                   "%s: is %s, expected a regular file or none", path,
		                   bh_file_type_name(status.st_mode));
	BH_CLEANUP(bh_free_done) char *temporary = NULL;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
		temporary = NULL;
		return bh_complain_memory(complaint);
	}
	made.path = path;
	made.fd = mkostemp(temporary, O_CLOEXEC);
	if (made.fd < 0)
		return bh_complain_errno(complaint, errno, "create %s", temporary);
	made.temporary = BH_TAKE(temporary, NULL);
	if (fchmod(made.fd, usual_mode()) < 0)
		return bh_complain_errno(complaint, errno, "create %s", made.temporary);
	*ret = BH_TAKE(made, BH_REPLACEMENT_UNSET);
	return BH_STATUS_OK;
}

int bh_replacement_commit(struct bh_replacement *replacement, struct bh_complaint *complaint)
{
	if (rename(replacement->temporary, replacement->path) < 0) {
		int code = errno;
		return bh_complain(complaint, BH_STATUS_INFRASTRUCTURE, "write %s: %s",
		                   replacement->path, strerrordesc_np(code));
	}
	free(replacement->temporary);
	replacement->temporary = NULL;
	bh_replacement_done(replacement);
	return BH_STATUS_OK;
}

void bh_replacement_done(struct bh_replacement *replacement)
{
	if (replacement->temporary)
		unlink(replacement->temporary);
	free(replacement->temporary);
	bh_fd_done(&replacement->fd);
	*replacement = BH_REPLACEMENT_UNSET;
}
