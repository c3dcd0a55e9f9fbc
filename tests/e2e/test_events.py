# SPDX-License-Identifier: Apache-2.0
"""--events: what happens to batches, as JSON lines."""
import json
import unittest

from support import Case, HANDLERS, documented_keys, main, parse_lines, status_of

FAULTY = HANDLERS / "faulty"
KEYS = documented_keys("event`, `time_ms")
NAMES = documented_keys("queued")


class Events(Case):
    def run_with_events(self, batches, *options, handler=(FAULTY,)):
        run = self.bulkhead("run", "--batches", batches, "--events", self.dir / "events.jsonl",
                            *options, "--", *handler)
        return run, parse_lines((self.dir / "events.jsonl").read_bytes())

    def test_each_batch_has_its_events_in_order(self):
        batches = self.batches(["a", "b"], ["c"], b={"fail": "task-error"}, c={"fail": "segv"})
        run, events = self.run_with_events(batches)
        self.assert_status(run, 1)
        of_batch = [[event for event in events if event["index"] == index and
                     event["event"] != "records"] for index in range(2)]
        self.assertEqual([event["event"] for event in of_batch[0]],
                         ["queued", "leased", "started", "task_started", "task_ended",
                          "task_started", "task_ended", "batch_ended"])
        self.assertEqual([event["success"] for event in of_batch[0] if "success" in event],
                         [True, False, True])
        self.assertEqual([event["event"] for event in of_batch[1]],
                         ["queued", "leased", "started", "task_started", "attempt_failed",
                          "batch_ended"])
        failed, ended = of_batch[1][-2:]
        self.assertEqual((failed["kind"], failed["task_id"], failed["again"]),
                         ("signal", "c", False))
        self.assertEqual((ended["kind"], ended["success"]), ("signal", False))
        self.assertEqual(ended["duration_ms"], run.results[1]["duration_ms"])

    def test_times_only_grow_and_keys_are_those_documented(self):
        run, events = self.run_with_events(self.batches(["a"], ["b"], b={"fail": "exit"}))
        self.assert_status(run, 1)
        times = [event["time_ms"] for event in events]
        self.assertEqual(times, sorted(times))
        self.assertLessEqual({key for event in events for key in event}, set(KEYS))
        of_hanging = self.run_with_events(self.batches(["a"]), "--timeout", "100ms",
                                          handler=[FAULTY, "hang-ignoring-term"])[1]
        self.assertEqual({event["event"] for event in events + of_hanging}, set(NAMES))

    def test_a_handler_that_runs_out_of_time_is_told_when_it_does(self):
        _, events = self.run_with_events(self.batches(["a"]), "--timeout", "1s", "--grace",
                                         "300ms", handler=[FAULTY, "hang-ignoring-term"])
        (timed_out,) = (event for event in events if event["event"] == "timed_out")
        (failed,) = (event for event in events if event["event"] == "attempt_failed")
        begun = min(event["time_ms"] for event in events)
        self.assertGreaterEqual(timed_out["time_ms"] - begun, 1000)
        self.assertGreaterEqual(failed["time_ms"] - begun, 1000 + 300)
        self.assertEqual((failed["kind"], failed["keeps_records"]), ("timeout", False))

    def test_rounds_keep_records_and_retries_do_not(self):
        batches = self.batches(["a", "b", "c"], b={"fail": "segv"})
        for options, kept in ((["--retries", "1", "--retry-on", "signal", "--backoff", "1ms"],
                               [False, False]), (["--poison", "skip"], [True])):
            _, events = self.run_with_events(batches, *options)
            failed = [event for event in events if event["event"] == "attempt_failed"]
            self.assertEqual([event["keeps_records"] for event in failed], kept)

    def test_processes_of_a_batch_are_below_the_pid_that_is_told(self):
        process = self.start("run", "--timeout", "none", "--batches", self.batches(["a"]),
                             "--events", "-", "--", FAULTY, "hang", "a", self.marker)
        self.wait_for_handlers(1)
        event = {}
        while event.get("event") != "started":
            event = json.loads(process.stdout.readline())
        (handler,) = self.marked()
        self.assertEqual(status_of(handler)[0], event["pid"])
        process.terminate()
        self.finish(process)

    def test_events_that_cannot_be_written_are_an_error(self):
        run = self.bulkhead("run", "--batches", self.batches(["a"]), "--events", "/dev/full",
                            "--", FAULTY)
        self.assert_status(run, 3)
        self.assertIn("/dev/full", run.err)
        run = self.bulkhead("run", "--batches", self.batches(["a"]), "--events",
                            self.dir / "no" / "such", "--", FAULTY)
        self.assert_refused(run, "no/such")


if __name__ == "__main__":
    main()
