# SPDX-License-Identifier: Apache-2.0
"""What a sandboxed handler can see, reach and be: nothing of its caller."""
import os
import pathlib
import secrets
import subprocess
import unittest

from support import Case, HANDLERS, command, main, parse_lines

FAULTY = HANDLERS / "faulty"

# Looks for a text, given backwards so that it does not find itself, wherever a
# process can look. Gives the places where it is.
SEARCH = r"""
needle = sys.argv[1][::-1].encode()
found, looked = [], 0

def search(path, data):
    global looked
    looked += 1
    if needle in data:
        found.append(path)

def search_file(path):
    try:
        with open(path, "rb") as file:
            search(path, file.read(1 << 20))
    except OSError:
        pass

def search_memory(pid):
    try:
        maps = open(f"/proc/{pid}/maps").read().splitlines()
        memory = open(f"/proc/{pid}/mem", "rb", 0)
    except OSError:
        return
    for line in maps:
        begin, end = (int(word, 16) for word in line.split()[0].split("-"))
        try:
            memory.seek(begin)
            search(f"memory of {pid}: {line}", memory.read(min(end - begin, 64 << 20)))
        except (OSError, ValueError, OverflowError):
            pass

def work(task):
    search("environment", repr(dict(os.environb)).encode())
    search("arguments", repr(sys.argv[2:]).encode())
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    for pid in pids:
        for name in ("environ", "cmdline", "comm", "mountinfo", "maps", "status", "stack"):
            search_file(f"/proc/{pid}/{name}")
        for folder in ("fd", "cwd", "root", "exe", "task", "map_files", "ns"):
            try:
                names = os.listdir(f"/proc/{pid}/{folder}")
            except OSError:
                names = []
            for name in [folder, *(f"{folder}/{name}" for name in names)]:
                try:
                    search(f"link {pid}/{name}", os.readlink(f"/proc/{pid}/{name}").encode())
                except OSError:
                    pass
        if pid != str(os.getpid()) and len(pids) <= 2:  # never that of the whole host
            search_memory(pid)
    for fd in range(5, 1024):
        try:
            os.fstat(fd)
            found.append(f"descriptor {fd}")
        except OSError:
            pass
    for top in ("/home", "/root", "/run", "/var", "/tmp", "/etc", "/mnt", "/opt", "/srv", "/dev",
                "/handler"):
        for folder, _, names in os.walk(top):
            search(folder, (folder + "".join(names)).encode())
            for name in names:
                if not folder.startswith("/dev"):
                    search_file(os.path.join(folder, name))
    return {"found": found, "looked": looked, "pids": len(pids)}

give(work)
"""


def can_be_sealed_from_exec():
    """Linux 6.3: memfd_create(2)."""
    try:
        os.close(os.memfd_create("probe", 0x8))  # MFD_NOEXEC_SEAL
    except OSError:
        return False
    return True


