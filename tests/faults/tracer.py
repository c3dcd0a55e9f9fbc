# SPDX-License-Identifier: Apache-2.0
"""Runs a program and all its descendants under ptrace(2), and lets one system call
of one process fail.

strace can list the calls, but counts what it injects for each process by itself,
so that one call would fail in several processes at a time; and the calls between a
clone and an exec, which share memory with their parent, are beyond a preload.

Processes are known by their place in the tree, not by their pid:

  supervisor ──▶ start, and after its exec launcher ──▶ reaper ──▶ handler ──▶ probe

The spawner is a thread of the launcher, in whose name it clones reapers.
Every process is followed to its end, so what is left when the supervisor has ended
is a leak. A handler is looked at from outside, at its exec, before its first
instruction: what it may do then doesn't depend on what it says of itself.
Sources: ptrace(2); proc(5)."""
import ctypes
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

CONT, SYSCALL, GETEVENTMSG, SEIZE, LISTEN = 7, 24, 0x4201, 0x4206, 0x4208
GETREGSET, SETREGSET, GET_SYSCALL_INFO = 0x4204, 0x4205, 0x420E
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_EXIT, EVENT_STOP = 1, 2, 3, 4, 6, 128
OPTIONS = (1 | 1 << EVENT_FORK | 1 << EVENT_VFORK | 1 << EVENT_CLONE | 1 << EVENT_EXEC |
           1 << EVENT_EXIT | 1 << 20)
SYSCALL_STOP = signal.SIGTRAP | 0x80
AT_ENTRY, AT_EXIT = 1, 2
WALL = 0x40000000
NT_PRSTATUS, NT_ARM_SYSTEM_CALL = 1, 0x404

# What a failing call is replaced by: it changes nothing and every filter allows it.
HARMLESS = "getpid"

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
NOT_EXECUTED = 126  # what a child of ours ends with that could not become the supervisor
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
    is, or a number that says what is asked for) the `occurrence`th fails; `after`:
    once it has done its work, as close(2) does. With the code 0 it is not made, and
    said to have succeeded."""
    role: str
    name: str
    about: str
    occurrence: int
    is_loader: bool = False
    code: int = 0
    after: bool = False


@dataclass
class Process:
    pid: int
    depth: int = -1  # -1 until the parent has told of it
    role: str = ""
    n_children: int = 0
    parent: int = 0  # pid
    counts: dict = field(default_factory=dict)
    overridden: bool = False  # its present call is the one that fails
    executed: bool = False
    current: str = ""
    landlocked: bool = False
    end_of_data: int = 0  # what brk(2) gave last


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


def set_register(pid, at, value):
    registers = (ctypes.c_uint64 * (27 if platform.machine() == "x86_64" else 34))()
    transfer(GETREGSET, pid, NT_PRSTATUS, registers)
    registers[at] = value & (1 << 64) - 1
    transfer(SETREGSET, pid, NT_PRSTATUS, registers)


def set_number(pid, number):
    if platform.machine() == "x86_64":
        set_register(pid, 15, number)  # orig_rax
    else:
        transfer(SETREGSET, pid, NT_ARM_SYSTEM_CALL, ctypes.c_int(number))


def set_result(pid, value):
    set_register(pid, 10 if platform.machine() == "x86_64" else 0, value)


def syscall_info(pid):
    """Where it stopped, the instruction's address, the call's number or result, and
    its arguments."""
    buffer = ctypes.create_string_buffer(88)
    ptrace(GET_SYSCALL_INFO, pid, len(buffer), ctypes.addressof(buffer))
    where, address = buffer.raw[0], struct.unpack_from("Q", buffer, 8)[0]
    return where, address, struct.unpack_from("q", buffer, 24)[0], struct.unpack_from(
        "6Q", buffer, 32)


# ---- looking at a process ----

def is_loader(pid, address):
    """True where that instruction is the dynamic loader's."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        start, end = (int(part, 16) for part in line.split()[0].split("-"))
        if start <= address < end:
            return "/ld-" in line
    return False


def read_text(pid, address):
    if address == 0:
        return ""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(256).split(b"\0")[0].decode(errors="replace")


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
                pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def is_thread(pid):
    try:
        return read_status(pid)["Tgid"] != str(pid)
    except OSError:
        return False  # it has ended


