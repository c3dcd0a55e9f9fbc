# SPDX-License-Identifier: Apache-2.0
"""--scratch: a folder that a handler may write to, and nobody else sees."""
import os
import resource
import unittest

from support import BUILD, HANDLERS, Case, main, not_run

DENY = BUILD / "tests" / "deny_namespaces"

ATTEMPT = r'''
import errno, mmap, shutil, stat, tempfile
def attempt(call, *args):
    try:
        call(*args)
        return None
    except OSError as error:
        return errno.errorcode[error.errno]
def write(path, data, mode="wb"):
    with open(path, mode, buffering=0) as file:
        return file.write(data)
'''


class Scratch(Case):
    def run_in(self, body, *options, tasks=("t",), **more):
        """Runs work(task) of the body for each task, one to a batch."""
        handler = self.handler(ATTEMPT + body + "\ngive(work)", name=f"handler{len(body)}.py")
        return self.bulkhead("run", *options, "--batches",
                             self.batches(*([task] for task in tasks)), "--", handler, **more)

    def value_of(self, body, *options, **more):
        run = self.run_in(body, *options, **more)
        self.assert_status(run, 0)
        self.assertIsNone(run.result["missing_layers"])
        return run.values()["t"]

    def test_files_are_made_read_changed_and_removed(self):
        value = self.value_of(r'''
def work(task):
    write("/tmp/a", b"written")
    os.mkdir("/tmp/folder")
    done = {"link": attempt(os.link, "/tmp/a", "/tmp/b"),
            "symlink": attempt(os.symlink, "a", "/tmp/c"),
            "chmod": attempt(os.chmod, "/tmp/a", 0o600),
            "rename into a folder": attempt(os.rename, "/tmp/b", "/tmp/folder/b"),
            "truncate": attempt(os.truncate, "/tmp/folder/b", 5),
            "utime": attempt(os.utime, "/tmp/a")}
    read = open("/tmp/c", "rb").read().decode()
    with tempfile.NamedTemporaryFile() as file:
        place = os.path.dirname(file.name)
    os.unlink("/tmp/c")
    shutil.rmtree("/tmp/folder")
    return {"done": done, "read": read, "place": place, "left": os.listdir("/tmp")}''',
                              "--scratch", "1M")
        self.assertEqual(set(value["done"].values()), {None}, value["done"])
        self.assertEqual((value["read"], value["place"], value["left"]), ("writt", "/tmp", ["a"]))

    def test_its_size_is_what_was_asked_for_in_whole_pages(self):
        page = resource.getpagesize()
        for size, given in (("1M", 1 << 20), ("16M", 16 << 20), ("1", 1), ("70000", 70000),
                            ("3G", 3 << 30)):
            value = self.value_of('''
def work(task):
    found = os.statvfs("/tmp")
    return [found.f_blocks * found.f_frsize, found.f_files]''', "--scratch", size)
            self.assertEqual(value, [-(-given // page) * page, max(1024, given // 4096)])

    def test_a_full_one_is_told_to_the_handler_and_can_be_emptied(self):
        value = self.value_of('''
def work(task):
    done = 0
    try:
        with open("/tmp/full", "wb", buffering=0) as file:
            while True:
                done += file.write(bytes(65536))
    except OSError as error:
        code = errno.errorcode[error.errno]
    os.unlink("/tmp/full")
    return [code, done, write("/tmp/again", bytes(65536))]''', "--scratch", "2M")
        self.assertEqual(value, ["ENOSPC", 2 << 20, 65536])

    def test_the_number_of_files_has_an_end(self):
        value = self.value_of('''
def work(task):
    for i in range(5000):
        code = attempt(write, f"/tmp/{i}", b"")
        if code:
            return [code, i]''', "--scratch", "1M")
        self.assertEqual(value, ["ENOSPC", 1023])

    def test_each_batch_finds_it_empty(self):
        for jobs in ("-j1", "-j2"):
            run = self.run_in('''
def work(task):
    found = os.listdir("/tmp")
    write("/tmp/" + task["id"], b"x" * 100000)
    os.mkdir("/tmp/folder")
    return found''', jobs, "--scratch", "1M", tasks=[f"t{i}" for i in range(12)])
            self.assert_status(run, 0)
            self.assertEqual(list(run.values().values()), [[]] * 12)

    def test_batches_that_run_together_do_not_see_each_others(self):
        gate = self.dir / "gate"
        gate.mkdir()
        # who has written shows the marker, which is given backwards, in its command line
        handler = self.handler(ATTEMPT + '''
if not os.listdir("/tmp"):
    write("/tmp/" + context()["tasks"][0]["id"], b"")
    os.lseek(3, 0, os.SEEK_SET)
    os.execv(sys.executable, ["python3", "-BIS", sys.argv[0], sys.argv[1][::-1]])
def work(task):
    while not os.path.exists("/gate/open"):
        time.sleep(0.01)
    return os.listdir("/tmp")
give(work)''')
        process = self.start("run", "-j2", "--timeout", "none", "--scratch", "1M", "--bind",
                             f"{gate}:/gate", "--batches", self.batches(["a"], ["b"]), "--",
                             handler, self.marker[::-1])
        self.wait_for_handlers(2)
        self.write(gate / "open", "")
        run = self.finish(process)
        self.assert_status(run, 0)
        self.assertEqual(run.values(), {"a": ["a"], "b": ["b"]})

    def test_nothing_in_it_can_be_executed_or_has_power(self):
        value = self.value_of('''
def map_executable():
    with open("/tmp/program", "rb") as file:
        mmap.mmap(file.fileno(), 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
def work(task):
    shutil.copyfile("/usr/bin/env", "/tmp/program")
    os.chmod("/tmp/program", 0o6755)
    flags = os.statvfs("/tmp").f_flag
    return {"exec": attempt(os.execv, "/tmp/program", ["env"]), "map": attempt(map_executable),
            "mknod": attempt(os.mknod, "/tmp/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3)),
            "flags": [bool(flags & flag) for flag in
                      (os.ST_NOSUID, os.ST_NODEV, os.ST_NOEXEC, os.ST_RDONLY)]}''',
                              "--scratch", "1M")
        self.assertEqual(value, {"exec": "EACCES", "map": "EPERM", "mknod": "EPERM",
                                 "flags": [True, True, True, False]})

    def test_nothing_else_can_be_written(self):
        value = self.value_of('''
def work(task):
    return [attempt(write, path + "/x", b"") for path in
            ("", "/usr", "/dev", "/etc", "/handler", "/proc", "/tmp/..")]''', "--scratch", "1M")
        self.assertNotIn(None, value)

    def test_without_it_nothing_can_be_written_there(self):
        value = self.value_of("def work(task): return attempt(write, '/tmp/x', b'')")
        self.assertIn(value, ("EROFS", "EACCES"))

    def test_only_the_handler_itself_has_access(self):
        value = self.value_of('''
def work(task):
    found = os.stat("/tmp")
    return [stat.S_IMODE(found.st_mode), found.st_uid == os.getuid()]''', "--scratch", "1M")
        self.assertEqual(value, [0o700, True])

    def test_what_is_in_it_counts_for_the_memory_of_the_batch(self):
        body = 'def work(task): return write("/tmp/x", bytes(96 << 20))'
        run = self.run_in(body, "--memory", "64M", "--scratch", "128M")
        if run.result["memory_held_by"] != "cgroup":
            not_run("memory of a scratch", "no cgroup to be had")
            return
        self.assertEqual(run.error["kind"], "memory_limit", run.error)

    def test_its_memory_is_given_back_with_the_batch(self):
        # the batches of one slot share a cgroup: what stayed would fill it
        run = self.run_in('def work(task): return write("/tmp/x", bytes(40 << 20))', "-j1",
                          "--memory", "128M", "--scratch", "64M",
                          tasks=[f"t{i}" for i in range(8)])
        self.assert_status(run, 0)
        if run.results[0]["memory_held_by"] != "cgroup":
            not_run("memory of a scratch that is gone", "no cgroup to be had")

    def test_it_costs_no_descriptor(self):
        run = self.bulkhead("run", "-j1", "--scratch", "1M", "--batches",
                            self.batches(*([f"t{i}"] for i in range(150))), "--",
                            HANDLERS / "noop",
                            preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
        self.assert_status(run, 0)

    def test_the_limit_on_files_holds(self):
        run = self.run_in('def work(task): return write("/tmp/x", bytes(1 << 20))', "--scratch",
                          "4M", "--file-size", "512K", "--results-size", "256K")
        self.assertEqual(run.values(), {"t": 512 << 10})  # cut short; the next one would fail

    def test_the_strict_profile_has_no_use_for_it(self):
        run = self.bulkhead("run", "--profile", "strict", "--scratch", "1M", "--tasks",
                            self.tasks({"id": "t"}), "--", HANDLERS / "noop")
        self.assert_status(run, 0)

    def test_without_namespaces_it_is_missing_and_the_hosts_is_shut(self):
        self.dir.chmod(0o755)  # for a handler that has an id of its own
        run = self.run_in("def work(task): return attempt(write, '/tmp/bulkhead-x', b'')",
                          "--isolate", "best-effort", "--scratch", "1M", wrap=[DENY])
        self.assert_status(run, 0)
        self.assertRegex(run.result["missing_layers"], "^namespaces, root, proc, scratch ")
        self.assertRegex(run.err, "isolation was without: namespaces, root, proc, scratch ")
        if "landlock" in run.result["missing_layers"]:
            not_run("the host's /tmp without namespaces", "no Landlock in this kernel")
            return
        self.assertEqual(run.values(), {"t": "EACCES"})
        self.assertFalse(os.path.exists("/tmp/bulkhead-x"))

    def test_strict_isolation_refuses_where_there_are_no_namespaces(self):
        run = self.run_in("def work(task): return None", "--scratch", "1M", wrap=[DENY])
        self.assert_status(run, 3)
        self.assertEqual(run.out, b"")

    def test_sizes_that_make_no_sense_are_refused(self):
        for size in ("0", "none", "-1", "much", "2048G"):
            run = self.bulkhead("run", "--scratch", size, "--tasks", self.tasks({"id": "t"}), "--",
                                HANDLERS / "noop")
            self.assert_refused(run, "--scratch", f"got '{size}'", "expected a size")

    def test_without_isolation_it_is_refused(self):
        run = self.bulkhead("run", "--isolate", "none", "--scratch", "1M", "--tasks",
                            self.tasks({"id": "t"}), "--", HANDLERS / "noop")
        self.assert_refused(run, "--scratch", "without isolation", "expected")


if __name__ == "__main__":
    main()
