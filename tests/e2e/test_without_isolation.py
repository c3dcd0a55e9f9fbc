# SPDX-License-Identifier: Apache-2.0
"""--isolate none: the same outcomes, as far as they need no sandbox."""
import os
import unittest

from support import Case, HANDLERS, main

FAULTY = HANDLERS / "faulty"


class WithoutIsolation(Case):
    def run_way(self, way, *options, **params):
        tasks = self.tasks({"id": "first"}, {"id": "bad", "params": {"fail": way, **params}},
                           {"id": "last"})
        return self.bulkhead("run", "--isolate", "none", *options, "--tasks", tasks, "--", FAULTY,
                             "none", "", self.marker)

    def test_kinds_are_the_same(self):
        for way, kind, signal, status, options in (
                ("batch-error", "handler", None, 0, []),
                ("exit", "exit", None, 1, []),
                ("segv", "signal", "SIGSEGV", None, []),
                ("abort", "signal", "SIGABRT", None, []),
                ("kill-self", "signal", "SIGKILL", None, []),
                ("exit-zero", "incomplete", None, 0, []),
                ("close-all", "incomplete", None, 0, []),
                ("hang", "timeout", "SIGTERM", None, ["--timeout", "700ms", "--grace", "100s"]),
                ("stop-self", "timeout", "SIGKILL", None, ["--timeout", "700ms"]),
                ("hang-ignoring-term", "timeout", "SIGKILL", None,
                 ["--timeout", "700ms", "--grace", "50ms"]),
                ("spin", "cpu_limit", "SIGXCPU", None, ["--cpu-time", "1s", "--timeout", "none"]),
                ("spin-ignoring-xcpu", "cpu_limit", "SIGKILL", None,
                 ["--cpu-time", "1s", "--timeout", "none"]),
                ("big-file", "file_limit", "SIGXFSZ", None, ["--file-size", "1M"]),
                ("garbage", "protocol", None, 0, []),
                ("truncated", "protocol", None, 0, []),
                ("lie-length", "protocol", None, 0, [])):
            with self.subTest(way):
                run = self.run_way(way, *options)
                self.assert_status(run, 1)
                self.check_shape(run.results)
                error = run.error
                if way == "spin" and "all processes" in error["message"]:
                    signal = "SIGKILL"  # a cgroup counts, and its end is a kill of ours
                self.assertEqual((error["kind"], error["signal"], error["exit_status"],
                                  error["infrastructure"]), (kind, signal, status, False))
                self.assertEqual(error["task_id"], None if kind == "handler" else "bad")
                self.assertEqual((list(run.values()), run.result["missing_task_ids"]),
                                 (["first"], ["bad", "last"]))
                self.assert_nothing_left()

    def test_output_limit_and_missing(self):
        run = self.run_way("fill-results", "--results-size", "64K")
        self.assertEqual((run.status, run.error["kind"], run.error["task_id"]),
                         (1, "output_limit", "bad"))
        run = self.run_way("missing-task", "--strict")
        self.assertEqual((run.status, run.error["kind"]), (1, "missing"))

    def test_an_interpreter_that_vanished_is_spawn(self):
        interpreter = self.shell("exec sleep 60", name="interpreter")
        script = self.write("script", f"#!{interpreter}\n")
        script.chmod(0o755)
        # a script may be an interpreter's file; one that is no program can't be executed
        interpreter.write_text("neither a program nor a script")
        run = self.bulkhead("run", "--isolate", "none", "--tasks", self.tasks({"id": "t"}), "--",
                            script)
        self.assert_status(run, 1)
        self.assertEqual((run.error["kind"], run.error["infrastructure"]), ("spawn", False))
        self.assertIn("Exec format error", run.error["message"])

    def test_calls_that_strict_isolation_forbids_are_the_kernels_business(self):
        for way in ("ptrace", "unshare", "mount", "socket", "fork"):
            run = self.run_way(way)
            self.assert_status(run, 0)
            self.assertEqual(sorted(run.values()), ["bad", "first", "last"])

    def test_a_fork_bomb_is_ended_by_the_timeout_and_cleaned_up(self):
        run = self.run_way("fork-bomb", "--timeout", "1s", "--grace", "100ms", generations=4)
        self.assert_status(run, 1)
        self.assertEqual(run.error["kind"], "timeout")
        self.assert_nothing_left()

    def test_what_a_handler_leaves_behind_is_ended(self):
        run = self.run_way("fork-orphan")
        self.assert_status(run, 0)
        self.assert_nothing_left()

    def test_the_environment_and_descriptors_are_made_anew_all_the_same(self):
        with open(os.devnull) as file:
            os.dup2(file.fileno(), 76, inheritable=True)
        run = self.run_way("secrets", "--env", "A=b")
        os.close(76)
        self.assert_status(run, 0)
        seen = run.values()["bad"]
        self.assertEqual(sorted(seen["env"]), sorted([
            "BULKHEAD_ABI=1", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp",
            "TMPDIR=/tmp", "A=b"]))
        self.assertEqual(list(seen["fds"]), ["0", "1", "2", "3", "4"])
        self.assertEqual((seen["sid"], seen["uid"], seen["gid"]),
                         (seen["pid"], os.getuid(), os.getgid()))

    def test_the_handler_works_at_the_root_and_sees_its_callers_files(self):
        data = self.write("data", "beside")
        handler = self.handler(f'give(lambda task: [os.getcwd(), open("{data}").read()])')
        run = self.bulkhead("run", "--isolate", "none", "--tasks", self.tasks({"id": "t"}), "--",
                            handler, cwd=self.dir)
        self.assert_status(run, 0)
        self.assertEqual(run.values()["t"], ["/", "beside"])

    def test_the_command_line_keeps_what_a_sandbox_would_hide(self):
        for way in ("none", "echo"):
            strict = self.bulkhead("run", "--entries", self.entries("a", "b"), "--", FAULTY, way)
            loose = self.bulkhead("run", "--isolate", "none", "--entries", self.entries("a", "b"),
                                  "--", FAULTY, way)
            self.assertEqual(strict.values(), loose.values())


if __name__ == "__main__":
    main()
