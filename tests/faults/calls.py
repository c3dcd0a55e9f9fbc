# SPDX-License-Identifier: Apache-2.0
"""Which errors a call is given, and which calls may fail without the run failing.

Every call is given every error, whether it is one that the manual names or not; but
for calls that have no way to tell of one."""
import errno
import re

ERRORS = ["EMFILE", "ENOMEM", "EAGAIN", "EPERM", "EIO"]

# Calls after which the program asks which error it was, or that of a kind are few
# enough: all errors in every run.
SORTED_BY_ERROR = {"clone", "recvmsg", "read", "memfd_create", "pipe2", "socketpair",
                   "landlock_create_ruleset", "landlock_restrict_self", "seccomp", "unshare",
                   "execve", "execveat", "ioctl"}

# These have no error, so whoever calls them can't be told of one.
WITHOUT_ERRORS = {"exit_group", "exit", "getpid", "getppid", "gettid", "getuid", "geteuid",
                  "getgid", "getegid", "umask", "rt_sigreturn", "restart_syscall",
                  "set_tid_address", "arch_prctl"}
WITHOUT_ERRORS_ABOUT = {("futex", "129")}  # to wake, private; but for an address that isn't there

# brk(2) says where the heap ends; so one error is as good as the other.
ALL_ERRORS_ALIKE = {"brk"}

# These can also be interrupted, and nothing may come of that.
WITHOUT_HANG = "1073741825"  # WNOHANG | __WALL of wait4(2), which is never interrupted
INTERRUPTED = {"wait4", "waitid", "sendmsg", "recvmsg", "poll", "ppoll", "epoll_wait"}

# What does its work and tells of an error nevertheless.
FAIL_AFTERWARDS = {"close", "fsync"}

# How often these are made depends on who is faster, and on cgroups of others that run
# at the same time. Role, call, what it is about.
UNSTEADY = [
    ("", "(poll|epoll_wait|recvmsg|timerfd_settime)", ""),
    ("", "read", "anon_inode:.*|pipe:|.*mountinfo"),
    ("", "getdents64", r"/sys/fs/cgroup.*"),
    ("", "wait4", WITHOUT_HANG),
    ("", "", r".*bulkhead-OTHER.*"),
    ("", "futex", ""),
    ("(reaper|handler) 3", "", ""),  # made ahead for a batch that does not come
    ("spawner 1", "clone", ""),  # the last one makes that reaper
    ("launcher 1", "", r"/sys/fs/cgroup/[^/]*(/\.?)?"),  # looks for what others left
    ("launcher 1", "close", ".*"),  # descriptors of others' cgroups, too
    ("launcher 1", "fcntl", "[23] .*"),
]

CGROUP = r"/sys/fs/cgroup|/sys/fs/cgroup/.*|.*/memory\..*|.*/pids\..*|.*/cgroup\..*"
MEMBERSHIP = r"/proc/(self|N)/(cgroup|mountinfo)/?"
NO_CGROUP = "without cgroups"  # rlimits hold, and the result says so
FEWER_FILES = "a part of the root is left out, or bound instead of linked to"
UNCOUNTED = "processes count by user"  # so that a limit would be hit by what others run

# role, call, what it is about, error ("" for any of each), the reason
MAY_FAIL = [
    ("", "close", "", "", "the descriptor is closed all the same"),
    ("", "munmap", "", "", "memory that is not given back, by allocator or loader"),
    ("", "brk", "", "", "the allocator maps memory instead"),
    ("", "mmap", r"(?!393216)\d{6,}", "", "the allocator takes the heap"),  # but for the stacks
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
    ("launcher 1", "setsid", "", "", "it leads its group already, or its namespace"),
    ("launcher 1", "prlimit64", "get .*", "", "a limit that can't be read is taken for none"),
    ("launcher 1", "prlimit64", "set 7", "", "its own descriptors; handlers have a limit"),
    ("launcher 1", "(access|readlink)", "/(usr|bin|sbin|lib.*|etc/.*)", "", FEWER_FILES),
    ("launcher 1", "openat", "/etc/.*", "", FEWER_FILES),
    ("launcher 1", "sysinfo", "", "", "qsort's question for the size of memory"),
    ("launcher 1", "pread64", ".*/confined", "", "a program is told from a script by its exec"),
    ("launcher 1", "seccomp", "[123]", "", "libseccomp's questions to the kernel"),
    ("launcher 1", "(poll|read|recvmsg)", "|socket:|anon_inode:.*", "",
     "the batch had ended, or another launcher is started"),
    ("reaper [12]", "getrusage", "", "", "usage is not known"),
    ("reaper 2", "sendmsg", "", "", "the end of the batch tells that it had begun"),
    ("reaper 1", "wait4", "", "", "the trial ends with its namespace"),
    ("handler 1", "wait4", "", "", "the probe ends with the trial"),
    ("handler 1", "clone", "", "EAGAIN", UNCOUNTED),
    ("(reaper|handler) 3|spawner 1", "", "", "", "the next batch would tell"),
    # the supervisor
    ("supervisor", "clone", "", "EPERM", "a user namespace is tried; not by root"),
    ("supervisor", "prlimit64", "", "", "the limit of descriptors stays as it was"),
    ("supervisor", "(openat|read)", "(/dev/urandom|/sys/devices/system/cpu/online)", "",
     "jansson takes the time instead; one CPU is assumed"),
    ("supervisor", "newfstatat",
     "(.*batches.jsonl|.*entries.jsonl|/proc/N/[ug]id_map|/dev/null|/tmp/.*|pipe:|socket:)?/?",
     "", "stdio's question for the size of a buffer"),
    ("supervisor", "read", "anon_inode:.*", "", "it stays readable, and is read again"),
    ("supervisor", "read", "pipe:", "", "the last look at an empty pipe"),
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
    ("handler 2", "landlock_restrict_self", "", "attempts"),
    ("spawner 1", "seccomp", "1", "seccomp"),
    ("handler 2", "dup3", "[1-4]", "descriptors"),
    ("handler 2", "rt_sigprocmask", "", "blocked"),
]


def matches(pattern, text):
    return not pattern or re.fullmatch(pattern, text) is not None


def is_unsteady(fault):
    return any(matches(role, fault.role) and matches(name, fault.name) and
               matches(subject, fault.about) for role, name, subject in UNSTEADY)


def may_fail(fault):
    """Why a run may succeed in spite of the fault; "" where it may not."""
    if fault.code == 0:
        return ""
    if fault.code == errno.EINTR:
        return "is made again"
    for role, name, subject, error, why in MAY_FAIL:
        if (matches(role, fault.role) and matches(name, fault.name) and
                matches(subject, fault.about) and
                matches(error, errno.errorcode[fault.code])):
            return why
    return ""


def errors_of(call, index):
    """The errors that it is given: one, by its place, where one will do, and all."""
    if call.name in WITHOUT_ERRORS or (call.name, call.about) in WITHOUT_ERRORS_ABOUT:
        return [], []
    first = ERRORS[index % len(ERRORS)]
    if call.name in ALL_ERRORS_ALIKE:
        return ["ENOMEM"], ["ENOMEM"]
    interrupted = ["EINTR"] if call.name in INTERRUPTED and call.about != WITHOUT_HANG else []
    few = ERRORS if call.name in SORTED_BY_ERROR else [first]
    return few + interrupted, ERRORS + interrupted
