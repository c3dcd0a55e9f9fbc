/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "hostile.h"

/* With paths and pointers that make a permitted call fail. */
#define NOWHERE "/no/such/folder"

static void open_devices(struct attack *a)
{
	static const char *const paths[] = { "/dev/mem",          "/dev/kmem",  "/dev/kmsg",
		                             "/dev/port",         "/dev/fuse",  "/dev/net/tun",
		                             "/dev/kvm",          "/dev/vda",   "/dev/sda",
		                             "/dev/loop0",        "/dev/ptmx",  "/dev/rtc0",
		                             "/dev/loop-control", "/dev/vsock", "/dev/hwrng" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (open(paths[i], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) >= 0)
			gain(a, "%s", paths[i]);
}

void attack(struct attack *a)
{
	if (is_way(a, "mount"))
		gain_unless_refused(a, "mount", mount("none", NOWHERE, "tmpfs", 0, NULL));
	else if (is_way(a, "remount"))
		gain_unless_refused(a, "mount", mount(NULL, "/usr", NULL, MS_PRIVATE, NULL));
	else if (is_way(a, "umount"))
		gain_unless_refused(a, "umount2", umount2(NOWHERE, MNT_DETACH));
	else if (is_way(a, "move_mount"))
		gain_unless_refused(a, "move_mount", syscall(SYS_move_mount, -1, "", -1, "", 0));
	else if (is_way(a, "open_tree"))
		gain_unless_refused(a, "open_tree",
		                    syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* a clone */));
	else if (is_way(a, "fsopen"))
		gain_unless_refused(a, "fsopen", syscall(SYS_fsopen, "tmpfs", 0));
	else if (is_way(a, "mount_setattr"))
		gain_unless_refused(a, "mount_setattr",
		                    syscall(SYS_mount_setattr, AT_FDCWD, NOWHERE, 0, NULL, 0));
	else if (is_way(a, "pivot_root"))
		gain_unless_refused(a, "pivot_root", syscall(SYS_pivot_root, NOWHERE, NOWHERE));
	else if (is_way(a, "chroot"))
		gain_unless_refused(a, "chroot", chroot("/usr"));
	else if (is_way(a, "open_by_handle_at"))
		gain_unless_refused(a, "open_by_handle_at",
		                    syscall(SYS_open_by_handle_at, -1, NULL, 0));
	else if (is_way(a, "mknod"))
		gain_if(a, "mknod",
		        mknod(number_of(a, "control") ? bait_path(a, "node") : "/tmp/node",
		              S_IFCHR | 0600, makedev(1, 1)));
	else
		open_devices(a);
}
