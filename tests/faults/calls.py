# SPDX-License-Identifier: Apache-2.0
"""Which calls are made to fail, with which errors, and which may without the run failing.

A call is given every error, whether it is one that the manual names or not, unless it
has no way to tell of one: those that make a layer all errors in each run of the test,
every other one in each, in turn by the seed. What is made in a loop, for the same
purpose, fails the first time and one other time, which goes by the seed as well."""
import ctypes
import errno
import re
import zlib

ERRORS = ["EMFILE", "ENOMEM", "EAGAIN", "EPERM", "EIO"]

# All errors in every run. What the trial makes is made for the batch once more.
ISOLATING = {"clone", "unshare", "pivot_root", "mount_setattr", "setresuid", "setresgid",
             "setgroups", "capset", "landlock_create_ruleset", "landlock_add_rule",
             "landlock_restrict_self", "seccomp", "prctl", "execveat", "close_range"}
TRIAL = "(reaper|handler) 1"

# Not of this test: what is made for a batch that doesn't come, and what is there to
# do about cgroups of others only where there are some.
LEFT_TO_OTHERS = [
    ("(reaper|handler) 3", ""),
    ("", r".*bulkhead-OTHER.*"),
]

# These have no error, so whoever calls them can't be told of one.
WITHOUT_ERRORS = {"clock_gettime",  # of a clock that there is
                  "exit_group", "exit", "getpid", "getppid", "gettid", "getuid", "geteuid",
                  "getgid", "getegid", "umask", "rt_sigreturn", "restart_syscall",
                  "set_tid_address", "arch_prctl"}
WITHOUT_ERRORS_ABOUT = {("futex", "129")}  # to wake, private; but for an address that isn't there

# brk(2) says where the heap ends; so one error is as good as the other.
ALL_ERRORS_ALIKE = {"brk"}

# These can also be interrupted, and nothing may come of that.
WITHOUT_HANG = "1073741825"  # WNOHANG | __WALL of wait4(2), which is never interrupted
WITHOUT_END = "1073741824"  # __WALL
INTERRUPTED = {"wait4", "waitid", "sendmsg", "recvmsg", "poll", "ppoll", "epoll_wait"}

# What does its work and tells of an error nevertheless.
FAIL_AFTERWARDS = {"close", "fsync"}

# Whether these are made depends on who is faster, and on cgroups of others that run at
# the same time. Role, call, what it is about.
UNSTEADY = [
    ("", "futex", ""),
    # a sweep of what others left, and one of theirs that takes a new one of ours away
    ("launcher 1", "openat|getdents64|newfstatat|faccessat2|unlinkat|flock|close|fcntl",
     "/sys/fs/cgroup.*"),
]

CGROUP = r"/sys/fs/cgroup|/sys/fs/cgroup/.*|.*/memory\..*|.*/pids\..*|.*/cgroup\..*"
MEMBERSHIP = r"/proc/(self|N)/(cgroup|mountinfo)/?"
NO_CGROUP = "without cgroups"  # rlimits hold, and the result says so
FEWER_FILES = "a part of the root is left out, or bound instead of linked to"
AGAIN = "is made again"
LAST_PID = "/proc/sys/kernel/ns_last_pid"
ONE_EACH = "the reaper doesn't stay: it ends with its batch, and tells of that by its end"
LAUNCHERS_END = "reapers end with the launcher's namespace, too"
UNCOUNTED = "processes count by user"  # so that a limit would be hit by what others run

