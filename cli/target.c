/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cli/complaint.h"

/* One that is there and can't be had a second time is no fault of the caller's. */
static int complain_of_output(int code, struct bh_complaint *complaint)
{
	return bh_complain(complaint, code == EBADF ? BH_STATUS_INPUT : BH_STATUS_INFRASTRUCTURE,
	                   "standard output: %s", strerrordesc_np(code));
}

int bh_target_open(const char *path, int *ret_fd, struct bh_complaint *complaint)
{
	const char *name = path && strcmp(path, "-") != 0 ? path : NULL;
	int fd;

	if (name)
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	else
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 && name)
		return bh_complain_errno(complaint, errno, "%s", name);
	if (fd < 0)
		return complain_of_output(errno, complaint);
	*ret_fd = fd;
	return BH_STATUS_OK;
}
