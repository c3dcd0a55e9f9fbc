/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/executable.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "ipc/wire/base.h"

/* Not yet in the headers of Debian 12. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

int bh_executable_copy(int from, int to)
{
	off_t offset = 0;
	ssize_t n;

	do
		n = sendfile(to, from, &offset, (size_t)1 << 30);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

/* Before Linux 6.3 every memfd can be executed, and the flag isn't known. */
static int create_memfd(void)
{
	int fd = memfd_create("handler", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("handler", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

int bh_executable_seal(int from, int *ret, struct bh_error *err)
{
	BH_CLEANUP(bh_fd_done) int fd = create_memfd();

	if (fd < 0)
		return bh_fail(err, errno, "memfd for the handler");
	int r = bh_executable_copy(from, fd);
	if (r < 0)
		return bh_fail(err, -r, "copy the handler to memory");
	if (fchmod(fd, 0555) < 0)
		return bh_fail(err, errno, "set the mode of the handler's copy");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return bh_fail(err, errno, "seal the handler's copy");
	*ret = BH_TAKE(fd, -1);
	return 0;
}
