# SPDX-License-Identifier: Apache-2.0
"""The program is told to stop, or killed: no process stays, what was written is valid."""
import os
import pathlib
import signal
import subprocess
import unittest

from support import Case, HANDLERS, command, descendants, find_launcher, main, parse_lines

FAULTY = HANDLERS / "faulty"


class Stopped(Case):
    def start_hanging(self, *options, way="hang", n=6, ready=2, **more):
        """Batch 0 ends; the others hang, two at a time."""
        batches = self.batches(["good"], *([f"hangs {i}"] for i in range(n)))
        process = self.start("run", "-j", "2", "--timeout", "none", *options, "--batches",
                             batches, "--", FAULTY, way, "hangs", self.marker, **more)
        self.wait_for_handlers(ready)
        return process

    def check_stopped(self, run, status, n_cancelled=2):
        self.assert_status(run, status)
        results = run.results
        self.check_shape(results)
        self.assertEqual([result["index"] for result in results], list(range(1 + n_cancelled)))
        self.assertTrue(results[0]["success"])
        for result in results[1:]:
            error = result["error"]
            self.assertEqual((error["kind"], error["signal"], error["infrastructure"],
                              error["exit_status"], error["task_id"]),
                             ("cancelled", "SIGKILL", False, None, None))

    def test_a_signal_ends_the_run_and_every_process(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                process = self.start_hanging()
                below = descendants(process.pid)
                process.send_signal(number)
                run = self.finish(process)
                self.check_stopped(run, 128 + number)
                self.assertIn(f"{number.name}: ending what runs", run.err)
                self.assert_nothing_left(below)

    def test_handlers_that_ignore_sigterm_are_ended_too(self):
        process = self.start_hanging("--grace", "none", way="hang-ignoring-term")
        process.terminate()
        self.check_stopped(self.finish(process), 128 + signal.SIGTERM)
        self.assert_nothing_left()

    def test_what_a_stopped_handler_had_done_is_kept(self):
        handler = self.handler('publish({"task": "a", "result": [1]})\nprint("said", flush=True)\n'
                               'publish({"start": "b"})\nopen(sys.argv[1], "w").close()\n'
                               "time.sleep(1000)")
        there = self.dir / "there"
        process = self.start("run", "--isolate", "none", "--timeout", "none", "--tasks",
                             self.tasks({"id": "a"}, {"id": "b"}), "--", handler, there)
        self.wait_until(there.exists, "the handler has said something")
        process.send_signal(signal.SIGINT)
        run = self.finish(process)
        self.assert_status(run, 130)
        self.assertEqual((run.error["kind"], run.values(), run.result["partial"],
                          run.result["missing_task_ids"], run.result["stdout"]),
                         ("cancelled", {"a": [1]}, True, ["b"], "said\n"))

    def test_the_aggregate_of_a_stopped_run_is_whole(self):
        path = self.dir / "all.json"
        process = self.start_hanging("--aggregate", path)
        process.terminate()
        self.finish(process)
        self.assertEqual(path.read_text(), '{"good":{"bytes":0}}\n')

    def test_unordered_output_is_valid_when_stopped(self):
        process = self.start_hanging("--unordered")
        process.terminate()
        run = self.finish(process)
        self.assert_status(run, 128 + signal.SIGTERM)
        self.assertEqual(sorted(result["index"] for result in run.results), [0, 1, 2])

    def test_a_second_signal_at_once_stops_at_once(self):
        for numbers in ((signal.SIGINT, signal.SIGTERM), (signal.SIGTERM, signal.SIGINT)):
            process = self.start_hanging(n=8)
            below = descendants(process.pid)
            for number in numbers:
                process.send_signal(number)
            run = self.finish(process)
            self.assertIn(run.status, [128 + number for number in numbers])
            parse_lines(run.out)
            self.assert_nothing_left(below)

    def test_a_second_signal_stops_a_run_whose_output_nobody_takes(self):
        batches = self.batches(*([f"t{i}"] for i in range(40)))
        flood = self.handler('give(lambda task: "x" * 100_000)')
        process = self.start("run", "-j", "2", "--batches", batches, "--", flood, self.marker)
        reader = process.stdout
        # one line has come, so the pipe is about to be full; then nobody reads on
        self.assertTrue(reader.read(10))
        below = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        while b"once more to stop at once" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=200), 130)
        self.assert_nothing_left(below)

    def test_a_signal_that_the_caller_ignores_is_ignored(self):
        batches = self.batches(["a"])
        # the marker comes to the shell by its input: its own arguments must not look like a handler's
        process = subprocess.Popen(
            ["sh", "-c", 'trap "" INT HUP; read marker; exec "$@" "$marker"', "sh",
             *command("run", "--timeout", "none", "--batches", batches, "--", FAULTY, "hang", "")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        process.stdin.write(f"{self.marker}\n".encode())
        process.stdin.flush()
        self.wait_for_handlers(1)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        run = self.finish(process)
        self.assert_status(run, 128 + signal.SIGTERM)
        self.assertNotIn("SIGINT", run.err)

    def test_a_signal_while_input_is_read_ends_the_program_as_usual(self):
        process = self.start("run", "--entries", "-", "--", FAULTY, stdin=subprocess.PIPE)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(process).status, -signal.SIGTERM)

    def test_sigkill_of_the_program_leaves_no_process(self):
        for isolate in ("strict", "none"):
            with self.subTest(isolate):
                process = self.start_hanging("--isolate", isolate, way="hang-ignoring-term")
                below = descendants(process.pid)
                self.assertGreaterEqual(len(below), 3)
                process.kill()
                self.finish(process)
                self.assert_nothing_left(below)

    def test_sigkill_leaves_no_orphans_of_orphans(self):
        process = self.start("run", "--timeout", "none", "--max-procs", "8", "--tasks",
                             self.tasks({"id": "a", "params": {"fail": "fork-orphan"}},
                                        {"id": "b", "params": {"fail": "hang"}}),
                             "--", FAULTY, "none", "", self.marker)
        self.wait_for_handlers(2)
        below = descendants(process.pid)
        process.kill()
        self.finish(process)
        self.assert_nothing_left(below)

    def test_a_stopped_and_continued_program_goes_on(self):
        process = self.start("run", "--batches", self.batches(["a"], ["b"], a={
            "fail": "sleep", "ms": 300}), "--", FAULTY, "none", "", self.marker)
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGCONT)
        self.assert_status(self.finish(process), 0)

    def test_a_normal_end_leaves_no_process_and_no_file(self):
        before = set(os.listdir("/dev/shm")) if os.path.isdir("/dev/shm") else set()
        mounts = pathlib.Path("/proc/self/mounts").read_text()
        run = self.bulkhead("run", "--max-procs", "8", "--batches", self.batches(
            ["a"], ["b"], a={"fail": "fork-orphan"}, b={"fail": "fork-bomb"}), "--timeout", "1s",
            "--", FAULTY, "none", "", self.marker)
        self.assertEqual(len(run.results), 2)
        self.assert_nothing_left()
        if os.path.isdir("/dev/shm"):
            self.assertEqual(set(os.listdir("/dev/shm")) - before, set())
        self.assertEqual(pathlib.Path("/proc/self/mounts").read_text(), mounts)


