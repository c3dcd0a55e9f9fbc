# SPDX-License-Identifier: Apache-2.0
"""Every kind of error, through real handlers: what it says, whom it names and what
is kept. (Shortage of the program's own means is in test_shortage.py, cancelling in
test_signals.py and test_parallel.py.)"""
import pathlib
import platform
import struct
import unittest

from support import Case, HANDLERS, main

FAULTY = HANDLERS / "faulty"


class Kinds(Case):
    """Three tasks; the second one is the one that goes wrong."""

    def run_way(self, way, *options, **params):
        tasks = self.tasks({"id": "first"}, {"id": "bad", "params": {"fail": way, **params}},
                           {"id": "last"})
        return self.bulkhead("run", "--tasks", tasks, *options, "--", FAULTY)

    def failure(self, *args, **more):
        """Runs it and gives the error, having checked what holds for all of them."""
        run = self.run_way(*args, **more)
        self.assert_status(run, 1)
        self.check_shape(run.results)
        result = run.result
        self.assertFalse(result["error"]["infrastructure"])
        self.assertFalse(result["error"]["retryable"])
        self.assertIsNone(result["error"]["stage"])
        self.assertEqual(list(result["task_results"]), ["first"])
        self.assertEqual(result["missing_task_ids"], ["bad", "last"])
        self.assertTrue(result["partial"])
        self.assertIn(f"1 failed (1 {result['error']['kind']})", run.err)
        self.assertIn(result["error"]["message"].split("\n")[0], run.err)
        return result["error"]

    def expect(self, error, kind, message, task_id="bad", signal=None, exit_status=None):
        self.assertEqual((error["kind"], error["task_id"], error["signal"],
                          error["exit_status"]), (kind, task_id, signal, exit_status))
        self.assertRegex(error["message"], message)
        if kind != "violation":
            self.assertIsNone(error["syscall"])

    # ---- the handler's own word ----

    def test_handler(self):
        self.expect(self.failure("batch-error"), "handler", "Handler failed$", task_id=None,
                    exit_status=0)

    def test_handler_with_a_status_of_its_own(self):
        handler = self.handler('error = {"message": "no model\\n\\0é", "detail": [1]}\n'
                               'publish({"error": error})\nsys.exit(9)')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 1)
        self.expect(run.error, "handler", "no model\n é$", task_id=None, exit_status=9)

    # ---- what was used ----

    def test_usage_is_that_of_the_batch_alone(self):
        handler = self.handler(r'''
import mmap
def work(task):
    if task["id"] == "large":
        memory = mmap.mmap(-1, 200 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        try:
            memory.madvise(mmap.MADV_NOHUGEPAGE)  # a fault for each page
        except OSError:
            pass  # a kernel without huge pages
        for at in range(0, len(memory), mmap.PAGESIZE):
            memory[at] = 1
give(work)''')
        run = self.bulkhead("run", "-j", "1", "--max-tasks", "1", "--tasks",
                            self.tasks({"id": "small"}, {"id": "large"}, {"id": "again"}),
                            "--", handler)
        self.assert_status(run, 0)
        small, large, again = (result["usage"] for result in run.results)
        self.assertGreater(large["max_rss_bytes"], 200 << 20)
        for name in ("max_rss_bytes", "minor_faults"):
            self.assertLess(again[name], large[name] / 2)
            self.assertLess(small[name], large[name] / 2)

    # ---- ends of the process ----

    def test_exit(self):
        self.expect(self.failure("exit"), "exit", "^exited with status 1$", exit_status=1)
        self.expect(self.failure("exit", status=77), "exit", "status 77", exit_status=77)

    def test_exit_after_all_was_said_to_be_done(self):
        handler = self.handler('publish({"done": True})\nsys.exit(3)')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 1)
        self.expect(run.error, "exit", "status 3 after it had said that all was done",
                    task_id=None, exit_status=3)

    def test_signal(self):
        for way, params, name in (("segv", {}, "SIGSEGV"), ("abort", {}, "SIGABRT"),
                                  ("kill-self", {}, "SIGKILL"),
                                  ("kill-self", {"signal": 15}, "SIGTERM"),
                                  ("kill-self", {"signal": 13}, "SIGPIPE"),
                                  ("kill-self", {"signal": 31}, "SIGSYS"),
                                  ("kill-self", {"signal": 24}, "SIGXCPU"),
                                  ("kill-self", {"signal": 25}, "SIGXFSZ"),
                                  ("kill-self", {"signal": 34}, r"SIGRTMIN(\+0)?")):
            with self.subTest(name):
                error = self.failure(way, **params)
                self.assertRegex(error["signal"], f"^{name}$")
                self.expect(error, "signal", f"^killed by {name}", signal=error["signal"])

    def test_a_signal_that_ends_nothing_is_no_failure(self):
        run = self.run_way("kill-self", signal=17)
        self.assert_status(run, 0)

    def test_incomplete(self):
        for way in ("exit-zero", "close-all"):
            self.expect(self.failure(way), "incomplete", "without saying that all was done",
                        exit_status=0)

    # ---- limits ----

    def test_timeout_with_sigterm_enough(self):
        for way in ("hang", "spin"):
            error = self.failure(way, "--timeout", "1s", "--grace", "100s")
            self.expect(error, "timeout", "^timeout of 1 s ran out; SIGTERM was enough$",
                        signal="SIGTERM")

    def test_timeout_with_sigterm_not_enough(self):
        for way in ("hang-ignoring-term", "stop-self"):
            error = self.failure(way, "--timeout", "900ms", "--grace", "150ms")
            self.expect(error, "timeout", "timeout of 900 ms ran out; SIGTERM was not enough, "
                        "SIGKILL followed after 150 ms", signal="SIGKILL")

    def test_timeout_of_a_handler_that_ends_well_when_told(self):
        handler = self.handler(
            "import signal\n"
            'signal.signal(signal.SIGTERM, lambda *_: (publish({"done": True}), os._exit(0)))\n'
            'publish({"task": "t", "result": 1})\n'
            "while True: time.sleep(1)")
        run = self.bulkhead("run", "--timeout", "3s", "--grace", "100s", "--tasks",
                            self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 1)
        self.expect(run.error, "timeout", "SIGTERM was enough", task_id=None, exit_status=0)
        self.assertEqual(run.values(), {"t": 1})

    def test_no_timeout(self):
        run = self.run_way("sleep", "--timeout", "none", ms=300)
        self.assert_status(run, 0)
        self.assertGreaterEqual(run.result["duration_ms"], 300)

    def test_cpu_limit(self):
        for way, name in (("spin", "SIGXCPU"), ("spin-ignoring-xcpu", "SIGKILL")):
            error = self.failure(way, "--cpu-time", "1s", "--timeout", "none")
            # a cgroup counts for the whole batch, and its end is a kill of ours
            if "all processes" in error["message"]:
                name = "SIGKILL"
            self.expect(error, "cpu_limit", "^CPU time limit of 1 s reached", signal=name)

    def test_output_limit(self):
        tasks = self.tasks({"id": "bad"})
        # a flood of records ends the task each time; a record that is too large does not
        for way, culprit in (("flood-results", None), ("fill-results", "bad")):
            run = self.bulkhead("run", "--tasks", tasks, "--results-size", "2M", "--", FAULTY,
                                way)
            self.assert_status(run, 1)
            self.expect(run.error, "output_limit",
                        "results filled all 2097152 bytes.*exited with status 1",
                        task_id=culprit, exit_status=1)
        # what was complete is kept, and counted
        run = self.run_way("flood-results", "--results-size", "2M")
        self.assertEqual(sorted(run.values()), ["bad", "first"])
        self.assertGreater(run.result["duplicate_results"], 1000)

    def test_file_limit(self):
        self.expect(self.failure("big-file", "--file-size", "1M"), "file_limit",
                    "a file grew past the limit of 1048576 bytes", signal="SIGXFSZ")

    def test_process_limit(self):
        self.expect(self.failure("fork-bomb"), "process_limit",
                    "limit of 1 process: 1[2-9][0-9] attempts to make one refused, then the "
                    "handler was killed", signal="SIGKILL")
        handler = self.handler('publish({"start": "t"})\nos.fork()')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 1)
        self.expect(run.error, "process_limit", "limit of 1 process: 1 attempt to make one "
                    "refused, then it exited with status 1", task_id="t", exit_status=1)
        self.assertIn("BlockingIOError", run.result["stderr"])

    def test_a_refused_process_that_a_handler_lives_without_is_no_failure(self):
        run = self.run_way("fork")
        self.assert_status(run, 0)
        self.assertEqual(run.values()["bad"], {"ok": False, "errno": "EAGAIN"})
        run = self.run_way("fork", "--max-procs", "2")
        self.assertEqual(run.values()["bad"], {"ok": True, "errno": None})

    def test_what_is_left_behind_is_ended_and_delays_nothing(self):
        run = self.run_way("fork-orphan", "--max-procs", "4", "--timeout", "none")
        self.assert_status(run, 0)
        self.assertEqual(run.values()["bad"]["ok"], True)
        self.assertLess(run.result["duration_ms"], 55_000)

    def test_memory_that_a_handler_may_not_have(self):
        handler = self.handler(
            "def work(task):\n"
            "    try:\n"
            "        return len(bytearray(256 << 20))\n"
            "    except MemoryError:\n"
            "        return None\n"
            "give(work)")
        for size, value in (("128M", None), ("1G", 256 << 20), ("none", 256 << 20)):
            run = self.bulkhead("run", "--memory", size, "--tasks", self.tasks({"id": "t"}), "--",
                                handler)
            if value is None and run.result["memory_held_by"] == "cgroup":
                self.assert_status(run, 1)
                self.assertEqual(run.error["kind"], "memory_limit")
                continue
            self.assert_status(run, 0)
            self.assertEqual(run.values(), {"t": value})

    # ---- what is not allowed ----

    def test_violation(self):
        for way, number in (("ptrace", 101), ("unshare", 272), ("mount", 165)):
            error = self.failure(way)
            self.expect(error, "violation", f"^forbidden system call {way} ", signal="SIGKILL")
            call = error["syscall"]
            self.assertEqual((call["name"], len(call["args"])), (way, 6))
            self.assertRegex(call["instruction"], "^0x[0-9a-f]+$")
            if platform.machine() == "x86_64":
                self.assertEqual((call["number"], call["abi"]), (number, "x86_64"))
        self.assertEqual(self.failure("unshare")["syscall"]["args"][0], "0x10000000")

    def test_a_refused_socket_is_no_failure(self):
        run = self.run_way("socket")
        self.assert_status(run, 0)
        self.assertEqual(run.values()["bad"], {"ok": False, "errno": "EACCES"})

    # ---- what is no record ----

    def test_protocol(self):
        for way, reason, status in (("garbage", "not MessagePack", 0),
                                    ("truncated", "runs past", 0),
                                    ("deep", "nesting deeper than 32", 0),
                                    ("bad-utf8", "UTF-8", 0), ("bad-key", "key", 0),
                                    ("lie-length", "runs past|count", 0),
                                    ("seek-far", "not a map", 0)):
            with self.subTest(way):
                error = self.failure(way)
                self.expect(error, "protocol", rf"^results are not valid: byte \d+: .*{reason}",
                            exit_status=status)

    def test_bytes_after_the_end_are_told_and_no_failure(self):
        run = self.run_way("trailing")
        self.assert_status(run, 0)
        self.assertEqual(run.result["missing_task_ids"], ["last"])
        handler = self.handler('publish({"done": True})\npublish({"task": "t", "result": 1})')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 0)
        self.assertIn("1 batches wrote bytes after their final record", run.err)

    def test_the_last_record_of_a_task_counts(self):
        handler = self.handler('for value in (1, {"x": 2}, 3):\n'
                               '    publish({"task": "t", "result": value})\n'
                               'publish({"done": True})')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.assert_status(run, 0)
        self.assertEqual((run.values(), run.result["duplicate_results"]), ({"t": 3}, 2))

    # ---- the culprit ----

    def test_nobody_is_named_between_two_tasks(self):
        handler = self.handler('publish({"start": "t"})\npublish({"task": "t", "result": 1})\n'
                               "os.abort()")
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}, {"id": "u"}), "--", handler)
        self.assert_status(run, 1)
        self.expect(run.error, "signal", "SIGABRT", task_id=None, signal="SIGABRT")
        self.assertEqual(run.result["missing_task_ids"], ["u"])

    def test_nobody_is_named_who_is_not_in_the_batch(self):
        handler = self.handler('publish({"start": "stranger"})\nos.abort()')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler)
        self.expect(run.error, "signal", "SIGABRT", task_id=None, signal="SIGABRT")

    def test_one_bad_batch_leaves_the_others_alone(self):
        batches = self.batches(["a", "b"], ["c"], ["d"], ["e"], b={"fail": "segv"},
                               c={"fail": "garbage"}, d={"fail": "fork-bomb"})
        run = self.bulkhead("run", "--batches", batches, "--", FAULTY)
        self.assert_status(run, 1)
        self.assertEqual([result["error"] and result["error"]["kind"] for result in run.results],
                         ["signal", "protocol", "process_limit", None])
        self.assertIn("1 succeeded, 3 failed (1 signal, 1 process_limit, 1 protocol)", run.err)


