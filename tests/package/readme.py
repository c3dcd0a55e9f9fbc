#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""readme SOURCE BUILD: does what README.md tells a newcomer to type.

A block of shell commands that follows the comment `<!-- tested -->` is run in a
folder that looks like the project's with BUILD as build/release. A block of text
that follows `<!-- output -->` must be among what the commands before it printed;
what differs from run to run is written there as N.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^<!-- (tested|output) -->\n```\w*\n(.*?)^```$", re.M | re.S)


def lay_out(folder, source, build):
    for name in os.listdir(source):
        if name not in ("build", ".git"):
            (folder / name).symlink_to(source / name)
    (folder / "build").mkdir()
    (folder / "build" / "release").symlink_to(build)


def run(commands, folder):
    done = subprocess.run(["bash", "-euc", commands], cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                          encoding="utf-8", errors="replace")
    print(f"{commands}{done.stdout}(exit status {done.returncode})\n")
    if done.returncode != 0:
        sys.exit("readme: the commands above failed")
    return done.stdout


def can_sandbox(folder):
    """False, and says so, where this host gives no sandbox to this user."""
    done = subprocess.run(["build/release/bin/bulkhead", "run", "--entries", "cmake", "-q", "-o",
                           "/dev/null", "--", "build/release/handlers/noop"], cwd=folder,
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
    if done.returncode != 0:
        print("NOT RUN: readme: no sandbox here:", done.stderr.strip().split("\n")[0])
    return done.returncode == 0


def expect(wanted, printed):
    for line in wanted.splitlines():
        pattern = re.sub(r"(?<![A-Za-z])N(?![A-Za-z])", r"[\\d.]+", re.escape(line))
        if not re.search(pattern, printed):
            sys.exit(f"readme: no line like {line!r} in the output above")


def main():
    source, build = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    blocks = BLOCK.findall((source / "README.md").read_text(encoding="utf-8"))
    if not any(kind == "tested" for kind, _ in blocks):
        sys.exit("readme: README.md has no tested block")
    with tempfile.TemporaryDirectory(prefix="bulkhead-readme-") as name:
        folder = pathlib.Path(name)
        lay_out(folder, source, build)
        if not can_sandbox(folder):
            sys.exit(77)
        printed = ""
        for kind, text in blocks:
            if kind == "tested":
                printed = run(text, folder)
            else:
                expect(text, printed)


main()
