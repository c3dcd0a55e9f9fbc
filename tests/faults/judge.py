# SPDX-License-Identifier: Apache-2.0
"""What a run with a fault has to come to.

It ends by itself: with a result that says that the sandbox, the spawn or something of
our own failed, with exit status 3, or with success where calls.py gives a reason.
Nothing crashes, and no process, descriptor, mount and cgroup is left. A handler that
was executed had everything around it that holds it in a run without a fault: as the
kernel tells from outside (tracer.state_of), and by what became of its own attempts
(confined.c)."""
import json
import os
import pathlib
import re
import resource

import calls
import tracer

KINDS = {"sandbox", "internal", "spawn"}

# Of the command in test_faults.py.
MEMORY = 64 << 20
CPU_SECONDS = 20
PROCESSES = 1 + 256  # --max-procs and --max-threads

# What becomes of the attempts of confined.c, beside what is compared only.
ATTEMPTS = {
    "shadow": "ENOENT", "home": "ENOENT", "sys": "ENOENT", "device": "ENOENT",
    "write-root": "EROFS", "write-usr": "EROFS", "write-tmp": "EROFS",
    "proc-of-others": "ENOENT", "proc-of-reaper": "ENOENT", "proc-of-host": "ENOENT",
    "proc-write": "EROFS", "landlock-signal": "EPERM", "raise-limit": "EPERM",
    "lock-memory": "EPERM", "priority": "EACCES", "no-new-privs": "1", "become-root": "EPERM",
    "own": "EROFS", "session": "EPERM", "pid": "2", "parent": "1", "socket": "EACCES",
    "io-uring": "ENOSYS", "memory-segment": "ENOSYS", "stdin": "0", "context-write": "EPERM",
    "results-grow": "EPERM", "descriptor-5": "EBADF", "host": "bulkhead",
}

if calls.LANDLOCK_VERSION < 6 and os.geteuid() != 0:
    del ATTEMPTS["landlock-signal"]  # it has its reaper's id

# Whether processes are counted for a batch where no cgroup does: by user namespace, or by
# an id that nobody else has.
COUNTS_PROCESSES = os.geteuid() == 0 or \
    tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (5, 14)

# Parts of the state that are another in each run.
VARYING = ["uids", "gids", "limits"]


def parse_results(run):
    return [json.loads(line) for line in run.out.decode().splitlines()]


def attempts_of(result):
    """What the handler said, by name; but for what it may not have come to say."""
    return dict(line.split(" ", 1) for line in result["stdout"].splitlines())


# ---- a handler's state ----

def limits_with(cgroups):
    """What no cgroup holds has to be held by rlimits."""
    def both(value):
        return ["unlimited" if value == resource.RLIM_INFINITY else str(value)] * 2

    def inherited(number):
        return both(resource.getrlimit(number)[1])
    late = bool({"cpu", "cpuacct"} & set(cgroups))
    memory = "memory" in cgroups
    return {
        "Max core file size": both(0), "Max locked memory": both(0),
        "Max msgqueue size": both(0), "Max realtime priority": both(0),
        "Max nice priority": both(0), "Max open files": both(1024),
        "Max pending signals": both(1024), "Max stack size": both(8 << 20),
        "Max file size": both(MEMORY),
        "Max data size": inherited(resource.RLIMIT_DATA) if memory else both(MEMORY),
        "Max address space": inherited(resource.RLIMIT_AS) if memory
                             else both(4 * MEMORY + (1 << 30)),
        "Max cpu time": [str(CPU_SECONDS + late), str(CPU_SECONDS + late + 1)],
        "Max processes": inherited(resource.RLIMIT_NPROC)
                         if "pids" in cgroups or not COUNTS_PROCESSES else both(PROCESSES),
    }


def wrong_limits(state, reason):
    wanted = limits_with(state["cgroups"])
    if reason == calls.UNCOUNTED:
        del wanted["Max processes"]
    return [f"limits: {name} {state['limits'][name]} instead of {value}"
            for name, value in wanted.items() if state["limits"][name] != value]


def missing_layers(state):
    """Layers by their names, in case that a run without a fault lacks one."""
    ids = set(state["uids"] + state["gids"])
    apart = state["apart_from_launcher"]
    layers = {
        "filters": state["filters"] >= 1,
        "no_new_privs": state["no_new_privs"] == "1",
        "landlock": state["landlock"] or calls.LANDLOCK_VERSION < 1,
        "capabilities": set(state["capabilities"]) == {"0" * 16},
        "uids": len(ids) == 1 and "0" not in ids,
        "pid": state["pid"] == "2",
        "session": state["session"],
        "namespaces": state["namespaces"] == tracer.NAMESPACES,
        "apart_from_launcher": apart is None or ({"mnt", "pid", "cgroup"} <= set(apart) and
                                                 len({"id", "user"} & set(apart)) == 1),
        "root": not {"home", "root", "var", "run", "sys"} & set(state["root"]),
        "descriptors": sorted(state["descriptors"]) == [0, 1, 2, 3, 4],
        "blocked": state["blocked"] == state["ignored"] == "0" * 16,
    }
    return [f"{name}: the layer is missing" for name, is_there in layers.items() if not is_there]


def wanted_cgroup_limits(clean, cgroups):
    return {name: value for name, value in clean["cgroup_limits"].items()
            if name.split(".")[0] in cgroups}


def fewer_mounts(mounts, clean):
    """What it would have had: folders of the host that are links there are bound."""
    bound = [mount for mount in mounts if re.match(r"/(s?bin|lib\w*) ro,nosuid,nodev", mount)]
    return sorted([mount for mount in clean if mount in mounts] + bound)


