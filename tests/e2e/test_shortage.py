# SPDX-License-Identifier: Apache-2.0
"""Our own side fails: no sandbox, no descriptors, no memory, no room, no reader. The
status is 3, and what was written is valid."""
import fcntl
import mmap
import os
import platform
import resource
import signal
import subprocess
import unittest

from support import (BULKHEAD, Case, HANDLERS, PATIENCE, SANITIZED, command, descendants, main,
                     not_run, parse_lines, seccomp_filter_denying)

FAULTY = HANDLERS / "faulty"
# A leak check makes a process, too.
NO_LEAK_CHECK = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}


def writes_by_pages():
    """Not where files in memory have large folios: bh_region_find_capacity()."""
    fd = os.memfd_create("probe", os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, mmap.PAGESIZE)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)
        return os.pwrite(fd, b"ab", mmap.PAGESIZE - 1) == 1
    except PermissionError:
        return False
    finally:
        os.close(fd)


class NoSandbox(Case):
    def test_a_layer_that_cannot_be_had_stops_the_run_and_is_named(self):
        if platform.machine() != "x86_64":
            return not_run("a kernel that refuses a layer", "the numbers are those of x86-64")
        trace = self.dir / "trace"
        handler = self.shell(f"echo ran > '{trace}'")
        for number, stage in ((155, "root"), (165, "mount|root"), (317, "seccomp|no-new-privs"),
                              (56, "clone|namespace")):
            with self.subTest(stage):
                run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler,
                                    env=NO_LEAK_CHECK,
                                    preexec=seccomp_filter_denying(number))
                self.assert_status(run, 3)
                self.assertEqual(run.out, b"")
                self.assertRegex(run.err, stage)
                self.assertEqual(run.err.count("\n"), 1, run.err)
        self.assertFalse(trace.exists())

    def test_without_isolation_no_layer_is_needed(self):
        if platform.machine() != "x86_64":
            return not_run("a kernel that refuses a layer", "the numbers are those of x86-64")
        run = self.bulkhead("run", "--isolate", "none", "--tasks", self.tasks({"id": "t"}), "--",
                            FAULTY, preexec=seccomp_filter_denying(155))
        self.assert_status(run, 0)

    def test_a_launcher_that_is_not_there_is_named(self):
        folder = self.dir / "bin"
        folder.mkdir()
        program = folder / "bulkhead"
        program.write_bytes(BULKHEAD.read_bytes())
        program.chmod(0o755)
        done = subprocess.run([program, *command("run", "--tasks", self.tasks({"id": "t"}), "--",
                                                 FAULTY)[1:]],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=PATIENCE)
        if done.returncode == 0:
            return not_run("a missing launcher", "another one is installed")
        self.assertEqual((done.returncode, done.stdout), (3, b""))
        self.assertIn(b"launcher", done.stderr)


class Short(Case):
    def check(self, run):
        """Every line is whole, and whatever failed is our side's failure."""
        results = run.results
        self.check_shape(results)
        for result in results:
            if not result["success"]:
                error = result["error"]
                self.assertIn(error["kind"], ("internal", "sandbox"), error)
                self.assertTrue(error["infrastructure"])
        if all(result["success"] for result in results) and len(results) == 12:
            self.assertEqual(run.status, 0)
        else:
            self.assert_status(run, 3)
            self.assertNotEqual(run.err, "")

    def test_few_descriptors(self):
        batches = self.batches(*([f"t{i}"] for i in range(12)))
        statuses = set()
        for limit in (4, 6, 8, 11, 14, 17, 20, 25, 30, 40, 60, 100, 300):
            with self.subTest(limit):
                run = self.bulkhead(
                    "run", "-j", "8", "--batches", batches, "--", FAULTY, "sleep",
                    preexec=lambda n=limit: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
                if SANITIZED and limit < 12 and run.status not in (0, 3):
                    not_run(f"{limit} descriptors", "sanitizers need some")
                    continue
                self.check(run)
                statuses.add(run.status)
        self.assertEqual(statuses, {0, 3})

    def test_a_soft_limit_of_descriptors_is_raised(self):
        batches = self.batches(*([f"t{i}"] for i in range(40)))
        run = self.bulkhead("run", "-j", "20", "--batches", batches, "--", FAULTY,
                            preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                               (20, 1000)))
        self.assert_status(run, 0)

    def test_little_memory(self):
        if SANITIZED:
            return not_run("a limit of address space", "sanitizers need more than any")
        batches = self.batches(*([f"t{i}"] for i in range(12)))
        for mib in (3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 100, 200, 400):
            with self.subTest(mib):
                size = mib << 20
                run = self.bulkhead(
                    "run", "-j", "4", "--memory", "none", "--batches", batches, "--", FAULTY,
                    preexec=lambda n=size: resource.setrlimit(resource.RLIMIT_AS, (n, n)))
                if run.status in (-signal.SIGSEGV, -signal.SIGKILL, 127) and mib <= 6:
                    continue  # the loader itself had too little
                if b"error while loading shared" in run.err.encode("utf-8", "replace"):
                    continue
                results = run.results
                self.check_shape(results)
                self.assertIn(run.status, (0, 1, 3), run.err)

    def test_an_entry_that_memory_has_no_room_for(self):
        if SANITIZED:
            return not_run("a limit of address space", "sanitizers need more than any")
        path = self.write("tree/big", "")
        with open(path, "r+b") as file:
            file.truncate(200 << 20)
        run = self.bulkhead("run", "--entries", self.dir / "tree", "--", FAULTY,
                            preexec=lambda: resource.setrlimit(resource.RLIMIT_AS,
                                                               (128 << 20, 128 << 20)))
        self.assert_status(run, 3)
        self.assertRegex(run.err, "memory")

    def test_no_more_processes(self):
        if os.geteuid() == 0:
            return not_run("a limit of processes", "root has none")
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", FAULTY,
                            env=NO_LEAK_CHECK,
                            preexec=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (1, 1)))
        self.assertIn(run.status, (0, 3), run.err)
        for result in run.results:
            if not result["success"]:
                self.assertTrue(result["error"]["infrastructure"], result["error"])


