#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh KERNEL PACKAGE… [-- CTEST_ARG…]: all tests of the release build on one of Debian's kernels, in an
# emulated machine with cgroup version 2 alone, as root and as an ordinary user. Debian 12
# with the packages, the project and what was built of it stay in build/vm for the next
# run. Needs root: debootstrap(8), chroot(1), mount(8).
#
# For what the kernel at hand lacks. It takes about 15 times as long as without.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

kernel=$1
packages=()
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do
	packages+=("$1")
	shift
done
[ $# -eq 0 ] || shift
ctest_args=("$@")
home=build/vm
root=$home/root
image=$home/disk-$kernel.img
log=$home/$kernel.log

declare -A suites=([5.10]=bullseye [6.1]=bookworm [6.12]=bookworm-backports)
suite=${suites[$kernel]:-}
if [ -z "$suite" ]; then
	printf 'vm: no kernel %s: expected one of %s\n' "$kernel" "${!suites[*]}" >&2
	exit 1
fi

# In the new root, with what package scripts and the build need of the host.
inside() {
	# shellcheck disable=SC2016 # the variables are the inner shell's
	unshare --mount bash -euc '
		mount --bind /proc "$1/proc"
		mount --bind /dev "$1/dev"
		exec chroot "$1" env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin "${@:2}"' inside "$root" "$@"
}

# Under a name of its own until it is complete.
make_root() {
	rm -rf "$root" "$root.new"
	debootstrap --variant=minbase bookworm "$root.new"
	printf '#!/bin/sh\nexit 101\n' >"$root.new/usr/sbin/policy-rc.d"
	chmod +x "$root.new/usr/sbin/policy-rc.d"
	mv "$root.new" "$root"
}

install_kernel() {
	local name
	[ ! -e "$(echo "$root/boot/vmlinuz-$kernel."*)" ] || return 0
	sed "s/ bookworm / $suite /" "$root/etc/apt/sources.list" \
		>"$root/etc/apt/sources.list.d/$suite.list"
	inside apt-get -q update
	inside apt-get -q -y install --no-install-recommends initramfs-tools kmod udev iproute2 \
		"${packages[@]}"
	name=$(inside apt-cache search --names-only "^linux-image-${kernel}[.0-9+~a-z-]*-amd64\$" |
		cut -d ' ' -f 1 | grep -v -e cloud -e '-rt-' | sort -V | tail -n 1)
	inside apt-get -q -y install --no-install-recommends "$name"
	rm "$root/etc/apt/sources.list.d/$suite.list"
}

build_inside() {
	mkdir -p "$root/srv/bulkhead"
	git ls-files -z --cached --others --exclude-standard |
		tar --create --null --files-from=- --ignore-failed-read |
		tar --extract --no-same-owner --directory "$root/srv/bulkhead"
	inside bash -euc 'cd /srv/bulkhead && cmake --preset release >/dev/null &&
		cmake --build --preset release -- --quiet'
}

# What the machine runs instead of an init.
write_init() {
	printf '%s\n' "${ctest_args[@]}" >"$root/ctest-args"
	cat >"$root/sbin/run-tests" <<'END'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -o remount,rw /
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for at in /dev/shm /tmp /run; do mount -t tmpfs -o mode=1777 tmpfs $at; done
ip link set lo up
cd /srv/bulkhead/build/release
mapfile -t args < <(grep . /ctest-args)
status=0

run_tests() {
	local who=$1
	shift
	printf '\n==> as %s, on Linux %s\n' "$who" "$(uname -r)"
	"$@" ctest --parallel 3 --timeout 3000 --output-on-failure "${args[@]}" </dev/null || status=1
	grep -ah 'NOT RUN: ' Testing/Temporary/LastTest.log | sort -u
}

./bin/bulkhead doctor
run_tests root
chown -R 65533:65533 Testing
run_tests 'an ordinary user' setpriv --reuid=65533 --regid=65533 --clear-groups --no-new-privs \
	env -i HOME=/tmp LANG=C.UTF-8 "PATH=$PATH"
printf '\nvm: status %d\n' "$status"
sync
echo o >/proc/sysrq-trigger
sleep 60
END
	chmod 755 "$root/sbin/run-tests"
}

# The kernel's own messages are left out.
boot() {
	local boot=$root/boot
	rm -f "$image"
	mke2fs -q -t ext4 -d "$root" "$image" 8G
	qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 6G -nographic -no-reboot \
		-net none -drive "file=$image,format=raw,if=virtio" \
		-kernel "$(echo "$boot/vmlinuz-$kernel."*)" \
		-initrd "$(echo "$boot/initrd.img-$kernel."*)" \
		-append 'root=/dev/vda console=ttyS0 quiet loglevel=0 panic=-1 init=/sbin/run-tests' \
		</dev/null | tr -d '\r' | tee "$log"
	rm -f "$image"
}

mkdir -p "$home"
[ -d "$root" ] || make_root
install_kernel
build_inside
write_init
boot
if ! grep -qx 'vm: status 0' "$log"; then
	printf 'vm: not all tests passed on Linux %s: %s\n' "$kernel" "$log" >&2
	exit 1
fi
