/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "hostile.h"

/* On a descriptor that is no terminal, where it can do nothing. */
void attack(struct attack *a)
{
	char byte = 0;

	if (is_way(a, "TIOCSTI"))
		gain_unless_refused(a, "TIOCSTI", ioctl(0, TIOCSTI, &byte));
	else if (is_way(a, "TIOCSTI, upper bits set")) /* the kernel looks at the lower half */
		gain_unless_refused(a, "TIOCSTI",
		                    syscall(16, 0L, (1L << 32) | (long)TIOCSTI, &byte));
	else if (is_way(a, "TIOCLINUX"))
		gain_unless_refused(a, "TIOCLINUX", ioctl(0, TIOCLINUX, &byte));
	else if (is_way(a, "TIOCSCTTY"))
		gain_unless_refused(a, "TIOCSCTTY", ioctl(0, TIOCSCTTY, 0));
	else if (is_way(a, "TIOCCONS"))
		gain_unless_refused(a, "TIOCCONS", ioctl(0, TIOCCONS, 0));
	else {
		gain_if(a, "/dev/tty", open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
		gain_if(a, "/dev/ptmx", open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
		gain_if(a, "/dev/console", open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC));
	}
}
