# SPDX-License-Identifier: Apache-2.0
"""Several batches at a time, and what stops them."""
import os
import signal
import unittest

from support import Case, HANDLERS, main, parse_lines

FAULTY = HANDLERS / "faulty"

# Every handler says that it is there and waits until all of them are.
MEET = """
def work(task):
    folder, n = sys.argv[1], int(sys.argv[2])
    open(os.path.join(folder, task["id"]), "w").close()
    while len(os.listdir(folder)) < n:
        time.sleep(0.005)
    return True
give(work)
"""

# Every handler of a party waits for the others of it, and says from when to when it was there.
PARTY = """
def work(task):
    begin = time.monotonic()
    open(os.path.join(sys.argv[1], task["id"]), "w").close()
    while not all(os.path.exists(os.path.join(sys.argv[1], id)) for id in task["params"]):
        time.sleep(0.005)
    return [begin, time.monotonic()]
give(work)
"""

# When a handler ran, by a clock that all processes share.
CLOCK = """
def work(task):
    begin = time.monotonic()
    while time.monotonic() < begin + 1.5:
        time.sleep(0.01)
    return [begin, time.monotonic()]
give(work)
"""


class Parallel(Case):
    def test_as_many_run_at_a_time_as_asked(self):
        for n in (2, 8, 40):
            folder = self.dir / str(n)
            folder.mkdir()
            run = self.bulkhead("run", "--isolate", "none", "-j", n, "--timeout", "200s",
                                "--batches", self.batches(*([f"t{i}"] for i in range(n))), "--",
                                self.handler(MEET), folder, n)
            self.assert_status(run, 0)

    def test_no_more_run_at_a_time_than_asked(self):
        handler = self.handler(
            "def work(task):\n"
            "    path = os.path.join(sys.argv[1], task['id'])\n"
            "    open(path, 'w').close()\n"
            "    seen = len(os.listdir(sys.argv[1]))\n"
            "    time.sleep(0.05)\n"
            "    seen = max(seen, len(os.listdir(sys.argv[1])))\n"
            "    os.unlink(path)\n"
            "    return seen\n"
            "give(work)")
        for jobs in (1, 3):
            folder = self.dir / str(jobs)
            folder.mkdir()
            run = self.bulkhead("run", "--isolate", "none", "-j", jobs, "--batches",
                                self.batches(*([f"t{i}"] for i in range(10))), "--", handler,
                                folder)
            self.assert_status(run, 0)
            self.assertLessEqual(max(run.values().values()), jobs)

    def test_sandboxed_handlers_overlap(self):
        run = self.bulkhead("run", "-j", "4", "--batches", self.batches(["a"], ["b"], ["c"], ["d"]),
                            "--", self.handler(CLOCK))
        self.assert_status(run, 0)
        spans = sorted(run.values().values())
        self.assertTrue(any(left[1] > right[0] for left, right in zip(spans, spans[1:])), spans)

    def test_one_at_a_time_do_not_overlap(self):
        run = self.bulkhead("run", "-j", "1", "--batches", self.batches(["a"], ["b"]), "--",
                            self.handler(CLOCK))
        self.assert_status(run, 0)
        a, b = run.values()["a"], run.values()["b"]
        self.assertLess(a[1], b[0])

    def test_handlers_of_different_batches_do_not_see_each_other(self):
        handler = self.handler("def work(task):\n"
                               "    time.sleep(0.5)\n"
                               '    return [pid for pid in os.listdir("/proc") if pid.isdigit()]\n'
                               "give(work)")
        run = self.bulkhead("run", "-j", "3", "--batches", self.batches(["a"], ["b"], ["c"]),
                            "--", handler)
        self.assert_status(run, 0)
        for pids in run.values().values():
            self.assertLessEqual(len(pids), 2)

    def test_a_stuck_batch_blocks_no_other(self):
        batches = self.batches(["stuck"], *([f"t{i}"] for i in range(30)),
                               stuck={"fail": "sleep", "ms": 1500})
        run = self.bulkhead("run", "-j", "2", "--batches", batches, "--", FAULTY)
        self.assert_status(run, 0)
        self.assertEqual([result["index"] for result in run.results], list(range(31)))

    def test_the_leases_of_many_batches_on_the_same_entries_hold(self):
        entries = self.entries("shared", content="x" * 100_000)
        tasks = self.tasks(*({"id": f"t{i}", "required_entry_ids": ["shared"]} for i in range(60)))
        run = self.bulkhead("run", "-j", "8", "--max-tasks", "1", "--entries", entries, "--tasks",
                            tasks, "--", FAULTY)
        self.assert_status(run, 0)
        self.assertEqual(set(map(str, run.values().values())), {"{'bytes': 100000}"})

    def test_batches_wait_for_an_exclusive_entry_and_others_run_at_once(self):
        folder = self.dir / "met"
        folder.mkdir()
        wants = [("a", "e", "exclusive", ["a", "d"]), ("b", "e", "exclusive", ["b"]),
                 ("c", "e", "shared", ["c", "c2"]), ("c2", "e", "shared", ["c", "c2"]),
                 ("d", "f", "exclusive", ["a", "d"]), ("last", "e", "exclusive", ["last"])]
        tasks = self.tasks(*({"id": id, "required_entry_ids": [entry], "lease": lease,
                              "params": party} for id, entry, lease, party in wants))
        run = self.bulkhead("run", "--isolate", "none", "-j", "2", "--timeout", "200s",
                            "--max-tasks", "1", "--entries", self.entries("e", "f"), "--tasks",
                            tasks, "--", self.handler(PARTY), folder)
        self.assert_status(run, 0)
        a, b, c, c2, last = (run.values()[id] for id in ("a", "b", "c", "c2", "last"))
        self.assertLess(a[1], b[0])
        self.assertLess(b[1], min(c[0], c2[0]))
        self.assertLess(max(c[1], c2[1]), last[0])

    def test_a_batch_that_is_tried_again_lets_others_have_its_exclusive_entry_first(self):
        events = self.dir / "events"
        tasks = self.tasks(
            {"id": "a", "required_entry_ids": ["e"], "lease": "exclusive",
             "params": {"fail": "segv"}},
            {"id": "b", "required_entry_ids": ["e"], "lease": "exclusive"})
        run = self.bulkhead("run", "-j", "2", "--max-tasks", "1", "--retries", "1", "--retry-on",
                            "signal", "--backoff", "1ms", "--events", events, "--entries",
                            self.entries("e"), "--tasks", tasks, "--", FAULTY)
        self.assertEqual([result["success"] for result in run.results], [False, True])
        leased = [event["index"] for event in parse_lines(events.read_bytes())
                  if event["event"] == "leased"]
        self.assertEqual(leased, [0, 1, 0])
        self.assert_nothing_left()

    def test_a_signal_ends_a_run_whose_batches_wait_for_an_entry(self):
        tasks = self.tasks(*({"id": id, "required_entry_ids": ["e"], "lease": "exclusive"}
                             for id in "abc"))
        process = self.start("run", "-j", "3", "--max-tasks", "1", "--timeout", "none",
                             "--entries", self.entries("e"), "--tasks", tasks, "--", FAULTY,
                             "hang", "a", self.marker)
        self.wait_for_handlers(1)
        process.send_signal(signal.SIGINT)
        run = self.finish(process)
        self.assert_status(run, 128 + signal.SIGINT)
        self.check_shape(run.results)
        self.assertEqual([(result["index"], result["error"]["kind"])
                          for result in run.results], [(0, "cancelled")])
        self.assert_nothing_left()

    def test_five_hundred_batches_half_of_them_crashing_all_end(self):
        n = 500
        ways = ["none", "segv", "none", "abort", "none", "exit-zero"]
        batches = self.batches(*([f"t{i}"] for i in range(n)),
                               **{f"t{i}": {"fail": ways[i % 6]} for i in range(n)})
        run = self.bulkhead("run", "-j", "8", "--batches", batches, "--", FAULTY, "none", "",
                            self.marker)
        self.assert_status(run, 1)
        results = run.results
        self.check_shape(results)
        kinds = [result["error"]["kind"] if result["error"] else None for result in results]
        usual = {"none": None, "segv": "signal", "abort": "signal", "exit-zero": "incomplete"}
        self.assertEqual(kinds, [usual[ways[i % 6]] for i in range(n)])
        self.assert_nothing_left()