# role, call, what it is about, error ("" for any of each), the reason
MAY_FAIL = [
    ("", "close", "", "", "the descriptor is closed all the same"),
    ("", "munmap", "", "", "memory that is not given back, by allocator or loader"),
    ("", "brk", "", "", "the allocator maps memory instead"),
    ("", "mmap", r"\d{6,} (?!.*(slot|stacks)).*", "", "the allocator takes the heap"),
    ("", "futex", "128", "", "the word is looked at again"),
    ("supervisor", "getrandom", "", "", "the allocator's own"),
    ("launcher 1", "(access|openat|newfstatat|mmap)", r"/etc/ld\.so\..*", "",
     "the loader finds libraries without its cache"),
    ("launcher 1", "openat", r"/lib/.*\.so\..*", "", "the loader looks elsewhere, too"),
    ("launcher 1", "(set_robust_list|rseq)", "", "", "the C library lives without"),
    # cgroups: where they can't be had, limits are held by rlimits
    ("launcher 1", "(openat|read|newfstatat)", MEMBERSHIP, "", NO_CGROUP),
    ("launcher 1", "getrandom", "", "", NO_CGROUP),  # for the name; not that for the key
    ("launcher 1", "(openat|mkdirat|flock|faccessat2|write|newfstatat|getdents64|unlinkat)",
     CGROUP, "", NO_CGROUP),
    ("launcher 1", "fcntl", "[23] .*cgroup.*", "", "what others left there is left to others"),
    ("launcher 1", "(pread64|pwrite64)", CGROUP, "", "what was used is not known"),
    ("handler 1", "write", CGROUP, "", NO_CGROUP),
    ("launcher 1", "(openat|read)", "/sys/devices/system/cpu/online", "", "one CPU is assumed"),
    ("supervisor", "(openat|newfstatat|getdents64|unlinkat|faccessat2)", CGROUP, "",
     "is tried twice"),
    # the launcher
    ("launcher 1", "newfstatat", "/proc/N/mounts/", "",
     "stdio's question for the size of a buffer"),
    ("launcher 1", "kill", "", "", LAUNCHERS_END),
    ("launcher 1", "wait4", WITHOUT_END, "", LAUNCHERS_END),
    ("launcher 1", "setsid", "", "", "it leads its group already, or its namespace"),
    ("launcher 1", "prlimit64", "get .*", "", "a limit that can't be read is taken for none"),
    ("launcher 1", "prlimit64", "set 7", "", "its own descriptors; handlers have a limit"),
    ("launcher 1", "(access|readlink)", "/(usr|bin|sbin|lib.*|etc/.*)", "", FEWER_FILES),
    ("launcher 1", "openat", "/etc/.*", "", FEWER_FILES),
    ("launcher 1", "sysinfo", "", "", "qsort's question for the size of memory"),
    ("launcher 1", "pread64", ".*/confined", "", "a program is told from a script by its exec"),
    ("launcher 1", "seccomp", "[123]", "", "libseccomp's questions to the kernel"),
    ("launcher 1", "poll", "", "", "the batch had ended, or another launcher is started"),
    ("launcher 1", "(read|recvmsg|wait4)", f"socket:|anon_inode:.*|{WITHOUT_HANG}", "",
     "the batch had ended, or another launcher is started"),
    ("launcher 1", "openat", LAST_PID, "", ONE_EACH),
    ("reaper 1", "pwrite64", LAST_PID, "", ONE_EACH),
    ("reaper 2", "(wait4|pwrite64|write)", f"{WITHOUT_HANG}|{LAST_PID}|anon_inode:.*", "",
     ONE_EACH),
    ("reaper 2", "sendmsg", "", "", "the end of the batch tells that it had begun"),
    ("reaper 1", "wait4", "", "", "the trial ends with its namespace"),
    ("handler 1", "wait4", "", "", "the probe ends with the trial"),
    ("handler 1", "clone", "", "EAGAIN", UNCOUNTED),
    ("spawner 1", "clone [23]", "", "", "the batch that it is made ahead for asks again"),
    # the supervisor
    ("supervisor", "clone", "", "EPERM", "a user namespace is tried; not by root"),
    ("supervisor", "prlimit64", "", "", "the limit of descriptors stays as it was"),
    ("supervisor", "(openat|read)", "(/dev/urandom|/sys/devices/system/cpu/online)", "",
     "jansson takes the time instead; one CPU is assumed"),
    ("supervisor", "newfstatat",
     "(.*batches.jsonl|.*entries.jsonl|/proc/N/[ug]id_map|/dev/null|/tmp/.*|pipe:|socket:)?/?",
     "", "stdio's question for the size of a buffer"),
    ("supervisor", "poll", "bh_listener_receive|wait_state", "EAGAIN",
     "is taken for nothing to be read, and nothing was"),
    ("supervisor", "read", "anon_inode:.*", "", "it stays readable, and is read again"),
    ("supervisor", "read", "pipe:", "", "the last look at an empty pipe"),
    ("supervisor", "write", "/tmp/#N", "EAGAIN", AGAIN),
    ("supervisor", "pwrite64", "/memfd:bulkhead-results", "EPERM", "a larger region is tried"),
    ("supervisor", "ioctl", "", "", "standard error is taken for no terminal"),
    ("supervisor", "lseek", "", "", "where the output ends is needed only to cut off a part"),
    ("supervisor", "fcntl", "1 .*", "", "a descriptor that may be there is left alone"),
    ("supervisor", "fcntl", "[23] .*(cgroup.*|bulkhead-OWN)|3 /tmp/#N", "",
     "is tried twice; stdio's question"),
    ("supervisor", "rt_sigprocmask", "", "", "signals are let in later"),
    ("supervisor", "waitid", "", "", "the launcher was asked to end, and is reaped by init"),
    ("supervisor", "epoll_ctl", "2", "", "a descriptor leaves with its closing"),
    ("supervisor", "(sendmsg|recvmsg)", "socket:", "",
     "the launcher is taken for lost: another is started, or the batch had ended"),
    ("supervisor", "pidfd_send_signal", "", "", "the launcher ends with its socket, too"),
]

