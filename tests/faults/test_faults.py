# SPDX-License-Identifier: Apache-2.0
"""Each system call that the program and its launcher make to run one batch is made
to fail once, in turn.

The list of calls is taken from a trace of a run in which none fails. Each run with
a fault has to end by itself, with a result that says that the sandbox, the spawn or
something of our own failed, or with exit status 3; with success only where the call
is one that may fail, and the reason is given in MAY_FAIL. Whatever happens, nothing
crashes, no process and no cgroup is left, and a handler that is executed has every
layer around it: its state is compared with that of the run without a fault.

  test_faults.py [--full] [--seed N] [--only ROLE:CALL:ABOUT:ERROR] [--user root|ordinary]

Of calls that are repeated many times (the capabilities one by one, the counters)
some are taken, by the seed; with --full all are."""
import argparse
import concurrent.futures
import dataclasses
import errno
import json
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import sys
import tempfile
import time

import tracer

BUILD = pathlib.Path(os.environ["BH_BUILD_DIR"]).resolve()
BULKHEAD = BUILD / "bin" / "bulkhead"
NOOP = BUILD / "handlers" / "noop"
SANITIZED = re.search(r"^BH_SANITIZE:BOOL=(ON|1|TRUE)$", (BUILD / "CMakeCache.txt").read_text(),
                      re.MULTILINE) is not None

# The longest that the program itself waits for a launcher that takes no notice is 10 s.
PATIENCE_S = 45
ORDINARY_ID = 54321
MOST_OF_A_KIND = 4  # faults of one call of one role with one error, but with --full

# ---- which calls fail, and how ----

NEW_DESCRIPTOR = "EMFILE ENOMEM"
FILE = "EIO EPERM"
PRIVILEGE = "EPERM ENOMEM"
# Those that can only be interrupted: nothing may come of that.
INTERRUPTED = "EINTR"
NEVER = ""

ERRORS = {
    # descriptors
    "openat": "EMFILE ENOMEM EPERM", "open": "EMFILE ENOMEM EPERM",
    "socketpair": NEW_DESCRIPTOR, "pipe2": NEW_DESCRIPTOR,
    "memfd_create": NEW_DESCRIPTOR, "epoll_create1": NEW_DESCRIPTOR,
    "timerfd_create": NEW_DESCRIPTOR, "signalfd4": NEW_DESCRIPTOR, "eventfd2": NEW_DESCRIPTOR,
    "pidfd_open": NEW_DESCRIPTOR, "dup": "EMFILE", "dup2": "EMFILE", "dup3": "EMFILE",
    "fcntl": NEVER, "close": "EIO", "close_range": "EMFILE ENOMEM",
    # files
    "read": "EIO", "pread64": "EIO", "readv": "EIO", "write": "EIO EPERM",
    "writev": "EIO ENOMEM", "pwrite64": "EIO EPERM", "sendfile": "EIO ENOMEM",
    "copy_file_range": "EIO ENOMEM", "getdents64": "EIO ENOMEM", "lseek": "EIO",
    "fstat": "EIO ENOMEM", "newfstatat": "EIO ENOMEM EPERM", "statx": "EIO ENOMEM",
    "statfs": "EIO", "fstatfs": "EIO", "access": "EIO EPERM", "faccessat": "EIO EPERM",
    "faccessat2": "EIO EPERM", "readlink": "EIO EPERM", "readlinkat": "EIO EPERM",
    "mkdir": FILE, "mkdirat": FILE, "unlink": FILE, "unlinkat": FILE, "rmdir": FILE,
    "symlink": FILE, "symlinkat": FILE, "rename": FILE, "fchmod": FILE, "fchmodat": FILE,
    "ftruncate": "EIO ENOMEM EPERM", "fsync": "EIO", "flock": "ENOMEM", "chdir": FILE,
    "fchdir": FILE, "ioctl": "EIO EPERM", "getcwd": "ENOMEM",
    # memory
    "mmap": "ENOMEM EAGAIN", "mprotect": "ENOMEM", "munmap": "ENOMEM", "brk": "ENOMEM",
    "mremap": "ENOMEM", "madvise": "ENOMEM",
    # processes
    "clone": "EAGAIN ENOMEM EPERM", "clone3": "EAGAIN ENOMEM EPERM", "execve": "EAGAIN EIO EPERM",
    "execveat": "EAGAIN EIO EPERM", "wait4": INTERRUPTED, "waitid": INTERRUPTED,
    "kill": "EPERM", "pidfd_send_signal": "EPERM", "setsid": "EPERM", "getrusage": "EIO",
    # talking and waiting
    "sendmsg": "ENOMEM EPERM EINTR", "recvmsg": "ENOMEM EIO EINTR", "poll": "ENOMEM EINTR",
    "ppoll": "ENOMEM EINTR", "epoll_wait": "EIO EINTR", "epoll_ctl": PRIVILEGE,
    "timerfd_settime": "EIO", "clock_nanosleep": INTERRUPTED, "nanosleep": INTERRUPTED,
    # layers
    "unshare": PRIVILEGE, "setns": PRIVILEGE, "mount": PRIVILEGE, "umount2": PRIVILEGE,
    "mount_setattr": PRIVILEGE, "pivot_root": PRIVILEGE, "sethostname": "EPERM",
    "setgroups": PRIVILEGE, "setresuid": "EAGAIN EPERM", "setresgid": "EPERM",
    "capset": "EPERM", "capget": "EPERM", "prctl": PRIVILEGE, "prlimit64": "EPERM",
    "seccomp": PRIVILEGE + " EMFILE", "landlock_create_ruleset": NEW_DESCRIPTOR,
    "landlock_add_rule": "ENOMEM", "landlock_restrict_self": PRIVILEGE, "getrandom": "EAGAIN",
    # these succeed always, or fail for wrong arguments only
    "exit_group": NEVER, "exit": NEVER, "getpid": NEVER, "getppid": NEVER, "gettid": NEVER,
    "getuid": NEVER, "geteuid": NEVER, "getgid": NEVER, "getegid": NEVER, "umask": NEVER,
    "rt_sigaction": NEVER, "rt_sigprocmask": NEVER, "rt_sigreturn": NEVER, "futex": NEVER,
    "arch_prctl": NEVER, "set_tid_address": NEVER, "set_robust_list": NEVER, "rseq": NEVER,
    "sched_getaffinity": NEVER, "uname": NEVER, "restart_syscall": NEVER, "sysinfo": NEVER,
}

