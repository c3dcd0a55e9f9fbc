# SPDX-License-Identifier: Apache-2.0
"""Each system call that the program and its launcher make to run one batch is made
to fail once, in turn.

The list of calls is taken from a trace of a run in which none fails; what each run has
to come to is in judge.py. A call is known by who makes it, its name, what it is about
and where in the program it is made, so that it does not matter who is faster.

In every run of this test each of these fails: with all errors where it makes a layer,
else with one that goes by its place in the program and the seed; where it is made several
times in a loop, the first time and one other time. The seeds 0 to 4 give each call each
error; BH_FAULTS=all does in one run. To prove that a missing layer would be noticed,
calls that make layers are left out, and said to have succeeded: the judge has to complain.

  test_faults.py [--seed N] [--only ROLE:CALL:ABOUT:ERROR]"""
import argparse
import concurrent.futures
import dataclasses
import errno
import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import calls
import judge
import tracer

BUILD = pathlib.Path(os.environ["BH_BUILD_DIR"]).resolve()
BULKHEAD = BUILD / "bin" / "bulkhead"
EVERYTHING = os.environ.get("BH_FAULTS") == "all"

WHAT = "faults in our own set-up"

# The longest that the program itself waits for a launcher that takes no notice is 10 s.
PATIENCE_S = 300
AT_A_TIME = 2  # runs; CMakeLists.txt tells ctest of it
ATTEMPTS = 3  # to get to a call that isn't made in each run
LEAST_LAYERS = 15  # of those in calls.LAYERS, in case that a name there is out of date


class Command:
    """One batch with one entry."""
    def __init__(self, folder):
        entries, batches = folder / "entries.jsonl", folder / "batches.jsonl"
        handler = folder / "confined"
        entries.write_text('{"id": "e", "source": "test", "content": "text"}\n')
        batches.write_text('{"batch_id": "b", "tasks": [{"id": "t", "required_entry_ids": '
                           '["e"]}]}\n')
        shutil.copy(BUILD / "tests" / "confined", handler)
        self.argv = [BULKHEAD, "run", "-q", "-j", "1", "--memory", judge.MEMORY, "--file-size",
                     judge.MEMORY, "--cpu-time", f"{judge.CPU_SECONDS}s", "--entries", entries,
                     "--batches", batches, handler]

    def trace(self, fault=None):
        return tracer.trace(self.argv, fault, patience_s=PATIENCE_S)


def describe(fault):
    failing = errno.errorcode[fault.code] if fault.code else "is left out"
    return (f"{fault.role}: {fault.name} {fault.occurrence} of \"{fault.about}\" "
            f"at {fault.place:#x} {failing}")


# ---- the list ----

def faults_of(recorded, seed):
    """Those of this run, and how many there are in all."""
    ours = [call for call in recorded if calls.is_ours(call)]
    chosen = ours if EVERYTHING else calls.in_turn(ours, seed)
    made = []
    for call in chosen:
        some, every = calls.errors_of(call, seed)
        made += [dataclasses.replace(call, code=getattr(errno, name),
                                     after=call.name in calls.FAIL_AFTERWARDS)
                 for name in (every if EVERYTHING else some)]
    return made, sum(len(calls.errors_of(call, 0)[1]) for call in ours)


def left_out(recorded):
    """[(a call that makes a layer, what has to tell that it was not made)]"""
    made = []
    for role, name, subject, part in calls.LAYERS:
        made += [(call, part) for call in recorded
                 if (call.role, call.name) == (role, name) and
                 calls.matches(subject, call.about)][:4]
    return made


def is_wanted(fault, only):
    seen = [fault.role, fault.name, fault.about, errno.errorcode[fault.code]]
    return all(not wanted or wanted == part for wanted, part in zip(only.split(":"), seen))


# ---- one run ----

def try_fault(fault, command, clean):
    """The complaints, and how it ended. None where the call was not made."""
    for attempt in range(ATTEMPTS):
        if attempt == ATTEMPTS - 1:  # the place was guessed wrongly, then or now
            fault = dataclasses.replace(fault, place=tracer.ANYWHERE)
        run = command.trace(fault)
        complaints = judge.judge(fault, run, clean)
        if run.hit or complaints:
            break
    else:
        return None, ""
    return complaints, (f"status {run.status} {run.out[:1500].decode(errors='replace')!r} "
                        f"{run.err.decode(errors='replace')!r} ends {run.ends}")


