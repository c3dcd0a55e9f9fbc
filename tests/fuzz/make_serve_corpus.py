#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the corpus of fuzz_serve: python3 tests/fuzz/make_serve_corpus.py

One file a way that a batch can go, and one a way to break it, in corpus/serve
beside this script. The steps are those of fuzz_serve.c. Files that the fuzzer
found and that are worth keeping are put there by hand, under a name that says
what is special about them.
"""

import pathlib

OFF, FORK, REUSE = range(3)  # enum bh_warm_mode
SPAWN, KILL = 9, 12  # enum bh_message_type
TERM, ALL = 1, 2  # enum bh_kill
READY, ENDED, NO_FORK = 1, 2, 3  # enum bh_warm_type


def launcher(warm=OFF, slots=2, namespaces=True, confined=True, no_cpu_limit=True, twice=False,
             stays=False):
    """The first byte's flags, with the mode as its rest by 3."""
    flags = 4 * namespaces + 8 * confined + 16 * no_cpu_limit + 32 * twice
    kind = next(flags + high for high in (0, 64, 128) if (flags + high) % 3 == warm)
    return bytes([kind, 128 * stays + slots - 1])


def message(kind, slot=0, n_fds=0, how=0, size=None):
    head = bytes([0, n_fds | (0 if size is None else 0x80), kind, slot, how])
    return head + (b"" if size is None else size.to_bytes(2, "little"))


def spawn(slot=0, n_fds=4):
    return message(SPAWN, slot, n_fds)


def kill(slot=0, how=ALL, n_fds=0):
    return message(KILL, slot, n_fds, how)


def end(slot=0, how=1):
    return bytes([1, slot, how])


def word(kind, slot=0, status=0, n_fds=0, size=None, closes=False, times=b""):
    head = n_fds | (8 if times else 0) | (0 if size is None else 0x80) | (0x40 if closes else 0)
    return bytes([2, slot, head, kind, status]) + times + (b"" if size is None else bytes([size]))


def takes(slot=0):
    return bytes([3, slot])


def clean(slot=0, fails=0):
    return bytes([4, slot, fails])


def time(how):
    return bytes([5, how])


def over(slot=0, how=0, dies=False, is_unseen=False):
    return bytes([8, slot, how + 0x40 * dies + 0x80 * is_unseen])


FAIL = bytes([6])
STRANGER = bytes([7, 1])
USED_UP, LATER, ALONE = 1, 2, 4

WARM = spawn() + word(READY)
FORKED = WARM + clean()