# Calls of which what they are asked for decides.
ERRORS_BY_NUMBER = {
    ("fcntl", "0"): "EMFILE", ("fcntl", "1030"): "EMFILE",  # another descriptor
    ("fcntl", "1"): NEVER, ("fcntl", "2"): NEVER, ("fcntl", "3"): NEVER,  # its flags
    ("fcntl", "4"): "EPERM", ("fcntl", "1033"): "EPERM",  # non-blocking; seals
    ("wait4", "1073741825"): NEVER,  # WNOHANG | __WALL
}

# What does its work and tells of an error nevertheless.
FAIL_AFTERWARDS = {"close", "fsync"}

# What the runtime of the sanitizers does for itself, and dies of where it fails. Its
# calls can't be told from ours, so these are left to builds without it.
RUNTIME = {"mmap", "munmap", "mprotect", "madvise", "mremap", "brk", "sigaltstack", "open",
           "prlimit64", "getrandom",
           "pidfd_send_signal"}  # the launcher then ends by itself, and looks for leaks


# ---- what may succeed all the same ----

CGROUP = r"/sys/fs/cgroup|/sys/fs/cgroup/.*|.*/memory\..*|.*/pids\..*|.*/cgroup\..*"
MEMBERSHIP = r"/proc/(self|N)/(cgroup|mountinfo)/?"
NO_CGROUP = "without cgroups"  # rlimits hold, and the result says so
UNCOUNTED = "processes count by user"  # so that a limit would be hit by what others run

