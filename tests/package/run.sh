#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh SOURCE BUILD: installs BUILD into a temporary prefix, moves it, and
# builds a program and a handler outside of the project against it, each through
# pkg-config (shared and static) and through the CMake package; then runs them.
set -euo pipefail

source=$1
build=$2

if [ ! -w "$build" ]; then
	echo "NOT RUN: package: cmake --install writes to $build, which $(id -un 2>/dev/null ||
		id -u) may not"
	exit 77
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/bulkhead-package.XXXXXX")
trap 'rm -rf "$work"' EXIT
prefix=$work/moved
outside=$source/tests/package/outside
cc=${CC:-cc}
flags=(-std=c11 -Wall -Wextra -Werror -pedantic)

fail() { echo "package: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"
mv "$work/prefix" "$prefix"

for file in bin/bulkhead bin/bulkhead-launcher include/bulkhead/bulkhead.h \
	include/bulkhead/handler.h libexec/bulkhead/handlers/wordcount \
	libexec/bulkhead/handlers/linecount.py share/bulkhead/python/bulkhead/__init__.py share/doc/bulkhead/docs/handler-abi.md; do
	[ -e "$prefix/$file" ] || fail "$file was not installed"
done
libdir=$(dirname "$(find "$prefix" -name libbulkhead.a)")
export PKG_CONFIG_PATH=$libdir/pkgconfig
# nothing that is installed may know the folders of the build
if grep -rIlF -e "$build" -e "$source" "$libdir" "$prefix/include"; then
	fail "the files above name a folder of the build"
fi
launcher=$(pkg-config --variable=launcher bulkhead)
[ -x "$launcher" ] || fail "pkg-config names $launcher as launcher, which isn't one"

# Where no sandbox can be had, the packages are tried without one.
if ! "$prefix/bin/bulkhead" run --entries "$source/cmake" -q -o /dev/null -- \
	"$prefix/libexec/bulkhead/handlers/noop" 2>"$work/strict.log"; then
	echo "NOT RUN: package in a sandbox: $(head -n 1 "$work/strict.log")"
	export PACKAGE_ISOLATION=none
fi

expected='batch_0001 success none
first 4
second 11'

# try WHAT PROGRAM HANDLER
try() {
	local got
	got=$("$2" "$launcher" "$3") || fail "$1: the program failed"
	[ "$got" = "$expected" ] || fail "$1: got: $got"
	echo "ok: $1"
}

mapfile -t program_flags < <(pkg-config --cflags --libs bulkhead | xargs -n 1)
mapfile -t handler_flags < <(pkg-config --cflags --libs bulkhead-handler | xargs -n 1)
mapfile -t static_flags < <(pkg-config --static --cflags --libs bulkhead | xargs -n 1)

# A handler that needs a library of its own finds it only where the sandbox shows
# it, below /usr: so handlers are linked with the static library here.
"$cc" "${flags[@]}" "$outside/program.c" "${program_flags[@]}" -Wl,-rpath,"$libdir" \
	-o "$work/program-pc-shared"
"$cc" "${flags[@]}" "$outside/handler.c" -I"$prefix/include" "$libdir/libbulkhead-handler.a" \
	-o "$work/handler-pc-shared"
try "pkg-config, shared" "$work/program-pc-shared" "$work/handler-pc-shared"

"$cc" "${flags[@]}" -static "$outside/program.c" "${static_flags[@]}" -o "$work/program-pc-static"
"$cc" "${flags[@]}" -static "$outside/handler.c" "${handler_flags[@]}" -o "$work/handler-pc-static"
try "pkg-config, static" "$work/program-pc-static" "$work/handler-pc-static"

cmake -S "$outside" -B "$work/cmake" -G Ninja -Dbulkhead_DIR="$libdir/cmake/bulkhead" \
	-DCMAKE_C_FLAGS="-Wall -Wextra -Werror" >"$work/cmake.log" || fail "$(tail "$work/cmake.log")"
cmake --build "$work/cmake" >"$work/cmake.log" || fail "$(tail -n 30 "$work/cmake.log")"
try "CMake package, static" "$work/cmake/program-static" "$work/cmake/handler-static"
try "CMake package, shared" "$work/cmake/program-shared" "$work/cmake/handler-static"

# The shared SDK, without a root of its own.
PACKAGE_ISOLATION=none try "CMake package, handler shared" "$work/cmake/program-shared" \
	"$work/cmake/handler-shared"

# A handler made with the Python SDK finds it, cold and warm.
for mode in "" --warm "--reuse 1"; do
	if [ -n "${PACKAGE_ISOLATION:-}" ] && [ "$mode" = --warm ]; then
		continue # which needs namespaces
	fi
	# shellcheck disable=SC2086 # words of an option
	"$prefix/bin/bulkhead" run $mode ${PACKAGE_ISOLATION:+--isolate "$PACKAGE_ISOLATION"} -q \
		--entries "$source/cmake" --max-tasks 1 -o "$work/keywords.jsonl" -- \
		"$prefix/libexec/bulkhead/handlers/keywords.py" || fail "keywords.py $mode failed"
	grep -q '"word":"install"' "$work/keywords.jsonl" || fail "keywords.py $mode found nothing"
	echo "ok: the Python SDK${mode:+, $mode}"
done