SEEDS = {
    "nothing": launcher(),
    # without templates
    "batch": launcher() + spawn() + end() + spawn() + end(),
    "batch-unconfined": launcher(namespaces=False, confined=False) + spawn() + end(how=5),
    "batches-side-by-side": launcher(slots=3) + spawn(0) + spawn(2) + end(2) + spawn(1) + end(0),
    "batch-not-executed": launcher() + FAIL * 0 + spawn() + end() + FAIL + spawn() + end(),
    "batch-no-cgroup": launcher() + FAIL + spawn() + spawn() + end(),
    "batch-term": launcher() + spawn() + kill(how=TERM) + kill() + end(how=5),
    "batch-cpu-time": launcher(no_cpu_limit=False) + spawn() + time(USED_UP) + end(how=5),
    "reaper-ended-alone": launcher() + spawn() + end() + end() + spawn() + end(),
    "killed-in-its-clone": launcher() + spawn() + kill() + end(how=0x20) + spawn() + end(),
    "template-killed-in-its-clone": launcher(FORK) + spawn() + kill() + end(how=0x20) + spawn(),
    # reapers that stay
    "over": launcher(stays=True) + (spawn() + over()) * 3,
    "over-side-by-side": launcher(slots=3, stays=True) + spawn(0) + spawn(2) + over(2) + spawn(1)
    + over(0) + over(1),
    "over-not-executed": launcher(stays=True) + spawn() + over() + FAIL * 2 + spawn() + over(),
    "over-killed": launcher(stays=True) + spawn() + kill() + over(how=4) + spawn() + over(),
    "over-then-reaped": launcher(stays=True) + spawn() + over(is_unseen=True) + end() + spawn(1)
    + over(1) + spawn() + over(),
    "over-and-dies": launcher(stays=True) + spawn() + over(dies=True) + spawn() + over(),
    "reaped-though-it-stays": launcher(stays=True) + spawn() + end() + end(how=0) + spawn() + over(),
    "over-cpu-time": launcher(no_cpu_limit=False, stays=True) + spawn() + time(USED_UP) + over(how=4),
    "stranger": launcher() + STRANGER + spawn() + STRANGER,
    # what is refused
    "spawn-twice": launcher() + spawn() + spawn(),
    "spawn-no-fds": launcher() + spawn(n_fds=0),
    "spawn-three-fds": launcher() + spawn(n_fds=3),
    "spawn-five-fds": launcher() + spawn(n_fds=5),
    "spawn-slot": launcher() + spawn(slot=2),
    "spawn-short": launcher() + message(SPAWN, n_fds=4, size=8),
    "spawn-long": launcher() + message(SPAWN, n_fds=4, size=1200),
    "empty": launcher() + message(SPAWN, n_fds=4, size=0),
    "kill-fds": launcher() + spawn() + kill(n_fds=1),
    "kill-how": launcher() + spawn() + kill(how=3),
    "kill-slot": launcher() + kill(slot=255),
    "kill-nothing": launcher() + kill() + kill(how=TERM) + spawn(),
    "configure-again": launcher() + message(1, n_fds=3),
    "unknown": launcher() + message(200, n_fds=4),
    # templates that fork
    "fork": launcher(FORK) + FORKED + takes() + word(ENDED) + clean() + spawn() + takes(),
    "fork-alone": launcher(FORK) + FORKED + takes() + time(ALONE) + word(ENDED) + spawn() + takes(),
    "fork-kill": launcher(FORK) + FORKED + kill() + word(ENDED, status=9) + clean(),
    "fork-kill-unanswered": launcher(FORK) + FORKED + kill() + time(LATER) + end(how=5),
    "fork-term-warming": launcher(FORK) + spawn() + kill(how=TERM) + end(how=5),
    "fork-kill-warming": launcher(FORK) + spawn() + kill() + end(how=5) + spawn(),
    "fork-kill-cleaning": launcher(FORK) + WARM + kill() + clean(),
    "fork-no-proc": launcher(FORK) + WARM + clean(fails=1) + end(how=5),
    "fork-no-fork": launcher(FORK) + FORKED + word(NO_FORK, status=11) + end(how=5),
    "fork-cpu-time": launcher(FORK, no_cpu_limit=False) + FORKED + time(USED_UP) + time(LATER),
    "fork-no-reaper": launcher(FORK) + FAIL + spawn() + spawn() + word(READY),
    "never-warm": launcher(FORK) + (spawn() + end()) * 4,
    "untaken": launcher(FORK) + FORKED + end() + word(READY) + clean() + end(),
    "untaken-close": launcher(FORK) + FORKED + word(9, closes=True) + end() + word(READY),
    # templates that are reused
    "reuse": launcher(REUSE) + WARM + takes() + word(ENDED) + spawn() + takes() + word(ENDED),
    "reuse-twice": launcher(REUSE, twice=True)
    + WARM + takes() + word(ENDED) + spawn() + takes() + word(ENDED) + spawn() + end() + word(READY),
    "reuse-host": launcher(REUSE, namespaces=False) + WARM + takes() + kill() + end(how=5),
    "reuse-kill-idle": launcher(REUSE) + WARM + takes() + word(ENDED) + kill() + spawn() + end(),
    "reuse-term": launcher(REUSE) + WARM + kill(how=TERM) + takes() + word(ENDED, status=15),
    # templates that lie
    "lie-times": launcher(REUSE) + WARM + word(ENDED, times=b"\xff" * 16),
    "lie-sum": launcher(REUSE) + WARM + word(ENDED, times=(b"\0" * 7 + b"\x80") * 2),
    "lie-share": launcher(REUSE) + WARM + word(ENDED, times=b"\xff" * 8 + b"\2" + b"\0" * 7),
    "lie-ready-twice": launcher(FORK) + WARM + word(READY) + end(),
    "lie-early-end": launcher(FORK) + spawn() + word(ENDED) + end(),
    "lie-type": launcher(FORK) + FORKED + word(77) + end(),
    "lie-short": launcher(FORK) + FORKED + word(ENDED, size=3) + end(),
    "lie-long": launcher(FORK) + FORKED + word(ENDED, size=100) + end(),
    "lie-fds": launcher(FORK) + FORKED + word(ENDED, n_fds=7) + clean(),
    "lie-close": launcher(FORK) + FORKED + takes() + word(ENDED, size=0, closes=True) + time(LATER) + end(),
}


def main():
    folder = pathlib.Path(__file__).parent / "corpus" / "serve"
    folder.mkdir(exist_ok=True)
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