# role, call, what it is about, error ("" for any of each), the reason
MAY_FAIL = [
    ("", "close", "", "", "the descriptor is closed all the same"),
    ("", "munmap", "", "", "memory that is not given back, by allocator or loader"),
    ("", "brk", "", "", "the allocator maps memory instead"),
    ("supervisor", "getrandom", "", "", "the allocator's own"),
    ("launcher 1", "(access|openat|newfstatat|mmap)", r"/etc/ld\.so\..*|", "",
     "the loader finds libraries without its cache"),
    ("launcher 1", "openat", r"/lib/.*\.so\..*", "", "the loader looks elsewhere, too"),
    # cgroups: where they can't be had, limits are held by rlimits
    ("launcher 1", "(openat|read|newfstatat)", MEMBERSHIP, "", NO_CGROUP),
    ("launcher 1", "getrandom", "", "", NO_CGROUP),  # for the name; not that for the key
    ("launcher 1", "(openat|mkdirat|flock|faccessat2|write|newfstatat|getdents64|unlinkat)",
     CGROUP, "", NO_CGROUP),
    ("launcher 1", "(pread64|pwrite64)", CGROUP, "", "what was used is not known"),
    ("handler 1", "write", CGROUP, "", NO_CGROUP),
    ("launcher 1", "(openat|read)", "/sys/devices/system/cpu/online", "", "one CPU is assumed"),
    ("supervisor", "(openat|newfstatat|getdents64|unlinkat|faccessat2)", CGROUP, "",
     "is tried twice"),
    # the launcher
    ("launcher 1", "setsid", "", "", "it leads its group already, or its namespace"),
    ("launcher 1", "prlimit64", "", "", "a limit that can't be read is taken for none"),
    ("launcher 1", "(access|readlink)", "/(usr|bin|sbin|lib.*|etc/.*)", "",
     "what can't be looked at is left out of the root, or bound instead of linked to"),
    ("launcher 1", "openat", "/etc/.*", "EPERM|EMFILE|ENOMEM",
     "a file of the host that handlers can do without"),
    ("launcher 1", "pread64", ".*/noop", "", "a program is told from a script by its exec"),
    ("launcher 1", "seccomp", "[123]", "", "libseccomp's questions to the kernel"),
    ("launcher 1", "(poll|read|recvmsg)", "|socket:|anon_inode:.*", "",
     "the batch had ended, or another launcher is started"),
    ("reaper [12]", "getrusage", "", "", "usage is not known"),
    ("handler 1", "clone", "", "EAGAIN", UNCOUNTED),
    # the supervisor
    ("supervisor", "clone", "", "EPERM", "a user namespace is tried; not by root"),
    ("supervisor", "prlimit64", "", "", "the limit of descriptors stays as it was"),
    ("supervisor", "(openat|read)", "(/dev/urandom|/sys/devices/system/cpu/online)", "",
     "jansson takes the time instead; one CPU is assumed"),
    ("supervisor", "newfstatat",
     "(.*batches.jsonl|/proc/N/[ug]id_map|/dev/null|/tmp/.*|pipe:|socket:)?/?", "",
     "stdio's question for the size of a buffer"),
    ("supervisor", "read", "anon_inode:.*", "", "it stays readable, and is read again"),
    ("supervisor", "read", "pipe:", "", "the last look at an empty pipe"),
    ("supervisor", "ioctl", "", "", "standard error is taken for no terminal"),
    ("supervisor", "lseek", "", "", "where the output ends is needed only to cut off a part"),
    ("supervisor", "epoll_ctl", "2", "", "a descriptor leaves with its closing"),
    ("supervisor", "(sendmsg|recvmsg)", "socket:", "",
     "the launcher is taken for lost: another is started, or the batch had ended"),
    ("supervisor", "pidfd_send_signal", "", "", "the launcher ends with its socket, too"),
]


def may_fail(fault):
    """Why a run may succeed in spite of the fault; "" where it may not."""
    name = errno.errorcode[fault.code]
    if name == "EINTR":
        return "is made again"
    for roles, calls, subjects, errors, why in MAY_FAIL:
        if (re.fullmatch(roles or ".*", fault.role) and re.fullmatch(calls, fault.name) and
                re.fullmatch(subjects or ".*", fault.about) and
                re.fullmatch(errors or ".*", name)):
            return why
    return ""


def is_input(fault):
    """Reading what is to be run: an error there is one of the input, status 2."""
    return fault.role == "supervisor" and re.fullmatch(r".*/bulkhead-faults-[^/]*/.*", fault.about)


# ---- one run ----

def argv():
    return [BULKHEAD, "run", "-q", "-j", "1", "--batches", BATCHES, HANDLER]


def become_ordinary():
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID)
    os.setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID)


def cgroup_mounts():
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return [fields[1] for fields in (line.split() for line in lines)
            if fields[2] in ("cgroup", "cgroup2")]


def cgroups_left(pid):
    """Directories of this supervisor's launchers."""
    return [os.path.join(folder, name)
            for mount in cgroup_mounts() for folder, names, _ in os.walk(mount)
            for name in names if name.startswith(f"bulkhead-{pid}-")]


def strip_state(state):
    """What has to be the same in each run: ids go by the supervisor's pid."""
    made = dict(state)
    made["uids"] = made["gids"] = None
    return made