class NoRoom(Case):
    def setUp(self):
        super().setUp()
        self.big = self.handler('give(lambda task: "x" * 30_000)')
        self.many = self.batches(*([f"t{i}"] for i in range(20)))

    def test_a_full_device_is_told(self):
        for options in (["-o", "/dev/full"], ["-o", "/dev/full", "--unordered"]):
            run = self.bulkhead("run", *options, "--batches", self.many, "--", self.big)
            self.assert_status(run, 3)
            self.assertIn("No space left on device", run.err)
        with open("/dev/full", "wb") as full:
            for args in (("run", "--batches", self.many, "--", self.big),
                         ("plan", "--batches", self.many), ("--help",), ("--version",),
                         ("run", "--help")):
                done = subprocess.run(command(*args), stdout=full, stderr=subprocess.PIPE,
                                      check=False)
                self.assertEqual(done.returncode, 3, args)
                self.assertIn(b"No space left on device", done.stderr)

    def in_small_tmpfs(self, command_line, kept):
        """Runs it with a tmpfs of 128 KiB at `small`; keeps a file of it."""
        small = self.dir / "small"
        small.mkdir()
        script = ('mount -t tmpfs -o size=128k none "$1" || exit 99\n'
                  'small=$1 kept=$2 to=$3; shift 3; "$@"; status=$?\n'
                  'cp "$small/$kept" "$to"; ls -A "$small" > "$to.names"; exit $status')
        unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
        done = subprocess.run([*unshare, "sh", "-c", script, "sh", small, kept,
                               self.dir / "copy", *command_line],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=PATIENCE)
        if done.returncode == 99 or b"unshare" in done.stderr:
            not_run("a full file system", done.stderr.decode().strip())
            return None
        return done

    def test_a_full_file_system_leaves_whole_lines(self):
        done = self.in_small_tmpfs(command("run", "--isolate", "none", "-j", "2", "-o",
                                           self.dir / "small/out", "--batches", self.many, "--",
                                           self.big), "out")
        if done:
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(b"No space left on device", done.stderr)
            results = parse_lines((self.dir / "copy").read_bytes())
            self.check_shape(results)
            self.assertEqual([result["index"] for result in results], [0, 1, 2, 3])

    def test_an_aggregate_that_finds_no_room_leaves_the_old_one(self):
        done = self.in_small_tmpfs(
            ["sh", "-c", 'echo old > "$1"; shift; exec "$@"', "sh", self.dir / "small/all",
             *command("run", "--isolate", "none", "--aggregate", self.dir / "small/all",
                      "--batches", self.many, "--", self.big)], "all")
        if done:
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertEqual(len(parse_lines(done.stdout)), 20)
            self.assertEqual((self.dir / "copy").read_text(), "old\n")
            self.assertEqual((self.dir / "copy.names").read_text(), "all\n")

    def test_a_limit_of_file_size_is_told_like_a_full_disk(self):
        if not writes_by_pages():
            not_run("a limit of file size", "results take 2 MiB at least on this kernel")
            return
        # the results of a batch are files too, so they are made smaller than the limit
        path = self.dir / "out"
        run = self.bulkhead("run", "-o", path, "--results-size", "64K", "--isolate", "none",
                            "--batches", self.many, "--", self.big,
                            preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                               (100_000, 100_000)))
        self.assert_status(run, 3)
        self.assertIn("File too large", run.err)
        results = parse_lines(path.read_bytes())
        self.check_shape(results)
        self.assertEqual(len(results), 3)

    def test_a_reader_that_goes_away_ends_the_run(self):
        batches = self.batches(*([f"t{i}"] for i in range(200)))
        process = self.start("run", "-j", "2", "--batches", batches, "--", self.big, self.marker)
        (first,) = parse_lines(process.stdout.readline())
        self.assertEqual(first["index"], 0)
        below = descendants(process.pid)
        process.stdout.close()
        err = process.stderr.read()
        self.assertEqual(process.wait(timeout=200), 3)
        self.assertIn(b"Broken pipe", err)
        self.assert_nothing_left(below)

    def test_a_closed_standard_output_is_told(self):
        done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh",
                               *command("run", "--batches", self.many, "--", FAULTY)],
                              stderr=subprocess.PIPE, check=False,
                              timeout=PATIENCE)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"Bad file descriptor", done.stderr)


if __name__ == "__main__":
    main()