def read_limits(pid):
    """Soft and hard, by the kernel's own names."""
    made = {}
    for line in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]:
        name, soft, hard = re.split(r"  +", line)[:3]
        made[name] = [soft, hard]
    return made


def read_mounts(pid):
    """Where, how and what: without ids and sources, which change."""
    made = []
    for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        where, _, what = line.partition(" - ")
        made.append(" ".join(where.split()[4:6] + what.split()[:1]))
    return sorted(made)


def cgroup_mounts():
    """[(where, its options)] of each hierarchy."""
    lines = pathlib.Path("/proc/self/mounts").read_text().splitlines()
    return [(fields[1], fields[3].split(",")) for fields in (line.split() for line in lines)
            if fields[2] in ("cgroup", "cgroup2")]


def read_cgroups(pid):
    """The controllers whose cgroup is one of ours, and what these hold."""
    controllers, limits = [], {}
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if "/bulkhead-" not in path:
            continue
        controllers += names.split(",")
        for mount, options in cgroup_mounts():
            folder = pathlib.Path(mount + path)
            if not names or set(names.split(",")) <= set(options):
                limits.update((name, (folder / name).read_text().strip())
                              for name in CGROUP_LIMITS if (folder / name).exists())
    return sorted(controllers), limits


def namespaces_apart(pid, other):
    return [name for name in NAMESPACES if os.readlink(f"/proc/{pid}/ns/{name}") !=
            os.readlink(f"/proc/{other}/ns/{name}")]


def descriptors_of(pid):
    """What each is, by number."""
    return {int(fd): re.sub(r":\[\d+\]", "", read_link(pid, int(fd)))
            for fd in os.listdir(f"/proc/{pid}/fd")}


def state_of(process, launcher):
    """Everything that holds a handler, as the kernel tells it."""
    pid = process.pid
    status = read_status(pid)
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cgroups, cgroup_limits = read_cgroups(pid)
    return {
        "seccomp": status["Seccomp"],
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
        "apart_from_launcher": namespaces_apart(pid, launcher) +
                               ["id"] * (status["Uid"] != read_status(launcher)["Uid"]),
        "root": sorted(os.listdir(f"/proc/{pid}/root")),
        "mounts": read_mounts(pid),
        "descriptors": descriptors_of(pid),
        "cgroups": cgroups,
        "cgroup_limits": cgroup_limits,
        "limits": read_limits(pid),
    }


# ---- following ----

