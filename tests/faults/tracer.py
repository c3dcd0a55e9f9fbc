# SPDX-License-Identifier: Apache-2.0
"""Runs a program and all its descendants under ptrace(2), and lets one system call
of one process fail.

strace can list the calls, but counts what it injects for each process by itself,
so that one call would fail in several processes at a time; and the calls between a
clone and an exec, which share memory with their parent, are beyond a preload.

Each process is under a filter (seccomp(2)) that makes it stop at the one call in
question and at no other; a call that is to fail is left out there. One that is asked
of the C library goes by the place in the program that asked for it, too: so it is the
same one in each run, however often others made it before.

Processes are known by their place in the tree, not by their pid:

  supervisor ──▶ start, and after its exec launcher ──▶ reaper ──▶ handler ──▶ probe

The spawner is a thread of the launcher, in whose name it clones reapers.
Every process is followed to its end, so what is left when the supervisor has ended
is a leak. A handler is looked at from outside, at its exec, before its first
instruction: what it may do then doesn't depend on what it says of itself.
Sources: ptrace(2); seccomp(2); proc(5)."""
import bisect
import ctypes
import functools
import os
import pathlib
import platform
import re
import signal
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass, field

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
LIBC.ptrace.restype = ctypes.c_long

CONT, SYSCALL, SETOPTIONS, GETEVENTMSG, SEIZE, LISTEN = 7, 24, 0x4200, 0x4201, 0x4206, 0x4208
GETREGSET, SETREGSET, GET_SYSCALL_INFO = 0x4204, 0x4205, 0x420E
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_EXIT = 1, 2, 3, 4, 6
EVENT_SECCOMP, EVENT_STOP = 7, 128
OPTIONS_OF_CHILDREN = (1 | 1 << EVENT_FORK | 1 << EVENT_VFORK | 1 << EVENT_CLONE |
                       1 << EVENT_EXEC | 1 << EVENT_SECCOMP | 1 << 20)
OPTIONS = OPTIONS_OF_CHILDREN | 1 << EVENT_EXIT
SYSCALL_STOP = signal.SIGTRAP | 0x80
WALL = 0x40000000
NT_PRSTATUS, NT_ARM_SYSTEM_CALL = 1, 0x404
IS_X86_64 = platform.machine() == "x86_64"

ANYWHERE = -1
DEEPEST_CALL = 16384  # bytes of stack that the C library uses, realpath(3) most of all
TRACED = os.path.realpath(f"{os.environ['BH_BUILD_DIR']}/tests/traced")  # traced.c
WATCHED = ["landlock_restrict_self"]  # what the kernel doesn't tell afterwards

# What says what a call is about: the argument that is a path, or the numbers, or the
# descriptor that comes first.
PATHS = {"openat": 1, "newfstatat": 1, "faccessat": 1, "faccessat2": 1, "mkdirat": 1,
         "unlinkat": 1, "readlinkat": 1, "mount_setattr": 1, "statx": 1, "access": 0, "open": 0,
         "readlink": 0, "mkdir": 0, "chdir": 0, "symlink": 1, "mount": 1, "umount2": 0,
         "statfs": 0, "execve": 0, "pivot_root": 0, "memfd_create": 0}
AT_CALLS = ("at", "at2", "attr")
NUMBERED = {"prctl": [0], "seccomp": [0], "unshare": [0],
            "epoll_ctl": [1], "wait4": [2], "futex": [1],
            "dup3": [1]}
DESCRIBED = {"read", "pread64", "readv", "write", "writev", "pwrite64", "sendfile", "close",
             "getdents64", "lseek", "fstat", "fchmod", "ftruncate", "flock", "ioctl", "sendmsg",
             "recvmsg", "epoll_wait", "timerfd_settime", "fdatasync", "fsync"}

# What is another in each run, and what stands for it. A cgroup goes by its supervisor's
# pid: those of others that run at the same time are "bulkhead-OTHER".
OWN_CGROUP = "bulkhead-OWN"
OTHER_CGROUP = "bulkhead-OTHER"
VARYING = [(r"bulkhead-\d+-[0-9a-f]+", OTHER_CGROUP), (r"/proc/\d+/", "/proc/N/"),
           (r"/#\d+", "/#N"), (r"\[\d+\]", ""), (r" \(deleted\)", "")]