def missing_layers(state):
    """Layers by their names, in case that a run without a fault lacks one."""
    ids = set(state["uids"] + state["gids"])
    layers = {
        "seccomp": state["seccomp"] == "2",
        "no new privileges": state["no_new_privs"] == "1",
        "Landlock": state["landlock"],
        "capabilities": set(state["capabilities"]) == {"0" * 16},
        "own id": len(ids) == 1 and "0" not in ids,
        "PID namespace": state["pid"] == "2",
        "session": state["session"],
        "namespaces": state["namespaces"] == tracer.NAMESPACES,
        "root": not {"home", "root", "var", "run", "sys"} & set(state["root"]) and
                state["root_flags"] & os.ST_RDONLY and state["root_flags"] & os.ST_NOSUID,
        "descriptors": state["descriptors"] == [0, 1, 2, 3, 4],
        "core size": state["limits"]["Max core file size"] == ["0", "0"],
        "signals": state["ignored"] == state["blocked"] == "0" * 16,
    }
    return [f"without {name}" for name, is_there in layers.items() if not is_there]


def parse_results(run):
    return [json.loads(line) for line in run.out.decode().splitlines()]


def judge_end(fault, run):
    """What is wrong with how the program ended; "" where nothing is."""
    try:
        results = parse_results(run)
    except ValueError:
        return f"prints what is no result: {run.out[:200]!r}"
    kinds = [result["error"]["kind"] for result in results if result["error"]]
    if errno.errorcode[fault.code] == "EINTR" and run.status != 0:
        return f"status {run.status} for an interruption"
    if run.status == 0:
        why = may_fail(fault)
        return "" if why and len(results) == 1 else "succeeds, with no reason given for that"
    if run.status == 3:
        return "" if run.err.strip() else "status 3 without a message"
    if run.status == 2 and is_input(fault) and not run.states:
        return "" if run.err.strip() else "status 2 without a message"
    if run.status == 1 and kinds and set(kinds) <= {"sandbox", "internal", "spawn"}:
        return "" if all(result["error"]["message"] for result in results) else "no message"
    return f"status {run.status}, kinds {kinds}"


def judge_cgroups(run, state):
    """What no cgroup holds has to be held by rlimits, and told."""
    by_cgroup = "memory" in state["cgroups"]
    if by_cgroup == (state["limits"]["Max data size"] != ["unlimited"] * 2):
        return "nobody or everybody holds memory"
    told = [result["memory_held_by"] for result in parse_results(run)]
    if run.status == 0 and told != ["cgroup" if by_cgroup else "rlimit"]:
        return f"memory held by {told}, but cgroups {state['cgroups']}"
    return ""


def judge_state(fault, run, clean):
    for state in run.states:
        wanted, seen = strip_state(clean), strip_state(state)
        if may_fail(fault) == NO_CGROUP:
            wanted["cgroups"], wanted["limits"] = seen["cgroups"], seen["limits"]
        if may_fail(fault) == UNCOUNTED:
            name = "Max processes"
            wanted["limits"] = {**wanted["limits"], name: seen["limits"][name]}
        different = [f"{key} {seen[key]} instead of {wanted[key]}" for key in wanted
                     if wanted[key] != seen[key]] + missing_layers(state)
        different += [text for text in [judge_cgroups(run, state)] if text]
        if different:
            return "runs a handler with other layers: " + "; ".join(different)
    return ""


def judge_crash(fault, run):
    text = run.err.decode(errors="replace")
    if run.status < 0 or run.status >= 128:
        return f"ends by signal or as if, {run.status}"
    if "Sanitizer" in text or "runtime error" in text or "Assertion" in text:
        return "a broken promise"
    dead = run.crashes + [f"{role} by signal {-status}" for role, status in run.ends.items()
                          if status < 0 and status != -9]
    return f"crashes: {', '.join(dead)}" if dead and not fault.is_loader else ""


def judge(fault, run, clean):
    """Every complaint about a run."""
    complaints = []
    if run.hung:
        return [f"hangs: {run.hung}"]
    for complaint in (judge_crash(fault, run), judge_end(fault, run),
                      judge_state(fault, run, clean)):
        if complaint:
            complaints.append(complaint)
    if run.left:
        complaints.append(f"leaves processes: {run.left}")
    left = cgroups_left(run.pid)
    if left:
        complaints.append(f"leaves cgroups: {left}")
        for path in left:
            remove_cgroup(path)
    return complaints


def remove_cgroup(path):
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass


def describe(fault):
    return (f"{fault.role}: {fault.name} {fault.occurrence} of \"{fault.about}\" "
            f"{errno.errorcode[fault.code]}")


def try_fault(fault, clean, user):
    prepare = become_ordinary if user == "ordinary" else lambda: None
    run = tracer.trace(argv(), fault, prepare=prepare, patience_s=PATIENCE_S)
    if not run.hit and run.status == 0:
        return fault, None, ""
    ended = f"status {run.status} {run.out[:1500].decode(errors='replace')!r} " \
            f"{run.err.decode(errors='replace')!r} ends {run.ends}"
    return fault, judge(fault, run, clean), ended