class Deadline(Case):
    def test_what_runs_is_cancelled_and_the_rest_has_no_line(self):
        batches = self.batches(["a"], ["b"], ["c"], ["d"], b={"fail": "hang-ignoring-term"})
        run = self.bulkhead("run", "-j", "1", "--deadline", "2s", "--batches", batches, "--",
                            FAULTY, "none", self.marker)
        self.assert_status(run, 1)
        self.assertIn(len(run.results), (1, 2))  # one on a machine that is slow enough
        self.assertEqual(run.results[-1]["error"]["kind"], "cancelled")
        self.assertIn("deadline", run.results[-1]["error"]["message"])
        self.assertIn("deadline", run.err)
        self.assert_nothing_left()

    def test_a_run_that_is_fast_enough_notices_nothing(self):
        run = self.bulkhead("run", "--deadline", "1h", "--batches", self.batches(["a"]), "--",
                            FAULTY)
        self.assert_status(run, 0)


class LauncherLost(Case):
    def test_batches_that_ran_are_internal_and_the_next_ones_run(self):
        for isolate in ("strict", "none"):
            with self.subTest(isolate):
                process = self.start(
                    "run", "-j", "2", "--isolate", isolate, "--timeout", "none", "--batches",
                    self.batches(["first"], ["second"], ["third"], ["fourth"],
                                 first={"fail": "hang"}, second={"fail": "hang"}),
                    "--", FAULTY, "none", "", self.marker)
                self.wait_for_handlers(2)
                lost = descendants(process.pid)
                os.kill(find_launcher(process.pid), signal.SIGKILL)
                run = self.finish(process)
                self.assert_status(run, 3)
                self.check_shape(run.results)
                for result in run.results[:2]:
                    error = result["error"]
                    self.assertEqual((error["kind"], error["infrastructure"], error["retryable"],
                                      error["signal"], error["exit_status"]),
                                     ("internal", True, True, None, None))
                    self.assertIn("launcher lost", error["message"])
                self.assertEqual([result["success"] for result in run.results],
                                 [False, False, True, True])
                self.assert_nothing_left(lost)


if __name__ == "__main__":
    main()