def different_parts(state, clean, reason):
    wanted = {name: value for name, value in clean.items() if name not in VARYING}
    if state["apart_from_launcher"] is None:
        del wanted["apart_from_launcher"]
    if len(set(state["gids"])) > 1:
        wanted["gids"] = "the same four times"
    if reason == calls.NO_CGROUP:
        wanted["cgroups"] = state["cgroups"]
        wanted["cgroup_limits"] = wanted_cgroup_limits(clean, state["cgroups"])
    if reason == calls.FEWER_FILES:
        wanted["root"] = state["root"]
        wanted["mounts"] = fewer_mounts(state["mounts"], clean["mounts"])
    return [f"{name}: {state[name]} instead of {value}" for name, value in wanted.items()
            if state[name] != value]


def wrong_attempts(result, clean_attempts):
    made = attempts_of(result)
    return [f"attempts: {name} gives {made.get(name)} instead of {wanted}"
            for name, wanted in {**clean_attempts, **ATTEMPTS}.items()
            if made.get(name) != wanted]


def judge_handlers(fault, run, clean):
    """Everything by which a handler is held less than without the fault."""
    reason = calls.may_fail(fault)
    wrong = []
    for state in run.states:
        wrong += different_parts(state, clean.state, reason) + missing_layers(state) + \
                 wrong_limits(state, reason)
    begun = [result for result in parse_results(run) if result["stdout"] or result["success"]]
    if len(begun) > len(run.states):
        wrong.append("nobody having looked at it")
    for result in begun:
        wrong += wrong_attempts(result, clean.attempts)
        if result["success"] and len(run.states) == 1:
            by_cgroup = "memory" in run.states[0]["cgroups"]
            if result["memory_held_by"] != ("cgroup" if by_cgroup else "rlimit"):
                wrong.append(f"says that memory is held by {result['memory_held_by']}")
    return [f"runs a handler with {text}" for text in wrong]


# ---- a run's end ----

def is_input(fault):
    """Reading what is to be run: an error there is one of the input, status 2."""
    return fault.role == "supervisor" and "/bulkhead-faults-" in fault.about


def judge_end(fault, run):
    """What is wrong with how the program ended; "" where nothing is."""
    results = parse_results(run)
    kinds = [result["error"]["kind"] for result in results if result["error"]]
    why = calls.may_fail(fault)
    if why == calls.AGAIN and run.status != 0:
        return f"status {run.status} for an interruption"
    if run.status == 0:
        return "" if why and len(results) == 1 else "succeeds, with no reason given for that"
    if run.status == 3:
        return "" if run.err.strip() else "status 3 without a message"
    if run.status == 2 and is_input(fault) and not run.states:
        return "" if run.err.strip() else "status 2 without a message"
    if run.status == 1 and kinds and set(kinds) <= KINDS:
        return "" if all(result["error"]["message"] for result in results) else "no message"
    return f"status {run.status}, kinds {kinds}"


def judge_crash(fault, run):
    text = run.err.decode(errors="replace")
    if run.status < 0 or run.status >= 128:
        return f"ends by signal or as if, {run.status}"
    if "Assertion" in text:
        return "a broken promise"
    dead = run.crashes + [f"{role} by signal {-status}" for role, status in run.ends.items()
                          if status < 0 and status != -9]
    is_loaders = fault.is_loader and set(run.ends) <= {"supervisor", fault.role}
    return f"crashes: {', '.join(dead)}" if dead and not is_loaders else ""


def cgroups_left(pid):
    """Directories of this supervisor's launchers."""
    return [os.path.join(folder, name)
            for mount, _ in tracer.cgroup_mounts() for folder, names, _ in os.walk(mount)
            for name in names if name.startswith(f"bulkhead-{pid}-")]


def remove_cgroup(path):
    for folder, _, _ in os.walk(path, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass


def judge_leaks(run):
    complaints = []
    if run.left:
        complaints.append(f"leaves processes: {run.left}")
    if run.kept:
        complaints.append(f"leaves descriptors open: {run.kept}")
    left = cgroups_left(run.pid)
    if left:
        complaints.append(f"leaves cgroups: {left}")
        for path in left:
            remove_cgroup(path)
    return complaints


def judge(fault, run, clean):
    """Every complaint about a run."""
    if run.hung:
        return [f"hangs: {run.hung}"]
    try:
        parse_results(run)
    except ValueError:
        return [f"prints what is no result: {run.out[:200]!r}"]
    if not run.hit:
        return [] if run.status == 0 else [f"fails before its fault, status {run.status}"]
    ended = [text for text in (judge_crash(fault, run), judge_end(fault, run)) if text]
    return ended + judge_handlers(fault, run, clean) + judge_leaks(run)


# ---- the run without a fault ----

class Clean:
    """What others are compared with."""
    def __init__(self, run):
        self.state = run.states[0]
        self.attempts = {name: said for name, said in attempts_of(parse_results(run)[0]).items()
                         if name != "cgroup" or "/bulkhead" not in said}


def judge_clean(run):
    if run.status != 0 or len(run.states) != 1 or run.left or run.kept:
        return [f"does not run: {run}"]
    state = run.states[0]
    return missing_layers(state) + wrong_limits(state, "") + wrong_attempts(
        parse_results(run)[0], {})


def host_mounts():
    return pathlib.Path("/proc/self/mounts").read_text().splitlines()