class StopOnError(Case):
    def test_one_at_a_time_leaves_exactly_one_failing_result(self):
        trace = self.dir / "trace"
        handler = self.handler("with open(sys.argv[1], 'a') as file: file.write('ran\\n')\n"
                               'if context()["tasks"][0]["id"] == "bad": os.abort()\n'
                               'publish({"done": True})')
        run = self.bulkhead("run", "--isolate", "none", "-j", "1", "--stop-on-error", "--batches",
                            self.batches(["a"], ["bad"], ["c"], ["d"]), "--", handler, trace)
        self.assert_status(run, 1)
        self.assertEqual([result["success"] for result in run.results], [True, False])
        self.assertEqual(trace.read_text(), "ran\n" * 2)
        self.assertIn("2 of 4 batches", run.err)

    def test_the_first_batch_failing_starts_no_second(self):
        run = self.bulkhead("run", "-j1", "--stop-on-error", "--batches",
                            self.batches(["bad"], ["b"]), "--", FAULTY, "batch-error")
        self.assert_status(run, 1)
        self.assertEqual((run.error["kind"], len(run.results)), ("handler", 1))

    def test_what_runs_meanwhile_is_cancelled(self):
        batches = self.batches(["a", "hangs"], ["bad"], ["c"], ["d"], hangs={"fail": "hang"},
                               bad={"fail": "segv"})
        run = self.bulkhead("run", "-j", "2", "--timeout", "none", "--stop-on-error", "--batches",
                            batches, "--", FAULTY, "none", "", self.marker)
        self.assert_status(run, 1)
        self.check_shape(run.results)
        self.assertEqual([result["error"]["kind"] for result in run.results],
                         ["cancelled", "signal"])
        self.assert_nothing_left()

    def test_bounds_is_a_failure_that_stops(self):
        tasks = self.tasks({"id": "a", "required_entry_ids": ["1", "2"]}, {"id": "b"})
        run = self.bulkhead("run", "-j1", "--stop-on-error", "--max-entries", "1", "--tasks",
                            tasks, "--", FAULTY)
        self.assert_status(run, 1)
        self.assertEqual((run.error["kind"], len(run.results)), ("bounds", 1))

    def test_a_task_error_stops_nothing(self):
        run = self.bulkhead("run", "-j1", "--stop-on-error", "--batches",
                            self.batches(["a"], ["b"]), "--", FAULTY, "task-error")
        self.assert_status(run, 1)
        self.assertEqual([result["success"] for result in run.results], [True, True])

    def test_all_run_without_it(self):
        run = self.bulkhead("run", "--batches", self.batches(["bad"], ["b"]), "--", FAULTY,
                            "batch-error", "bad")
        self.assert_status(run, 1)
        self.assertEqual([result["success"] for result in run.results], [False, True])

    def test_the_usual_number_of_jobs_is_that_of_the_cpus(self):
        n = os.cpu_count()
        folder = self.dir / "meet"
        folder.mkdir()
        run = self.bulkhead("run", "--isolate", "none", "--timeout", "200s", "--batches",
                            self.batches(*([f"t{i}"] for i in range(n))), "--",
                            self.handler(MEET), folder, n)
        self.assert_status(run, 0)


if __name__ == "__main__":
    main()