def patched_elf(source, patch):
    data = bytearray(pathlib.Path(source).read_bytes())
    patch(data)
    return bytes(data)


def set_machine(data):
    struct.pack_into("<H", data, 18, 243 if struct.unpack_from("<H", data, 18)[0] != 243 else 62)


def set_loader(data):
    """Another loader, which does not exist, in the program header that names it."""
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for i in range(count):
        at = offset + i * size
        if struct.unpack_from("<I", data, at)[0] == 3:
            where, = struct.unpack_from("<Q", data, at + 8)
            data[where + 1] = ord("X")
            return
    raise unittest.SkipTest("a static program has no loader")


class Handlers(Case):
    """Files that are no handlers: known before anything starts, or ending as spawn."""

    def refuse(self, path, message):
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", path)
        self.assert_refused(run, message)

    def spawn(self, handler, message):
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}, {"id": "u"}),
                            "--max-tasks", "1", "--", handler)
        self.assert_status(run, 1)
        self.check_shape(run.results)
        for result, id in zip(run.results, "tu", strict=True):
            error = result["error"]
            self.assertEqual((error["kind"], error["infrastructure"], error["signal"],
                              error["exit_status"], error["task_id"]),
                             ("spawn", False, None, None, None))
            self.assertRegex(error["message"], message)
            self.assertEqual(result["missing_task_ids"], [id])

    def test_files_that_are_no_programs_are_refused(self):
        self.refuse(self.dir / "missing", "missing: No such file or directory")
        self.refuse("", "no handler")
        self.refuse(self.dir, "handler .*: Is a directory")
        self.refuse("/dev/null", "not a regular file")
        self.refuse(self.write("plain", "#!/bin/sh\n"), "plain is not executable")
        for name, content, message in (
                ("empty", b"", "neither an ELF program nor a script"),
                ("text", b"hello\n", "neither an ELF program nor a script"),
                ("stub", b"\x7fELF", "cut off"),
                ("no-such", b"#!/no/such/interpreter -x\n", "interpreter /no/such/interpreter"),
                ("relative", b"#!python3\n", "needs an absolute path"),
                ("long", b"#!/" + b"x" * 300 + b"\n", "first line has no end")):
            path = self.write(name, content)
            path.chmod(0o755)
            with self.subTest(name):
                self.refuse(path, message)

    def test_a_program_for_another_machine_is_refused(self):
        path = self.write("foreign", patched_elf(FAULTY, set_machine))
        path.chmod(0o755)
        self.refuse(path, "foreign is a program for another machine")

    def test_a_missing_loader_is_spawn(self):
        path = self.write("unloadable", patched_elf("/usr/bin/env", set_loader))
        path.chmod(0o755)
        self.spawn(path, "No such file or directory")

    def test_an_interpreter_that_the_sandbox_lacks_is_spawn(self):
        interpreter = self.shell("exec sleep 60", name="interpreter")
        path = self.write("script", f"#!{interpreter}\n")
        path.chmod(0o755)
        self.spawn(path, "No such file or directory")

    def test_a_missing_library_ends_as_the_loader_says(self):
        # the loader has been executed by then: only it knows, and says so on stderr
        def break_name(data):
            at = data.index(b"\0libc.so.6\0")
            data[at + 1:at + 4] = b"XXX"
        path = self.write("unlinkable", patched_elf("/usr/bin/env", break_name))
        path.chmod(0o755)
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", path)
        self.assert_status(run, 1)
        self.assertEqual((run.error["kind"], run.error["exit_status"]), ("exit", 127))
        self.assertIn("XXXc.so.6", run.result["stderr"])

    def test_a_handler_may_have_a_strange_name_and_arguments(self):
        handler = self.handler('give(lambda task: sys.argv)', name="größe ; $(x)\n")
        words = ["", "--", "-q", "a b", "new\nline", "é", "'\""]
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--", handler, *words)
        self.assert_status(run, 0)
        self.assertEqual(run.values()["t"][1:], words)

    def test_a_handler_is_found_by_its_path_and_what_runs_is_what_was_there(self):
        self.shell("printf '\\201\\244done\\303' >&4", name="below/h")
        tasks = self.tasks()
        batches = self.jsonl("b.jsonl", {"batch_id": "b", "tasks": []})
        run = self.bulkhead("run", "--tasks", tasks, "--", "h", cwd=self.dir)
        self.assert_refused(run, "handler h: No such file")
        for path in ("below/h", "./below/h"):
            run = self.bulkhead("run", "--batches", batches, "--", path, cwd=self.dir)
            self.assert_status(run, 0)


if __name__ == "__main__":
    main()