class Secrets(Case):
    def setUp(self):
        super().setUp()
        self.secret = secrets.token_hex(16)

    def test_no_secret_of_the_caller_is_found(self):
        planted = self.write(f"file-{self.secret}", self.secret)
        home = self.dir / f"home-{self.secret}"
        home.mkdir()
        env = {**os.environ, "SECRET": self.secret, self.secret: "name", "HOME": str(home)}
        # one entry in a batch of its own, that no other handler may see
        entries = self.jsonl(f"{self.secret}.jsonl",
                             {"id": "secret", "source": "s", "content": self.secret * 1000})
        tasks = self.tasks({"id": self.secret, "required_entry_ids": ["secret"]}, {"id": "t"})
        with open(planted) as file:
            duplicate = os.dup2(file.fileno(), 77, inheritable=True)
            done = subprocess.run(
                command("run", "-j", "1", "--max-tasks", "1", "--output-size", "1M", "--entries",
                        entries, "--tasks", tasks, "-o", f"out-{self.secret}", "--",
                        self.handler(SEARCH), self.secret[::-1]),
                env=env, cwd=self.dir, close_fds=False, input=self.secret.encode() * 100,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            os.close(duplicate)
        self.assertEqual(done.returncode, 0, done.stderr)
        results = parse_lines((self.dir / f"out-{self.secret}").read_bytes())
        value = results[1]["task_results"]["t"]
        self.assertEqual(value["found"], [])
        self.assertGreater(value["looked"], 10)
        self.assertLessEqual(value["pids"], 2)

    def test_the_search_finds_what_is_there(self):
        run = self.bulkhead("run", "--isolate", "none", "--env", f"SECRET={self.secret}", "--tasks",
                            self.tasks({"id": "t"}), "--",
                            self.handler(SEARCH.replace('"/home", "/root", "/run", "/var", '
                                                        '"/tmp", ', f"{str(self.dir)!r}, ")),
                            self.secret[::-1])
        self.assert_status(run, 0)
        self.assertIn("environment", run.values()["t"]["found"])

    def secrets_of(self, *options, **more):
        run = self.bulkhead("run", *options, "--tasks", self.tasks({"id": "t"}), "--", FAULTY,
                            "secrets", **more)
        self.assert_status(run, 0)
        return run.values()["t"]

    def test_the_environment_is_made_anew(self):
        usual = ["BULKHEAD_ABI=1", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
                 "HOME=/tmp", "TMPDIR=/tmp"]
        env = {**os.environ, "SECRET": self.secret, "LD_PRELOAD": "", "LANG": "de_DE.UTF-8"}
        seen = self.secrets_of(env=env)
        self.assertEqual(sorted(seen["env"]), sorted(usual))
        self.assertEqual(sorted(seen["environ"]), sorted(usual))
        seen = self.secrets_of("--env", "A=1", "--env", "B= x=y\n", "--env", "HOME=/x", "--env",
                               "A=2", "--env", "E=")
        self.assertEqual(sorted(seen["env"]), sorted(
            [*(word for word in usual if not word.startswith("HOME=")),
             "A=2", "B= x=y\n", "HOME=/x", "E="]))

    def test_the_handler_is_nobody_and_nobody_else_is_there(self):
        seen = self.secrets_of()
        status = seen["status"]
        id = 10000 if os.geteuid() == 0 else 65534
        self.assertEqual((seen["uid"], seen["gid"]), (id, id))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
        self.assertEqual(status.get("Groups", "").strip().replace("65534", ""), "")
        self.assertEqual((status["SigBlk"].strip("0"), status["SigIgn"].strip("0")), ("", ""))
        self.assertNotEqual(seen["pid"], 1)
        self.assertEqual((seen["ppid"], seen["sid"], seen["pgid"]), (1, seen["pid"], seen["pid"]))
        self.assertLessEqual(seen["processes"], 5)
        self.assertEqual(seen["argv"], ["faulty", "secrets"])

    def test_there_are_five_descriptors(self):
        seen = self.secrets_of()
        self.assertEqual(list(seen["fds"]), ["0", "1", "2", "3", "4"])
        self.assertEqual(seen["fds"]["0"], "/dev/null")
        self.assertTrue(all(seen["fds"][fd].startswith("pipe:") for fd in "12"))
        self.assertTrue(all(seen["fds"][fd].startswith("/memfd:") for fd in "34"))

    def test_folders_of_the_host_are_absent_or_empty(self):
        for folder, names in self.secrets_of()["folders"].items():
            self.assertLessEqual(names, 0, folder)

    def test_nothing_can_be_written_and_nothing_of_the_host_is_there(self):
        handler = self.handler(r'''
def attempt(call, *args):
    try:
        call(*args)
        return None
    except OSError as error:
        import errno
        return errno.errorcode[error.errno]

def work(task):
    written = {}
    for path in ("/new", "/tmp/new", "/usr/new", "/dev/new", "/dev/shm/new", "/etc/passwd",
                 "/handler/new", "/var/new", "/run/new", "/proc/self/oom_score_adj",
                 "/proc/sys/kernel/hostname", "/proc/1/comm", "/usr/bin/env", sys.argv[0]):
        written[path] = attempt(open, path, "r+" if os.path.exists(path) else "w")
    there = [path for path in ("/etc/shadow", "/etc/hostname", "/etc/ssh", "/proc/kcore",
                               "/proc/sysrq-trigger", "/proc/cmdline", "/sys/kernel", "/dev/mem",
                               "/dev/kmsg", "/dev/fuse", "/dev/tty", "/dev/ptmx", "/proc/net",
                               "/var/lib", "/boot/grub", "/lost+found", *sys.argv[1:])
             if os.path.exists(path)]
    made = {"mkdir": attempt(os.mkdir, "/tmp/x"), "chmod": attempt(os.chmod, "/usr", 0o777),
            "unlink": attempt(os.unlink, "/usr/bin/env"),
            "link": attempt(os.link, "/usr/bin/env", "/tmp/env"),
            "symlink": attempt(os.symlink, "x", "/tmp/y"),
            "rename": attempt(os.rename, "/usr/bin", "/usr/nib"),
            "mknod": attempt(os.mknod, "/tmp/z"),
            "setuid": attempt(os.setuid, 0), "kill": attempt(os.kill, 1, 9)}
    return {"written": written, "there": there, "made": made, "cwd": os.getcwd(),
            "host": os.uname().nodename, "passwd": open("/etc/passwd").read()}
give(work)''')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler, self.dir,
                            pathlib.Path(__file__).resolve(), pathlib.Path.home() / ".")
        self.assert_status(run, 0)
        value = run.values()["t"]
        home = str(pathlib.Path.home())
        self.assertEqual([path for path in value["there"] if path != home or home == "/"],
                         ["/"] if home == "/" else [])
        for path, error in value["written"].items():
            self.assertIn(error, ("EROFS", "EACCES", "ENOENT", "EPERM", "ETXTBSY"), path)
        for call, error in value["made"].items():
            if call != "kill":  # a pid 1 can't be killed from within: no error is given
                self.assertIsNotNone(error, call)
        self.assertEqual((value["cwd"], value["host"]), ("/", "bulkhead"))
        self.assertNotIn(os.uname().nodename, value["passwd"])

    def test_there_is_no_network(self):
        handler = self.handler(r'''
import errno, socket
def attempt(*kind):
    try:
        socket.socket(*kind)
        return None
    except OSError as error:
        return errno.errorcode[error.errno]
def resolve():
    try:
        return str(socket.getaddrinfo("localhost.invalid", 80))
    except OSError as error:
        return None
give(lambda task: {"kinds": [attempt(*kind) for kind in (
        (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_DGRAM),
        (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_NETLINK, socket.SOCK_RAW),
        (socket.AF_PACKET, socket.SOCK_RAW))], "resolved": resolve()})''')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 0)
        self.assertEqual(run.values()["t"], {"kinds": ["EACCES"] * 5, "resolved": None})

    def test_the_context_cannot_be_changed_and_the_results_not_grown(self):
        handler = self.handler(r'''
import errno, mmap
def attempt(call, *args):
    try:
        call(*args)
        return None
    except OSError as error:
        return errno.errorcode[error.errno]
give(lambda task: [
    attempt(os.pwrite, 3, b"x", 0), attempt(os.truncate, 3, 0), attempt(os.truncate, 3, 1 << 20),
    attempt(mmap.mmap, 3, 0, mmap.MAP_SHARED, mmap.PROT_WRITE),
    attempt(os.truncate, 4, 0), attempt(os.truncate, 4, 1 << 30),
    attempt(os.pwrite, 4, b"x", os.fstat(4).st_size),
    attempt(os.execve, "/proc/self/fd/4", ["x"], {})])''')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 0)
        answers = run.values()["t"]
        # where no memory cgroup holds it, the limit of a file's size comes first
        self.assertIn(answers.pop(5), ("EPERM", "EFBIG"))
        self.assertEqual(answers, ["EPERM"] * 6 + ["EACCES" if can_be_sealed_from_exec() else
                                                   "ENOEXEC"])

    def test_one_handler_leaves_nothing_for_the_next(self):
        handler = self.handler(r'''
def attempt(path):
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR))
    except OSError:
        pass
    return os.path.exists(path)
give(lambda task: [attempt(path) for path in ("/tmp/x", "/dev/shm/x", "/var/tmp/x", "/x")])''')
        run = self.bulkhead("run", "-j1", "--batches", self.batches(["a"], ["b"]), "--", handler)
        self.assert_status(run, 0)
        self.assertEqual(list(run.values().values()), [[False] * 4] * 2)

    def test_the_handler_that_runs_is_the_one_that_was_checked(self):
        gate = self.dir / "gate"
        os.mkfifo(gate)
        handler = self.handler('give(lambda task: "the first one")')
        # results go into a FIFO, so the program waits after it has opened the handler
        process = self.start("run", "-o", gate, "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.wait_until(lambda: any(
            True for fd in pathlib.Path(f"/proc/{process.pid}/fd").iterdir()
            if os.path.realpath(fd) == str(handler)), "the handler is open")
        handler.unlink()
        self.handler('give(lambda task: "another one")')
        with open(gate, "rb") as file:
            (result,) = parse_lines(file.read())
        self.assertEqual(result["task_results"], {"t": "the first one"})
        self.assert_status(self.finish(process), 0)


if __name__ == "__main__":
    main()
