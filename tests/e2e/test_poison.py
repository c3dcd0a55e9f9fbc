# SPDX-License-Identifier: Apache-2.0
"""--poison: a batch goes on without the task that its handler died over."""
import unittest

from support import Case, HANDLERS, main

FAULTY = HANDLERS / "faulty"


class Poison(Case):
    def run_poisoned(self, mode, *options, **params):
        ids = [f"t{i}" for i in range(8)]
        batches = self.batches(ids, **params)
        run = self.bulkhead("run", "--batches", batches, "--poison", mode, *options, "--", FAULTY)
        self.check_shape(run.results)
        return run, ids

    def test_the_rest_is_done_and_the_culprit_has_the_death_as_its_error(self):
        run, ids = self.run_poisoned("skip", t2={"fail": "segv"}, t5={"fail": "unshare"})
        self.assert_status(run, 1)  # tasks have failed
        result = run.result
        self.assertTrue(result["success"])
        self.assertEqual(sorted(result["task_results"]), [id for id in ids if id not in
                                                          ("t2", "t5")])
        self.assertEqual({id: (error["type"], error["detail"]) for id, error in
                          result["task_errors"].items()},
                         {"t2": ("signal", {"attempt": 1}), "t5": ("violation", {"attempt": 2})})
        self.assertIn("SIGSEGV", result["task_errors"]["t2"]["message"])
        self.assertIn("unshare", result["task_errors"]["t5"]["message"])
        self.assertEqual([(attempt["kind"], attempt["tasks"], attempt["task_id"])
                          for attempt in result["attempt_log"]],
                         [("signal", 8, "t2"), ("violation", 5, "t5"), (None, 2, None)])
        self.assertIn("2 of the errors are of tasks that their handler died over", run.err)

    def test_off_is_the_default(self):
        run, _ = self.run_poisoned("off", t2={"fail": "segv"})
        self.assert_status(run, 1)
        self.assertEqual((run.error["kind"], run.result["attempts"]), ("signal", 1))

    def test_a_handler_that_tells_nothing_is_halved(self):
        handler = self.handler(
            "import signal\n"
            "tasks = context()['tasks']\n"
            "for task in tasks:\n"
            "    if task['id'] == 't11': os.kill(os.getpid(), signal.SIGKILL)\n"
            "for task in tasks: publish({'task': task['id'], 'result': len(tasks)})\n"
            "publish({'done': True})")
        batches = self.batches([f"t{i}" for i in range(16)])
        run = self.bulkhead("run", "--batches", batches, "--poison", "bisect", "--", handler)
        self.assert_status(run, 1)
        self.check_shape(run.results)
        self.assertEqual(list(run.result["task_errors"]), ["t11"])
        self.assertEqual(len(run.result["task_results"]), 15)
        self.assertLessEqual(run.result["attempts"], 1 + 4 + 1)
        self.assertEqual(run.result["duplicate_results"], 0)

    def test_every_record_counts_once_in_the_aggregate_and_in_events(self):
        run, ids = self.run_poisoned("skip", "--aggregate", self.dir / "all.json", "--events",
                                     self.dir / "events.jsonl", t0={"fail": "abort"})
        self.assert_status(run, 1)
        text = (self.dir / "all.json").read_text()
        self.assertEqual([text.count(f'"{id}"') for id in ids], [0] + [1] * 7)
        events = (self.dir / "events.jsonl").read_text()
        for id in ids:
            self.assertEqual(events.count(f'"task_id":"{id}","success"'), 1, id)


if __name__ == "__main__":
    main()
