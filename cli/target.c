/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "cli/complaint.h"

int bh_target_open(const char *path, int *ret_fd, struct bh_complaint *complaint)
{
	const char *name = path && strcmp(path, "-") != 0 ? path : NULL;
	int fd;

	if (name)
		fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
	else
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return bh_complain_errno(complaint, errno, "%s", name ? name : "standard output");
	*ret_fd = fd;
	return BH_STATUS_OK;
}