# ---- the list ----

def is_of_runtime(call):
    """Can't be told from a call of the sanitizers' runtime, or is in a process where
    that runtime looks for leaks at the end, which it can't do while it is traced."""
    return (call.role != "supervisor" or call.name in RUNTIME or call.name not in ERRORS or
            call.about.startswith("/proc/"))


def faults_of(calls):
    made = []
    for call in calls:
        if call.is_loader and call.role == "supervisor":
            continue  # nothing of ours runs yet
        if SANITIZED and is_of_runtime(call):
            continue
        if call.name not in ERRORS:
            raise SystemExit(f"{call.role} calls {call.name}, of which ERRORS says nothing")
        made += [dataclasses.replace(call, code=getattr(errno, name),
                                     after=call.name in FAIL_AFTERWARDS)
                 for name in ERRORS_BY_NUMBER.get((call.name, call.about),
                                                  ERRORS[call.name]).split()]
    return made


def sample(faults, seed):
    """At most a few of each kind: the first, the last, and some between."""
    kinds, chosen = {}, []
    for fault in faults:
        kinds.setdefault((fault.role, fault.name, fault.code), []).append(fault)
    dice = random.Random(seed)
    for kind in kinds.values():
        middle = kind[1:-1]
        if len(kind) > MOST_OF_A_KIND:
            middle = dice.sample(middle, MOST_OF_A_KIND - 2)
        chosen += [kind[0], *middle, *kind[1:][-1:]]
    return chosen


def matches(fault, only):
    parts = only.split(":")
    seen = [fault.role, fault.name, fault.about, errno.errorcode[fault.code]]
    return all(not wanted or wanted == part for wanted, part in zip(parts, seen))


def run_all(user, options):
    begun = time.monotonic()
    prepare = become_ordinary if user == "ordinary" else lambda: None
    try:
        clean = tracer.trace(argv(), record=True, prepare=prepare, patience_s=PATIENCE_S)
    except PermissionError as error:
        print(f"NOT RUN: faults, {user}: no process may be traced here: {error}")
        return 0
    if clean.status == tracer.NOT_EXECUTED:
        print(f"NOT RUN: faults, {user}: this user can't execute what was built")
        return 0
    if clean.status != 0 or len(clean.states) != 1 or missing_layers(clean.states[0]):
        print(f"without a fault: {clean}")
        return 1
    faults = faults_of(clean.calls)
    n_all = len(faults)
    if options.only:
        faults = [fault for fault in faults if matches(fault, options.only)]
    elif not options.full:
        faults = sample(faults, options.seed)
    print(f"{user}: {len(clean.calls)} calls, {n_all} faults, {len(faults)} of them tried "
          f"(seed {options.seed})", flush=True)

    n_bad = n_missed = 0
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count() or 1, fork) as pool:
        runs = pool.map(try_fault, faults, [clean.states[0]] * len(faults),
                        [user] * len(faults), chunksize=4)
        for fault, complaints, ended in runs:
            if complaints is None:
                n_missed += 1
            elif complaints or options.only:
                n_bad += bool(complaints)
                print(f"{'FAILED' if complaints else 'ok'} {describe(fault)}: "
                      f"{'; '.join(complaints)}\n    {ended}", flush=True)
    print(f"{user}: {n_bad} failed, {n_missed} were not reached, "
          f"{time.monotonic() - begun:.0f} s", flush=True)
    if n_missed > len(faults) / 10:
        print(f"{user}: the list of calls is not that of these runs")
        n_bad += 1
    return n_bad


def main():
    global BATCHES, HANDLER
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only")
    parser.add_argument("--user", choices=["root", "ordinary"])
    options = parser.parse_args()

    users = ["root", "ordinary"] if os.geteuid() == 0 else ["ordinary"]
    if SANITIZED:
        print("NOT RUN: faults of the launcher, and of memory: the runtime of the sanitizers "
              "does not work under ptrace, and its calls can't be told from ours")
    n_bad = 0
    with tempfile.TemporaryDirectory(prefix="bulkhead-faults-") as folder:
        os.chmod(folder, 0o755)
        BATCHES = pathlib.Path(folder) / "batches.jsonl"
        BATCHES.write_text('{"batch_id": "b", "tasks": [{"id": "t", "params": null}]}\n')
        HANDLER = pathlib.Path(folder) / "noop"
        shutil.copy(NOOP, HANDLER)
        for user in users:
            if options.user in (None, user):
                n_bad += run_all(user, options)
    return 1 if n_bad else 0


if __name__ == "__main__":
    sys.exit(main())
