# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: running the program, making input and handlers,
looking at processes."""
import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import uuid

BUILD = pathlib.Path(os.environ["BH_BUILD_DIR"]).resolve()
BULKHEAD = BUILD / "bin" / "bulkhead"
HANDLERS = BUILD / "handlers"
PRELUDE = (pathlib.Path(__file__).parent / "prelude.py").read_text()

# Long past anything that a slow machine needs: only what hangs gets there.
PATIENCE = 240

IS_ROOT = os.geteuid() == 0
SANITIZED = re.search(r"^BH_SANITIZE:BOOL=(ON|1|TRUE)$", (BUILD / "CMakeCache.txt").read_text(),
                      re.MULTILINE) is not None

DOCUMENTATION = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()


def documented_keys(first):
    """Names in the first column of the table that begins with this one."""
    table = re.search(rf"^\| `{first}`.*\n(?:\|.*\n)*", DOCUMENTATION, re.MULTILINE)[0]
    return [name for row in table.splitlines()
            for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])]


def documented_members(key):
    """Names in the description of an object that has a row of its own."""
    row = re.search(rf"^\| `{key}` \|.*", DOCUMENTATION, re.MULTILINE)[0]
    return re.findall(r"`([a-z_]+)`", row.split("|")[2])


# Kept in one place: the documentation.
RESULT_KEYS = sorted(documented_keys("batch_id`, `index"))
ERROR_KEYS = sorted(documented_keys("kind`, `message"))
USAGE_KEYS = sorted(documented_members("usage"))
ATTEMPT_KEYS = sorted(documented_members("attempt_log"))
SYSCALL_KEYS = sorted(documented_members("syscall"))


def not_run(what, why):
    print(f"NOT RUN: {what}: {why}", flush=True)


def refuse_constant(name):
    raise ValueError(f"{name} is not JSON")


def parse(data):
    """One JSON text as strict as RFC 8259: UTF-8, no NaN, no key twice."""
    def unique(pairs):
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError(f"a key is there twice: {[key for key, _ in pairs]}")
        return made
    return json.loads(data.decode("utf-8"), parse_constant=refuse_constant,
                      object_pairs_hook=unique)


def parse_lines(data):
    """Every line of JSONL output. The last one has to be whole, too."""
    if data and not data.endswith(b"\n"):
        raise ValueError(f"the last line has no end: …{data[-80:]!r}")
    return [parse(line) for line in data.split(b"\n")[:-1]]


def unescape(text):
    """The bytes of captured output: \\xNN stands for one byte."""
    parts = re.split(r"\\x([0-9a-f]{2})", text)
    return b"".join(bytes([int(part, 16)]) if i % 2 else part.encode()
                    for i, part in enumerate(parts))


def blob(value):
    return base64.b64decode(value["$base64"], validate=True)


class Run:
    """What a run of the program left."""
    def __init__(self, status, out, err):
        self.status, self.out = status, out
        self.err = err.decode("utf-8", "surrogateescape")

    @property
    def results(self):
        return parse_lines(self.out)

    @property
    def result(self):
        (only,) = self.results
        return only

    @property
    def error(self):
        return self.result["error"]

    def values(self):
        """All task results, of all batches."""
        made = {}
        for result in self.results:
            made.update(result["task_results"])
        return made


def command(*args):
    return [str(BULKHEAD), *(arg if isinstance(arg, bytes) else str(arg) for arg in args)]


def seccomp_filter_denying(number, error=1):
    """Makes a preexec_fn after which one system call (x86-64) fails, with EPERM if not told
    otherwise."""
    import ctypes
    import struct
    code = b"".join(struct.pack("HBBI", *step) for step in (
        (0x20, 0, 0, 4), (0x15, 0, 3, 0xC000003E), (0x20, 0, 0, 0), (0x15, 0, 1, number),
        (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7FFF0000)))
    libc = ctypes.CDLL(None, use_errno=True)

    class Program(ctypes.Structure):
        _fields_ = [("size", ctypes.c_ushort), ("code", ctypes.c_char_p)]

    def apply():
        program = Program(len(code) // 8, code)
        zero = ctypes.c_ulong(0)
        if libc.prctl(38, ctypes.c_ulong(1), zero, zero, zero) != 0:
            os._exit(99)
        if libc.prctl(22, ctypes.c_ulong(2), ctypes.byref(program), zero, zero) != 0:
            os._exit(99)
    return apply


class Case(unittest.TestCase):
    """A test with a folder of its own."""
    maxDiff = 4000

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bulkhead-e2e-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.started = []
        self.marker = f"bulkhead-e2e-{uuid.uuid4()}"

    # ---- running ----

    def bulkhead(self, *args, stdin=b"", env=None, cwd=None, preexec=None, wrap=()):
        done = subprocess.run([*wrap, *command(*args)], input=stdin, env=env, cwd=cwd,
                              preexec_fn=preexec, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=PATIENCE)
        return Run(done.returncode, done.stdout, done.stderr)

    def start(self, *args, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(command(*args), **options)
        self.started.append(process)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()

    @staticmethod
    def finish(process):
        out, err = process.communicate(timeout=PATIENCE)
        return Run(process.returncode, out, err)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"waited in vain until {what}")
            time.sleep(0.01)

    # ---- input ----

    def write(self, name, content):
        path = self.dir / name if isinstance(name, str) else name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def jsonl(self, name, *values):
        return self.write(name, "".join(json.dumps(value) + "\n" for value in values))

    def entries(self, *ids, content="content"):
        """A file with these entries."""
        return self.jsonl(f"{uuid.uuid4()}.jsonl",
                          *({"id": id, "source": "test", "content": content} for id in ids))

    def tasks(self, *tasks):
        return self.jsonl(f"{uuid.uuid4()}.jsonl", *tasks)

    def batches(self, *ids_of_batches, **params_of):
        """A file with batches of tasks without entries; params by task id."""
        return self.jsonl(f"{uuid.uuid4()}.jsonl", *(
            {"batch_id": f"batch {i}",
             "tasks": [{"id": id, "params": params_of.get(id)} for id in ids]}
            for i, ids in enumerate(ids_of_batches)))

    def handler(self, body, name="handler.py"):
        """A handler in Python, with the prelude before its own lines."""
        path = self.write(name, f"#!/usr/bin/python3 -BIS\n{PRELUDE}\n{body}\n")
        path.chmod(0o755)
        return path

    def shell(self, body, name="handler.sh"):
        path = self.write(name, f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    # ---- looking ----

    def check_shape(self, results):
        """Exactly the documented keys."""
        for result in results:
            self.assertEqual(sorted(result), RESULT_KEYS)
            self.assertEqual(sorted(result["usage"]), USAGE_KEYS)
            self.assertEqual(len(result["attempt_log"]), result["attempts"])
            for attempt in result["attempt_log"]:
                self.assertEqual(sorted(attempt), ATTEMPT_KEYS)
            self.assertEqual(result["success"], result["error"] is None)
            if result["error"] is not None:
                self.assertEqual(sorted(result["error"]), ERROR_KEYS)
                self.assertTrue(result["error"]["message"])
                if result["error"]["syscall"] is not None:
                    self.assertEqual(sorted(result["error"]["syscall"]), SYSCALL_KEYS)
            self.assertEqual(result["partial"], not result["success"] and
                             bool(result["task_results"] or result["task_errors"]))
            self.assertGreaterEqual(result["duration_ms"], 0)

    def assert_refused(self, run, *patterns):
        """A usage or input error whose message has all of these in it."""
        self.assertEqual(run.status, 2, run.err)
        self.assertEqual(run.out, b"")
        for pattern in patterns:
            self.assertRegex(run.err, pattern)

    def assert_status(self, run, status):
        self.assertEqual(run.status, status, run.err + run.out.decode()[:2000])

    # ---- processes ----

    def marked(self):
        """Processes, but for the program itself, with the marker in their command line."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            except (OSError, IndexError):
                continue
            if state != "Z" and words[0] != str(BULKHEAD).encode() and \
                    self.marker.encode() in words:
                found.append(int(folder.name))
        return found

    def wait_for_handlers(self, n):
        def ready():
            if self.started and all(process.poll() is not None for process in self.started):
                self.fail(f"the program ended before {n} handlers ran: "
                          f"{self.started[-1].stderr.read()!r}")
            return len(self.marked()) >= n
        self.wait_until(ready, f"{n} handlers run")

    def assert_nothing_left(self, processes=()):
        """Processes end when the kernel gets to it: none may stay."""
        self.wait_until(lambda: not self.marked() and not any(map(is_alive, processes)),
                        "no process of the run is left")


def status_of(pid):
    """Parent, name, state and start time of a process, or None."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    return int(fields[1]), name, fields[0], int(fields[19])


def is_alive(process):
    pid, started = process
    status = status_of(pid)
    return status is not None and status[2] not in "ZX" and status[3] == started


def descendants(pid):
    """[(pid, start time)] of all processes below one."""
    all_of_them = {int(folder.name): status_of(folder.name)
                   for folder in pathlib.Path("/proc").glob("[0-9]*")}
    found, parents = [], [pid]
    while parents:
        parent = parents.pop()
        for child, status in all_of_them.items():
            if status and status[0] == parent:
                found.append((child, status[3]))
                parents.append(child)
    return found


def find_launcher(pid):
    """The launcher of a running program, or None."""
    for child, _ in descendants(pid):
        status = status_of(child)
        if status and status[1] == "bulkhead-launch" and status[0] == pid:
            return child
    return None


def main():
    unittest.main(verbosity=2)