# Calls that make a layer: where one is not made and nobody notices, the handler's state
# has to tell. Role, call, what it is about, and the part of the state that does.
LAYERS = [
    ("launcher 1", "unshare", "1073741824", "namespaces"),
    ("launcher 1", "unshare", "134217728", "namespaces"),
    ("launcher 1", "unshare", "67108864", "namespaces"),
    ("launcher 1", "mount_setattr", "/usr", "mounts"),
    ("launcher 1", "pivot_root", "", "root"),
    ("launcher 1", "prctl", "24", "capabilities"),
    ("launcher 1", "write", ".*/memory.limit_in_bytes|.*/memory.max", "cgroup_limits"),
    ("launcher 1", "write", ".*/pids.max", "cgroup_limits"),
    ("launcher 1", "prlimit64", "set 4", "limits"),
    ("launcher 1", "prlimit64", "set 8", "limits"),
    ("handler 2", "write", CGROUP, "cgroups"),
    ("handler 2", "setsid", "", "session"),
    ("handler 2", "unshare", "33554432", "apart_from_launcher"),
    ("reaper 2", "unshare", "131072", "apart_from_launcher"),
    ("handler 2", "unshare", "268435456", "apart_from_launcher"),
    ("reaper 2", "mount", "/proc", "mounts"),
    ("handler 2", "setresgid", "", "uids"),
    ("handler 2", "setresuid", "", "apart_from_launcher"),
    ("handler 2", "prlimit64", "set [0167]", "limits"),
    ("handler 2", "landlock_restrict_self", "", "landlock"),
    ("spawner 1", "seccomp", "1", "filters"),
    ("handler 2", "dup3", "[1-4]", "descriptors"),
    ("handler 2", "rt_sigprocmask", "", "blocked"),
]

# What Landlock alone refuses to a handler in its root are signals (Linux 6.12).
LANDLOCK_VERSION = ctypes.CDLL(None).syscall(444, None, 0, 1)  # landlock_create_ruleset
if LANDLOCK_VERSION >= 6:
    LAYERS.append(("handler 2", "landlock_restrict_self", "", "attempts"))


def matches(pattern, text):
    return not pattern or re.fullmatch(pattern, text) is not None


def is_made(pattern, fault):
    """By the call's name, or that and which one it is of those made there."""
    return matches(pattern, fault.name) or matches(pattern, f"{fault.name} {fault.occurrence}")


def is_unsteady(fault):
    """Or what is done again fewer times where there is nothing left to do, and what is
    done about the end: launcher and supervisor both see to that."""
    return fault.occurrence > 1 or fault.is_late or any(
        matches(role, fault.role) and matches(name, fault.name) and
        matches(subject, fault.about) for role, name, subject in UNSTEADY)


def may_fail(fault):
    """Why a run may succeed in spite of the fault; "" where it may not."""
    if fault.code == 0:
        return ""
    if fault.code == errno.EINTR:
        return AGAIN
    for role, name, subject, error, why in MAY_FAIL:
        if (matches(role, fault.role) and is_made(name, fault) and
                matches(subject, fault.about) and
                matches(error, errno.errorcode[fault.code])):
            return why
    return ""


def is_ours(call):
    """Not of the loader before the program's first instruction; those of a launcher's
    are."""
    return not (call.is_loader and call.role == "supervisor") and not any(
        matches(role, call.role) and matches(subject, call.about)
        for role, subject in LEFT_TO_OTHERS)


def is_isolating(call):
    return call.name in ISOLATING and call.occurrence == 1 and not matches(TRIAL, call.role) or \
        call.name == "mount" and call.role.startswith("reaper 2")


def errors_of(call, seed):
    """The errors that it is given: those of this run, and all."""
    if call.name in WITHOUT_ERRORS or (call.name, call.about) in WITHOUT_ERRORS_ABOUT:
        return [], []
    if call.name in ALL_ERRORS_ALIKE:
        return ["ENOMEM"], ["ENOMEM"]
    turn = zlib.crc32(f"{call.role} {call.name} {call.place} {call.occurrence}".encode()) + seed
    interrupted = ["EINTR"] if call.name in INTERRUPTED and call.about != WITHOUT_HANG else []
    some = ERRORS if is_isolating(call) else [ERRORS[turn % len(ERRORS)]]
    return some + interrupted, ERRORS + interrupted


def in_turn(recorded, seed):
    """Of those made for the same purpose at the same place the first, and another one."""
    made = {}
    for call in recorded:
        made.setdefault(call.key(), []).append(call)
    return [call for first, *others in made.values()
            for call in [first] + (others and [others[seed % len(others)]])]
