# SPDX-License-Identifier: Apache-2.0
"""Batches that are tried again."""
import unittest

from support import Case, HANDLERS, main

FAULTY = HANDLERS / "faulty"
FAST = ("--backoff", "1ms..4ms")


class Retries(Case):
    def test_a_flaky_batch_is_told_and_counted(self):
        batches = self.batches(["a"], ["b"], ["c"], a={"fail": "flaky", "passes_at": 3},
                               c={"fail": "exit"})
        run = self.bulkhead("run", "--batches", batches, "--retries", "2", "--retry-on", "exit",
                            *FAST, "--", FAULTY)
        self.assert_status(run, 1)
        self.check_shape(run.results)
        flaky, plain, failed = run.results
        self.assertEqual([(result["success"], result["flaky"], result["attempts"])
                          for result in run.results],
                         [(True, True, 3), (True, False, 1), (False, False, 3)])
        self.assertEqual([attempt["kind"] for attempt in flaky["attempt_log"]],
                         ["exit", "exit", None])
        self.assertEqual([attempt["kind"] for attempt in plain["attempt_log"]], [None])
        self.assertEqual([attempt["task_id"] for attempt in failed["attempt_log"]], ["c"] * 3)
        self.assertTrue(all(attempt["delay_ms"] <= 4 for attempt in failed["attempt_log"]))
        self.assertIn("1 of those that succeeded did so when tried again", run.err)

    def test_the_handler_sees_the_number_of_its_attempt(self):
        handler = self.handler('attempt = context()["attempt"]\n'
                               'if attempt < 3:\n    os._exit(1)\n'
                               'publish({"task": "t", "result": attempt})\n'
                               'publish({"done": True})')
        run = self.bulkhead("run", "--tasks", self.tasks({"id": "t"}), "--retries", "5",
                            "--retry-on", "exit", *FAST, "--", handler)
        self.assert_status(run, 0)
        self.assertEqual(run.values(), {"t": 3})

    def test_by_default_what_a_handler_does_is_final(self):
        batches = self.batches(["a"], ["b"], a={"fail": "segv"}, b={"fail": "unshare"})
        run = self.bulkhead("run", "--batches", batches, "--retries", "3", *FAST, "--", FAULTY)
        self.assert_status(run, 1)
        self.assertEqual([(result["attempts"], result["error"]["retryable"])
                          for result in run.results], [(1, False)] * 2)

    def test_stop_on_error_waits_for_the_last_attempt(self):
        batches = self.batches(["a"], ["b"], a={"fail": "flaky"})
        run = self.bulkhead("run", "-j", "1", "--stop-on-error", "--batches", batches, "--retries",
                            "1", "--retry-on", "exit", *FAST, "--", FAULTY)
        self.assert_status(run, 0)
        self.assertEqual(len(run.results), 2)

    def test_options_that_make_no_sense_are_refused(self):
        for options, message in [
                (("--retries", "1", "--retry-on", "violation"), "violation"),
                (("--retries", "1", "--retry-on", "exit,"), "exit,"),
                (("--retries", "1", "--retry-on", "boom"), "kinds of error"),
                (("--retries", "1", "--backoff", "2s..1s"), "2s..1s"),
                (("--retries", "1", "--backoff", "soon"), "a duration"),
                (("--retries", "1001"), "1000"),
                (("--backoff", "1s"), "--retries"),
                (("--retry-on", "exit"), "--retries")]:
            run = self.bulkhead("run", "--batches", self.batches(["a"]), *options, "--", FAULTY)
            self.assert_refused(run, message)


if __name__ == "__main__":
    main()