def try_left_out(call, part, command, clean):
    """What is wrong with the judge; "" where it noticed."""
    run = command.trace(call)
    complaints = judge.judge_handlers(call, run, clean)
    if not run.states:
        return ""  # another step failed for it, and no handler ran
    if run.hit and any(text.startswith(f"runs a handler with {part}:") for text in complaints):
        return ""
    return f"is not noticed by {part}: {complaints}"


# ---- all runs ----

def check_faults(pool, faults, command, clean):
    n_bad = n_missed = 0
    runs = pool.map(try_fault, faults, [command] * len(faults), [clean] * len(faults),
                    chunksize=4)
    for fault, (complaints, ended) in zip(faults, runs):
        if complaints is None:
            n_missed += 1
            complaints = [] if calls.is_unsteady(fault) else ["the call was not made"]
        if complaints:
            n_bad += 1
            print(f"FAILED {describe(fault)}: {'; '.join(complaints)}\n    {ended}", flush=True)
    print(f"{n_bad} of {len(faults)} faults failed, {n_missed} were not reached", flush=True)
    if n_missed > len(faults) / 20:
        print("FAILED: the list of calls is not that of these runs")
        n_bad += 1
    return n_bad


def check_judge(pool, recorded, command, clean):
    layers = left_out(recorded)
    wrong = list(pool.map(try_left_out, *zip(*layers), [command] * len(layers),
                          [clean] * len(layers)))
    n_bad = 0
    for (call, _), text in zip(layers, wrong):
        if text:
            n_bad += 1
            print(f"FAILED {describe(call)}: {text}", flush=True)
    print(f"{len(layers)} calls that make a layer left out, {n_bad} without notice", flush=True)
    if len(layers) < LEAST_LAYERS:
        print("FAILED: too few calls that make a layer are known by calls.LAYERS")
        n_bad += 1
    return n_bad


def check_all(options, command, recording):
    clean, mounts, begun = judge.Clean(recording), judge.host_mounts(), time.monotonic()
    faults, n_all = faults_of(recording.calls, options.seed)
    if options.only:
        faults = [fault for fault in faults if is_wanted(fault, options.only)]
    print(f"{len(recording.calls)} calls, {len({fault.key() for fault in faults})} of them "
          f"different and ours; {len(faults)} of {n_all} faults tried (--seed {options.seed})",
          flush=True)
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(AT_A_TIME, fork) as pool:
        n_bad = check_faults(pool, faults, command, clean)
        if not options.only:
            n_bad += check_judge(pool, recording.calls, command, clean)
    left = [mount for mount in judge.host_mounts() if mount not in mounts]
    if left:
        print(f"FAILED: leaves mounts: {left}")
        n_bad += 1
    print(f"{time.monotonic() - begun:.0f} s", flush=True)
    return 1 if n_bad else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=random.randrange(len(calls.ERRORS)))
    parser.add_argument("--only")
    options = parser.parse_args()

    doctor = subprocess.run([BULKHEAD, "doctor"], text=True, stdout=subprocess.PIPE)
    if doctor.returncode != 0:
        print(f"NOT RUN: {WHAT}: no strict isolation here: see bulkhead doctor\n{doctor.stdout}")
        return 0
    with tempfile.TemporaryDirectory(prefix="bulkhead-faults-") as folder:
        command = Command(pathlib.Path(folder))
        try:
            recording = command.trace()
        except PermissionError as error:
            print(f"NOT RUN: {WHAT}: no process may be traced here: {error}")
            return 0
        wrong = judge.judge_clean(recording)
        if wrong:
            print(f"FAILED without a fault: {'; '.join(wrong)}")
            return 1
        if not recording.states[0]["cgroups"]:
            print(f"NOT RUN: {WHAT}, where cgroups are had: this user may make none here")
        return check_all(options, command, recording)


if __name__ == "__main__":
    sys.exit(main())