# Files of a cgroup that say what it holds, version 1 and 2.
CGROUP_LIMITS = ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.swappiness",
                 "memory.max", "memory.swap.max", "memory.oom.group", "pids.max"]

# A process that is pid 1 of its namespace goes on with these for ever while it is
# traced: force_sig_info_to_task() of the kernel.
DEADLY = (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)

ROLES = ["supervisor", "start", "reaper", "handler", "probe"]
NAMESPACES = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"]
GRACE_S = 10  # for what is left to end after the supervisor


def read_numbers():
    """System calls of this machine by name, as the headers have them."""
    text = subprocess.run([os.environ.get("CC", "cc"), "-E", "-dM", "-"],
                          input="#include <sys/syscall.h>\n", text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    return {name: int(number) for name, number in
            re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}


NUMBERS = read_numbers()
NAMES = {number: name for name, number in NUMBERS.items()}


@dataclass(frozen=True)
class Fault:
    """Of the calls `name` of `role` that are about `about` (a path, what a descriptor
    is, a number that says what is asked for, or else the function) and made at `place`
    in the program, the `occurrence`th fails; `after`: once it has done its work, as
    close(2) does. With the code 0 it is not made, and said to have succeeded."""
    role: str
    name: str
    about: str
    place: int
    occurrence: int
    is_loader: bool = False
    is_late: bool = False  # the handler ran already
    code: int = 0
    after: bool = False

    def key(self):
        return self.role, self.name, self.about, self.place


@dataclass
class Process:
    pid: int
    depth: int = -1  # -1 until the parent has told of it
    role: str = ""
    n_children: int = 0
    parent: int = 0  # pid
    counts: dict = field(default_factory=dict)
    program: object = None  # Program
    overridden: bool = False  # its present call is the one that fails
    asked: int = 0  # brk(2) for this
    executed: bool = False
    current: str = ""
    landlocked: bool = False


@dataclass
class Run:
    """What was seen of one run."""
    pid: int = 0
    status: int | None = None  # as of os.waitstatus_to_exitcode
    out: bytes = b""
    err: bytes = b""
    calls: list = field(default_factory=list)   # faults without a code
    states: list = field(default_factory=list)  # of handlers, at their exec
    ends: dict = field(default_factory=dict)    # exit status by role
    left: list = field(default_factory=list)    # roles that outlived the supervisor
    kept: list = field(default_factory=list)    # what the supervisor's descriptors were at its end
    crashes: list = field(default_factory=list)
    hung: str = ""
    hit: bool = False


class Hang(Exception):
    pass


def on_alarm(_number, _frame):
    raise Hang


def ptrace(request, pid, address=0, data=0):
    if LIBC.ptrace(request, pid, address, data) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


# ---- registers ----

class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def transfer(request, pid, kind, buffer):
    vector = IoVec(ctypes.addressof(buffer), ctypes.sizeof(buffer))
    ptrace(request, pid, kind, ctypes.addressof(vector))


def change_registers(pid, changes):
    registers = (ctypes.c_uint64 * (27 if IS_X86_64 else 34))()
    transfer(GETREGSET, pid, NT_PRSTATUS, registers)
    for at, value in changes.items():
        registers[at] = value & (1 << 64) - 1
    transfer(SETREGSET, pid, NT_PRSTATUS, registers)


def leave_out(pid, result):
    """The call that it is about to make; this is said to have come of it."""
    if IS_X86_64:
        change_registers(pid, {10: result, 15: -1})  # rax, orig_rax
    else:
        transfer(SETREGSET, pid, NT_ARM_SYSTEM_CALL, ctypes.c_int(-1))
        set_result(pid, result)


def set_result(pid, value):
    change_registers(pid, {10 if IS_X86_64 else 0: value})


def set_first_argument(pid, value):
    change_registers(pid, {14 if IS_X86_64 else 0: value})


def assert_stopped(process):
    """Fails where it was killed meanwhile: what /proc said of it may be half of it."""
    ptrace(GETEVENTMSG, process.pid, 0, ctypes.addressof(ctypes.c_ulong()))


def syscall_info(pid):
    """The addresses of instruction and stack; the call's number (at its end: what came
    of it); its arguments."""
    buffer = ctypes.create_string_buffer(88)
    ptrace(GET_SYSCALL_INFO, pid, len(buffer), ctypes.addressof(buffer))
    return (*struct.unpack_from("2Q", buffer, 8), struct.unpack_from("q", buffer, 24)[0],
            struct.unpack_from("6Q", buffer, 32))


# ---- places in a program ----

class Symbols:
    """Of an executable file: its bytes, and which function is where."""
    def __init__(self, path):
        self.code = pathlib.Path(path).read_bytes()
        text = subprocess.run(["nm", "-n", "--defined-only", path], text=True, check=True,
                              stdout=subprocess.PIPE).stdout
        lines = [line.split() for line in text.splitlines() if line[17:18] in "tT"]
        self.starts = [int(fields[0], 16) for fields in lines]
        self.names = [re.sub(r"\..*", "", fields[2]) for fields in lines]

    def function_at(self, place):
        at = bisect.bisect_right(self.starts, place)
        return self.names[at - 1] if at else ""

    def is_after_call(self, place):
        """Whether a call could return there: one of 5, 6, 2 or 3 bytes."""
        code = self.code[place - 6:place]
        return len(code) == 6 and (code[1] == 0xE8 or code[:2] == b"\xFF\x15" or
                                   code[4] == 0xFF and code[5] & 0xF8 == 0xD0 or
                                   code[3] == 0xFF and code[4] & 0xF8 == 0x50)


symbols_of = functools.cache(Symbols)


class Program:
    """An executable as it is mapped in a process."""
    def __init__(self, pid):
        maps = read_file(f"/proc/{pid}/maps").splitlines()
        path = os.readlink(f"/proc/{pid}/exe")
        spans = [[int(part, 16) for part in line.split()[0].split("-")]
                 for line in maps if line.endswith(f" {path}")]
        self.symbols = symbols_of(path)
        self.base, self.end = spans[0][0], spans[-1][1]

    def place_of(self, pid, address, stack):
        """Where the call is made, or where the function returns to that makes it; 0 for
        what is not made for the program. This is a guess: the C library's own frames may
        hold what an earlier call has left there."""
        if self.base <= address < self.end:
            return address - self.base
        if not IS_X86_64:
            return 0
        words = read_memory(pid, stack, DEEPEST_CALL).ljust(DEEPEST_CALL, b"\0")
        for word, in struct.iter_unpack("Q", words):
            if self.base <= word < self.end and self.symbols.is_after_call(word - self.base):
                return word - self.base
        return 0


# ---- looking at a process ----

def is_loader(pid, address):
    """True where that instruction is the dynamic loader's."""
    for line in read_file(f"/proc/{pid}/maps").splitlines():
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if start <= address < end:
            return "/ld-" in line
    return False


def read_file(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def read_memory(pid, address, size):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(size)


def read_text(pid, address):
    return read_memory(pid, address, 256).split(b"\0")[0].decode(errors="replace") if address \
        else ""


def read_link(pid, fd):
    try:
        return os.readlink(f"/proc/{pid}/fd/{ctypes.c_int(fd).value}")
    except OSError:
        return ""


def about(pid, name, arguments):
    """What a call is about."""
    if name in PATHS:
        try:
            text = read_text(pid, arguments[PATHS[name]])
        except OSError:
            return ""  # the tracer may not look into the launcher
        if PATHS[name] == 1 and name.endswith(AT_CALLS) and not text.startswith("/"):
            text = f"{read_link(pid, arguments[0])}/{text}"
    elif name == "prlimit64":
        text = f"{'set' if arguments[2] else 'get'} {arguments[1]}"
    elif name == "mmap":
        text = read_link(pid, arguments[4]) or str(arguments[1])
    elif name == "fcntl":
        text = f"{arguments[1]} {read_link(pid, arguments[0])}"
    elif name in NUMBERED:
        text = " ".join(str(arguments[i]) for i in NUMBERED[name])
    else:
        text = read_link(pid, arguments[0]) if name in DESCRIBED else ""
    return text


def steady(text, supervisor):
    """Without what is another in each run."""
    text = re.sub(rf"bulkhead-{supervisor}-[0-9a-f]+", OWN_CGROUP, text)
    for pattern, stands_for_it in VARYING:
        text = re.sub(pattern, stands_for_it, text)
    return text


def read_status(pid):
    return dict(line.split(":\t", 1) for line in
                read_file(f"/proc/{pid}/status").splitlines() if ":\t" in line)


def is_thread(pid, parent):
    return os.path.exists(f"/proc/{parent}/task/{pid}")


def read_limits(pid):
    """Soft and hard, by the kernel's own names."""
    made = {}
    for line in read_file(f"/proc/{pid}/limits").splitlines()[1:]:
        name, soft, hard = re.split(r"  +", line)[:3]
        made[name] = [soft, hard]
    return made


def read_mounts(pid):
    """Where, how and what: without ids and sources, which change."""
    made = []
    for line in read_file(f"/proc/{pid}/mountinfo").splitlines():
        where, _, what = line.partition(" - ")
        made.append(" ".join(where.split()[4:6] + what.split()[:1]))
    return sorted(made)


@functools.cache
def cgroup_mounts():
    """[(where, its options)] of each hierarchy."""
    lines = read_file("/proc/self/mounts").splitlines()
    return [(fields[1], fields[3].split(",")) for fields in (line.split() for line in lines)
            if fields[2] in ("cgroup", "cgroup2")]


def read_controllers(path):
    """Of a cgroup of version 2; each counts CPU time."""
    files = [f"{mount}{path}/cgroup.controllers" for mount, _ in cgroup_mounts()]
    return ["cpu"] + [name for file in files if os.path.exists(file)
                      for name in read_file(file).split() if name != "cpu"]


def read_cgroups(pid):
    """The controllers whose cgroup is one of ours, and what these hold."""
    controllers, limits = [], {}
    for line in read_file(f"/proc/{pid}/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if "/bulkhead-" not in path:
            continue
        controllers += names.split(",") if names else read_controllers(path)
        for mount, options in cgroup_mounts():
            if not names or set(names.split(",")) <= set(options):
                limits.update((name, read_file(f"{mount}{path}/{name}").strip())
                              for name in CGROUP_LIMITS
                              if os.path.exists(f"{mount}{path}/{name}"))
    return sorted(controllers), limits


def namespaces_apart(pid, other):
    return [name for name in NAMESPACES if os.readlink(f"/proc/{pid}/ns/{name}") !=
            os.readlink(f"/proc/{other}/ns/{name}")]


def apart_from(pid, launcher):
    """Namespaces and ids; None where the launcher is dead or dies, and with it all of its
    namespace."""
    try:
        return namespaces_apart(pid, launcher) + \
            ["id"] * (read_status(pid)["Uid"] != read_status(launcher)["Uid"])
    except OSError:
        return None


def descriptors_of(pid):
    """What each is, by number."""
    return {int(fd): re.sub(r":\[\d+\]", "", read_link(pid, int(fd)))
            for fd in os.listdir(f"/proc/{pid}/fd")}


def state_of(process, launcher):
    """Everything that holds a handler, as the kernel tells it."""
    pid = process.pid
    status = read_status(pid)
    stat = read_file(f"/proc/{pid}/stat").rpartition(")")[2].split()
    cgroups, cgroup_limits = read_cgroups(pid)
    return {
        "filters": int(status["Seccomp_filters"]) - 1,  # but for that of the test
        "no_new_privs": status["NoNewPrivs"],
        "landlock": process.landlocked,
        "capabilities": [status[f"Cap{name}"] for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")],
        "uids": status["Uid"].split(),
        "gids": status["Gid"].split(),
        "groups": status["Groups"].split(),
        "pid": status["NSpid"].split()[-1],
        "session": stat[3] == str(pid),
        "blocked": status["SigBlk"],
        "ignored": status["SigIgn"],
        "namespaces": namespaces_apart(pid, "self"),
        "apart_from_launcher": apart_from(pid, launcher),
        "root": sorted(os.listdir(f"/proc/{pid}/root")),
        "mounts": read_mounts(pid),
        "descriptors": descriptors_of(pid),
        "cgroups": cgroups,
        "cgroup_limits": cgroup_limits,
        "limits": read_limits(pid),
    }


# ---- following ----

class Tracer:
    """One run."""
    def __init__(self, fault=None):
        self.fault = fault  # None: every call is recorded
        self.processes = {}
        self.ended = {}  # exit status of those of which no parent has told yet
        self.run = Run()
        self.stops_at = [str(NUMBERS[name]) for name in [fault.name, *WATCHED]] if fault else []

    def resume(self, process, number=0):
        watched = process.overridden or process.current in WATCHED
        try:
            ptrace(SYSCALL if watched else CONT, process.pid, 0, number)
        except ProcessLookupError:
            pass  # it was killed meanwhile: its end is waited for

    def adopt(self, parent, pid):
        status = self.ended.pop(pid, None)  # killed before its first stop was seen
        child = Process(pid) if status is not None else self.processes.setdefault(pid,
                                                                                  Process(pid))
        parent.n_children += 1
        child.parent, child.program = parent.pid, parent.program
        child.depth = min(parent.depth + 1, len(ROLES) - 1)
        child.role = f"{ROLES[child.depth]} {parent.n_children}"
        if is_thread(pid, parent.pid):
            child.depth, child.role = parent.depth, f"spawner {parent.n_children}"
        elif child.depth == 3:  # a reaper has one: it goes by the reaper's number
            child.role = parent.role.replace("reaper", "handler")
        elif child.depth == 4:
            child.role = parent.role.replace("handler", "probe")
        if status is not None:
            self.run.ends[child.role] = status
        elif child.current == "stopped":
            self.begin(child)

    def begin(self, child):
        child.current = ""
        try:
            ptrace(SETOPTIONS, child.pid, 0, OPTIONS_OF_CHILDREN)
        except ProcessLookupError:
            pass
        self.resume(child)

    def is_of_interest(self, process, name):
        if not process.executed and process.role == "supervisor" or \
                process.executed and process.role.startswith("handler"):
            return False  # the test's own, and the handler's program
        return not self.fault or (not self.run.hit and process.role == self.fault.role and
                                  name == self.fault.name)

    def on_call(self, process):
        address, stack, number, arguments = syscall_info(process.pid)
        process.current = name = NAMES.get(number, str(number))
        if not self.is_of_interest(process, name):
            return
        place = process.program.place_of(process.pid, address, stack)
        if self.fault and self.fault.place not in (place, ANYWHERE):
            return
        subject = steady(about(process.pid, name, arguments), self.run.pid)
        if not subject or subject.isdigit() and name == "mmap":
            subject = f"{subject} {process.program.symbols.function_at(place)}".strip()
        key = (name, subject, self.fault.place if self.fault else place)
        process.counts[key] = occurrence = process.counts.get(key, 0) + 1
        if not self.fault:
            self.run.calls.append(Fault(process.role, *key, occurrence,
                                        is_loader(process.pid, address),
                                        bool(self.run.states)))
        elif (subject, occurrence) == (self.fault.about, self.fault.occurrence):
            self.let_fail(process, arguments)

    def let_fail(self, process, arguments):
        self.run.hit = True
        if process.current == "brk":  # fails by moving nothing: what 0 asks for
            process.overridden, process.asked = True, arguments[0]
            set_first_argument(process.pid, 0)
        elif self.fault.after:
            process.overridden = True
        else:
            leave_out(process.pid, -self.fault.code)
            process.current = ""

    def on_return(self, process):
        *_, result, _ = syscall_info(process.pid)
        if process.overridden:
            if process.current != "brk":
                set_result(process.pid, -self.fault.code)
            elif IS_X86_64:  # else the result has taken its place
                set_first_argument(process.pid, process.asked)
            process.overridden = False
        elif process.current == "landlock_restrict_self" and result == 0:
            process.landlocked = True
        process.current = ""

    def on_exec(self, process):
        if os.readlink(f"/proc/{process.pid}/exe") == TRACED:
            return  # it is not the program yet
        process.executed = True
        if process.role.startswith("handler"):
            reaper = self.processes.get(process.parent)
            if reaper:  # else it is dead, as all of the batch will be
                state = state_of(process, reaper.parent)
                assert_stopped(process)
                self.run.states.append(state)
            return
        process.program = Program(process.pid)
        process.counts = {}
        process.role = process.role.replace("start", "launcher")

    def on_exiting(self, process):
        self.run.kept = [what for fd, what in sorted(descriptors_of(process.pid).items())
                         if fd > 2]

    def look_at(self, process, event, number):
        """What a stop is about; false where it is not to be resumed."""
        if event in (EVENT_FORK, EVENT_VFORK, EVENT_CLONE):
            message = ctypes.c_ulong()
            ptrace(GETEVENTMSG, process.pid, 0, ctypes.addressof(message))
            self.adopt(process, message.value)
        elif event == EVENT_EXEC:
            self.on_exec(process)
        elif event == EVENT_EXIT:
            self.on_exiting(process)
        elif event == EVENT_SECCOMP:
            self.on_call(process)
        elif event == EVENT_STOP and number != signal.SIGTRAP:
            ptrace(LISTEN, process.pid)
            return False
        elif event == EVENT_STOP and process.depth < 0:
            process.current = "stopped"  # until its parent has told of it
            return False
        elif event == EVENT_STOP and process.current == "":
            self.begin(process)
            return False
        elif number == SYSCALL_STOP and process.current:
            self.on_return(process)
        return True

    def on_stop(self, process, status):
        number, event = status >> 8 & 0xFF, status >> 16
        signal_number = number if event == 0 and number != SYSCALL_STOP else 0
        if signal_number in DEADLY:
            self.run.crashes.append(f"{process.role} with {signal.Signals(number).name}")
            os.kill(process.pid, signal.SIGKILL)
        try:
            if not self.look_at(process, event, number):
                return
        except OSError:
            pass  # it was killed while it was looked at
        self.resume(process, signal_number)

    def on_event(self, pid, status):
        process = self.processes.setdefault(pid, Process(pid))
        if os.WIFSTOPPED(status):
            self.on_stop(process, status)
            return
        del self.processes[pid]
        if process.depth < 0:
            self.ended[pid] = os.waitstatus_to_exitcode(status)
            return
        self.run.ends[process.role] = os.waitstatus_to_exitcode(status)
        if pid == self.run.pid:
            self.run.status = os.waitstatus_to_exitcode(status)

    def wait(self, flags=0):
        """The next event; (0, 0) where there is none. The kernel knows best whether
        somebody is left: of what was killed at once, the parent tells afterwards."""
        try:
            return os.waitpid(-1, WALL | flags)
        except ChildProcessError:
            self.processes.clear()
            return 0, 0

    def follow(self):
        while self.run.status is None:
            self.on_event(*self.wait())
        deadline = time.monotonic() + GRACE_S
        while self.processes and time.monotonic() < deadline:
            pid, status = self.wait(os.WNOHANG)
            if pid:
                self.on_event(pid, status)
            else:
                time.sleep(0.0005)
        self.run.left = sorted(process.role for process in self.processes.values())

    def end_all(self):
        for pid in list(self.processes):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        while self.processes:
            pid, status = self.wait()
            if os.WIFSTOPPED(status):  # on its way to its end
                self.resume(self.processes.setdefault(pid, Process(pid)))
            else:
                self.processes.pop(pid, None)

    def start(self, argv, out, err):
        ready, go = os.pipe()
        pid = os.posix_spawn(TRACED, [TRACED, *self.stops_at, "--", *argv],
                             {"PATH": "/usr/bin:/bin"},
                             file_actions=[(os.POSIX_SPAWN_DUP2, ready, 0),
                                           (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                                           (os.POSIX_SPAWN_DUP2, err.fileno(), 2)])
        os.close(ready)
        self.run.pid = pid
        self.processes[pid] = Process(pid, depth=0, role="supervisor", current="running")
        try:
            ptrace(SEIZE, pid, 0, OPTIONS)
            os.write(go, b"g")
        finally:
            os.close(go)

    def trace(self, argv, patience_s):
        signal.signal(signal.SIGALRM, on_alarm)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            self.start(argv, out, err)
            signal.setitimer(signal.ITIMER_REAL, patience_s)
            try:
                self.follow()
            except Hang:
                self.run.hung = ", ".join(sorted(f"{p.role} in {wait_channel(p.pid)}"
                                                 for p in self.processes.values()))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                self.end_all()
            for file, name in ((out, "out"), (err, "err")):
                file.seek(0)
                setattr(self.run, name, file.read())
        return self.run


def wait_channel(pid):
    """The call that a process waits in."""
    try:
        number = read_file(f"/proc/{pid}/syscall").split()[0]
    except OSError:
        return "?"
    return NAMES.get(int(number), number) if number.isdigit() else number


def trace(argv, fault=None, patience_s=60):
    """With the fault, or else recording every call."""
    return Tracer(fault).trace([str(arg) for arg in argv], patience_s)