class Tracer:
    """One run. Only processes that are of interest stop at their calls."""
    def __init__(self, fault=None, record=False):
        self.fault, self.record = fault, record
        self.processes = {}
        self.ended = {}  # exit status of those of which no parent has told yet
        self.run = Run()

    def wants(self, process):
        if process.role.startswith("handler"):
            return not process.executed
        return self.record or (self.fault is not None and not self.run.hit and
                               process.role == self.fault.role) or process.overridden

    def resume(self, process, number=0):
        try:
            ptrace(SYSCALL if self.wants(process) else CONT, process.pid, 0, number)
        except ProcessLookupError:
            pass  # it was killed meanwhile: its end is waited for

    def adopt(self, parent, pid):
        status = self.ended.pop(pid, None)  # killed before its first stop was seen
        child = Process(pid) if status is not None else self.processes.setdefault(pid,
                                                                                  Process(pid))
        parent.n_children += 1
        child.parent = parent.pid
        child.depth = min(parent.depth + 1, len(ROLES) - 1)
        child.role = f"{ROLES[child.depth]} {parent.n_children}"
        if is_thread(pid):
            child.depth, child.role = parent.depth, f"spawner {parent.n_children}"
        elif child.depth == 3:  # a reaper has one: it goes by the reaper's number
            child.role = parent.role.replace("reaper", "handler")
        elif child.depth == 4:
            child.role = parent.role.replace("handler", "probe")
        if status is not None:
            self.run.ends[child.role] = status
        elif child.current == "stopped":
            self.resume(child)

    def on_entry(self, process, address, number, arguments):
        process.current = name = NAMES.get(number, str(number))
        fault = self.fault if not self.run.hit else None
        if not self.record and not (fault and (process.role, name) == (fault.role, fault.name)):
            return
        subject = steady(about(process.pid, name, arguments), self.run.pid)
        occurrence = process.counts.get((name, subject), 0) + 1
        process.counts[name, subject] = occurrence
        if self.record:
            self.run.calls.append(Fault(process.role, name, subject, occurrence,
                                        is_loader(process.pid, address)))
        if fault and (subject, occurrence) == (fault.about, fault.occurrence):
            process.overridden = True
            if not fault.after:
                set_number(process.pid, NUMBERS[HARMLESS])

    def on_exit(self, process, result):
        if process.overridden:
            # brk(2) fails by moving nothing
            result = process.end_of_data if process.current == "brk" else -self.fault.code
            set_result(process.pid, result)
            process.overridden = False
            self.run.hit = True
        elif process.current == "landlock_restrict_self" and result == 0:
            process.landlocked = True
        if process.current == "brk":
            process.end_of_data = result
        process.current = ""

    def on_exec(self, process):
        process.executed = True
        if process.role.startswith("handler"):
            reaper = self.processes.get(process.parent)
            if reaper:  # else it is dead, as all of the batch will be
                self.run.states.append(state_of(process, reaper.parent))
            return
        process.counts = {}
        process.role = process.role.replace("start", "launcher")

    def on_exiting(self, process):
        if process.pid == self.run.pid:
            self.run.kept = [what for fd, what in sorted(descriptors_of(process.pid).items())
                             if fd > 2]

    def on_stop(self, process, status):
        number, event = status >> 8 & 0xFF, status >> 16
        if event in (EVENT_FORK, EVENT_VFORK, EVENT_CLONE):
            message = ctypes.c_ulong()
            ptrace(GETEVENTMSG, process.pid, 0, ctypes.addressof(message))
            self.adopt(process, message.value)
        elif event == EVENT_EXEC:
            self.on_exec(process)
        elif event == EVENT_EXIT:
            self.on_exiting(process)
        elif event == EVENT_STOP and number != signal.SIGTRAP:
            ptrace(LISTEN, process.pid)
            return
        elif event == EVENT_STOP and process.depth < 0:
            process.current = "stopped"  # until its parent has told of it
            return
        elif number == SYSCALL_STOP:
            where, address, value, arguments = syscall_info(process.pid)
            if where == AT_ENTRY:
                self.on_entry(process, address, value, arguments)
            elif where == AT_EXIT:
                self.on_exit(process, value)
        elif event == 0:
            if number in DEADLY:
                self.run.crashes.append(f"{process.role} with {signal.Signals(number).name}")
                os.kill(process.pid, signal.SIGKILL)
            self.resume(process, number)
            return
        self.resume(process)

    def on_event(self, pid, status):
        process = self.processes.setdefault(pid, Process(pid))
        if os.WIFSTOPPED(status):
            try:
                self.on_stop(process, status)
            except (ProcessLookupError, FileNotFoundError):
                pass  # killed while it was looked at
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
            if not os.WIFSTOPPED(status):
                self.processes.pop(pid, None)

    def start(self, argv, prepare, out, err):
        ready, go = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(go)
                os.read(ready, 1)
                signal.setitimer(signal.ITIMER_REAL, 0)
                os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                os.closerange(3, 256)
                prepare()
                os.execve(argv[0], argv, {"PATH": "/usr/bin:/bin",
                                          "ASAN_OPTIONS": "detect_leaks=0"})
            finally:
                os._exit(NOT_EXECUTED)
        os.close(ready)
        self.run.pid = pid
        self.processes[pid] = Process(pid, depth=0, role="supervisor", current="running")
        ptrace(SEIZE, pid, 0, OPTIONS)
        os.close(go)

    def trace(self, argv, prepare, patience_s):
        signal.signal(signal.SIGALRM, on_alarm)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            self.start(argv, prepare, out, err)
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
        number = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0]
    except OSError:
        return "?"
    return NAMES.get(int(number), number) if number.isdigit() else number


def trace(argv, fault=None, record=False, prepare=lambda: None, patience_s=60):
    return Tracer(fault, record).trace([str(arg) for arg in argv], prepare, patience_s)
